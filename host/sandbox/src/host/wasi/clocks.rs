//! `wasi:clocks`: both clocks ask the caller of the sandbox, in steps of a millisecond.
//!
//! So coarse a clock is no tool for timing attacks, and one source makes a call replayable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::guest_log::GuestLog;

const RESOLUTION: Duration = Duration::from_millis(1);
const NANOS_PER_MS: u64 = 1_000_000;

/// The wall time of the call's host.
pub(super) struct WallClock {
    log: Arc<GuestLog>,
}

impl WallClock {
    pub(super) fn new(log: &Arc<GuestLog>) -> Self {
        Self {
            log: Arc::clone(log),
        }
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.log.host().now_ms())
    }
}

/// Nanoseconds since the guest first looked, made from the wall time; never runs backwards.
pub(super) struct MonotonicClock {
    log: Arc<GuestLog>,
    /// The wall time of the first look, plus 1; 0 before.
    first_ms: AtomicU64,
    latest_ns: AtomicU64,
}

impl MonotonicClock {
    pub(super) fn new(log: &Arc<GuestLog>) -> Self {
        Self {
            log: Arc::clone(log),
            first_ms: AtomicU64::new(0),
            latest_ns: AtomicU64::new(0),
        }
    }
}

impl HostMonotonicClock for MonotonicClock {
    fn resolution(&self) -> u64 {
        NANOS_PER_MS
    }

    // One guest looks at one time: the atomics are there because the trait hands out `&self`.
    fn now(&self) -> u64 {
        let now_ms = self.log.host().now_ms();
        let first = self.first_ms.load(Ordering::Relaxed);
        if first == 0 {
            self.first_ms
                .store(now_ms.saturating_add(1), Ordering::Relaxed);
            return 0;
        }
        let since_first_ns = now_ms
            .saturating_sub(first - 1)
            .saturating_mul(NANOS_PER_MS);
        let latest = self.latest_ns.load(Ordering::Relaxed).max(since_first_ns);
        self.latest_ns.store(latest, Ordering::Relaxed);
        latest
    }
}
