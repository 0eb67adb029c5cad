//! How many things of a kind a tenant may have, where nobody needs more: rows that no quota
//! counts must not fill the database either.

use rusqlite::Connection;

use crate::error::StoreError;
use crate::ids::TenantId;

/// The most activities that a tenant may have, as at AWS.
pub const ACTIVITIES_MAX: usize = 10_000;
/// The most API tokens, the most access keys, and the most roles that a tenant may have.
pub const ACCESS_MAX: usize = 1_000;
/// The most state machines that a tenant may have, as at AWS. Those that are being deleted are
/// among them, those that were are not.
pub const STATE_MACHINES_MAX: usize = 10_000;
/// The most revisions of a state machine: a list of them is told in one piece.
pub const REVISIONS_MAX: usize = 10_000;
/// The most integrations that a tenant may have components bound to.
pub const BINDINGS_MAX: usize = 1_000;
/// The most rules of retention that a tenant may have: one for each state machine, and some for
/// those that it has no more.
pub const RETENTION_RULES_MAX: usize = 20_000;

/// A kind of thing that a tenant has only so many of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// The table, which has the column `tenant`.
    table: &'static str,
    /// What there would be too many of.
    what: &'static str,
    limit: usize,
    /// Which of its rows count.
    only: &'static str,
}

pub(crate) const ACTIVITIES: Room = room("activities", "activities", ACTIVITIES_MAX);
pub(crate) const API_TOKENS: Room = room("api_tokens", "API tokens", ACCESS_MAX);
pub(crate) const ACCESS_KEYS: Room = room("access_keys", "access keys", ACCESS_MAX);
pub(crate) const ROLES: Room = room("roles", "roles", ACCESS_MAX);
pub(crate) const BINDINGS: Room = room("bindings", "bindings", BINDINGS_MAX);
pub(crate) const RETENTION_RULES: Room =
    room("retention_rules", "rules of retention", RETENTION_RULES_MAX);
pub(crate) const STATE_MACHINES: Room = Room {
    only: "AND deleted_at IS NULL",
    ..room("state_machines", "state machines", STATE_MACHINES_MAX)
};

const fn room(table: &'static str, what: &'static str, limit: usize) -> Room {
    Room {
        table,
        what,
        limit,
        only: "",
    }
}

/// Lets a state machine have one more revision than so many.
///
/// # Errors
/// [`StoreError::TooMany`].
pub(crate) fn require_revision(latest: i64) -> Result<(), StoreError> {
    if usize::try_from(latest).is_ok_and(|latest| latest < REVISIONS_MAX) {
        return Ok(());
    }
    Err(StoreError::TooMany {
        what: "revisions of the state machine",
        limit: REVISIONS_MAX,
    })
}

impl Room {
    /// Lets a tenant have one more.
    ///
    /// # Errors
    /// [`StoreError::TooMany`].
    pub(crate) fn require(self, connection: &Connection, of: TenantId) -> Result<(), StoreError> {
        let Self { table, only, .. } = self;
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant = ?1 {only}");
        let there: i64 = connection
            .prepare_cached(&sql)?
            .query_row([of], |row| row.get(0))?;
        if usize::try_from(there).is_ok_and(|there| there < self.limit) {
            return Ok(());
        }
        Err(StoreError::TooMany {
            what: self.what,
            limit: self.limit,
        })
    }
}
