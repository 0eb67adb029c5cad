//! Definitions against what a tenant has: components, bindings.

pub(super) mod grants;

use std::collections::BTreeMap;

use stepwell_states::{
    Diagnostic, Format, ResourceKind, Severity, State, StateKind, StateMachine, Task,
    function_reference, parse,
};
use stepwell_store::{ComponentRow, Digest, Store, StoreError, TenantId};

use crate::definitions::{ComponentLookup, integration_pin};
use crate::error::EngineError;
use crate::handle::DEFINITION_MAX_BYTES;
use crate::outbound::Outbound;

pub(super) fn check_size(definition: &str) -> Result<(), EngineError> {
    let bytes = definition.len();
    if bytes > DEFINITION_MAX_BYTES {
        let max_bytes = DEFINITION_MAX_BYTES;
        return Err(EngineError::TooLarge {
            field: "definition",
            bytes,
            max_bytes,
        });
    }
    Ok(())
}

/// A definition without errors of its own, and the components that it would run now.
pub(super) struct Checked {
    pub(super) definition: StateMachine,
    /// Warnings; and errors for components that are missing.
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) pins: BTreeMap<String, Digest>,
}

/// Whether the parser says of a task that something has to be bound to its integration.
pub(super) fn is_unbound(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == "INTEGRATION_NEEDS_BINDING"
}

pub(super) fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}

pub(super) fn check(
    store: &Store,
    outbound: &Outbound,
    tenant: TenantId,
    text: &str,
    format: Option<Format>,
) -> Result<Result<Checked, Vec<Diagnostic>>, StoreError> {
    let (definition, mut diagnostics) = match parse(text, format) {
        Ok(parsed) => parsed,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut pins = BTreeMap::new();
    let mut allowed = None;
    for (reference, state) in definition.states() {
        let StateKind::Task(task) = &state.kind else {
            continue;
        };
        if !task.grants.http.is_empty() {
            // Read once, and only for definitions that send anything.
            let allowed = match &mut allowed {
                Some(allowed) => allowed,
                none => none.insert(outbound.of_tenant(tenant.0)?),
            };
            grants::check_policy(state, task, allowed, &mut diagnostics);
        }
        let named = named(store, tenant, (state, task), &mut diagnostics)?;
        let Some(Named {
            pin,
            name,
            version,
            severity,
        }) = named
        else {
            continue;
        };
        let lookup = ComponentLookup {
            name: &name,
            version: version.as_deref(),
        };
        match find(store, tenant, lookup)? {
            Some(row) => {
                pins.insert(pin, row.digest);
                grants::check_imports(state, task, &name, &row.imports, &mut diagnostics);
            }
            None => diagnostics.push(missing(&definition, reference, lookup, severity)),
        }
    }
    Ok(Ok(Checked {
        definition,
        diagnostics,
        pins,
    }))
}

/// A component that a task runs, as far as the definition and the bindings tell.
struct Named {
    /// Name in the pins of the revision.
    pin: String,
    name: String,
    version: Option<String>,
    /// How bad it is if there is none.
    severity: Severity,
}

/// Finds out which component a task runs; where it stands for an integration, the parser's
/// warning that nothing does is taken back.
fn named(
    store: &Store,
    tenant: TenantId,
    (state, task): (&State, &Task),
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Option<Named>, StoreError> {
    let ResourceKind::Integration { service, action } = &task.resource.kind else {
        return Ok(component_of(task, state).map(|(lookup, severity)| Named {
            pin: lookup.pin(),
            name: lookup.name.to_owned(),
            version: lookup.version.map(str::to_owned),
            severity,
        }));
    };
    let Some(binding) = store.find_binding(tenant, service, action)? else {
        return Ok(None);
    };
    let place = state.place.pointer.to_string();
    let field = format!("{place}/Resource");
    diagnostics
        .retain(|found| !is_unbound(found) || (found.pointer != place && found.pointer != field));
    Ok(Some(Named {
        pin: integration_pin(service, action),
        name: binding.component,
        version: binding.version.map(|version| version.to_string()),
        severity: Severity::Error,
    }))
}

fn find(
    store: &Store,
    tenant: TenantId,
    lookup: ComponentLookup<'_>,
) -> Result<Option<ComponentRow>, StoreError> {
    let version = match lookup.version.map(str::parse::<u32>) {
        None => None,
        Some(Ok(version)) => Some(version),
        Some(Err(_)) => return Ok(None),
    };
    store.find_component(tenant, lookup.name, version)
}

/// The component that a task names in the definition itself, and how bad it is if there is
/// none: a function's name among parameters is an ordinary value, which may name something
/// that comes later.
fn component_of<'a>(task: &'a Task, state: &'a State) -> Option<(ComponentLookup<'a>, Severity)> {
    match &task.resource.kind {
        ResourceKind::Component { name, version }
        | ResourceKind::LambdaFunction { name, version } => {
            let version = version.as_deref();
            Some((ComponentLookup { name, version }, Severity::Error))
        }
        ResourceKind::LambdaInvoke => {
            let given = state.flow.fixed_argument("FunctionName")?;
            let qualifier = state.flow.fixed_argument("Qualifier");
            let (name, version) = function_reference(given, qualifier);
            Some((ComponentLookup { name, version }, Severity::Warning))
        }
        _ => None,
    }
}

fn missing(
    definition: &StateMachine,
    state: stepwell_states::StateRef,
    lookup: ComponentLookup<'_>,
    severity: Severity,
) -> Diagnostic {
    let state = definition.state(state);
    Diagnostic {
        severity,
        code: "COMPONENT_MISSING".to_owned(),
        message: format!("the tenant has no component {}", lookup.pin()),
        pointer: state.place.pointer.to_string(),
        location: state.place.location.to_string(),
        line: state.place.line,
        column: state.place.column,
        hint: Some(format!(
            "push it first: stepwell component push {} FILE",
            lookup.name
        )),
    }
}
