//! The black-box tests: the real program, driven through its doors.
//!
//! One binary, a module for each group: `cargo nextest run -p stepwell-tests crash::` runs
//! one of them. The guests are those of `guest-examples`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and are not marked as such"
)]

mod api;
mod cli;
mod crash;
mod definitions;
mod examples;
mod formats;
mod grants_guide;
mod guests;
mod guide;
mod host;
mod notifications;
mod operators;
mod secrets;
mod tour;
mod worker;
