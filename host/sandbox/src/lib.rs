//! Runs one component call under limits and says how it ended.
//!
//! Knows nothing about executions, storage or HTTP: callers pass a component's digest, a JSON
//! text and limits in, and get a [`CallReport`] back. wasmtime types do not leave this crate.
//!
//! ```text
//!  prepare ─► upload ─► compile ─► loaded ─► trial            once for each component
//!             inspect,  (child     deserialise, link,  first instance,
//!             wrap      process)   check types         describe
//!                          │
//!                       disk_cache                            code + MAC of the host
//!
//!  call ────► invoke ─────────────────────────► judge         once for each attempt
//!             store, instance, run;             outcome and
//!             host/*, memory, guest_log         its error name
//! ```

mod bindings;
mod compile;
mod config;
mod description;
mod digest;
mod disk_cache;
mod engine_config;
mod error;
mod guest_log;
mod host;
mod http;
mod inspect;
mod invoke;
mod json;
mod judge;
mod limits;
mod loaded;
mod memory;
mod outcome;
mod random;
mod sandbox;
mod task;
mod task_state;
mod text;
mod trial;
mod upload;

pub use compile::compile_in_child_main;
pub use config::{CompilerProgram, MemoryReuse, SandboxConfig};
pub use description::Description;
pub use digest::{ComponentDigest, InvalidDigest};
pub use error::{LoadError, RejectedComponent, SandboxError};
pub use http::{HttpExchange, HttpFailure, HttpLimit, HttpLimits, HttpRequest, HttpResponse};
pub use limits::TaskLimits;
pub use outcome::{CallReport, Outcome};
pub use sandbox::{PreparedComponent, Sandbox};
pub use task::{CancelToken, LogLevel, LogLine, Progress, TaskCall, TaskContext, TaskHost};
