//! Machines that go: their name is free once their last execution has ended.

use rusqlite::{Connection, params};
use stepwell_states::Timestamp;

use super::{MachineRow, read_machine, tenant_of};
use crate::audit::Change;
use crate::error::StoreError;
use crate::executions::Status;
use crate::generations::Kept;
use crate::ids::MachineId;
use crate::store::Store;
use crate::tags;
use crate::usage::{self, UsageChange, delete_counted};

/// How far a deletion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The machine is gone, its name is free.
    Done,
    /// It has executions that run.
    Pending,
}

impl Store {
    /// Ends a deletion if no execution of the machine runs any more.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn finish_deletion(&self, id: MachineId, at: Timestamp) -> Result<Deletion, StoreError> {
        self.upkeep_kept(Kept::Machines, move |connection| finish(connection, id, at))
    }

    /// Returns the machines that are being deleted.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn deleting_state_machines(&self) -> Result<Vec<MachineRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_machines!(
                "WHERE deleting_at IS NOT NULL AND deleted_at IS NULL ORDER BY id"
            ))?;
            let rows = statement.query_map([], read_machine)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Deletes a machine with its versions, aliases and tags; its executions stay, and its
    /// revisions as long as one of these does ([`Store::empty_deleted_machines`]). While executions of it run, it only takes no new ones: who hears of the end of
    /// one calls [`Store::finish_deletion`]. Asked for again, nothing changes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none, or none any more.
    pub fn delete_state_machine(
        self,
        id: MachineId,
        at: Timestamp,
    ) -> Result<Deletion, StoreError> {
        self.write_kept(Kept::Machines, move |connection| {
            let deleting = connection
                .prepare_cached(
                    "UPDATE state_machines SET deleting_at = coalesce(deleting_at, ?2)
                     WHERE id = ?1 AND deleted_at IS NULL",
                )?
                .execute(params![id, at.as_ms()])?;
            if deleting == 0 {
                return Err(StoreError::not_found(id.to_string()));
            }
            let mut freed = 0;
            for sql in [
                "DELETE FROM state_machine_aliases WHERE machine = ?1
                 RETURNING coalesce(octet_length(description), 0)",
                "DELETE FROM state_machine_versions WHERE machine = ?1
                 RETURNING coalesce(octet_length(description), 0)",
            ] {
                freed += delete_counted(connection, sql, [id])?.1;
            }
            let tenant = tenant_of(connection, id)?;
            usage::note(tenant, &UsageChange::definitions(-freed));
            tags::delete_of_machine(connection, id)?;
            finish(connection, id, at)
        })
    }
}

fn finish(connection: &Connection, id: MachineId, at: Timestamp) -> Result<Deletion, StoreError> {
    let running: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM executions
                 WHERE machine = ?1 AND status = ?2 AND map_run IS NULL)",
        )?
        .query_row(params![id, Status::Running], |row| row.get(0))?;
    if running {
        return Ok(Deletion::Pending);
    }
    let deleted = connection
        .prepare_cached(
            "UPDATE state_machines SET deleted_at = ?2
             WHERE id = ?1 AND deleting_at IS NOT NULL AND deleted_at IS NULL",
        )?
        .execute(params![id, at.as_ms()])?;
    if deleted == 1 {
        // Some may have been put since it was asked to go; a machine of the same name that is
        // made now has none of them.
        tags::delete_of_machine(connection, id)?;
    }
    Ok(Deletion::Done)
}
