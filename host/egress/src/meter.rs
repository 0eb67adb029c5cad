//! How many requests may go out in a time, and at once: one meter for each tenant.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::control::{Control, Denial};

/// What a meter lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Requests in a second, in the long run; at least 1.
    pub per_second: u32,
    /// Requests that may come together after a pause; at least 1.
    pub burst: u32,
    /// Requests that are under way at once; at least 1.
    pub at_once: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            per_second: 50,
            burst: 100,
            at_once: 32,
        }
    }
}

/// Counts requests: a bucket of tokens that fills with time, and places.
#[derive(Debug)]
pub struct Meter {
    rates: Rates,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the bucket was, or will be, full.
    full_at: Option<Instant>,
    under_way: u32,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Meter>);

impl Meter {
    /// Makes a meter whose bucket is full.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            rates,
            state: Mutex::new(State {
                full_at: None,
                under_way: 0,
            }),
        }
    }

    /// Takes a token and a place for a request that begins now.
    ///
    /// # Errors
    /// There is none; says which.
    pub fn enter(self: &Arc<Self>, now: Instant) -> Result<Place, Denial> {
        let rates = self.rates;
        let denied = |reason| Denial {
            control: Control::TenantRate,
            reason,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.under_way >= rates.at_once.max(1) {
            return Err(denied(format!(
                "{} requests of the tenant are under way, which is the most; try again later",
                state.under_way
            )));
        }
        let one = Duration::from_secs(1) / rates.per_second.max(1);
        let full_at = state.full_at.unwrap_or(now).max(now) + one;
        if full_at > now + one * rates.burst.max(1) {
            return Err(denied(format!(
                "the tenant sends more than {} requests a second; try again later",
                rates.per_second.max(1)
            )));
        }
        state.full_at = Some(full_at);
        state.under_way += 1;
        Ok(Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.under_way = state.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(per_second: u32, burst: u32, at_once: u32) -> Arc<Meter> {
        Arc::new(Meter::new(Rates {
            per_second,
            burst,
            at_once,
        }))
    }

    #[test]
    fn a_burst_empties_the_bucket_and_time_fills_it() {
        let meter = meter(10, 3, 100);
        let start = Instant::now();
        let enter = |after_ms| meter.enter(start + Duration::from_millis(after_ms)).is_ok();
        assert_eq!(
            [enter(0), enter(0), enter(0), enter(0)],
            [true, true, true, false]
        );
        assert_eq!([enter(99), enter(100), enter(100)], [false, true, false]);
        // After a long pause there is a burst again, and no more than that.
        let late = [60_000; 4].map(enter);
        assert_eq!(late, [true, true, true, false]);
    }

    #[test]
    fn places_are_given_back() {
        let meter = meter(1_000, 1_000, 2);
        let now = Instant::now();
        let first = meter.enter(now).unwrap();
        let _second = meter.enter(now).unwrap();
        let denial = meter.enter(now).unwrap_err();
        assert_eq!(denial.control, Control::TenantRate);
        drop(first);
        assert!(meter.enter(now).is_ok());
    }

    #[test]
    fn no_rate_is_less_than_one() {
        let meter = meter(0, 0, 0);
        let now = Instant::now();
        drop(meter.enter(now).unwrap());
        assert!(meter.enter(now).is_err());
        assert!(meter.enter(now + Duration::from_secs(1)).is_ok());
    }
}
