//! `stepwell:task/config`: configuration values that the state grants to its task.

use crate::bindings::stepwell::task::config::Host;
use crate::task_state::TaskState;

impl Host for TaskState {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.log.host().config(&name))
    }
}
