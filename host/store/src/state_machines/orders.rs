//! Making a machine and changing it, each in one transaction with what goes along: a
//! published version, tags.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use stepwell_states::Timestamp;

use super::{
    MachineRow, NewRevision, RevisionRow, RevisionSettings, bytes, find, insert_machine,
    insert_revision, load_revision, pins_to_json,
};
use crate::audit::Change;
use crate::error::StoreError;
use crate::generations::Kept;
use crate::ids::{Digest, MachineId, TenantId};
use crate::room;
use crate::tags::{self, Tag};
use crate::usage::{Allowance, StorageLimits, bytes_of};
use crate::versions::{self, VersionRow};

/// A machine that is to exist.
#[derive(Debug, Clone)]
pub struct NewMachine {
    /// Its first revision.
    pub revision: NewRevision,
    /// Whether that is published, too.
    pub publish: Option<PublishOrder>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// An order to publish a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishOrder {
    /// What the version says of itself.
    pub description: Option<String>,
}

impl PublishOrder {
    /// What of the version is counted as stored.
    pub(crate) fn bytes(&self) -> i64 {
        bytes_of(self.description.as_deref())
    }
}

/// A machine that is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MadeMachine {
    /// Its number.
    pub machine: MachineId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The version that was published with it.
    pub version: Option<i64>,
    /// Whether this made it, or the same order before.
    pub is_new: bool,
}

/// A definition that a machine gets.
#[derive(Debug, Clone)]
pub struct NewDefinition {
    /// As somebody wrote it.
    pub definition: String,
    /// The form that it is written in, in the engine's words.
    pub format: String,
    /// In the Amazon States Language.
    pub asl: String,
    /// The components that it runs, by name.
    pub pins: BTreeMap<String, Digest>,
}

/// A change of a machine; what is not given stays.
#[derive(Debug, Clone)]
pub struct UpdateMachine {
    /// The machine.
    pub machine: MachineId,
    /// Its definition.
    pub definition: Option<NewDefinition>,
    /// ARN of the role.
    pub role_arn: Option<String>,
    /// Its settings.
    pub settings: RevisionSettings,
    /// Whether the revision is published, too.
    pub publish: Option<PublishOrder>,
    /// A UUID for the revision, if this makes one.
    pub uuid: String,
    /// When it is changed.
    pub at: Timestamp,
    /// Who changes it.
    pub by: Option<String>,
    /// The people whom they act for; none if that is not known.
    pub acting_for: Option<Vec<String>>,
}

/// A machine after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatedMachine {
    /// The revision that says what was ordered.
    pub revision: i64,
    /// Its UUID, unless it is the machine's first.
    pub uuid: Option<String>,
    /// Whether it is new, or the latest one said this already.
    pub is_new: bool,
    /// The version that publishes it, if that was ordered.
    pub version: Option<VersionRow>,
}

impl Change<'_> {
    /// Makes a machine. The same order again finds what it made; role, tags and components
    /// may differ then, and stay as they are.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] if a machine of the name says something else,
    /// [`StoreError::Deleting`] if it is being deleted, [`StoreError::Refused`] if there is no
    /// such tenant, [`StoreError::TooMany`] machines or tags, [`StoreError::OverQuota`].
    pub fn create_state_machine(
        self,
        new: NewMachine,
        limits: StorageLimits,
    ) -> Result<MadeMachine, StoreError> {
        let pins = pins_to_json(&new.revision.pins);
        let allowance = Allowance::new(self.book(), limits);
        self.write_kept(Kept::Machines, move |connection| {
            create(connection, &new, &pins, &allowance)
        })
    }

    /// Changes a machine: what says something else than the latest revision is a new one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such machine any more,
    /// [`StoreError::Deleting`], [`StoreError::TooMany`] if it has all the revisions or versions
    /// that it may have, or [`StoreError::OverQuota`].
    pub fn update_state_machine(
        self,
        update: UpdateMachine,
        limits: StorageLimits,
    ) -> Result<UpdatedMachine, StoreError> {
        let allowance = Allowance::new(self.book(), limits);
        self.write_kept(Kept::Machines, move |connection| {
            change(connection, &update, &allowance)
        })
    }
}

fn create(
    connection: &Connection,
    new: &NewMachine,
    pins: &str,
    allowance: &Allowance,
) -> Result<MadeMachine, StoreError> {
    let revision = &new.revision;
    if let Some(found) = find(connection, revision.tenant, &revision.name)? {
        return existing(connection, &found, new);
    }
    room::STATE_MACHINES.require(connection, revision.tenant)?;
    let settings = revision.settings.clone().unwrap_or_default();
    let resource = tags::of_machine(&revision.name);
    let tagged = tags::growth(connection, revision.tenant, &resource, &new.tags)?;
    let bytes = bytes::of_revision(revision, pins, &settings);
    let published = new.publish.as_ref().map_or(0, PublishOrder::bytes);
    allowance.require(revision.tenant, bytes + published + tagged)?;
    let machine = insert_machine(connection, revision)?;
    insert_revision(connection, revision, pins, (machine, 1), &settings)?;
    let description = new
        .publish
        .as_ref()
        .and_then(|order| order.description.as_deref());
    connection
        .prepare_cached(
            "UPDATE state_machines SET made_published = ?2, made_description = ?3 WHERE id = ?1",
        )?
        .execute(params![machine, new.publish.is_some(), description])?;
    let version = match &new.publish {
        None => None,
        Some(order) => {
            let by = revision.created_by.as_deref();
            let (tenant, at) = (revision.tenant, revision.created_at);
            Some(versions::publish(connection, tenant, (machine, 1), order, at, by)?.version)
        }
    };
    tags::put(connection, revision.tenant, &resource, &new.tags, tagged)?;
    Ok(MadeMachine {
        machine,
        created_at: revision.created_at,
        version,
        is_new: true,
    })
}

