//! Waiting for conditions with a deadline, and for people who have seen enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{CliError, Exit};

/// How long anything may take: a machine that is busy with other things is no reason to fail.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition is looked at that nobody tells the end of.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether somebody asked the demo to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches for SIGINT and SIGTERM. The demo then ends at its next look, in order.
    ///
    /// # Errors
    /// The system does not let it.
    pub(super) fn watch() -> Result<Self, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(Exit::Unavailable, format!("cannot take signals: {error}"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed)?;
        let (mut interrupt, mut terminate) = {
            let _runtime = runtime.enter();
            (
                signal(SignalKind::interrupt()).map_err(failed)?,
                signal(SignalKind::terminate()).map_err(failed)?,
            )
        };
        let asked = Self::default();
        let asking = asked.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                asking.0.store(true, Ordering::Release);
            });
        });
        Ok(asked)
    }

    /// Looks until there is something to see.
    ///
    /// # Errors
    /// What `look` fails with; or it took too long, and `what` says what for; or somebody
    /// asked the demo to end.
    pub(super) fn wait_for<T>(
        &self,
        what: &str,
        mut look: impl FnMut() -> Result<Option<T>, CliError>,
    ) -> Result<T, CliError> {
        let began = Instant::now();
        loop {
            if self.0.load(Ordering::Acquire) {
                return Err(CliError::new(Exit::Interrupted, "interrupted"));
            }
            if let Some(seen) = look()? {
                return Ok(seen);
            }
            if began.elapsed() > DEADLINE {
                let seconds = DEADLINE.as_secs();
                let message = format!("waited {seconds} s for {what}");
                return Err(CliError::new(Exit::Unavailable, message));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let seen = Interrupt::default().wait_for("three looks", || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(seen, Ok(3));
    }

    #[test]
    fn whoever_has_seen_enough_is_not_kept_waiting() {
        let interrupt = Interrupt::default();
        interrupt.0.store(true, Ordering::Release);
        let ended = interrupt.wait_for::<()>("ever", || Ok(None)).unwrap_err();
        assert_eq!(ended.exit(), Exit::Interrupted);
    }
}
