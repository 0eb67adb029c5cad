//! Faults at the store's two points of no return, for crash tests.
//!
//! A test gives a [`FaultPlan`] in [`StoreOptions`](crate::StoreOptions); a host that
//! serves anybody gives none.

use std::fmt::Debug;

/// What happens to a physical commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// It goes on.
    #[default]
    Nothing,
    /// An I/O error. Before the commit, everything in it is rolled back; after the
    /// commit, everything in it stays. Either way its writes are answered with
    /// [`Unavailable`](crate::StoreError::Unavailable).
    Fail,
    /// The disk is full: as `Fail`, with [`Full`](crate::StoreError::Full).
    Full,
    /// The host dies here: everything that is not committed is gone, nothing is
    /// acknowledged, and every call from here on fails with
    /// [`Closed`](crate::StoreError::Closed). The folder can be opened again at once.
    Die,
}

/// Decides which commit meets which fault.
///
/// Commits are counted from 1 since the store was opened; the migrations made by opening
/// it do not count. Both functions are called on the writing thread.
pub trait FaultPlan: Debug + Send + Sync {
    /// Asked when all writes of a commit have been made, right before COMMIT.
    fn before_commit(&self, commit: u64) -> Fault;

    /// Asked right after COMMIT, before anything is acknowledged.
    fn after_commit(&self, commit: u64) -> Fault;

    /// Asked before each step of a backup, from 1; [`Fault::Die`] leaves what is written as a
    /// killed host would.
    fn before_backup_step(&self, _step: u32) -> Fault {
        Fault::Nothing
    }
}
