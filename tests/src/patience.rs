//! Waiting for what happens on its own.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that the host does by itself. Long, because the machine may
/// be busy; nothing waits for all of it unless it never comes.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is something, and returns it.
///
/// # Panics
///
/// It does not come within [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: not seen within {} s",
            PATIENCE.as_secs()
        );
        thread::sleep(PAUSE);
    }
}
