//! `wasi:random`: all of it from the call's one stream, which is as unguessable as the seed.

use wasmtime::bail;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::task_state::TaskState;

impl TaskState {
    fn wasi_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let max = self.host_call_max_bytes;
        match usize::try_from(len) {
            Ok(len) if len <= max => Ok(self.random.bytes(len)),
            _ => bail!("the task asked for {len} random bytes at once: {max} at most"),
        }
    }
}

impl random::Host for TaskState {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.wasi_random_bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random.number())
    }
}

impl insecure::Host for TaskState {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.wasi_random_bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random.number())
    }
}

impl insecure_seed::Host for TaskState {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.random.number(), self.random.number()))
    }
}
