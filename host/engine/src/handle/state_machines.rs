//! State machines: validate, deploy, describe, list, delete.

use std::sync::Arc;

use serde_json::Value;
use stepwell_states::{ExecutionType, Format, Severity, StateMachine, Timestamp, check_type};
use stepwell_store::{
    AuditDetails, AuditEntry, Digest, ExecutionFilter, ExecutionsOf, MachineRow, NewRevision,
    PutMode, RevisionRow, Store, StoreError, TenantId, VersionRow,
};

use crate::audit::action;
use crate::definitions::{component_digest, format_word};
use crate::error::{EngineError, from_store};
use crate::handle::checking::grants::check_values;
use crate::handle::checking::{Checked, check, check_size, is_error, is_unbound};
use crate::handle::starting::new_uuid;
use crate::handle::versions::version_of;
use crate::handle::{EngineHandle, blocking};
use crate::model::{
    Caller, DeployStateMachine, DeployedStateMachine, MachineSettings, StateMachineDescription,
    Tenant, ValidationReport,
};
use crate::names::{self, Qualifier};

/// State machines of a list, at most.
const LIST_MAX: usize = 10_000;

impl EngineHandle {
    /// Validates a definition for a state machine of a type against the tenant's components, without deploying it.
    ///
    /// # Errors
    ///
    /// [`EngineError::TooLarge`], or trouble of the host's own. Problems of the definition
    /// are in the report.
    pub async fn validate_definition(
        &self,
        caller: &Caller,
        definition: String,
        format: Option<Format>,
        machine_type: ExecutionType,
    ) -> Result<ValidationReport, EngineError> {
        check_size(&definition)?;
        let (caller, outbound) = (caller.clone(), Arc::clone(&self.0.outbound));
        let checked = self
            .read(move |store| {
                let tenant = TenantId(caller.tenant.id);
                let mut checked = check(store, &outbound, tenant, &definition, format)?;
                if let Ok(checked) = &mut checked {
                    check_values(store, &caller, checked)?;
                }
                Ok(checked)
            })
            .await?;
        Ok(match checked {
            Ok(Checked {
                definition,
                mut diagnostics,
                ..
            }) => {
                diagnostics.extend(check_type(&definition, machine_type));
                ValidationReport {
                    valid: !diagnostics.iter().any(is_error),
                    diagnostics,
                }
            }
            Err(diagnostics) => ValidationReport {
                valid: false,
                diagnostics,
            },
        })
    }

    /// Deploys a definition: creates the state machine, or gives it a new revision.
    /// Executions that run go on with the revision that they were started with.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidDefinition`] with all problems, [`EngineError::Invalid`] for
    /// the name, [`EngineError::TooLarge`], [`EngineError::TooMany`] state machines or revisions,
    /// [`EngineError::QuotaExceeded`], or trouble of the host's own.
    pub async fn deploy_state_machine(
        &self,
        caller: &Caller,
        order: DeployStateMachine,
    ) -> Result<DeployedStateMachine, EngineError> {
        self.require_running()?;
        check_size(&order.definition)?;
        if let Some(name) = &order.name {
            names::check("name", name)?;
        }
        let (handle, store) = (self.clone(), self.0.store.clone());
        let (caller, at) = (caller.clone(), self.0.starter.now());
        let outbound = Arc::clone(&self.0.outbound);
        blocking(move || {
            let tenant = TenantId(caller.tenant.id);
            let mut checked = check(&store, &outbound, tenant, &order.definition, order.format)
                .map_err(from_store)?
                .map_err(EngineError::InvalidDefinition)?;
            check_values(&store, &caller, &mut checked).map_err(from_store)?;
            let name = name_of(&order, &checked.definition)?;
            let machine_type = type_of(&store, tenant, &name, order.machine_type)?;
            let mut diagnostics = checked.diagnostics;
            diagnostics.extend(check_type(&checked.definition, machine_type));
            if order.refuse_unbound {
                for unbound in diagnostics.iter_mut().filter(|found| is_unbound(found)) {
                    unbound.severity = Severity::Error;
                }
            }
            if diagnostics.iter().any(is_error) {
                return Err(EngineError::InvalidDefinition(diagnostics));
            }
            let uuid = new_uuid()?;
            let new = NewRevision {
                tenant,
                name: name.clone(),
                machine_type: machine_type.as_str().to_owned(),
                asl: checked.definition.to_asl().to_string(),
                definition: order.definition,
                format: format_word(order.format).to_owned(),
                pins: checked.pins,
                role_arn: order.role_arn,
                settings: None,
                uuid,
                created_at: at,
                created_by: Some(caller.principal.to_string()),
                acting_for: stored_people(&caller),
            };
            let entry = handle.deployed_entry(&caller, &name, Some(&new.asl));
            let ledger = handle.0.starter.ledgers.of(caller.tenant.id);
            let change = store.change(entry);
            let put = change.put_state_machine(new, PutMode::CreateOrUpdate, ledger.storage());
            let put = put.map_err(|error| match error {
                // Somebody made it of another type meanwhile.
                StoreError::NameTaken { .. } => other_type(&name),
                error => refused(ledger.counted(error), &name),
            })?;
            let state_machine = describe(&store, &caller.tenant, &name)?;
            let warnings = diagnostics;
            Ok(DeployedStateMachine {
                state_machine,
                changed: put.is_new,
                warnings,
            })
        })
        .await?
    }

