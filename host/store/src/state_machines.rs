//! State machines and their revisions. A revision never changes; executions outlive the
//! machine they ran.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::generations::Kept;
use crate::ids::{Digest, MachineId, TenantId};
use crate::room;
use crate::store::Store;
use crate::usage::{self, Allowance, StorageLimits, UsageChange};

/// Makes the statement that reads machines, for [`read_machine`].
macro_rules! select_machines {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT id, tenant, name, type, created_at, deleting_at, deleted_at,
                 (SELECT max(revision) FROM state_machine_revisions WHERE machine = id)
             FROM state_machines ",
            $rest
        )
    };
}

mod bytes;
mod deletion;
mod emptying;
mod orders;

pub use deletion::Deletion;
pub use orders::{
    MadeMachine, NewDefinition, NewMachine, PublishOrder, UpdateMachine, UpdatedMachine,
};
pub(crate) use orders::{living, tenant_of};

/// What has to be there for a revision to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Makes the machine, or gives it another revision.
    CreateOrUpdate,
    /// Makes the machine; the name must be free, unless its latest revision is the same.
    Create,
    /// Gives the machine another revision; it must be there.
    Update,
}

/// A revision of a state machine that is to exist.
#[derive(Debug, Clone)]
pub struct NewRevision {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the machine.
    pub name: String,
    /// `STANDARD` or `EXPRESS`; fixed when the machine is made.
    pub machine_type: String,
    /// The definition, as somebody wrote it.
    pub definition: String,
    /// The form that it is written in, in the engine's words.
    pub format: String,
    /// The definition in the Amazon States Language.
    pub asl: String,
    /// The components that it runs, by name: what runs is what was reviewed.
    pub pins: BTreeMap<String, Digest>,
    /// ARN of the role.
    pub role_arn: Option<String>,
    /// Its settings; without any, those of the revision before.
    pub settings: Option<RevisionSettings>,
    /// A UUID for it. A machine's first revision keeps none.
    pub uuid: String,
    /// When it is put.
    pub created_at: Timestamp,
    /// Who puts it, as the server knows them.
    pub created_by: Option<String>,
    /// The people whom they act for; none if that is not known.
    pub acting_for: Option<Vec<String>>,
}

/// Settings of a revision, each as JSON, in the engine's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevisionSettings {
    /// What is logged of its executions.
    pub logging: Option<String>,
    /// Whether its executions are traced.
    pub tracing: Option<String>,
    /// How its data is encrypted.
    pub encryption: Option<String>,
}

/// How putting a revision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRevision {
    /// The machine.
    pub machine: MachineId,
    /// The revision that says this.
    pub revision: i64,
    /// Whether it is new, or the latest one said this already.
    pub is_new: bool,
}

/// A state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineRow {
    /// Its number.
    pub id: MachineId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// `STANDARD` or `EXPRESS`.
    pub machine_type: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is being deleted.
    pub deleting_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its latest revision.
    pub revision: i64,
}

/// One revision of a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// The machine.
    pub machine: MachineId,
    /// Its number, counted from 1 for each machine.
    pub revision: i64,
    /// The definition, as somebody wrote it.
    pub definition: String,
    /// The form that it is written in.
    pub format: String,
    /// The definition in the Amazon States Language.
    pub asl: String,
    /// The components that it runs, by name.
    pub pins: BTreeMap<String, Digest>,
    /// ARN of the role.
    pub role_arn: Option<String>,
    /// Its settings.
    pub settings: RevisionSettings,
    /// Its UUID, unless it is the machine's first.
    pub uuid: Option<String>,
    /// When it was put.
    pub created_at: Timestamp,
    /// Who put it.
    pub created_by: Option<String>,
    /// The people whom they acted for; none if that was not written down.
    pub acting_for: Option<Vec<String>>,
}

