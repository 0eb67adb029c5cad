//! The engine through its handle: real store, scripted tasks, simulated time.

mod harness;
mod recovery;
mod running;
mod waiting;