    /// Describes a state machine by name or ARN: its current revision, or that of a version.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_state_machine(
        &self,
        caller: &Caller,
        state_machine: &str,
    ) -> Result<StateMachineDescription, EngineError> {
        let machine = self.find_machine(caller, state_machine).await?;
        let reference = names::machine_reference(&caller.tenant, state_machine);
        let not_found = || EngineError::NotFound {
            kind: "state machine",
            name: state_machine.to_owned(),
        };
        let version = match reference.and_then(|reference| reference.qualifier) {
            None => None,
            Some(Qualifier::Version(number)) => {
                let found = self.read(move |store| store.find_version(machine.id, number));
                Some(found.await?.ok_or_else(not_found)?)
            }
            // An alias is described by an operation of its own.
            Some(Qualifier::Alias(_)) => return Err(not_found()),
        };
        let (store, tenant) = (self.0.store.clone(), caller.tenant.clone());
        blocking(move || description(&store, &tenant, machine, version)).await?
    }

    /// Lists the tenant's state machines by name.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_state_machines(
        &self,
        caller: &Caller,
    ) -> Result<Vec<StateMachineDescription>, EngineError> {
        let (store, tenant) = (self.0.store.clone(), caller.tenant.clone());
        blocking(move || {
            let id = TenantId(tenant.id);
            let machines = store
                .list_state_machines(id, None, LIST_MAX)
                .map_err(from_store)?;
            machines
                .into_iter()
                .map(|machine| description(&store, &tenant, machine, None))
                .collect()
        })
        .await?
    }

    /// Deletes a state machine. Its name is free then; executions and their histories stay.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] while it has running executions,
    /// or trouble of the host's own.
    pub async fn delete_state_machine(
        &self,
        caller: &Caller,
        state_machine: &str,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let machine = self.find_machine(caller, state_machine).await?;
        let at = self.0.starter.now();
        let filter = ExecutionFilter {
            statuses: vec![stepwell_store::Status::Running],
            ..ExecutionFilter::all(ExecutionsOf::Machine(machine.id))
        };
        let running = self
            .read(move |store| store.list_executions(&filter, None, 1))
            .await?;
        if !running.is_empty() {
            let reason = "has running executions; stop them or wait for their end".to_owned();
            return Err(EngineError::Invalid {
                field: "stateMachine",
                reason,
            });
        }
        self.delete_machine(caller, machine, at).await
    }

    /// Deletes a state machine as Step Functions does: it takes no new executions, those
    /// that it has are stopped at their next step, and with the last of them it is gone.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn begin_deletion(
        &self,
        caller: &Caller,
        state_machine: &str,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let machine = self.find_machine(caller, state_machine).await?;
        let now = self.0.starter.now();
        self.delete_machine(caller, machine, now).await
    }

    /// What the audit log is told of a definition that is deployed.
    pub(super) fn deployed_entry(
        &self,
        caller: &Caller,
        name: &str,
        asl: Option<&str>,
    ) -> AuditEntry {
        let digest = asl.map(|asl| Digest::of(asl.as_bytes()).to_string());
        let details = AuditDetails::default().maybe("definition_digest", digest);
        let arn = names::machine_arn(&caller.tenant, name);
        self.entry(caller, action::STATE_MACHINE_DEPLOY, arn, Some(details))
    }

    async fn delete_machine(
        &self,
        caller: &Caller,
        machine: MachineRow,
        at: Timestamp,
    ) -> Result<(), EngineError> {
        let arn = names::machine_arn(&caller.tenant, &machine.name);
        let entry = self.entry(caller, action::STATE_MACHINE_DELETE, arn, None);
        let deletions = Arc::clone(&self.0.deletions);
        let deleted = self.read(
            move |store| match deletions.begin(store, entry, machine.id, at) {
                // Somebody else has deleted it meanwhile.
                Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            },
        );
        deleted.await
    }

    /// Finds the state machine that a request names.
    pub(crate) async fn find_machine(
        &self,
        caller: &Caller,
        given: &str,
    ) -> Result<MachineRow, EngineError> {
        let not_found = || EngineError::NotFound {
            kind: "state machine",
            name: given.to_owned(),
        };
        let name = names::machine_name(&caller.tenant, given)
            .ok_or_else(not_found)?
            .to_owned();
        let tenant = TenantId(caller.tenant.id);
        let row = self
            .read(move |store| store.find_state_machine(tenant, &name))
            .await?;
        row.ok_or_else(not_found)
    }
}

