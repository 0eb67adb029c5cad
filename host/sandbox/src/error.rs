//! What can go wrong outside of a call: opening the sandbox, checking an upload, loading.

use std::path::PathBuf;
use std::time::Duration;

use crate::digest::ComponentDigest;

/// The sandbox cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The settings contradict each other or the machine.
    #[error("the sandbox cannot be set up: {reason}")]
    Setup {
        /// What was refused.
        reason: String,
    },
    /// The folder of the compiled cache cannot be made or is not ours alone.
    #[error("the compiled cache {} cannot be used: make it a folder of your own", path.display())]
    CacheFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// An upload is refused. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RejectedComponent {
    /// Why, as a stable word in `PascalCase`: one of the constants of this type.
    pub code: &'static str,
    /// What is wrong and what to do, for people.
    pub message: String,
}

impl RejectedComponent {
    /// The bytes are not WebAssembly.
    pub const NOT_WASM: &'static str = "NotWasm";
    /// The bytes are over the size limit.
    pub const TOO_LARGE: &'static str = "TooLarge";
    /// WebAssembly, but it breaks the rules of the format or uses a feature that is off.
    pub const MALFORMED: &'static str = "Malformed";
    /// Well-formed, but with more functions, memories, nesting, … than the host accepts.
    pub const TOO_COMPLEX: &'static str = "TooComplex";
    /// A core module without the component type that wit-bindgen embeds.
    pub const NOT_A_COMPONENT: &'static str = "NotAComponent";
    /// It imports what the host does not offer; the message names the import.
    pub const FORBIDDEN_IMPORT: &'static str = "ForbiddenImport";
    /// It does not export `run`.
    pub const MISSING_EXPORT: &'static str = "MissingExport";
    /// It exports `run` or `describe` with another type.
    pub const WRONG_EXPORT: &'static str = "WrongExport";
    /// It fails before `run` is called: while it is instantiated or described.
    pub const DOES_NOT_START: &'static str = "DoesNotStart";
    /// Compiling took longer, or more memory, than the host gives it.
    pub const COMPILE_TIMEOUT: &'static str = "CompileTimeout";
    /// Nothing is wrong with it, as far as this host came: it has no room to compile it, or to
    /// try it out, just now.
    pub const HOST_BUSY: &'static str = "HostBusy";
    /// The compiler failed on it.
    pub const COMPILE_FAILED: &'static str = "CompileFailed";

    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// A component that was accepted before cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The caller has no bytes for the digest, and the cache has no compiled code.
    #[error("the component {digest} is not stored: upload it again")]
    Missing {
        /// Which component.
        digest: ComponentDigest,
    },
    /// The bytes that the caller handed over are other ones.
    #[error("the stored component {digest} is damaged: its bytes have the digest {found}")]
    Damaged {
        /// Which component was asked for.
        digest: ComponentDigest,
        /// What the bytes are.
        found: ComponentDigest,
    },
    /// This host's version or limits refuse what an earlier one accepted.
    #[error("the component {digest} cannot run on this host: {rejected}")]
    Rejected {
        /// Which component.
        digest: ComponentDigest,
        /// Why it is refused.
        #[source]
        rejected: RejectedComponent,
    },
}

/// Why the bounded compiler gave nothing back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("compiling took longer than {} s", limit.as_secs_f64())]
    TimedOut { limit: Duration },
    #[error("the compiler is busy with other components for {} s", limit.as_secs_f64())]
    Busy { limit: Duration },
    #[error("{reason}")]
    Invalid { reason: String },
    #[error("the compiler ended before it was done: {reason}")]
    Died { reason: String },
}
