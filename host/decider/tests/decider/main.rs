//! The decider through its public functions: no clock, no store, no sandbox.

mod driver;
mod histories;
mod properties;
