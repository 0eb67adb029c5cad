//! Translates HTTP to engine calls and back.

mod error;
pub mod wire;
