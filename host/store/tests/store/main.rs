//! The store through its public face, on real files.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail like the tests themselves"
)]

mod audit;
mod backups;
mod commits;
mod creation;
mod durability;
mod exports;
mod express_starts;
mod faults;
mod histories;
mod lists;
mod notifications;
mod opening;
mod resources;
mod retention;
mod room;
mod search;
mod setup;
mod stored_bytes;
