//! Definitions as the door takes and gives them: JSON in the States Language.

use stepwell_states::aws::{self, Diagnostic};
use stepwell_states::{ExecutionType, Severity};
use stepwell_store::TenantId;

use super::fault::{ApiError, ApiFault, fault_of, fault_of_storing};
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::Caller;

/// Definitions are JSON texts of up to this many characters.
const DEFINITION_MAX_CHARS: usize = 1_048_576;

/// Lists what AWS would say about a definition. What the tenant has bound a component to is
/// known besides what AWS has.
pub(super) async fn diagnose(
    engine: &EngineHandle,
    caller: &Caller,
    definition: &str,
    kind: ExecutionType,
) -> Result<Vec<Diagnostic>, ApiError> {
    let (text, tenant) = (definition.to_owned(), TenantId(caller.tenant.id));
    let found = engine.read(move |store| {
        let trouble = std::cell::RefCell::new(None);
        let is_bound = |service: &str, action: &str| {
            let found = store.find_binding(tenant, service, action);
            found.map_or_else(
                |error| {
                    trouble.replace(Some(error));
                    false
                },
                |binding| binding.is_some(),
            )
        };
        let diagnostics = aws::diagnose_with(&text, kind, &is_bound);
        match trouble.into_inner() {
            Some(error) => Err(error),
            None => Ok(diagnostics),
        }
    });
    found.await.map_err(|error| fault_of(error, ""))
}

/// Expects that AWS would take a definition.
pub(super) async fn require_valid(
    engine: &EngineHandle,
    caller: &Caller,
    definition: &str,
    kind: ExecutionType,
) -> Result<(), ApiError> {
    if definition.is_empty() || definition.len() > DEFINITION_MAX_CHARS {
        let rule = match definition.len() {
            0 => "Member must have length greater than or equal to 1".to_owned(),
            _ => format!("Member must have length less than or equal to {DEFINITION_MAX_CHARS}"),
        };
        // The text itself would make the answer as long as the request.
        let shown = if definition.is_empty() { "''" } else { "'...'" };
        return Err(ApiFault::constraint(shown, "definition", &rule).into());
    }
    let diagnostics = diagnose(engine, caller, definition, kind).await?;
    match aws::invalid_definition(definition, &diagnostics) {
        None => Ok(()),
        Some(message) => Err(ApiFault::new("InvalidDefinition", message).into()),
    }
}

/// Says that Stepwell refuses a definition that AWS would take, in AWS's form. `limit` is the
/// operation's error for one that there is no room for.
pub(super) fn refused(
    error: EngineError,
    named: &str,
    definition: &str,
    limit: &'static str,
) -> ApiError {
    let EngineError::InvalidDefinition(found) = error else {
        return fault_of_storing(error, named, limit);
    };
    let told: Vec<Diagnostic> = found
        .into_iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| Diagnostic {
            severity: found.severity,
            code: found.code,
            message: found.message,
            location: Some(found.location).filter(|place| !place.is_empty()),
        })
        .collect();
    let message = aws::invalid_definition(definition, &told).unwrap_or_default();
    ApiFault::new("InvalidDefinition", message).into()
}

/// Reads the type of a machine; without one, AWS's default.
pub(super) fn kind_of(word: Option<&str>) -> ExecutionType {
    word.and_then(ExecutionType::from_word).unwrap_or_default()
}
