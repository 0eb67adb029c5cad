//! The engine through its handle: real store, scripted tasks, simulated time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod access;
mod acting;
mod activities;
mod approvals;
mod bindings;
mod bound;
mod bulk;
mod data_sets;
mod express;
mod harness;

mod http;
mod lists;
mod logs;
mod machines;
mod map_runs;
mod notifications;
mod operators;
mod quotas;
mod recovery;
mod redrives;
mod retention;
mod running;
mod sealing;
mod secrets;
mod services;
mod test_state;
mod traces;
mod versions;
mod waiting;
