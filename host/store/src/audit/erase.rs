//! Erases details of entries. The entries stay, with the hashes of what they told beside,
//! and an entry says which details are gone.

use rusqlite::{Connection, params};
use serde_json::Value;
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::connection::overwriting;
use crate::error::StoreError;
use crate::store::Store;

/// How a resource begins that says whose details were erased.
const PREFIX: &str = "entries/";
/// Bytes of such a resource, at most: an entry cuts what is longer.
const RESOURCE_MAX_BYTES: usize = 480;
/// Details that one transaction erases, at most.
const BATCH_MAX: u64 = 1_000;

/// Whose details to erase. What is not given lets all pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErasureFilter {
    /// Entries behind this one.
    pub after: u64,
    /// Entries up to this one.
    pub last: Option<u64>,
    /// Entries from before this time.
    pub before: Option<Timestamp>,
    /// Entries of this principal: their id, or kind and id: `token:ci`.
    pub principal: Option<String>,
    /// Whether the first entry that is too late ends the look: those behind it are later.
    pub in_order: bool,
}

/// Details that can be erased in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erasable {
    /// Numbers of entries, first and last: all details of entries between are to go.
    pub ranges: Vec<(u64, u64)>,
    /// How many details that are.
    pub details: u64,
    /// The entry to go on behind; none when all was looked at.
    pub next: Option<u64>,
}

impl Erasable {
    /// Writes which entries these are, as the entry tells it that stands for the erasure:
    /// `entries/1-3,7-7`.
    #[must_use]
    pub fn resource(&self) -> String {
        let ranges = self.ranges.iter();
        let ranges: Vec<String> = ranges
            .map(|(first, last)| format!("{first}-{last}"))
            .collect();
        format!("{PREFIX}{}", ranges.join(","))
    }

    /// Adds an entry; `follows` if none stands between it and the last one that is to keep
    /// its details. Returns whether there was room.
    fn add(&mut self, number: u64, follows: bool) -> bool {
        match self.ranges.last_mut().filter(|_| follows) {
            Some((_, last)) => *last = number,
            None => {
                self.ranges.push((number, number));
                // The end of a range grows: leave room for a longer number.
                if self.resource().len() > RESOURCE_MAX_BYTES {
                    self.ranges.pop();
                    return false;
                }
            }
        }
        self.details += 1;
        true
    }
}

/// Reads which entries' details were erased.
pub(super) fn erased_ranges(resource: &str) -> Option<Vec<(u64, u64)>> {
    let ranges = resource.strip_prefix(PREFIX)?.split(',');
    ranges
        .map(|range| {
            let (first, last) = range.split_once('-')?;
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some((first, last))
        })
        .collect()
}

impl Store {
    /// Looks for details that a filter lets pass, among up to `limit` that there are.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn erasable_details(
        &self,
        chain: i64,
        filter: &ErasureFilter,
        limit: usize,
    ) -> Result<Erasable, StoreError> {
        self.read(|connection| look(connection, chain, filter, limit))
    }
}

fn look(
    connection: &Connection,
    chain: i64,
    filter: &ErasureFilter,
    limit: usize,
) -> Result<Erasable, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, entry FROM audit_details JOIN audit_entries USING (chain, number)
         WHERE chain = ?1 AND number > ?2 AND number <= ?3 ORDER BY number LIMIT ?4",
    )?;
    let last = filter.last.unwrap_or(u64::MAX);
    let last = i64::try_from(last).unwrap_or(i64::MAX);
    let parameters = params![
        chain,
        filter.after.cast_signed(),
        last,
        columns::limit(limit)
    ];
    let mut rows = statement.query(parameters)?;
    let mut found = Erasable::default();
    let (mut follows, mut looked_at, mut place) = (false, 0, filter.after);
    while let Some(row) = rows.next()? {
        let number = row.get::<_, i64>(0)?.cast_unsigned();
        let entry: Value = serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default();
        let is_late = !is_before(&entry, filter.before);
        if is_late && filter.in_order {
            return Ok(found);
        }
        let fits = !is_late && is_by(&entry, filter.principal.as_deref());
        if fits && !found.add(number, follows) {
            break;
        }
        (follows, place, looked_at) = (fits, number, looked_at + 1);
        if found.details == BATCH_MAX {
            break;
        }
    }
    let is_all = looked_at < limit && found.details < BATCH_MAX && rows.next()?.is_none();
    found.next = (!is_all).then_some(place);
    Ok(found)
}

fn is_before(entry: &Value, before: Option<Timestamp>) -> bool {
    before.is_none_or(|before| {
        let at = entry.get("at").and_then(Value::as_str);
        at.and_then(|at| Timestamp::parse_rfc3339(at).ok())
            .is_some_and(|at| at < before)
    })
}

/// Whether an entry is by a principal, which is named by its id, or by kind and id.
fn is_by(entry: &Value, principal: Option<&str>) -> bool {
    principal.is_none_or(|wanted| {
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
        let (kind, id) = (text("/principal/kind"), text("/principal/id"));
        id == Some(wanted) || wanted.split_once(':') == kind.zip(id)
    })
}

impl Change<'_> {
    /// Erases the details of entries of a chain; returns how many there were. The change's
    /// own entry stands in the same chain, with [`Erasable::resource`].
    ///
    /// What is erased is overwritten in the database, and gone from its log when that is
    /// written anew.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn erase_details(self, chain: i64, ranges: Vec<(u64, u64)>) -> Result<u64, StoreError> {
        self.write(move |connection| {
            overwriting(connection, || {
                let mut erased = 0;
                let mut statement = connection.prepare_cached(
                    "DELETE FROM audit_details WHERE chain = ?1 AND number BETWEEN ?2 AND ?3",
                )?;
                for (first, last) in &ranges {
                    erased += statement.execute(params![
                        chain,
                        first.cast_signed(),
                        last.cast_signed()
                    ])?;
                }
                Ok(erased as u64)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let mut found = Erasable::default();
        for (number, follows) in [(3, false), (4, true), (9, true), (12, false)] {
            assert!(found.add(number, follows));
        }
        assert_eq!(found.resource(), "entries/3-9,12-12");
        assert_eq!(
            erased_ranges(&found.resource()),
            Some(vec![(3, 9), (12, 12)])
        );
        for wrong in [
            "entries/",
            "entries/3",
            "entries/3-",
            "entries/9-3",
            "3-9",
            "entries/1-2,",
        ] {
            assert_eq!(erased_ranges(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_end_where_an_entry_has_no_room_for_more() {
        let mut found = Erasable::default();
        let many = (0..1_000).take_while(|number| found.add(1_000_000 + 2 * number, false));
        let many = many.count();
        assert!((20..100).contains(&many), "{many}");
        assert!(found.resource().len() <= 500);
        assert_eq!(found.details, many as u64);
    }
}
