//! Definitions, tenants and components as executions need them: read once, kept.
//!
//! Revisions never change, so what is kept of them never goes stale; which revision a
//! machine has now is kept as long as no machine has changed.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use stepwell_decider::Failure;
use stepwell_sandbox::ComponentDigest;
use stepwell_states::{
    ExecutionType, Format, Pattern, ResourceKind, StateKind, StateMachine, parse,
};
use stepwell_store::{Digest, Kept, MachineId, RevisionSettings, Store, StoreError, TenantId};

use crate::execution_log::Logging;
use crate::model::{MachineSettings, Tenant};
use crate::pace::Pace;

/// One revision of a state machine, ready to run.
#[derive(Debug)]
pub(crate) struct Revision {
    pub(crate) machine: MachineId,
    pub(crate) number: i64,
    pub(crate) name: Arc<str>,
    pub(crate) machine_type: ExecutionType,
    pub(crate) role_arn: Arc<str>,
    pub(crate) definition: Arc<StateMachine>,
    /// The components that it runs: what runs is what was reviewed.
    pub(crate) pins: BTreeMap<String, Digest>,
    /// How much one decision evaluates.
    pub(crate) pace: Pace,
    /// What of its executions is logged, if anything is.
    pub(crate) logging: Option<Arc<Logging>>,
    /// Whether a task of it waits for the end of another execution.
    pub(crate) waits_for_executions: bool,
    /// Whether a task of it waits for a worker.
    pub(crate) waits_for_workers: bool,
    /// Whether a task of it asks people.
    pub(crate) asks_people: bool,
}

fn waits_for_workers(definition: &StateMachine) -> bool {
    definition.states().any(|(_, state)| match &state.kind {
        StateKind::Task(task) => matches!(task.resource.kind, ResourceKind::Activity { .. }),
        _ => false,
    })
}

fn asks_people(definition: &StateMachine) -> bool {
    definition.states().any(|(_, state)| {
        matches!(&state.kind, StateKind::Task(task) if task.resource.kind == ResourceKind::Approval)
    })
}

fn waits_for_executions(definition: &StateMachine) -> bool {
    definition.states().any(|(_, state)| match &state.kind {
        StateKind::Task(task) => {
            task.resource.kind == ResourceKind::StartExecution
                && matches!(task.resource.pattern, Pattern::Sync | Pattern::Sync2)
        }
        _ => false,
    })
}

/// The component that a task names.
#[derive(Clone, Copy)]
pub(crate) struct ComponentLookup<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: Option<&'a str>,
}

impl ComponentLookup<'_> {
    /// Name in the pins of a revision.
    pub(crate) fn pin(&self) -> String {
        match self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// What a component's name leads to.
pub(crate) enum Resolved {
    Component(ComponentDigest),
    /// There is none: the task fails so.
    Missing(Failure),
}

/// Revisions that are kept at most; past it, all are dropped and read again as needed.
const REVISIONS_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Definitions {
    revisions: RwLock<BTreeMap<(MachineId, i64), Arc<Revision>>>,
    tenants: RwLock<BTreeMap<TenantId, Arc<Tenant>>>,
    /// The latest revisions of machines, by name.
    latest: RwLock<BTreeMap<TenantId, BTreeMap<String, Latest>>>,
}

/// The latest revision of a machine, as of a generation of all machines.
#[derive(Debug)]
struct Latest {
    generation: u64,
    revision: Arc<Revision>,
}

impl Definitions {
    /// Returns a tenant.
    pub(crate) fn tenant(&self, store: &Store, id: TenantId) -> Result<Arc<Tenant>, StoreError> {
        let kept = self
            .tenants
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned();
        if let Some(tenant) = kept {
            return Ok(tenant);
        }
        let row = store
            .load_tenant(id)?
            .ok_or_else(|| missing("tenant", id))?;
        let tenant = Arc::new(Tenant {
            id: id.0,
            name: row.name.into(),
            account: row.account.into(),
            region: row.region.into(),
        });
        let mut kept = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(kept.entry(id).or_insert(tenant)))
    }

    /// Returns a revision of a machine.
    pub(crate) fn revision(
        &self,
        store: &Store,
        machine: MachineId,
        number: i64,
    ) -> Result<Arc<Revision>, StoreError> {
        let kept = self
            .revisions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(revision) = kept.get(&(machine, number)) {
            return Ok(Arc::clone(revision));
        }
        drop(kept);
        let revision = Arc::new(read(store, machine, number)?);
        let mut kept = self
            .revisions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= REVISIONS_MAX {
            kept.clear();
        }
        Ok(Arc::clone(
            kept.entry((machine, number)).or_insert(revision),
        ))
    }

    /// Returns the latest revision of a machine that was kept, if it is still the latest.
    pub(crate) fn kept_latest(
        &self,
        store: &Store,
        tenant: TenantId,
        name: &str,
    ) -> Option<Arc<Revision>> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        let kept = latest.get(&tenant)?.get(name)?;
        let is_true = kept.generation == store.generation(Kept::Machines);
        is_true.then(|| Arc::clone(&kept.revision))
    }

    /// Keeps the latest revision of a machine, as it was when the rows were of this
    /// generation.
    pub(crate) fn keep_latest(
        &self,
        tenant: TenantId,
        name: String,
        generation: u64,
        revision: Arc<Revision>,
    ) {
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = latest.entry(tenant).or_default();
        if of_tenant.len() >= REVISIONS_MAX {
            of_tenant.clear();
        }
        let kept = Latest {
            generation,
            revision,
        };
        of_tenant.insert(name, kept);
    }

    /// Finds the component that a task of a revision names.
    ///
    /// A pinned one is what was there at the deployment. One that was missing then is
    /// looked for now, so that a definition may be deployed before its components.
    pub(crate) fn component(
        &self,
        store: &Store,
        pins: &BTreeMap<String, Digest>,
        tenant: i64,
        lookup: ComponentLookup<'_>,
    ) -> Result<Resolved, StoreError> {
        if let Some(digest) = pins.get(&lookup.pin()) {
            return Ok(Resolved::Component(component_digest(*digest)));
        }
        let version = match lookup.version.map(str::parse) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(_)) => return Ok(no_component(lookup)),
        };
        let row = store.find_component(TenantId(tenant), lookup.name, version)?;
        Ok(match row {
            Some(row) => Resolved::Component(component_digest(row.digest)),
            None => no_component(lookup),
        })
    }

    /// Finds the component that stands for an integration in a revision: the one that was
    /// bound to it at the deployment, else the one that is bound to it now.
    pub(crate) fn bound(
        &self,
        store: &Store,
        pins: &BTreeMap<String, Digest>,
        tenant: i64,
        service: &str,
        action: &str,
    ) -> Result<Resolved, StoreError> {
        if let Some(digest) = pins.get(&integration_pin(service, action)) {
            return Ok(Resolved::Component(component_digest(*digest)));
        }
        let Some(binding) = store.find_binding(TenantId(tenant), service, action)? else {
            let cause = format!(
                "no component is bound to {service}:{action}; bind one with `stepwell bind \
                 {service}:{action} COMPONENT`"
            );
            return Ok(Resolved::Missing(Failure::new("Stepwell.NotBound", cause)));
        };
        let row = store.find_component(TenantId(tenant), &binding.component, binding.version)?;
        Ok(match row {
            Some(row) => Resolved::Component(component_digest(row.digest)),
            None => no_component(ComponentLookup {
                name: &binding.component,
                version: None,
            }),
        })
    }
}

