//! Failures as people give them, to stop an execution or to fail a task.

use stepwell_decider::Failure;

use crate::error::EngineError;

/// Characters of an error's name, at most.
const ERROR_MAX_CHARS: usize = 256;
/// Characters of a cause, at most.
const CAUSE_MAX_CHARS: usize = 32_768;

/// Makes a failure of what somebody gave. Nothing of it is cut: it would stand in the history
/// as their words.
///
/// # Errors
///
/// [`EngineError::Invalid`] for what is too long.
pub fn given_failure(error: Option<&str>, cause: Option<&str>) -> Result<Failure, EngineError> {
    for (field, text, max) in [
        ("error", error, ERROR_MAX_CHARS),
        ("cause", cause, CAUSE_MAX_CHARS),
    ] {
        let chars = text.map_or(0, |text| text.chars().count());
        if chars > max {
            let reason = format!("has {chars} characters; give {max} at most");
            return Err(EngineError::Invalid { field, reason });
        }
    }
    Ok(Failure::from_parts(error, cause))
}
