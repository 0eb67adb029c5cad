//! `stepwell:task/secrets`: secrets that the state grants to its task.

use crate::bindings::stepwell::task::secrets::{Denial, Host};
use crate::task_state::TaskState;

impl Host for TaskState {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<String, Denial>> {
        Ok(self.log.host().secret(&name).ok_or(Denial::NotGranted))
    }
}
