//! What the black-box tests share.
//!
//! They know the host by its doors alone: the program, its REST API, the files that it
//! leaves. All groups are modules of one binary, `tests/blackbox/main.rs`. The house rules
//! are a package of their own, `tests/tidy`.
//!
//! The functions here are for tests: what is not as it must be is a panic that says what
//! was seen, at the line of the test that asked.

mod artifacts;
mod client;
mod command;
mod history;
mod patience;
mod prepared;
mod random;
mod server;
mod signing;
mod terminal;

pub use artifacts::{core_module, guest, program};
pub use client::{Answer, Client, segment};
pub use command::{Run, command};
pub use history::History;
pub use patience::{PATIENCE, eventually};
pub use random::Random;
pub use server::{Access, Setup, TestServer};
pub use signing::{Signer, Unsigned};
pub use terminal::Terminal;
