//! Asks people: looks up what the decider cannot see, and tells executions whose approvals
//! newer ones have made void.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use stepwell_decider::{
    ApprovalFacts, ApprovalInput, EventKind, EventNumber, Execution, ExecutionStarted, Failure,
    Input, NextComponent, PendingWork, UNKNOWN, people_behind, tasks_after,
};
use stepwell_sandbox::CancelToken;
use stepwell_states::{ResourceKind, State, StateKind, StateRef, Timestamp, function_reference};
use stepwell_store::{
    ApprovalRow, AuditEntry, ExecutionKey, ExecutionRow, MachineId, MapRunKey, Store, StoreError,
    TenantId,
};

use crate::approvals::Note;
use crate::audit::chain_of;
use crate::definitions::{ComponentLookup, Definitions, Resolved, Revision};
use crate::model::Tenant;
use crate::names;
use crate::shard::hot::Waiting;
use crate::shard::load::load_execution;
use crate::shard::{Message, Shard, Shared};

/// Executions around one that are looked at: who answers for any of them answers for it.
const AROUND_MAX: usize = 32;
/// Void approvals that are read at a time.
const TOLD_AT_ONCE: usize = 256;

impl Shard {
    /// Asks people, or goes on asking after a crash.
    pub(super) fn ask_approval(&mut self, key: ExecutionKey, work: &PendingWork) {
        let shared = Arc::clone(&self.shared);
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        if hot.volatile {
            let cause = "an express execution is kept in memory alone, and cannot wait for people: \
                         make it STANDARD";
            let failure = Failure::new("Stepwell.NotSupported", cause);
            return self.report(key, work, Err(failure));
        }
        let (store, definitions) = (&shared.store, &*shared.definitions);
        let state = work.order.state;
        let facts = facts(
            store,
            definitions,
            &hot.tenant,
            &hot.revision,
            &hot.execution,
            state,
        );
        match facts {
            Ok(facts) => {
                let input = Input::Approval(ApprovalInput::Asked {
                    scheduled: work.scheduled,
                    facts,
                });
                hot.queue.push_back(Waiting::unattended(input));
            }
            Err(error) => {
                tracing::warn!(execution = key.0, %error, "an approval cannot be asked for yet");
                let scheduled = work.scheduled;
                hot.in_flight.insert(scheduled, CancelToken::new());
                self.postpone(Message::Retry { key, scheduled });
            }
        }
    }
}

impl Shard {
    /// What the audit log is told of approvals that nobody decided.
    pub(super) fn entries_of(&self, key: ExecutionKey, notes: &[Note]) -> Vec<AuditEntry> {
        let Some(hot) = self.hot.get(&key).filter(|_| !notes.is_empty()) else {
            return Vec::new();
        };
        let arn = hot
            .execution
            .started()
            .map(|started| &started.execution_arn);
        let entry = |note: &Note| {
            self.shared.audit.host_entry_in(
                chain_of(&hot.tenant),
                note.action,
                arn.map(ToString::to_string).unwrap_or_default(),
                Some(note.details.clone()),
            )
        };
        notes.iter().map(entry).collect()
    }
}

/// Tells executions that newer ones have reached their approvals. Which these are stands in
/// the database, so that nothing is forgotten by a crash.
pub(crate) fn tell_superseded(shared: &Shared) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let rows = shared.store.superseded_approvals(after, TOLD_AT_ONCE)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.place;
        for row in rows {
            tell_of_newer(shared, &row)?;
        }
    }
}

fn tell_of_newer(shared: &Shared, row: &ApprovalRow) -> Result<(), StoreError> {
    let Some(newer) = row.superseded_by else {
        return Ok(());
    };
    let Some(newer) = started_of(&shared.store, newer)? else {
        return Ok(());
    };
    let input = Input::Approval(ApprovalInput::Superseded {
        scheduled: row.scheduled,
        by: Arc::clone(&newer.execution_arn),
    });
    shared.shards.of(row.execution).send(Message::Input {
        key: row.execution,
        input,
        told_child: None,
        asked: None,
    });
    Ok(())
}

