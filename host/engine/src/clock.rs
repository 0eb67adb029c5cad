//! Time, as the engine is given it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stepwell_states::Timestamp;

/// Where the engine gets the time from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time.
    fn now(&self) -> Timestamp;

    /// Returns how long to wait for `at` in real time; none where the clock says itself
    /// when it has moved.
    fn real_time_until(&self, at: Timestamp) -> Option<Duration>;

    /// Asks to be told whenever the clock jumps.
    fn on_jump(&self, listener: Box<dyn Fn() + Send + Sync>);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn real_time_until(&self, at: Timestamp) -> Option<Duration> {
        let ms = at.as_ms().saturating_sub(self.now().as_ms());
        Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }

    fn on_jump(&self, _listener: Box<dyn Fn() + Send + Sync>) {}
}

/// A clock that stands still until somebody moves it: a year of waiting takes no time.
#[derive(Clone)]
pub struct SimulatedClock {
    state: Arc<Mutex<SimulatedTime>>,
}

struct SimulatedTime {
    now: Timestamp,
    listeners: Vec<Arc<dyn Fn() + Send + Sync>>,
}

impl SimulatedClock {
    /// Makes a clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let state = SimulatedTime {
            now,
            listeners: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        state.now = state.now.plus_ms(ms);
        let listeners = state.listeners.clone();
        // A listener takes locks whose holders may be asking for the time.
        drop(state);
        for listener in listeners {
            listener();
        }
    }

    /// Moves the clock to `at`, unless it is past that already.
    pub fn advance_to(&self, at: Timestamp) {
        let ms = at.as_ms().saturating_sub(self.now().as_ms());
        self.advance(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    }
}

impl fmt::Debug for SimulatedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedClock")
            .field("now", &self.now())
            .finish()
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .now
    }

    fn real_time_until(&self, _at: Timestamp) -> Option<Duration> {
        None
    }

    fn on_jump(&self, listener: Box<dyn Fn() + Send + Sync>) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .listeners
            .push(Arc::from(listener));
    }
}