/// Name of an integration in the pins of a revision. No component has such a name, since
/// theirs have no colons.
pub(crate) fn integration_pin(service: &str, action: &str) -> String {
    format!("{service}:{action}")
}

fn no_component(lookup: ComponentLookup<'_>) -> Resolved {
    let cause = format!(
        "there is no component {}; push it with `stepwell component push {} FILE`",
        lookup.pin(),
        lookup.name
    );
    Resolved::Missing(Failure::new("Stepwell.ComponentNotFound", cause))
}

pub(crate) fn component_digest(digest: Digest) -> ComponentDigest {
    ComponentDigest::from_bytes(digest.0)
}

fn missing(kind: &str, id: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        what: format!("the {kind} {id} is missing"),
    }
}

fn read(store: &Store, machine: MachineId, number: i64) -> Result<Revision, StoreError> {
    let row = store
        .load_revision(machine, number)?
        .ok_or_else(|| missing("revision", machine))?;
    let named = store
        .load_state_machine(machine)?
        .ok_or_else(|| missing("machine", machine))?;
    let format = format_of(&row.format);
    let (definition, _warnings) = parse(&row.definition, format).map_err(|problems| {
        let first = problems
            .first()
            .map(|problem| problem.message.clone())
            .unwrap_or_default();
        StoreError::Corrupt {
            what: format!(
                "revision {number} of {} can no longer be read: {first}",
                named.name
            ),
        }
    })?;
    let machine_type = ExecutionType::from_word(&named.machine_type)
        .ok_or_else(|| missing("type of machine", machine))?;
    Ok(Revision {
        machine,
        machine_type,
        number,
        name: named.name.into(),
        role_arn: row.role_arn.unwrap_or_default().into(),
        logging: logging_of(&row.settings),
        waits_for_executions: waits_for_executions(&definition),
        waits_for_workers: waits_for_workers(&definition),
        asks_people: asks_people(&definition),
        definition: Arc::new(definition),
        pins: row.pins,
        pace: Pace::default(),
    })
}

fn logging_of(settings: &RevisionSettings) -> Option<Arc<Logging>> {
    let configuration = MachineSettings::read(settings).logging?;
    Logging::of(&configuration).map(Arc::new)
}

/// The words for a format in the database.
pub(crate) fn format_word(format: Option<Format>) -> &'static str {
    match format {
        Some(Format::Json) => "json",
        Some(Format::Yaml) => "yaml",
        None => "auto",
    }
}

fn format_of(word: &str) -> Option<Format> {
    match word {
        "json" => Some(Format::Json),
        "yaml" => Some(Format::Yaml),
        _ => None,
    }
}
