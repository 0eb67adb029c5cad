//! Gives each end of a call its name.

use std::fmt::Write as _;
use std::sync::Arc;

use wasmtime::component::ResourceTableError;
use wasmtime::{FrameInfo, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::json;
use crate::outcome::{CAUSE_MAX_CHARS, ERROR_MAX_CHARS, Outcome};
use crate::task_state::{TaskState, TooManyHostCalls};
use crate::text::clean;

/// What wasmtime says, in errors of private types. The tests of the limits notice a change.
const HOSTCALL_FUEL_TEXT: &str = "fuel allocated for hostcalls has been exhausted";
const RESOURCE_COUNT_TEXT: &str = "resource limit exceeded: ";
const FIELDS_SIZE_TEXT: &str = "total size of fields exceeds limit";

/// Judges what `run` returned.
pub(crate) fn output(output: Arc<str>, max_bytes: usize) -> Outcome {
    if output.len() > max_bytes {
        return Outcome::OutputTooLarge;
    }
    match json::check(&output) {
        Ok(()) => Outcome::Completed(output),
        Err(reason) => Outcome::BadOutput { reason },
    }
}

/// Judges the failure that `run` returned: a name that a guest may not use becomes
/// `States.TaskFailed`, and the cause keeps it.
pub(crate) fn failure(error: &str, cause: String) -> Outcome {
    let (cause, _) = clean(cause, CAUSE_MAX_CHARS * 4);
    let problem = if error.trim().is_empty() {
        Some("without a name")
    } else if error.starts_with("States.") {
        Some("with a name that belongs to the host")
    } else if error.chars().count() > ERROR_MAX_CHARS {
        Some("with an over-long name")
    } else if error.chars().any(char::is_control) {
        Some("with control characters in its name")
    } else {
        None
    };
    let (error, cause) = match problem {
        None => (error.to_owned(), cause),
        Some(problem) => {
            let name: String = error.chars().take(ERROR_MAX_CHARS).collect();
            let cause = format!("the task failed {problem} ({name:?}): {cause}");
            ("States.TaskFailed".to_owned(), cause)
        }
    };
    Outcome::Failed {
        error,
        cause: cause.chars().take(CAUSE_MAX_CHARS).collect(),
    }
}

/// Judges a call that did not return.
pub(crate) fn error(error: &wasmtime::Error, state: &TaskState) -> Outcome {
    let trap = error.downcast_ref::<Trap>();
    let text = error.root_cause().to_string();
    // Only what is raised under a running guest has a backtrace.
    let guest_ran = trap.is_some() || error.is::<WasmBacktrace>();
    if let Some(exceeded) = error.downcast_ref::<TooManyHostCalls>() {
        Outcome::HostCallsExceeded {
            reason: exceeded.to_string(),
        }
    } else if trap == Some(&Trap::OutOfFuel) {
        Outcome::OutOfFuel
    } else if text.contains(HOSTCALL_FUEL_TEXT) {
        // Otherwise it is what `run` returned that is too large.
        if guest_ran {
            let reason = "the task handed too many bytes to the host in one call".to_owned();
            Outcome::HostCallsExceeded { reason }
        } else {
            Outcome::OutputTooLarge
        }
    } else if let Some(what) = text.strip_prefix(RESOURCE_COUNT_TEXT) {
        Outcome::TooManyResources {
            reason: format!("the task has too many parts: {what}"),
        }
    } else if text.contains(FIELDS_SIZE_TEXT) {
        // The interface has no error for it, so that it ends the call.
        Outcome::TooManyResources {
            reason: "the task makes larger HTTP header fields than it may".to_owned(),
        }
    } else if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        Outcome::TooManyResources {
            reason: "the task holds too many handles".to_owned(),
        }
    } else if state.memory.was_denied() {
        Outcome::OutOfMemory
    } else if let Some(message) = state.log.panic_message() {
        Outcome::Panicked { message }
    } else if !guest_ran && !state.export_entered {
        // What an instance can fail on by itself is judged above, and was found at upload:
        // this is the pool, or the machine.
        Outcome::Unavailable {
            reason: format!("no room for the call: {text}"),
        }
    } else if !guest_ran {
        // The guest returned, but not what the types promise: text that is no UTF-8, an
        // address outside of its memory.
        Outcome::BadOutput {
            reason: format!("the output cannot be read: {text}"),
        }
    } else {
        Outcome::Trapped {
            message: trap_message(error, trap, text),
        }
    }
}

fn trap_message(error: &wasmtime::Error, trap: Option<&Trap>, text: String) -> String {
    let mut message = match (trap, error.downcast_ref::<I32Exit>()) {
        (Some(trap), _) => trap.to_string(),
        (None, Some(exit)) => format!("the task ended itself with exit status {}", exit.0),
        (None, None) => text,
    };
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map_or(&[][..], WasmBacktrace::frames);
    for name in frames.iter().filter_map(FrameInfo::func_name) {
        // Writing to a string cannot fail.
        let _ok = write!(message, "\n  at {name}");
    }
    clean(message, CAUSE_MAX_CHARS).0
}
