//! The time limit of an expression, in time that it used.
//!
//! The library ends an evaluation by the clock on the wall. On a busy machine that is time in
//! which the thread waited for a processor, so an expression of no great cost would fail there
//! and nowhere else. What was cut off before it had used its time is evaluated again, and may
//! take twice as long.

use jsonata_core::evaluator::EvaluatorError;

/// Evaluations of one expression at most: the last may take 16 times the limit.
const ATTEMPTS_MAX: u32 = 5;

/// The library's code of an evaluation that took too long.
const TOOK_TOO_LONG: &str = "D1012";

/// Evaluates with so many milliseconds of time, and again where others took that time away.
pub(super) fn within<T>(
    limit_ms: u64,
    mut evaluate: impl FnMut(u64) -> Result<T, EvaluatorError>,
) -> Result<T, EvaluatorError> {
    let mut attempt = 1;
    let mut wall_ms = limit_ms;
    loop {
        let before = used_ms();
        let result = evaluate(wall_ms);
        let cut_off = matches!(&result, Err(error) if error.code() == Some(TOOK_TOO_LONG));
        // Nine tenths: the library looks at its clock now and then, not always.
        let has_used = used_ms().zip(before).is_none_or(|(after, before)| {
            after.saturating_sub(before) >= limit_ms.saturating_mul(9) / 10
        });
        if !cut_off || has_used || attempt == ATTEMPTS_MAX {
            return result;
        }
        attempt += 1;
        wall_ms = wall_ms.saturating_mul(2);
    }
}

/// Returns the milliseconds that this thread has had of a processor, where the system tells.
#[cfg(unix)]
fn used_ms() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).ok()?;
    let nanoseconds = u64::try_from(used.tv_nsec).ok()?;
    Some(seconds * 1_000 + nanoseconds / 1_000_000)
}

#[cfg(not(unix))]
fn used_ms() -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn too_long() -> EvaluatorError {
        EvaluatorError::EvaluationError("D1012: too long".to_owned())
    }

    #[test]
    fn time_that_others_took_does_not_count() {
        let mut walls = Vec::new();
        let result = within(1_000, |wall_ms| {
            walls.push(wall_ms);
            // Cut off without having had a processor.
            if walls.len() < 3 {
                Err(too_long())
            } else {
                Ok(7)
            }
        });
        assert_eq!(result.ok(), Some(7));
        assert_eq!(walls, [1_000, 2_000, 4_000]);
    }

    #[test]
    fn what_uses_its_time_is_ended_the_first_time() {
        let mut attempts = 0;
        let result: Result<(), _> = within(20, |_| {
            attempts += 1;
            let enough = used_ms().map(|used| used + 25);
            while used_ms() < enough {}
            Err(too_long())
        });
        assert!(result.is_err());
        assert_eq!(attempts, 1);
    }

    #[test]
    fn attempts_and_other_failures_come_to_an_end() {
        let mut attempts = 0;
        let result: Result<(), _> = within(1_000, |_| {
            attempts += 1;
            Err(too_long())
        });
        assert!(result.is_err());
        assert_eq!(attempts, 5);
        let mut attempts = 0;
        let result: Result<(), _> = within(1_000, |_| {
            attempts += 1;
            Err(EvaluatorError::TypeError("T2002: a number".to_owned()))
        });
        assert!(result.is_err());
        assert_eq!(attempts, 1);
    }
}
