//! Reads the audit log.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::audit::chain::{AuditHead, read_head};
use crate::columns;
use crate::error::StoreError;
use crate::ids::Digest;
use crate::store::Store;

/// An entry as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number within its chain.
    pub number: u64,
    /// Its canonical text.
    pub entry: String,
    /// Its hash.
    pub hash: Digest,
    /// What it tells beside, in canonical form, unless there is none or it was erased.
    pub details: Option<String>,
}

impl Store {
    /// Returns up to `limit` entries of a chain behind a number, in order.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn audit_after(
        &self,
        chain: i64,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|connection| read_after(connection, chain, after, limit))
    }

    /// Returns up to `limit` entries of a chain before a number, newest first.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn audit_before(
        &self,
        chain: i64,
        before: u64,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT number, entry, hash, details
                 FROM audit_entries LEFT JOIN audit_details USING (chain, number)
                 WHERE chain = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
            )?;
            let parameters = params![chain, before, columns::limit(limit)];
            let rows = statement.query_map(parameters, read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the last entry of a chain, if there is one.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn audit_head(&self, chain: i64) -> Result<Option<AuditHead>, StoreError> {
        self.read(|connection| read_head(connection, chain))
    }
}

/// Reads up to `limit` entries of a chain behind a number.
pub(super) fn read_after(
    connection: &Connection,
    chain: i64,
    after: u64,
    limit: usize,
) -> Result<Vec<AuditRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, entry, hash, details
         FROM audit_entries LEFT JOIN audit_details USING (chain, number)
         WHERE chain = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    )?;
    let parameters = params![chain, after.cast_signed(), columns::limit(limit)];
    let rows = statement.query_map(parameters, read_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the hash of an entry.
pub(super) fn hash_of(
    connection: &Connection,
    chain: i64,
    number: u64,
) -> Result<Option<Digest>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT hash FROM audit_entries WHERE chain = ?1 AND number = ?2")?;
    let hash = statement.query_row(params![chain, number.cast_signed()], |row| row.get(0));
    Ok(hash.optional()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        entry: row.get(1)?,
        hash: row.get(2)?,
        details: row.get(3)?,
    })
}
