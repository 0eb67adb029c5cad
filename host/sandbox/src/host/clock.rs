//! `stepwell:task/clock`: the wall time, as the caller of the sandbox tells it.

use crate::bindings::stepwell::task::clock::Host;
use crate::task_state::TaskState;

impl Host for TaskState {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.log.host().now_ms())
    }
}