/// What an approval is asked with, as of now.
pub(crate) fn facts(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    revision: &Revision,
    execution: &Execution,
    state: StateRef,
) -> Result<ApprovalFacts, StoreError> {
    let of = (revision.machine, revision.number);
    let mut answerable = deployers(store, definitions, tenant, of, execution)?;
    answerable.extend(answerable_around(store, definitions, tenant, execution)?);
    if let Some(started) = execution.started()
        && started.people().is_none()
    {
        answerable.extend(people_by_search(store, definitions, tenant, started)?);
    }
    Ok(ApprovalFacts {
        answerable,
        components: components_of(
            store,
            definitions,
            tenant,
            revision,
            tasks_after(&revision.definition, state),
        )?,
    })
}

/// Components of some states of a revision, as they would be run now.
pub(crate) fn components_of(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    revision: &Revision,
    states: impl IntoIterator<Item = StateRef>,
) -> Result<Vec<NextComponent>, StoreError> {
    let mut components = Vec::new();
    for state in states {
        let named = revision.definition.state(state);
        let found = component_of(store, definitions, tenant, revision, named)?;
        if let Some(found) = found {
            let digest = match found {
                Resolved::Component(digest) => Some(digest.to_string().into()),
                Resolved::Missing(_) => None,
            };
            components.push((state, digest));
        }
    }
    Ok(components)
}

/// The component that a state would run; none if it runs none, or one that only its input
/// names.
fn component_of(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    revision: &Revision,
    state: &State,
) -> Result<Option<Resolved>, StoreError> {
    let StateKind::Task(task) = &state.kind else {
        return Ok(None);
    };
    let find = |name: &str, version: Option<&str>| {
        let lookup = ComponentLookup { name, version };
        let found = definitions.component(store, &revision.pins, tenant.id, lookup);
        found.map(Some)
    };
    match &task.resource.kind {
        ResourceKind::Component { name, version }
        | ResourceKind::LambdaFunction { name, version } => find(name, version.as_deref()),
        ResourceKind::LambdaInvoke => {
            let Some(given) = state.flow.fixed_argument("FunctionName") else {
                return Ok(None);
            };
            let (name, version) = function_reference(given, state.flow.fixed_argument("Qualifier"));
            find(name, version)
        }
        ResourceKind::Integration { service, action } => {
            let found = definitions.bound(store, &revision.pins, tenant.id, service, action);
            found.map(Some)
        }
        ResourceKind::Activity { .. }
        | ResourceKind::StartExecution
        | ResourceKind::HttpInvoke
        | ResourceKind::Approval
        | ResourceKind::Event { .. }
        | ResourceKind::StepwellSdk { .. } => Ok(None),
    }
}

/// Who answers for the executions that this one is part of: a person who starts, redrives or
/// intervenes in an execution that starts this one answers for both, and so does who deployed
/// what it ran.
fn answerable_around(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    execution: &Execution,
) -> Result<Vec<Arc<str>>, StoreError> {
    let mut found = Vec::new();
    for around in executions_around(store, definitions, tenant, execution)? {
        let (row, execution) = (&around.row, &around.execution);
        found.extend(execution.answerable().cloned());
        found.extend(
            execution
                .people()
                .iter()
                .flat_map(|people| people.iter().cloned()),
        );
        let of = (row.machine, row.revision);
        found.extend(deployers(store, definitions, tenant, of, execution)?);
    }
    Ok(found)
}

/// The people who answer for the revisions that an execution has run.
fn deployers(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    (machine, revision): (MachineId, i64),
    execution: &Execution,
) -> Result<Vec<Arc<str>>, StoreError> {
    let before = execution.revisions_before();
    let mut found = Vec::new();
    for number in before.map(u64::cast_signed).chain([revision]) {
        let Some(row) = store.load_revision(machine, number)? else {
            continue;
        };
        let Some(deployer) = row.created_by.map(Arc::<str>::from) else {
            continue;
        };
        let acting_for = row.acting_for.into_iter();
        let acting_for = acting_for
            .map(|people| people.into_iter().map(Into::into).collect())
            .next();
        match people_behind(Some(&deployer), acting_for.as_ref()) {
            Some(people) => found.extend(people.iter().cloned()),
            None => {
                let by = by_name(store, definitions, tenant, &deployer)?;
                found.extend(people_of(store, definitions, tenant, by)?);
            }
        }
        found.push(deployer);
    }
    Ok(found)
}

/// The people behind an execution of an earlier version, where they were not written down
/// with the start: those of the executions around it. [`UNKNOWN`] is among them if these do
/// not lead to a person.
fn people_by_search(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    started: &Arc<ExecutionStarted>,
) -> Result<Vec<Arc<str>>, StoreError> {
    let key = around(store, definitions, tenant, started)?;
    people_of(store, definitions, tenant, key)
}

