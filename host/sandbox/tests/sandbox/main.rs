//! What the sandbox promises, shown with small guests through its public face.

#![expect(
    clippy::unwrap_used,
    reason = "what is unwrapped here is what a test claims"
)]

mod cache;
mod calls;
mod guests;
mod harness;
mod host;
mod isolation;
mod limits;
mod upload;
