//! Columns whose types belong to other crates.

use rusqlite::Row;
use stepwell_states::Timestamp;

/// Reads a column of milliseconds.
pub(crate) fn timestamp(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_ms)
}

/// Reads a column of milliseconds that may be NULL.
pub(crate) fn optional_timestamp(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Timestamp::from_ms))
}

/// Makes a LIMIT of a count.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
