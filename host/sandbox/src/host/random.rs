//! `stepwell:task/random`: randomness that derives from the call's seed.

use wasmtime::bail;

use crate::bindings::stepwell::task::random::Host;
use crate::task_state::TaskState;

/// Most bytes of one answer, as `wit/task.wit` promises.
const BYTES_MAX: u32 = 4096;

impl Host for TaskState {
    fn bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        if len > BYTES_MAX {
            bail!("the task asked for {len} random bytes at once: {BYTES_MAX} at most");
        }
        Ok(self.random.bytes(len as usize))
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random.number())
    }
}
