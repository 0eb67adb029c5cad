//! Columns whose types belong to other crates.

use rusqlite::Row;
use stepwell_decider::TraceContext;
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

/// Reads a trace context from its two columns, which may be NULL.
pub(crate) fn trace(
    row: &Row<'_>,
    trace_id: usize,
    parent: usize,
) -> rusqlite::Result<Option<TraceContext>> {
    let part = |index: usize| row.get_ref(index)?.as_blob_or_null().map_err(Into::into);
    let (trace_id, parent): (Option<&[u8]>, rusqlite::Result<Option<&[u8]>>) =
        (part(trace_id)?, part(parent));
    Ok(trace_id
        .zip(parent?)
        .and_then(|(trace_id, parent)| TraceContext::from_parts(trace_id, parent)))
}

/// Makes a LIMIT of a count.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