impl Store {
    /// Returns the living machine of a name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_state_machine(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<MachineRow>, StoreError> {
        self.read(|connection| find(connection, tenant, name))
    }

    /// Returns a machine by its number, also a deleted one.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn load_state_machine(&self, id: MachineId) -> Result<Option<MachineRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_machines!("WHERE id = ?1"))?;
            Ok(statement.query_row([id], read_machine).optional()?)
        })
    }

    /// Returns up to `limit` of a tenant's living machines, by name, from behind the name
    /// `after` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_state_machines(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<MachineRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_machines!(
                "WHERE tenant = ?1 AND name > ?2 AND deleted_at IS NULL ORDER BY name LIMIT ?3"
            ))?;
            let parameters = params![tenant, after.unwrap_or_default(), columns::limit(limit)];
            Ok(statement
                .query_map(parameters, read_machine)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Returns a revision of a machine; none of a deleted one that was emptied.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if its pins cannot be read.
    pub fn load_revision(
        &self,
        machine: MachineId,
        revision: i64,
    ) -> Result<Option<RevisionRow>, StoreError> {
        self.read(|connection| load_revision(connection, machine, revision))
    }

    /// Returns the numbers of a machine's revisions and when they were put, newest first.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_revisions(&self, machine: MachineId) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT revision, created_at FROM state_machine_revisions
                 WHERE machine = ?1 ORDER BY revision DESC",
            )?;
            let rows = statement.query_map([machine], |row| {
                Ok((row.get(0)?, columns::timestamp(row, 1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Returns the logging configurations of all revisions of a tenant's machines, each once.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_logging_settings(&self, tenant: TenantId) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT r.logging_json FROM state_machines m
                 JOIN state_machine_revisions r ON r.machine = m.id
                 WHERE m.tenant = ?1 AND m.deleted_at IS NULL AND r.logging_json IS NOT NULL",
            )?;
            let rows = statement.query_map([tenant], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Keeps a definition as the next revision of its machine. What says the same as the
    /// latest revision is that revision.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] or [`StoreError::NotFound`] as the mode says, or if the
    /// machine has another type; [`StoreError::Refused`] if there is no such tenant;
    /// [`StoreError::TooMany`] machines or revisions, [`StoreError::OverQuota`].
    pub fn put_state_machine(
        self,
        new: NewRevision,
        mode: PutMode,
        limits: StorageLimits,
    ) -> Result<PutRevision, StoreError> {
        let pins = pins_to_json(&new.pins);
        let allowance = Allowance::new(self.book(), limits);
        self.write_kept(Kept::Machines, move |connection| {
            put(connection, &new, &pins, mode, &allowance)
        })
    }
}

fn put(
    connection: &Connection,
    new: &NewRevision,
    pins: &str,
    mode: PutMode,
    allowance: &Allowance,
) -> Result<PutRevision, StoreError> {
    let name = || format!("state machine '{}'", new.name);
    let Some(machine) = find(connection, new.tenant, &new.name)? else {
        if mode == PutMode::Update {
            return Err(StoreError::not_found(name()));
        }
        room::STATE_MACHINES.require(connection, new.tenant)?;
        let settings = new.settings.clone().unwrap_or_default();
        allowance.require(new.tenant, bytes::of_revision(new, pins, &settings))?;
        let machine = insert_machine(connection, new)?;
        insert_revision(connection, new, pins, (machine, 1), &settings)?;
        return Ok(PutRevision {
            machine,
            revision: 1,
            is_new: true,
        });
    };
    if machine.deleting_at.is_some() {
        return Err(StoreError::Deleting { what: name() });
    }
    let latest = load_revision(connection, machine.id, machine.revision)?;
    let is_same = latest
        .as_ref()
        .is_some_and(|latest| says_the_same(latest, new));
    if machine.machine_type != new.machine_type || (mode == PutMode::Create && !is_same) {
        return Err(StoreError::NameTaken { what: name() });
    }
    let revision = if is_same {
        machine.revision
    } else {
        machine.revision + 1
    };
    if !is_same {
        let settings = new.settings.clone();
        let settings = settings.or(latest.map(|latest| latest.settings));
        let settings = settings.unwrap_or_default();
        room::require_revision(machine.revision)?;
        allowance.require(new.tenant, bytes::of_revision(new, pins, &settings))?;
        insert_revision(connection, new, pins, (machine.id, revision), &settings)?;
    }
    Ok(PutRevision {
        machine: machine.id,
        revision,
        is_new: !is_same,
    })
}

fn says_the_same(latest: &RevisionRow, new: &NewRevision) -> bool {
    latest.definition == new.definition
        && latest.format == new.format
        && latest.asl == new.asl
        && latest.pins == new.pins
        && latest.role_arn == new.role_arn
        && new
            .settings
            .as_ref()
            .is_none_or(|settings| *settings == latest.settings)
}

fn insert_machine(connection: &Connection, new: &NewRevision) -> Result<MachineId, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state_machines (tenant, name, type, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            new.tenant,
            new.name,
            new.machine_type,
            new.created_at.as_ms()
        ])?;
    Ok(MachineId(connection.last_insert_rowid()))
}

fn insert_revision(
    connection: &Connection,
    new: &NewRevision,
    pins: &str,
    (machine, revision): (MachineId, i64),
    settings: &RevisionSettings,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state_machine_revisions (machine, revision, definition, format, asl_json,
                 pins_json, role_arn, created_at, created_by, uuid, logging_json, tracing_json,
                 encryption_json, acting_for_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            machine,
            revision,
            new.definition,
            new.format,
            new.asl,
            pins,
            new.role_arn,
            new.created_at.as_ms(),
            new.created_by,
            (revision > 1).then_some(&new.uuid),
            settings.logging,
            settings.tracing,
            settings.encryption,
            new.acting_for.as_ref().map(|people| people_to_json(people)),
        ])?;
    let bytes = bytes::of_revision(new, pins, settings);
    usage::note(new.tenant, &UsageChange::definitions(bytes));
    Ok(())
}

fn people_to_json(people: &[String]) -> String {
    serde_json::Value::from(people.to_vec()).to_string()
}

fn people_from_json(stored: Option<String>) -> Result<Option<Vec<String>>, serde_json::Error> {
    stored.map(|text| serde_json::from_str(&text)).transpose()
}

fn find(
    connection: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<MachineRow>, StoreError> {
    let mut statement = connection.prepare_cached(select_machines!(
        "WHERE tenant = ?1 AND name = ?2 AND deleted_at IS NULL"
    ))?;
    Ok(statement
        .query_row(params![tenant, name], read_machine)
        .optional()?)
}

pub(crate) fn load_revision(
    connection: &Connection,
    machine: MachineId,
    revision: i64,
) -> Result<Option<RevisionRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT machine, revision, definition, format, asl_json, pins_json, role_arn, created_at,
             created_by, uuid, logging_json, tracing_json, encryption_json, acting_for_json
         FROM state_machine_revisions
         WHERE machine = ?1 AND revision = ?2 AND octet_length(definition) > 0",
    )?;
    let mut rows = statement.query(params![machine, revision])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let pins: String = row.get(5)?;
    let pins = pins_from_json(&pins).ok_or_else(|| {
        StoreError::corrupt(format!(
            "{machine}, revision {revision}: its pins cannot be read"
        ))
    })?;
    Ok(Some(RevisionRow {
        machine: row.get(0)?,
        revision: row.get(1)?,
        definition: row.get(2)?,
        format: row.get(3)?,
        asl: row.get(4)?,
        pins,
        role_arn: row.get(6)?,
        created_at: columns::timestamp(row, 7)?,
        created_by: row.get(8)?,
        uuid: row.get(9)?,
        settings: RevisionSettings {
            logging: row.get(10)?,
            tracing: row.get(11)?,
            encryption: row.get(12)?,
        },
        acting_for: people_from_json(row.get(13)?).map_err(|reason| {
            StoreError::corrupt(format!("{machine}, revision {revision}: {reason}"))
        })?,
    }))
}

fn read_machine(row: &Row<'_>) -> rusqlite::Result<MachineRow> {
    Ok(MachineRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        name: row.get(2)?,
        machine_type: row.get(3)?,
        created_at: columns::timestamp(row, 4)?,
        deleting_at: columns::optional_timestamp(row, 5)?,
        deleted_at: columns::optional_timestamp(row, 6)?,
        revision: row.get(7)?,
    })
}

fn pins_to_json(pins: &BTreeMap<String, Digest>) -> String {
    let object: serde_json::Map<String, serde_json::Value> = pins
        .iter()
        .map(|(name, digest)| (name.clone(), digest.to_string().into()))
        .collect();
    serde_json::Value::Object(object).to_string()
}

fn pins_from_json(text: &str) -> Option<BTreeMap<String, Digest>> {
    let pins: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    pins.into_iter()
        .map(|(name, digest)| Some((name, Digest::from_hex(&digest)?)))
        .collect()
}
