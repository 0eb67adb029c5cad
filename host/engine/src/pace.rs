//! How much a decision may evaluate at once, learnt from how long the last ones took.
//!
//! Expressions in JSONata may take hundreds of milliseconds each, and a shard decides for
//! many executions. So decisions of a definition whose expressions take long are cut into
//! short ones, between which the others have their turn. What the history says does not
//! depend on it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Evaluations of the first decision, when nothing is known yet.
const FIRST: u32 = 16;
/// Evaluations at most: a decision has so many events, too.
const MOST: u32 = 512;
/// A decision that takes longer than this is too long.
const LONG: Duration = Duration::from_millis(4);
/// One that takes less than this might as well do more.
const SHORT: Duration = Duration::from_millis(1);

/// The pace of one definition.
#[derive(Debug)]
pub(crate) struct Pace(AtomicU32);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicU32::new(FIRST))
    }
}

impl Pace {
    /// Decides something that may evaluate as often as it is told, and learns from how
    /// long that takes.
    pub(crate) fn keep<T>(&self, decide: impl FnOnce(u32) -> T) -> T {
        let evaluated_max = self.0.load(Relaxed);
        let began = Instant::now();
        let decided = decide(evaluated_max);
        // Two shards that learn at once learn much the same.
        self.0
            .store(learnt(evaluated_max, began.elapsed()), Relaxed);
        decided
    }
}

/// Whether decisions have taken so long that others should have their turn.
pub(crate) fn is_long(taken: Duration) -> bool {
    taken > LONG
}

fn learnt(evaluated_max: u32, taken: Duration) -> u32 {
    if is_long(taken) {
        (evaluated_max / 4).max(1)
    } else if taken < SHORT {
        (evaluated_max * 2).min(MOST)
    } else {
        evaluated_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_decisions_become_shorter_and_short_ones_longer() {
        let long = |pace| learnt(pace, LONG * 2);
        assert_eq!((long(512), long(16), long(3), long(1)), (128, 4, 1, 1));
        let short = |pace| learnt(pace, Duration::ZERO);
        assert_eq!((short(1), short(16), short(512)), (2, 32, 512));
        assert_eq!(learnt(16, SHORT * 2), 16);
    }
}
