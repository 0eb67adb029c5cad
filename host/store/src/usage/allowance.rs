//! What definitions and settings may still add to what their tenant has stored, and what of
//! them is counted.

use std::sync::Arc;

use rusqlite::{Connection, Params};

use super::{Book, StorageLimits};
use crate::error::StoreError;
use crate::ids::TenantId;

/// The limits of a write, with the counts that they are held against.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    book: Arc<Book>,
    limits: StorageLimits,
}

impl Allowance {
    pub(crate) fn new(book: Arc<Book>, limits: StorageLimits) -> Self {
        Self { book, limits }
    }

    /// Refuses what would grow over the limit; to be asked before anything is written. What
    /// does not grow is let pass, also where a limit was lowered below what is there.
    ///
    /// # Errors
    /// [`StoreError::OverQuota`].
    pub(crate) fn require(&self, tenant: TenantId, growth: i64) -> Result<(), StoreError> {
        match u64::try_from(growth) {
            Ok(bytes @ 1..) => self.book.check(tenant, bytes, false, &self.limits),
            Ok(0) | Err(_) => Ok(()),
        }
    }
}

/// The bytes of texts, as SQL's `octet_length` counts them.
pub(crate) fn bytes_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> i64 {
    let sum = texts.into_iter().map(str::len).sum::<usize>();
    i64::try_from(sum).unwrap_or(i64::MAX)
}

/// Runs a `DELETE … RETURNING` of what each row counted; returns how many rows are gone, and
/// the bytes of them all.
pub(crate) fn delete_counted(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<(usize, i64), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        count += 1;
        bytes += row.get::<_, i64>(0)?;
    }
    Ok((count, bytes))
}
