//! `stepwell:task/progress`: signs of life from a long task.

use crate::bindings::stepwell::task::progress::Host;
use crate::guest_log::redacted;
use crate::task::Progress;
use crate::task_state::TaskState;
use crate::text::clean;

/// Longest word on the progress, in bytes.
const MESSAGE_MAX_BYTES: usize = 1 << 10;

impl Host for TaskState {
    fn heartbeat(&mut self) -> wasmtime::Result<()> {
        self.log.host().heartbeat(None);
        Ok(())
    }

    fn report(&mut self, fraction: f64, message: String) -> wasmtime::Result<()> {
        let fraction = if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(0.0, 1.0)
        };
        let message = redacted(self.log.host(), message);
        let (message, _) = clean(message, MESSAGE_MAX_BYTES);
        self.log
            .host()
            .heartbeat(Some(Progress { fraction, message }));
        Ok(())
    }
}
