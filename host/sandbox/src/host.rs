//! The host's side of what a guest imports: one WIT interface, one file.
//!
//! Every function goes in through [`TaskState::enter`], which counts it. Nothing here knows
//! how a call is started or judged.

mod clock;
mod config;
mod logging;
mod progress;
mod random;
mod secrets;
pub(crate) mod wasi;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{Task, stepwell};
use crate::task_state::TaskState;

/// Offers all that a component may import. Whatever else one imports is refused at upload.
pub(crate) fn add_to_linker(linker: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    Task::add_to_linker::<_, HasSelf<TaskState>>(linker, TaskState::enter)?;
    wasi::add_to_linker(linker)
}

/// Types only: there is nothing to do.
impl stepwell::task::types::Host for TaskState {}
