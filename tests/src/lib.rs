//! What the black-box tests share.
//!
//! They know the host by its doors alone: the program, its REST API, the files that it
//! leaves. A group of tests is one binary, `tests/<group>/main.rs` with modules inside.
//! The house rules are a package of their own, `tests/tidy`.

mod artifacts;

pub use artifacts::{guest, program};