/// The same for an execution that may be gone.
fn people_of(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    mut at: Option<ExecutionKey>,
) -> Result<Vec<Arc<str>>, StoreError> {
    for _ in 0..AROUND_MAX {
        let Some(started) = at.map(|key| started_of(store, key)).transpose()?.flatten() else {
            break;
        };
        if let Some(people) = started.people() {
            return Ok(people.to_vec());
        }
        at = around(store, definitions, tenant, &started)?;
    }
    Ok(vec![UNKNOWN.into()])
}

/// An execution that another one is part of.
pub(crate) struct Around {
    pub(crate) row: ExecutionRow,
    pub(crate) execution: Execution,
    /// The start of the one that it started or redrove.
    pub(crate) inner: Arc<ExecutionStarted>,
    pub(crate) inner_started_at: Timestamp,
}

/// The executions that an execution is part of, nearest first: the one whose task or Map Run
/// started it, those that it was redriven by, and what is around these.
pub(crate) fn executions_around(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    execution: &Execution,
) -> Result<Vec<Around>, StoreError> {
    let mut seen = BTreeSet::new();
    let mut found: Vec<Around> = Vec::new();
    let mut ahead = VecDeque::new();
    look_around(store, definitions, tenant, execution, &mut ahead)?;
    while let Some((key, inner, inner_started_at)) = ahead.pop_front() {
        if found.len() >= AROUND_MAX {
            break;
        }
        if !seen.insert(key) {
            continue;
        }
        let Some((row, execution)) = load_execution(store, key)? else {
            continue;
        };
        look_around(store, definitions, tenant, &execution, &mut ahead)?;
        found.push(Around {
            row,
            execution,
            inner,
            inner_started_at,
        });
    }
    Ok(found)
}

/// Notes the executions that started or redrove another one, or whose Map Run did.
fn look_around(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    execution: &Execution,
    ahead: &mut VecDeque<(ExecutionKey, Arc<ExecutionStarted>, Timestamp)>,
) -> Result<(), StoreError> {
    let Some(started) = execution.started() else {
        return Ok(());
    };
    let mut found = Vec::new();
    if let Some(parent) = &started.parent {
        found.push(ExecutionKey(parent.execution));
    }
    if let Some(child) = &started.map_child {
        let run = store.load_map_run(MapRunKey(child.run))?;
        found.extend(run.map(|run| run.execution));
    }
    for principal in execution.answerable() {
        found.extend(by_name(store, definitions, tenant, principal)?);
    }
    let at = execution.started_at();
    ahead.extend(found.into_iter().map(|key| (key, Arc::clone(started), at)));
    Ok(())
}

/// The execution that started another one, or whose Map Run did.
fn around(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    started: &Arc<ExecutionStarted>,
) -> Result<Option<ExecutionKey>, StoreError> {
    if let Some(parent) = &started.parent {
        return Ok(Some(ExecutionKey(parent.execution)));
    }
    if let Some(child) = &started.map_child {
        let run = store.load_map_run(MapRunKey(child.run))?;
        return Ok(run.map(|run| run.execution));
    }
    let principal = started.principal.as_deref().unwrap_or_default();
    by_name(store, definitions, tenant, principal)
}

/// The execution that a principal names.
fn by_name(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    principal: &str,
) -> Result<Option<ExecutionKey>, StoreError> {
    let Some(name) = principal
        .strip_prefix("execution:")
        .and_then(|arn| names::execution_name(tenant, arn))
    else {
        return Ok(None);
    };
    let row = match name.machine.split_once('/') {
        Some((machine, label)) => {
            crate::handle::find_map_child(store, definitions, machine, label, name.execution)?
        }
        None => {
            let tenant = TenantId(tenant.id);
            store.find_execution_by_names(tenant, name.machine, name.execution)?
        }
    };
    Ok(row
        .filter(|row| row.tenant.0 == tenant.id)
        .map(|row| row.key))
}

pub(crate) fn started_of(
    store: &Store,
    key: ExecutionKey,
) -> Result<Option<Arc<ExecutionStarted>>, StoreError> {
    let first = store.events_after(key, EventNumber(0), 1)?;
    Ok(first
        .events
        .into_iter()
        .next()
        .and_then(|event| match event.kind {
            EventKind::ExecutionStarted(started) => Some(started),
            _ => None,
        }))
}