fn name_of(order: &DeployStateMachine, definition: &StateMachine) -> Result<String, EngineError> {
    let Some(name) = order.name.clone().or_else(|| definition.name.clone()) else {
        let reason = "is missing; give one, or write the definition in the short form, \
                      which has a name"
            .to_owned();
        return Err(EngineError::Invalid {
            field: "name",
            reason,
        });
    };
    names::check("name", &name)?;
    Ok(name)
}

/// Returns the type that a state machine has, or is to have.
fn type_of(
    store: &Store,
    tenant: TenantId,
    name: &str,
    wanted: Option<ExecutionType>,
) -> Result<ExecutionType, EngineError> {
    let found = store.find_state_machine(tenant, name).map_err(from_store)?;
    let Some(machine) = found else {
        return Ok(wanted.unwrap_or_default());
    };
    let is = machine_type(&machine)?;
    if wanted.is_some_and(|wanted| wanted != is) {
        return Err(other_type(name));
    }
    Ok(is)
}

fn other_type(name: &str) -> EngineError {
    let reason = format!(
        "the type of {name:?} is fixed and is the other one; leave the type out, delete the \
         state machine first, or deploy under another name"
    );
    EngineError::Invalid {
        field: "type",
        reason,
    }
}

pub(crate) fn machine_type(machine: &MachineRow) -> Result<ExecutionType, EngineError> {
    ExecutionType::from_word(&machine.machine_type).ok_or_else(|| {
        EngineError::Internal(format!(
            "the state machine {} has no type that is known",
            machine.name
        ))
    })
}

fn describe(
    store: &Store,
    tenant: &Tenant,
    name: &str,
) -> Result<StateMachineDescription, EngineError> {
    let found = store
        .find_state_machine(TenantId(tenant.id), name)
        .map_err(from_store)?;
    let machine = found.ok_or_else(|| EngineError::NotFound {
        kind: "state machine",
        name: name.to_owned(),
    })?;
    description(store, tenant, machine, None)
}

fn description(
    store: &Store,
    tenant: &Tenant,
    machine: MachineRow,
    version: Option<VersionRow>,
) -> Result<StateMachineDescription, EngineError> {
    let number = version
        .as_ref()
        .map_or(machine.revision, |version| version.revision);
    let revision = store
        .load_revision(machine.id, number)
        .map_err(from_store)?;
    let RevisionRow {
        definition,
        asl,
        pins,
        role_arn,
        settings,
        uuid,
        created_at,
        created_by,
        ..
    } = revision.ok_or_else(|| {
        EngineError::Internal(format!(
            "the state machine {} has no revision",
            machine.name
        ))
    })?;
    let components = pins.into_iter();
    let arn = names::machine_arn(tenant, &machine.name);
    Ok(StateMachineDescription {
        machine_type: machine_type(&machine)?,
        version: version.map(|version| version_of(&arn, version)),
        arn,
        name: machine.name,
        is_deleting: machine.deleting_at.is_some(),
        revision: number.unsigned_abs(),
        revision_id: uuid,
        settings: MachineSettings::read(&settings),
        created_at: machine.created_at,
        revised_at: created_at,
        revised_by: created_by.unwrap_or_default(),
        definition,
        asl: pretty(&asl),
        components: components
            .map(|(name, digest)| (name, component_digest(digest).to_string()))
            .collect(),
        role_arn: role_arn.unwrap_or_default(),
    })
}

/// What a caller is told of a refused change of a machine.
pub(super) fn refused(error: StoreError, name: &str) -> EngineError {
    let name = || name.to_owned();
    match error {
        StoreError::NameTaken { .. } => EngineError::AlreadyExists {
            kind: "state machine",
            name: name(),
        },
        StoreError::Deleting { .. } => EngineError::Deleting { name: name() },
        StoreError::NotFound { .. } => EngineError::NotFound {
            kind: "state machine",
            name: name(),
        },
        StoreError::Moved { current } => EngineError::Moved { current },
        StoreError::TooMany { what, limit } => EngineError::TooMany { what, limit },
        other => from_store(other),
    }
}

fn pretty(asl: &str) -> String {
    let parsed: Result<Value, _> = serde_json::from_str(asl);
    parsed
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| asl.to_owned())
}

/// The people whom a deployer acts for, as they are stored with a revision.
pub(super) fn stored_people(caller: &Caller) -> Option<Vec<String>> {
    let people = caller.acting_for.as_ref()?;
    Some(people.iter().map(ToString::to_string).collect())
}
