//! What tasks may reach: components out of `guest-examples` in a whole engine, with a
//! resolver and servers of the tests' own on loopback. Nothing leaves the machine.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and are not marked as such"
)]

mod attacks;
mod audit;
mod deploying;
mod harness;
mod limits;
mod secrets;
mod server;
