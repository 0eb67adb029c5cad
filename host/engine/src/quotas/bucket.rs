//! A bucket of tokens: so many a second in the long run, so many at one moment.
//!
//! Counted in thousandths of a token, so that whole milliseconds make whole numbers and a
//! slow rate loses nothing to rounding.

use stepwell_states::Timestamp;

/// Thousandths of a token.
const TOKEN: u64 = 1_000;

/// A bucket. It is full to begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// None: never asked.
    filled: Option<(Timestamp, u64)>,
}

/// How a bucket is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) per_second: u64,
    pub(super) burst: u64,
}

impl Bucket {
    pub(super) fn full() -> Self {
        Self { filled: None }
    }

    /// What is in it, in thousandths of a token.
    fn level(&self, rate: Rate, now: Timestamp) -> u64 {
        let most = rate.burst.saturating_mul(TOKEN);
        let Some((at, level)) = self.filled else {
            return most;
        };
        // Where the clock was set back, no time has passed.
        let passed_ms = u64::try_from(now.as_ms().saturating_sub(at.as_ms())).unwrap_or(0);
        level
            .saturating_add(passed_ms.saturating_mul(rate.per_second))
            .min(most)
    }

    /// Looks whether there is a token; if not, after how many milliseconds, if ever.
    pub(super) fn check(&self, rate: Rate, now: Timestamp) -> Result<(), Option<u64>> {
        let level = self.level(rate, now);
        if level >= TOKEN {
            return Ok(());
        }
        let reachable = rate.per_second > 0 && rate.burst > 0;
        Err(reachable.then(|| (TOKEN - level).div_ceil(rate.per_second)))
    }

    /// Takes a token; after [`Self::check`].
    pub(super) fn take(&mut self, rate: Rate, now: Timestamp) {
        let left = self.level(rate, now).saturating_sub(TOKEN);
        let at = self.filled.map_or(now, |(at, _)| at.max(now));
        self.filled = Some((at, left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn takes(bucket: &mut Bucket, rate: Rate, now: Timestamp) -> u32 {
        let mut taken = 0;
        while bucket.check(rate, now).is_ok() {
            bucket.take(rate, now);
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let rate = Rate {
            per_second: 3,
            burst: 5,
        };
        let mut bucket = Bucket::full();
        assert_eq!(takes(&mut bucket, rate, at(1_000)), 5);
        assert_eq!(bucket.check(rate, at(1_000)), Err(Some(334)));
        assert_eq!(takes(&mut bucket, rate, at(1_333)), 0);
        let in_ten_seconds: u32 = (1..=10_000)
            .map(|ms| takes(&mut bucket, rate, at(1_000 + ms)))
            .sum();
        assert_eq!(in_ten_seconds, 30);
        assert_eq!(takes(&mut bucket, rate, at(60_000)), 5);
    }

    #[test]
    fn a_clock_that_is_set_back_fills_nothing_and_takes_nothing() {
        let rate = Rate {
            per_second: 1,
            burst: 1,
        };
        let mut bucket = Bucket::full();
        assert_eq!(takes(&mut bucket, rate, at(10_000)), 1);
        assert_eq!(takes(&mut bucket, rate, at(0)), 0);
        assert_eq!(takes(&mut bucket, rate, at(10_999)), 0);
        assert_eq!(takes(&mut bucket, rate, at(11_000)), 1);
    }

    #[test]
    fn a_rate_of_nothing_says_that_time_does_not_help() {
        let rate = Rate {
            per_second: 0,
            burst: 0,
        };
        assert_eq!(Bucket::full().check(rate, at(0)), Err(None));
    }
}