/// Finds out whether a machine is what an order would make.
fn existing(
    connection: &Connection,
    found: &MachineRow,
    new: &NewMachine,
) -> Result<MadeMachine, StoreError> {
    let what = || format!("state machine '{}'", found.name);
    if found.deleting_at.is_some() {
        return Err(StoreError::Deleting { what: what() });
    }
    let (published, description): (bool, Option<String>) = connection
        .prepare_cached(
            "SELECT made_published, made_description FROM state_machines WHERE id = ?1",
        )?
        .query_row([found.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let made_by = published.then_some(PublishOrder { description });
    let latest = load_revision(connection, found.id, found.revision)?;
    let settings = new.revision.settings.clone().unwrap_or_default();
    let is_same = latest.is_some_and(|latest| {
        latest.definition == new.revision.definition && latest.settings == settings
    });
    if !is_same || found.machine_type != new.revision.machine_type || made_by != new.publish {
        return Err(StoreError::NameTaken { what: what() });
    }
    Ok(MadeMachine {
        machine: found.id,
        created_at: found.created_at,
        // A machine's first version is the one that came with it.
        version: published.then_some(1),
        is_new: false,
    })
}

fn change(
    connection: &Connection,
    update: &UpdateMachine,
    allowance: &Allowance,
) -> Result<UpdatedMachine, StoreError> {
    let machine = living(connection, update.machine)?;
    let latest = load_revision(connection, machine.id, machine.revision)?;
    let latest = latest.ok_or_else(|| StoreError::not_found(machine.id.to_string()))?;
    let new = merged(&machine, &latest, update);
    let is_new = !super::says_the_same(&latest, &new);
    let pins = pins_to_json(&new.pins);
    let settings = new.settings.clone().unwrap_or_default();
    let order = update.publish.as_ref();
    let mut bytes = 0;
    if is_new {
        room::require_revision(machine.revision)?;
        bytes += bytes::of_revision(&new, &pins, &settings);
    }
    let latest_revision = (machine.id, machine.revision);
    if let Some(order) = order
        && (is_new || versions::published(connection, latest_revision)?.is_none())
    {
        versions::require_room(connection, machine.id)?;
        bytes += order.bytes();
    }
    allowance.require(machine.tenant, bytes)?;
    let (revision, uuid) = if is_new {
        let revision = machine.revision + 1;
        insert_revision(connection, &new, &pins, (machine.id, revision), &settings)?;
        (revision, Some(new.uuid))
    } else {
        (machine.revision, latest.uuid)
    };
    let revision_of = (machine.id, revision);
    let by = update.by.as_deref();
    let publish = |order| {
        versions::publish(
            connection,
            machine.tenant,
            revision_of,
            order,
            update.at,
            by,
        )
    };
    let version = order.map(publish).transpose()?;
    Ok(UpdatedMachine {
        revision,
        uuid,
        is_new,
        version,
    })
}

/// The latest revision with what an order changes about it.
fn merged(machine: &MachineRow, latest: &RevisionRow, update: &UpdateMachine) -> NewRevision {
    let definition = update.definition.clone().unwrap_or_else(|| NewDefinition {
        definition: latest.definition.clone(),
        format: latest.format.clone(),
        asl: latest.asl.clone(),
        pins: latest.pins.clone(),
    });
    let settings = RevisionSettings {
        logging: update
            .settings
            .logging
            .clone()
            .or_else(|| latest.settings.logging.clone()),
        tracing: update
            .settings
            .tracing
            .clone()
            .or_else(|| latest.settings.tracing.clone()),
        encryption: update
            .settings
            .encryption
            .clone()
            .or_else(|| latest.settings.encryption.clone()),
    };
    NewRevision {
        tenant: machine.tenant,
        name: machine.name.clone(),
        machine_type: machine.machine_type.clone(),
        definition: definition.definition,
        format: definition.format,
        asl: definition.asl,
        pins: definition.pins,
        role_arn: update.role_arn.clone().or_else(|| latest.role_arn.clone()),
        settings: Some(settings),
        uuid: update.uuid.clone(),
        created_at: update.at,
        created_by: update.by.clone(),
        acting_for: update.acting_for.clone(),
    }
}

/// Returns whose a machine is.
pub(crate) fn tenant_of(connection: &Connection, id: MachineId) -> Result<TenantId, StoreError> {
    Ok(connection
        .prepare_cached("SELECT tenant FROM state_machines WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?)
}

/// Returns a machine that may be changed.
///
/// # Errors
/// [`StoreError::NotFound`] or [`StoreError::Deleting`].
pub(crate) fn living(connection: &Connection, id: MachineId) -> Result<MachineRow, StoreError> {
    let mut statement =
        connection.prepare_cached(select_machines!("WHERE id = ?1 AND deleted_at IS NULL"))?;
    let found = statement.query_row([id], super::read_machine).optional()?;
    let found = found.ok_or_else(|| StoreError::not_found(id.to_string()))?;
    if found.deleting_at.is_some() {
        let what = format!("state machine '{}'", found.name);
        return Err(StoreError::Deleting { what });
    }
    Ok(found)
}
