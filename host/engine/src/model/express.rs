//! Express executions, as doors see them.

use stepwell_decider::{Failure, Status};
use stepwell_states::{Payload, Timestamp};

/// Milliseconds that are billed as one step, as AWS does it.
const BILLED_MS: u64 = 100;
/// MB of memory that are billed as one step.
const BILLED_MB: u64 = 64;

/// An express execution that somebody waited for, at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncExecution {
    /// Its ARN, which no operation takes: there is nothing left to ask for.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// ARN of its state machine.
    pub state_machine_arn: String,
    /// Name of its state machine.
    pub state_machine: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Timestamp,
    /// How it ended: it succeeded, failed or timed out.
    pub status: Status,
    /// Its input.
    pub input: Payload,
    /// Its output, if it succeeded.
    pub output: Option<Payload>,
    /// Its error and cause, if it ended otherwise.
    pub failure: Option<Failure>,
    /// What it would be billed for.
    pub billing: Billing,
}

/// What an express execution is billed for on AWS: steps of 100 ms and of 64 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billing {
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The memory that its guests had, in MB (2^20 bytes).
    pub memory_mb: u64,
}

impl Billing {
    pub(crate) fn of(started_at: Timestamp, stopped_at: Timestamp, memory_bytes: u64) -> Self {
        let ms = stopped_at.as_ms().saturating_sub(started_at.as_ms());
        let steps = |amount: u64, step: u64| amount.div_ceil(step).max(1) * step;
        Self {
            duration_ms: steps(ms.max(0).unsigned_abs(), BILLED_MS),
            memory_mb: steps(memory_bytes.div_ceil(1 << 20), BILLED_MB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_were_begun_are_billed() {
        let billed = |ms: i64, bytes: u64| {
            let at = Timestamp::from_ms(1_000);
            let billing = Billing::of(at, Timestamp::from_ms(1_000 + ms), bytes);
            (billing.duration_ms, billing.memory_mb)
        };
        assert_eq!(billed(0, 0), (100, 64));
        assert_eq!(billed(100, 64 << 20), (100, 64));
        assert_eq!(billed(101, (64 << 20) + 1), (200, 128));
        // A clock that was set back bills nobody for centuries.
        assert_eq!(billed(-5, 1), (100, 64));
    }
}
