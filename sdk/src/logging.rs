//! Log lines from a task to the log of its execution, whichever macros wrote them.

#[cfg(feature = "log")]
mod log_macros;
#[cfg(feature = "tracing")]
mod tracing_macros;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every detail.
    Trace,
    /// What helps to find an error.
    Debug,
    /// What happened.
    Info,
    /// What may become a failure.
    Warn,
    /// What failed.
    Error,
}

/// Sends what the macros of `tracing` and `log` write to the host.
///
/// Where a program has its own subscriber or logger already, as a native test
/// may, that one stays.
pub(crate) fn send_macros_to_host() {
    #[cfg(feature = "log")]
    log_macros::send_to_host();
    #[cfg(feature = "tracing")]
    tracing_macros::send_to_host();
}

/// Hands one line to the host that is running the task.
#[cfg(any(feature = "log", feature = "tracing"))]
fn emit(level: Level, target: &str, message: &str, fields: Vec<(String, String)>) {
    #[cfg(target_arch = "wasm32")]
    crate::host::Host.log(level, target, message, fields);
    #[cfg(not(target_arch = "wasm32"))]
    crate::fake::log_to_newest(level, target, message, fields);
}
