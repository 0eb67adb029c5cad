//! The settings of a sandbox.

use std::path::PathBuf;
use std::time::Duration;

/// How a sandbox is set up. Per-call limits are [`TaskLimits`](crate::TaskLimits).
#[derive(Clone)]
pub struct SandboxConfig {
    /// Folder of the compiled cache, made with mode 0700 where it is missing. `None` keeps
    /// compiled code in memory only.
    pub cache_dir: Option<PathBuf>,
    /// The host's key for the HMAC over compiled code. Who knows it can have the host run
    /// machine code: keep it like a private key.
    pub cache_key: [u8; 32],
    /// Calls that run at one time; one more is [`Unavailable`](crate::Outcome::Unavailable).
    /// Each costs address space in the pool, and memory only while it runs.
    pub max_concurrent_calls: u32,
    /// Components that stay loaded; past it, the one unused for longest goes.
    pub max_loaded_components: usize,
    /// What happens to a guest's memory after its call.
    pub memory_reuse: MemoryReuse,
    /// Ceiling of one linear memory, whatever the limits of a call say, in bytes.
    pub guest_memory_max_bytes: u64,
    /// Largest upload, in bytes.
    pub component_max_bytes: usize,
    /// Longest time that compiling one component may take, and that one waits for its turn.
    pub compile_timeout: Duration,
    /// Most address space that a compiling process may take, in bytes. Has an effect only
    /// with [`compiler`](Self::compiler).
    pub compile_memory_max_bytes: u64,
    /// The program that compiles components in a process of its own, bounded in time and
    /// memory: one whose `main` calls [`compile_in_child_main`](crate::compile_in_child_main)
    /// when it is started so. `None` compiles on a thread of this process, bounded in time only.
    pub compiler: Option<CompilerProgram>,
}

/// What happens to a guest's memory after its call. No guest sees what another one left, in
/// any of them; they differ in speed, and in how much has to be right for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryReuse {
    /// A slot of the pool keeps its pages, and those that the guest wrote to are overwritten
    /// with their first contents. The fastest, by more than half; needs Linux 6.7 and
    /// `/proc`, and is [`Returned`](Self::Returned) without.
    Overwritten,
    /// A slot of the pool gives its pages back to the kernel, and takes fresh ones.
    Returned,
    /// There is no pool: each call maps memory of its own, which costs twice as much again.
    Never,
}

/// A program that calls [`compile_in_child_main`](crate::compile_in_child_main).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerProgram {
    /// The executable.
    pub program: PathBuf,
    /// What to start it with, so that it knows what it is asked for.
    pub args: Vec<String>,
}

impl Default for SandboxConfig {
    /// Settings for one small machine: room for guests that carry a language runtime, no
    /// cache on disk. The cache key is all zeroes, which is good enough without a disk.
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_key: [0; 32],
            max_concurrent_calls: 128,
            max_loaded_components: 256,
            memory_reuse: MemoryReuse::Overwritten,
            // Reserved as address space, used only as far as the limits of a call go.
            guest_memory_max_bytes: 1 << 30,
            // componentize-py makes 18.4 MB, componentize-js up to 12 MB.
            component_max_bytes: 32 << 20,
            // The largest guests seen take 12 s on two idle cores.
            compile_timeout: Duration::from_secs(60),
            // The largest guests seen take 470 MiB; address space runs ahead of that.
            compile_memory_max_bytes: 4 << 30,
            compiler: None,
        }
    }
}
