//! How many things of a kind a tenant may have, where nobody needs more: rows that no quota
//! counts must not fill the database either.

use rusqlite::Connection;

use crate::error::StoreError;
use crate::ids::TenantId;

/// The most activities that a tenant may have, as at AWS.
pub const ACTIVITIES_MAX: usize = 10_000;
/// The most API tokens, the most access keys, and the most roles that a tenant may have.
pub const ACCESS_MAX: usize = 1_000;

/// A kind of thing that a tenant has only so many of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// The table, which has the column `tenant`.
    table: &'static str,
    /// What there would be too many of.
    what: &'static str,
    limit: usize,
}

pub(crate) const ACTIVITIES: Room = room("activities", "activities", ACTIVITIES_MAX);
pub(crate) const API_TOKENS: Room = room("api_tokens", "API tokens", ACCESS_MAX);
pub(crate) const ACCESS_KEYS: Room = room("access_keys", "access keys", ACCESS_MAX);
pub(crate) const ROLES: Room = room("roles", "roles", ACCESS_MAX);

const fn room(table: &'static str, what: &'static str, limit: usize) -> Room {
    Room { table, what, limit }
}

impl Room {
    /// Lets a tenant have one more.
    ///
    /// # Errors
    /// [`StoreError::TooMany`].
    pub(crate) fn require(self, connection: &Connection, of: TenantId) -> Result<(), StoreError> {
        let sql = format!("SELECT count(*) FROM {} WHERE tenant = ?1", self.table);
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
