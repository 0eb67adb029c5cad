//! When a delivery is tried again.

use sha2::{Digest as _, Sha256};

/// Seconds between an attempt that failed and the next: sixteen hours in all.
const DELAYS_S: [u64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
/// The longest time that the other side may ask for, in milliseconds.
const ASKED_MAX_MS: u64 = 3_600_000;

/// What follows an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Another one, after so many milliseconds.
    After(u64),
    /// None.
    Never,
}

/// Returns what follows the attempt of that number, counted from 1. The time differs by up
/// to a fifth from one delivery to the next, so that what failed together does not come back
/// together; and it is not before the other side wants to be asked again.
pub(super) fn after(delivery: &str, attempt: u32, asked_ms: Option<u64>) -> Again {
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(seconds) = DELAYS_S.get(index) else {
        return Again::Never;
    };
    let mut hash = Sha256::new();
    hash.update(delivery);
    hash.update(attempt.to_be_bytes());
    let drawn = hash.finalize();
    // 0 to 65,535, of which a share of two fifths is added to four fifths.
    let drawn = u64::from(u16::from_be_bytes([drawn[0], drawn[1]]));
    let ms = seconds * 1_000 * 4 / 5;
    let jittered = ms + ms * drawn / 2 / u64::from(u16::MAX);
    let asked = asked_ms.unwrap_or(0).min(ASKED_MAX_MS);
    Again::After(jittered.max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts of a delivery, in all.
    const ATTEMPTS_MAX: u32 = 10;

    #[test]
    fn delays_grow_differ_and_end() {
        let mut last = 0;
        for attempt in 1..ATTEMPTS_MAX {
            let Again::After(ms) = after("msg_1", attempt, None) else {
                panic!("attempt {attempt} is followed by another");
            };
            assert!(ms > last, "{attempt}: {ms}");
            let planned = DELAYS_S[attempt as usize - 1] * 1_000;
            assert!(ms >= planned * 4 / 5 && ms <= planned * 6 / 5, "{ms}");
            assert_eq!(after("msg_1", attempt, None), Again::After(ms));
            last = ms;
        }
        assert_ne!(after("msg_1", 5, None), after("msg_2", 5, None));
        assert_eq!(after("msg_1", ATTEMPTS_MAX, None), Again::Never);
    }

    #[test]
    fn who_asks_for_a_pause_gets_it_up_to_an_hour() {
        assert_eq!(after("msg_1", 1, Some(60_000)), Again::After(60_000));
        assert_eq!(after("msg_1", 1, Some(u64::MAX)), Again::After(3_600_000));
    }
}
