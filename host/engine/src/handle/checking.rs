//! Definitions against what a tenant has: components, bindings.

use std::collections::BTreeMap;

use stepwell_states::{
    Diagnostic, Format, ResourceKind, Severity, State, StateKind, StateMachine, Task,
    function_reference, parse,
};
use stepwell_store::{Digest, Store, StoreError, TenantId};

use crate::definitions::{ComponentLookup, integration_pin};
use crate::error::EngineError;
use crate::handle::DEFINITION_MAX_BYTES;

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
    tenant: TenantId,
    text: &str,
    format: Option<Format>,
) -> Result<Result<Checked, Vec<Diagnostic>>, StoreError> {
    let (definition, mut diagnostics) = match parse(text, format) {
        Ok(parsed) => parsed,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut pins = BTreeMap::new();
    for (reference, state) in definition.states() {
        let StateKind::Task(task) = &state.kind else {
            continue;
        };
        if let ResourceKind::Integration { service, action } = &task.resource.kind {
            let bound = store.find_binding(tenant, service, action)?;
            if let Some(binding) = &bound {
                let place = state.place.pointer.to_string();
                let field = format!("{place}/Resource");
                diagnostics.retain(|found| {
                    !is_unbound(found) || (found.pointer != place && found.pointer != field)
                });
                let version = binding.version.map(|version| version.to_string());
                let lookup = ComponentLookup {
                    name: &binding.component,
                    version: version.as_deref(),
                };
                match find(store, tenant, lookup)? {
                    Some(digest) => {
                        pins.insert(integration_pin(service, action), digest);
                    }
                    None => {
                        let problem = missing(&definition, reference, lookup, Severity::Error);
                        diagnostics.push(problem);
                    }
                }
            }
            continue;
        }
        let Some((lookup, severity)) = component_of(task, state) else {
            continue;
        };
        match find(store, tenant, lookup)? {
            Some(digest) => {
                pins.insert(lookup.pin(), digest);
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

fn find(
    store: &Store,
    tenant: TenantId,
    lookup: ComponentLookup<'_>,
) -> Result<Option<Digest>, StoreError> {
    let version = match lookup.version.map(str::parse::<u32>) {
        None => None,
        Some(Ok(version)) => Some(version),
        Some(Err(_)) => return Ok(None),
    };
    let found = store.find_component(tenant, lookup.name, version)?;
    Ok(found.map(|row| row.digest))
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
