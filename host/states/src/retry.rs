//! Retry and Catch: which errors they match, and how long a retry waits.
//!
//! The counters are the decider's: a retrier only says what its next delay is.

use crate::data_flow::flow::ResultPath;
use crate::definition::{StateRef, Template};

/// Errors that nothing but their own name matches, and those that nothing matches.
const UNCAUGHT_BY_WILDCARD: [&str; 2] = ["States.DataLimitExceeded", "States.Runtime"];

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    /// Error names, or one of the wildcards.
    pub error_equals: Vec<String>,
    /// Seconds before the first retry; at least 1.
    pub interval_seconds: u32,
    /// How many retries at most; 0 means never.
    pub max_attempts: u32,
    /// How delays grow.
    pub backoff: Backoff,
    /// Upper bound of a delay in seconds.
    pub max_delay_seconds: Option<u32>,
    /// Whether delays are spread.
    pub jitter: Jitter,
    /// The author's words.
    pub comment: Option<String>,
}

/// How a retrier's delays grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Backoff {
    /// Each is so many times the one before; the rate is at least 1 (`BackoffRate`).
    Exponential {
        /// The factor.
        rate: f64,
    },
    /// The second is twice the first, the third three times, and so on: Stepwell's own
    /// `"BackoffStrategy": "LINEAR"`.
    Linear,
}

/// How a retrier spreads its delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all.
    None,
    /// Anywhere between zero and the delay.
    Full,
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Catcher {
    /// Error names, or one of the wildcards.
    pub error_equals: Vec<String>,
    /// Where to go on.
    pub next: StateRef,
    /// Where the error output goes; JSONPath only.
    pub result_path: ResultPath,
    /// The output instead of the error output; JSONata only.
    pub output: Option<Template>,
    /// Variables to set.
    pub assign: Option<Template>,
    /// The author's words.
    pub comment: Option<String>,
}

impl Retrier {
    /// Says whether this retrier takes care of an error of this name.
    pub fn matches(&self, error: &str) -> bool {
        matches(&self.error_equals, error)
    }

    /// Returns the delay in milliseconds before retry number `retry_count` (0 for
    /// the first), spread by `jitter` (0 to 1) where the retrier asks for it.
    pub fn delay_ms(&self, retry_count: u32, jitter: f64) -> u64 {
        let factor = match self.backoff {
            Backoff::Exponential { rate } => {
                rate.powi(i32::try_from(retry_count).unwrap_or(i32::MAX))
            }
            Backoff::Linear => f64::from(retry_count) + 1.0,
        };
        let mut seconds = f64::from(self.interval_seconds) * factor;
        if let Some(max) = self.max_delay_seconds {
            seconds = seconds.min(f64::from(max));
        }
        if self.jitter == Jitter::Full {
            seconds *= jitter.clamp(0.0, 1.0);
        }
        // 99,999,999 seconds is the longest delay that the language can name.
        let ms = (seconds * 1000.0).round().clamp(0.0, 99_999_999_000.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=99,999,999,000, which u64 holds exactly"
        )]
        let ms = ms as u64;
        ms
    }
}

impl Catcher {
    /// Says whether this catcher takes care of an error of this name.
    pub fn matches(&self, error: &str) -> bool {
        matches(&self.error_equals, error)
    }
}

/// `States.ALL` matches all but terminal errors; `States.TaskFailed` matches all but
/// timeouts and those; every other name matches itself.
pub(crate) fn matches(error_equals: &[String], error: &str) -> bool {
    error_equals.iter().any(|name| match name.as_str() {
        // States.Runtime fails the execution whatever the definition says.
        _ if error == "States.Runtime" => false,
        "States.ALL" => !UNCAUGHT_BY_WILDCARD.contains(&error),
        "States.TaskFailed" => {
            error == "States.TaskFailed"
                || !(UNCAUGHT_BY_WILDCARD.contains(&error)
                    || matches!(error, "States.Timeout" | "States.HeartbeatTimeout"))
        }
        // A missed heartbeat is a timeout, too.
        "States.Timeout" => matches!(error, "States.Timeout" | "States.HeartbeatTimeout"),
        name => name == error,
    })
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Jitter, Retrier, matches};

    fn retrier(backoff: Backoff) -> Retrier {
        Retrier {
            error_equals: vec!["States.ALL".to_owned()],
            interval_seconds: 3,
            max_attempts: 5,
            backoff,
            max_delay_seconds: None,
            jitter: Jitter::None,
            comment: None,
        }
    }

    fn delays(retrier: &Retrier) -> Vec<u64> {
        (0..4).map(|count| retrier.delay_ms(count, 0.5)).collect()
    }

    #[test]
    fn delays_grow_as_the_retrier_says() {
        let rate = retrier(Backoff::Exponential { rate: 1.5 });
        assert_eq!(delays(&rate), [3_000, 4_500, 6_750, 10_125]);
        let fixed = retrier(Backoff::Exponential { rate: 1.0 });
        assert_eq!(delays(&fixed), [3_000, 3_000, 3_000, 3_000]);
        assert_eq!(
            delays(&retrier(Backoff::Linear)),
            [3_000, 6_000, 9_000, 12_000]
        );
    }

    #[test]
    fn a_bound_holds_before_the_delay_is_spread() {
        let bounded = Retrier {
            max_delay_seconds: Some(4),
            jitter: Jitter::Full,
            ..retrier(Backoff::Exponential { rate: 2.0 })
        };
        assert_eq!(bounded.delay_ms(0, 1.0), 3_000);
        assert_eq!(bounded.delay_ms(9, 1.0), 4_000);
        assert_eq!(bounded.delay_ms(9, 0.25), 1_000);
        assert_eq!(bounded.delay_ms(9, 0.0), 0);
    }

    #[test]
    fn no_count_is_too_large() {
        let rate = retrier(Backoff::Exponential { rate: 10.0 });
        assert_eq!(rate.delay_ms(u32::MAX, 0.0), 99_999_999_000);
    }

    #[test]
    fn wildcards_leave_out_what_is_terminal() {
        for (names, error, expected) in [
            ("States.ALL", "Anything", true),
            ("States.ALL", "States.Timeout", true),
            ("States.ALL", "States.DataLimitExceeded", false),
            ("States.ALL", "States.Runtime", false),
            ("States.Runtime", "States.Runtime", false),
            ("States.DataLimitExceeded", "States.DataLimitExceeded", true),
            ("States.TaskFailed", "Anything", true),
            ("States.TaskFailed", "States.TaskFailed", true),
            ("States.TaskFailed", "States.Timeout", false),
            ("States.TaskFailed", "States.HeartbeatTimeout", false),
            ("States.Timeout", "States.HeartbeatTimeout", true),
            ("States.HeartbeatTimeout", "States.Timeout", false),
            ("OutOfStock", "OutOfStock", true),
            ("OutOfStock", "outofstock", false),
        ] {
            assert_eq!(
                matches(&[names.to_owned()], error),
                expected,
                "{names} {error}"
            );
        }
    }
}
