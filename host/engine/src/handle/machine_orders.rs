//! State machines as AWS's tools order them: made once, changed, with settings, tags and a
//! published version, each in one transaction.

use std::sync::Arc;

use stepwell_states::{ExecutionType, Format, Severity, check_type};
use stepwell_store::{
    NewDefinition, NewMachine, NewRevision, PublishOrder, Store, TenantId, UpdateMachine,
};

use crate::definitions::format_word;
use crate::error::{EngineError, from_store};
use crate::handle::checking::{Checked, check, check_size};
use crate::handle::starting::new_uuid;
use crate::handle::state_machines::{machine_type, refused, stored_people};
use crate::handle::{EngineHandle, blocking};
use crate::model::{
    Caller, MadeStateMachine, NewStateMachine, Publication, Tag, UpdateStateMachine,
    UpdatedStateMachine,
};
use crate::names;
use crate::outbound::Outbound;

/// Code of a diagnostic about a component that the tenant does not have.
const COMPONENT_MISSING: &str = "COMPONENT_MISSING";

impl EngineHandle {
    /// Makes a state machine. The same order again finds what it made.
    ///
    /// Unlike a deployment, this lets components be missing: they are looked for when a task
    /// needs them.
    ///
    /// # Errors
    ///
    /// [`EngineError::AlreadyExists`], [`EngineError::Deleting`],
    /// [`EngineError::InvalidDefinition`], [`EngineError::Invalid`] for the name,
    /// [`EngineError::TooLarge`], [`EngineError::TooMany`] state machines or tags,
    /// [`EngineError::QuotaExceeded`], or trouble of the host's own.
    pub async fn create_state_machine(
        &self,
        caller: &Caller,
        new: NewStateMachine,
    ) -> Result<MadeStateMachine, EngineError> {
        self.require_running()?;
        names::check("name", &new.name)?;
        check_size(&new.definition)?;
        let (handle, store) = (self.clone(), self.0.store.clone());
        let (caller, at) = (caller.clone(), self.0.starter.now());
        let outbound = Arc::clone(&self.0.outbound);
        blocking(move || {
            let tenant = TenantId(caller.tenant.id);
            let checked = checked(
                (&store, &outbound),
                tenant,
                new.definition,
                new.machine_type,
            )?;
            let name = new.name;
            let order = NewMachine {
                revision: NewRevision {
                    tenant,
                    name: name.clone(),
                    machine_type: new.machine_type.as_str().to_owned(),
                    definition: checked.definition,
                    format: checked.format,
                    asl: checked.asl,
                    pins: checked.pins,
                    role_arn: new.role_arn,
                    settings: Some(new.settings.to_stored()),
                    uuid: new_uuid()?,
                    created_at: at,
                    created_by: Some(caller.principal.to_string()),
                    acting_for: stored_people(&caller),
                },
                publish: new.publish.map(publish_order),
                tags: new.tags.into_iter().map(stored_tag).collect(),
            };
            let entry = handle.deployed_entry(&caller, &name, Some(&order.revision.asl));
            let ledger = handle.0.starter.ledgers.of(caller.tenant.id);
            let change = store.change(entry);
            let made = change.create_state_machine(order, ledger.storage());
            let made = made.map_err(|error| refused(ledger.counted(error), &name))?;
            let arn = names::machine_arn(&caller.tenant, &name);
            Ok(MadeStateMachine {
                version_arn: made.version.map(|version| format!("{arn}:{version}")),
                arn,
                created_at: made.created_at,
                is_new: made.is_new,
            })
        })
        .await?
    }

    /// Changes a state machine: what says something else than its current revision becomes a
    /// new one. Executions that run go on with the revision that they were started with.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Deleting`],
    /// [`EngineError::InvalidDefinition`], [`EngineError::TooLarge`],
    /// [`EngineError::TooMany`] revisions or versions, [`EngineError::QuotaExceeded`], or trouble
    /// of the host's own.
    pub async fn update_state_machine(
        &self,
        caller: &Caller,
        update: UpdateStateMachine,
    ) -> Result<UpdatedStateMachine, EngineError> {
        self.require_running()?;
        if let Some(definition) = &update.definition {
            check_size(definition)?;
        }
        let machine = self.find_machine(caller, &update.state_machine).await?;
        let (handle, store) = (self.clone(), self.0.store.clone());
        let (caller, at) = (caller.clone(), self.0.starter.now());
        let outbound = Arc::clone(&self.0.outbound);
        blocking(move || {
            let tenant = TenantId(caller.tenant.id);
            let definition = update.definition;
            let kind = machine_type(&machine)?;
            let definition =
                definition.map(|text| checked((&store, &outbound), tenant, text, kind));
            let order = UpdateMachine {
                machine: machine.id,
                definition: definition.transpose()?,
                role_arn: update.role_arn,
                settings: update.settings.to_stored(),
                publish: update.publish.map(publish_order),
                uuid: new_uuid()?,
                at,
                by: Some(caller.principal.to_string()),
                acting_for: stored_people(&caller),
            };
            let asl = order.definition.as_ref().map(|made| &*made.asl);
            let entry = handle.deployed_entry(&caller, &machine.name, asl);
            let ledger = handle.0.starter.ledgers.of(caller.tenant.id);
            let change = store.change(entry);
            let updated = change.update_state_machine(order, ledger.storage());
            let updated =
                updated.map_err(|error| refused(ledger.counted(error), &update.state_machine))?;
            let arn = names::machine_arn(&caller.tenant, &machine.name);
            let version_arn = updated
                .version
                .map(|version| format!("{arn}:{}", version.version));
            Ok(UpdatedStateMachine {
                revision_id: updated.uuid,
                updated_at: at,
                version_arn,
                changed: updated.is_new,
            })
        })
        .await?
    }
}

/// Checks a definition, and pins what it runs.
fn checked(
    (store, outbound): (&Store, &Outbound),
    tenant: TenantId,
    text: String,
    kind: ExecutionType,
) -> Result<NewDefinition, EngineError> {
    let format = Some(Format::Json);
    let found = check(store, outbound, tenant, &text, format).map_err(from_store)?;
    let Checked {
        definition,
        mut diagnostics,
        pins,
    } = found.map_err(EngineError::InvalidDefinition)?;
    diagnostics.extend(check_type(&definition, kind));
    let is_error = |severity, code: &str| severity == Severity::Error && code != COMPONENT_MISSING;
    if diagnostics
        .iter()
        .any(|found| is_error(found.severity, &found.code))
    {
        return Err(EngineError::InvalidDefinition(diagnostics));
    }
    Ok(NewDefinition {
        asl: definition.to_asl().to_string(),
        definition: text,
        format: format_word(format).to_owned(),
        pins,
    })
}

fn publish_order(publication: Publication) -> PublishOrder {
    PublishOrder {
        description: publication.description,
    }
}

fn stored_tag(tag: Tag) -> stepwell_store::Tag {
    stepwell_store::Tag {
        key: tag.key,
        value: tag.value,
    }
}
