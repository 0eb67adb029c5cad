//! The house rules that a machine can hold: crate edges, file headers and sizes, where
//! SQL may stand, where versions may stand, links and licences.
//!
//! Each rule is a function from text to a list of complaints; a complaint names the
//! place and says how to mend it. `tests/house_rules.rs` applies the rules to the
//! checkout. Reads files and `cargo metadata`; depends on no crate of the host.

pub mod edges;
pub mod graph;
pub mod licences;
pub mod manifest;
pub mod markdown;
pub mod paths;
pub mod rust_source;
pub mod tree;
