//! Approvals that bind an execution and that its own history does not tell of: those of
//! executions around it, and of children of its Map Runs.

use std::sync::Arc;

use stepwell_decider::{
    ApprovedElsewhere, EventKind, EventNumber, Execution, ExecutionStarted, Given, covers,
};
use stepwell_states::StateMachine;
use stepwell_store::{ExecutionKey, ExecutionRow, Store, StoreError};

use crate::approvals::Details;
use crate::definitions::{Definitions, Revision};
use crate::model::Tenant;
use crate::shard::approvals::{components_of, executions_around};

/// Finds what stands against changing what an execution is given or runs, where it would go on
/// with the revision `next`.
pub(crate) fn approved_elsewhere(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    (row, execution): (&ExecutionRow, &Execution),
    next: Option<&Revision>,
) -> Result<ApprovedElsewhere, StoreError> {
    let mut found = ApprovedElsewhere {
        around: given_around(store, definitions, tenant, execution)?,
        below: given_below(store, row.key)?,
        ..ApprovedElsewhere::default()
    };
    if let Some(next) = next {
        let so_far = definitions.revision(store, row.machine, row.revision)?;
        let components = |revision: &Revision| {
            let states = revision.definition.states().map(|(state, _)| state);
            components_of(store, definitions, tenant, revision, states)
        };
        found.components_before = components(&so_far)?;
        found.components_after = components(next)?;
    }
    Ok(found)
}

/// Finds an approval of an execution around one which covers the task or Map that started it.
fn given_around(
    store: &Store,
    definitions: &Definitions,
    tenant: &Tenant,
    execution: &Execution,
) -> Result<Option<Given>, StoreError> {
    for around in executions_around(store, definitions, tenant, execution)? {
        let (row, inner) = (&around.row, &around.inner);
        let given = around.execution.approvals_given();
        if given.is_empty() {
            continue;
        }
        let revision = definitions.revision(store, row.machine, row.revision)?;
        let starting = starting_state(store, &revision.definition, row.key, inner)?;
        let given = given.iter().find(|given| {
            given.at <= around.inner_started_at
                && covers(&revision.definition, &given.state, starting.as_deref())
        });
        if let Some(given) = given {
            return Ok(Some(given.clone()));
        }
    }
    Ok(None)
}

/// The state of an execution that started another one, if that is known.
fn starting_state(
    store: &Store,
    definition: &StateMachine,
    key: ExecutionKey,
    inner: &ExecutionStarted,
) -> Result<Option<Arc<str>>, StoreError> {
    if inner.map_child.is_some() {
        let map = definition
            .scopes()
            .find(|(scope, _)| *scope == inner.scope)
            .and_then(|(_, scope)| scope.parent);
        return Ok(map.map(|map| Arc::clone(&definition.state(map).name)));
    }
    let Some(link) = inner.parent.as_ref().filter(|link| link.execution == key.0) else {
        return Ok(None);
    };
    let before = EventNumber(link.scheduled.0.saturating_sub(1));
    let found = store.events_after(key, before, 1)?;
    Ok(found.events.into_iter().find_map(|event| match event.kind {
        EventKind::TaskScheduled(order) => Some(Arc::clone(&order.state_name)),
        _ => None,
    }))
}

/// Approvals that were given in children of an execution's Map Runs, one of each state.
fn given_below(store: &Store, key: ExecutionKey) -> Result<Vec<Given>, StoreError> {
    let rows = store.approvals_given_below(key)?;
    let given = rows.iter().map(|row| {
        let details: Details =
            serde_json::from_str(&row.details).map_err(|error| StoreError::Corrupt {
                what: format!("the approval {} cannot be read: {error}", row.id),
            })?;
        let at = row.closed_at.unwrap_or(row.requested_at);
        let content = &details.requested.content;
        Ok(Given::below(&row.id, &row.state, at, content))
    });
    given.collect()
}
