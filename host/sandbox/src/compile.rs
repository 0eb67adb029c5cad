//! Compiles untrusted components: one at a time, bounded in time, and in a process of its own
//! where there is a program for it, then bounded in memory too.
//!
//! Compilers are not made to withstand attacks: small inputs can take minutes or gigabytes.
//! wasmtime does not count that as a vulnerability, so the bounds have to be here.

mod child;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use crate::config::{CompilerProgram, SandboxConfig};
use crate::error::CompileError;

pub use child::compile_in_child_main;

/// The compiler of one sandbox.
pub(crate) struct Compiler {
    engine: Engine,
    program: Option<CompilerProgram>,
    time_limit: Duration,
    memory_max_bytes: u64,
    turn: Arc<Turn>,
}

impl Compiler {
    pub(crate) fn new(engine: Engine, config: &SandboxConfig) -> Self {
        Self {
            engine,
            program: config.compiler.clone(),
            time_limit: config.compile_timeout,
            memory_max_bytes: config.compile_memory_max_bytes,
            turn: Arc::default(),
        }
    }

    /// Compiles a component. Waits for its turn first, at most as long as it may then take.
    pub(crate) fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
        let permit = Turn::take(&self.turn, self.time_limit).ok_or(CompileError::Busy {
            limit: self.time_limit,
        })?;
        match &self.program {
            Some(program) => child::compile(program, wasm, self.time_limit, self.memory_max_bytes),
            None => self.compile_on_thread(wasm, permit),
        }
    }

    /// A thread cannot be ended: one that takes too long is abandoned, keeps its turn until
    /// it is done, and so holds up later uploads but nothing else.
    fn compile_on_thread(&self, wasm: &[u8], permit: Permit) -> Result<Vec<u8>, CompileError> {
        let engine = self.engine.clone();
        let wasm = wasm.to_vec();
        let (report, result) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("sandbox-compile".to_owned())
            .spawn(move || {
                let result = compile_here(&engine, &wasm);
                drop(permit);
                // Nobody listens any more where the time is over.
                let _abandoned = report.send(result);
            })
            .map_err(|error| CompileError::Died {
                reason: format!("no thread: {error}"),
            })?;
        match result.recv_timeout(self.time_limit) {
            Ok(result) => result,
            Err(_) => Err(CompileError::TimedOut {
                limit: self.time_limit,
            }),
        }
    }
}

/// Compiles on this thread and those of wasmtime, without bounds.
fn compile_here(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    match catch_unwind(AssertUnwindSafe(|| engine.precompile_component(wasm))) {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(CompileError::Invalid {
            reason: format!("{error:#}"),
        }),
        Err(_) => Err(CompileError::Died {
            reason: "it panicked".to_owned(),
        }),
    }
}

/// Whose turn it is to compile.
#[derive(Default)]
struct Turn {
    taken: Mutex<bool>,
    freed: Condvar,
}

/// Holds the turn until it is dropped.
struct Permit(Arc<Turn>);

impl Turn {
    fn take(turn: &Arc<Self>, wait_limit: Duration) -> Option<Permit> {
        let taken = turn.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut taken, timeout) = turn
            .freed
            .wait_timeout_while(taken, wait_limit, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        *taken = true;
        Some(Permit(Arc::clone(turn)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.freed.notify_one();
    }
}
