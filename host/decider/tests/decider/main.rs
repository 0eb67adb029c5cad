//! The decider through its public functions: no clock, no store, no sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod approvals;
mod cutting;
mod driver;
mod generated;
mod histories;
mod operators;
mod properties;
mod redrives;
mod rules;
mod trials;
