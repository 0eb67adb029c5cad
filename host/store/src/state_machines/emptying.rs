//! What deleted machines leave: their revisions lose what they say once nothing needs it.
//!
//! An execution refers to the row of its revision, and outlives its machine. To delete such a row
//! the database would look through all executions for one that refers to it: an index over that
//! would cost each start an entry. So the rows stay, some bytes each, and their texts go, bit by
//! bit; what goes is overwritten.

use rusqlite::{Connection, OptionalExtension, params};
use stepwell_states::Timestamp;

use super::bytes::revision_bytes;
use super::tenant_of;
use crate::columns;
use crate::connection::overwriting;
use crate::error::StoreError;
use crate::ids::MachineId;
use crate::store::Store;
use crate::usage::{self, UsageChange};

/// Revisions that one transaction empties, at most.
const ROWS_MAX: usize = 64;
/// Bytes that it frees, unless a single revision has more.
const BYTES_MAX: i64 = 4 << 20;

impl Store {
    /// Empties some revisions of a machine that was deleted before, and that has no executions
    /// any more; returns whether there may be more to do.
    ///
    /// What was started right before the deletion, and is not in the database yet or never will
    /// be, still needs its revision: `deleted_before` leaves it the time.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn empty_deleted_machines(&self, deleted_before: Timestamp) -> Result<bool, StoreError> {
        // Mostly there is nothing, and no transaction.
        if self
            .read(|connection| find(connection, deleted_before))?
            .is_none()
        {
            return Ok(false);
        }
        self.upkeep(move |connection| {
            let Some(machine) = find(connection, deleted_before)? else {
                return Ok(false);
            };
            overwriting(connection, || empty(connection, machine))?;
            Ok(true)
        })
    }
}

/// Finds a machine that can be emptied. The children of Map Runs are not looked for: they are of
/// the machine of their execution, and go before it.
fn find(
    connection: &Connection,
    deleted_before: Timestamp,
) -> Result<Option<MachineId>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT id FROM state_machines AS it INDEXED BY state_machines_to_empty
             WHERE deleted_at IS NOT NULL AND emptied = 0 AND deleted_at < ?1
                 AND NOT EXISTS (SELECT 1 FROM executions
                     WHERE executions.machine = it.id AND map_run IS NULL)
                 AND NOT EXISTS (SELECT 1 FROM express_starts
                     WHERE express_starts.machine = it.id)
             ORDER BY id LIMIT 1",
        )?
        .query_row([deleted_before.as_ms()], |row| row.get(0))
        .optional()?)
}

fn empty(connection: &Connection, machine: MachineId) -> Result<(), StoreError> {
    let full: Vec<(i64, i64)> = connection
        .prepare_cached(concat!(
            "SELECT revision, ",
            revision_bytes!(),
            " FROM state_machine_revisions
             WHERE machine = ?1 AND octet_length(definition) > 0 ORDER BY revision LIMIT ?2"
        ))?
        .query_map(params![machine, columns::limit(ROWS_MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    if full.is_empty() {
        connection
            .prepare_cached(
                "UPDATE state_machines SET emptied = 1, made_description = NULL WHERE id = ?1",
            )?
            .execute([machine])?;
        return Ok(());
    }
    let mut freed = 0;
    for (revision, bytes) in full {
        if freed > 0 && freed + bytes > BYTES_MAX {
            break;
        }
        connection
            .prepare_cached(
                "UPDATE state_machine_revisions SET definition = '', asl_json = '',
                     pins_json = '', role_arn = NULL, created_by = NULL, uuid = NULL,
                     logging_json = NULL, tracing_json = NULL, encryption_json = NULL,
                     acting_for_json = NULL
                 WHERE machine = ?1 AND revision = ?2",
            )?
            .execute(params![machine, revision])?;
        freed += bytes;
    }
    let tenant = tenant_of(connection, machine)?;
    usage::note(tenant, &UsageChange::definitions(-freed));
    Ok(())
}
