//! How many items of a Map Run may fail.

use stepwell_decider::Failure;
use stepwell_states::MapPlan;

/// How many items may fail; where neither is given, none may.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tolerance {
    /// So many; 0 for no such tolerance.
    pub(crate) count: u64,
    /// So many in a hundred; 0 for no such tolerance.
    pub(crate) percentage: f64,
}

impl Tolerance {
    pub(crate) fn of(plan: &MapPlan) -> Self {
        Self {
            count: plan.tolerated_failure_count.unwrap_or(0),
            percentage: plan.tolerated_failure_percentage.unwrap_or_default(),
        }
    }

    /// More failed than is tolerated: by number, or in proportion to all items, once it is
    /// known how many there are.
    pub(crate) fn is_exceeded(self, failed: u64, total: Option<u64>) -> bool {
        if failed == 0 {
            return false;
        }
        if self.count == 0 && self.percentage <= 0.0 {
            return true;
        }
        let by_count = self.count > 0 && failed > self.count;
        let by_share = self.percentage > 0.0
            && total.is_some_and(|total| share(failed, total) > self.percentage);
        by_count || by_share
    }

    /// How a Map fails when more failed than is tolerated.
    pub(crate) fn failure() -> Failure {
        let cause = "The specified tolerated failure threshold was exceeded";
        Failure::new("States.ExceedToleratedFailureThreshold", cause)
    }
}

/// So many of so many, in percent.
fn share(part: u64, whole: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "no Map Run has 2^53 items; the share needs no more digits"
    )]
    let (part, whole) = (part as f64, whole.max(1) as f64);
    part * 100.0 / whole
}
