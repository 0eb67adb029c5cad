//! How often the log tells of refused tokens: anybody may send such tokens, at any rate.

use std::sync::{Mutex, PoisonError};

use stepwell_engine::Timestamp;

/// Lines a second at most.
const LINES_A_SECOND: u32 = 10;

/// Counts lines.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    second: i64,
    lines: u32,
    left_out: u64,
}

impl Pace {
    /// Takes the place of a line, if there is one in this second. Returns how many had none
    /// since the last that had.
    pub(super) fn take(&self, now: Timestamp) -> Option<u64> {
        let second = now.as_ms().div_euclid(1_000);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.second != second {
            counted.second = second;
            counted.lines = 0;
        }
        if counted.lines >= LINES_A_SECOND {
            counted.left_out = counted.left_out.saturating_add(1);
            return None;
        }
        counted.lines += 1;
        Some(std::mem::take(&mut counted.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_tokens_is_no_flood_of_lines() {
        let pace = Pace::default();
        let at = |ms: i64| Timestamp::from_ms(1_800_000_000_000 + ms);
        let told = (0..1_000).filter_map(|ms| pace.take(at(ms))).count();
        assert_eq!(told, 10);
        assert_eq!(pace.take(at(1_000)), Some(990));
        assert_eq!(pace.take(at(1_001)), Some(0));
    }
}
