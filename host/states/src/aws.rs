//! What Step Functions says about a definition, in its own words.
//!
//! [`parse`](crate::parse()) gives Stepwell's diagnostics: all problems, with line, column
//! and advice. An answer of the AWS protocol has to say what AWS says, and nothing else:
//! its codes, texts and places, in its order. Both come from one validator; what differs
//! is decided here.
//!
//! - The text is JSON in the States Language.
//! - While fields are wrong (`SCHEMA_VALIDATION_FAILED` and the like), the graph is not
//!   looked at. Then come duplicate names, transitions to nowhere, and either a missing
//!   end or states that no transition names.
//! - Stepwell's own lints are left out; its own resources (`task:…`) are let through.

mod integrations;
mod syntax;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::definition::ExecutionType;
use crate::diagnostic::Severity;
use crate::express;
use crate::parse;
use crate::parse::report::{Finding, SCHEMA};
use crate::rules;

pub(crate) use integrations::is_known;
pub use syntax::syntax_problem;

/// A problem as `ValidateStateMachineDefinition` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// `ERROR` if the definition is refused.
    pub severity: Severity,
    /// Name of the rule.
    pub code: String,
    /// What is wrong, without the place.
    pub message: String,
    /// Where, as in `/States/A/Catch[0]`; the root is `/`. Some problems have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// Codes of what is looked at only if all fields are right.
const GRAPH_CODES: [&str; 3] = [
    "DUPLICATE_STATE_NAME",
    "MISSING_TRANSITION_TARGET",
    "MISSING_END_STATE",
];

/// Lists what Step Functions says about a definition for a state machine of a kind.
pub fn diagnose(definition: &str, kind: ExecutionType) -> Vec<Diagnostic> {
    diagnose_with(definition, kind, &|_service, _action| false)
}

/// The same where more integrations are known than those of Step Functions: `is_known` is
/// asked for the service and the action of the others.
pub fn diagnose_with(
    definition: &str,
    kind: ExecutionType,
    is_known: &dyn Fn(&str, &str) -> bool,
) -> Vec<Diagnostic> {
    if let Some((message, position)) = syntax::problem(definition) {
        return vec![Diagnostic {
            severity: Severity::Error,
            code: "INVALID_JSON_DESCRIPTION".to_owned(),
            message,
            location: Some(format!(
                "[Source: UNKNOWN; line: {}, column: {}]",
                position.line, position.column
            )),
        }];
    }
    let (machine, findings) = parse::findings(definition);
    let (graph, mut found): (Vec<Diagnostic>, Vec<Diagnostic>) = findings
        .into_iter()
        .filter(|finding| {
            let integration = finding.integration.as_ref();
            !integration.is_some_and(|(service, action)| is_known(service, action))
        })
        .filter_map(translate)
        .partition(|diagnostic| GRAPH_CODES.contains(&diagnostic.code.as_str()));
    if let Some(machine) = &machine {
        let refusals = express::refusals(machine, kind).into_iter();
        found.extend(refusals.map(|refusal| Diagnostic {
            severity: Severity::Error,
            code: SCHEMA.to_owned(),
            location: Some(format!(
                "{}/{}",
                refusal.state.place.location, refusal.field
            )),
            message: refusal.message,
        }));
    }
    if !found.iter().any(is_error) {
        // Warnings come last, as does whatever nobody has to mind.
        let order = |diagnostic: &Diagnostic| diagnostic.code != "DUPLICATE_STATE_NAME";
        let mut graph = graph;
        graph.sort_by_key(order);
        graph.append(&mut found);
        found = graph;
    }
    found
}

/// Returns the message of the exception `InvalidDefinition`; nothing if no diagnostic is
/// an error.
pub fn invalid_definition(definition: &str, diagnostics: &[Diagnostic]) -> Option<String> {
    let label = diagnostics
        .iter()
        .find(|diagnostic| diagnostic.code == "INVALID_LABEL_NAME");
    if let Some(label) = label {
        // Labels are told in a form of their own, with the whole definition.
        return Some(format!(
            "Error=ValueError Args=['{}'] in definition '{definition}'.",
            label.message
        ));
    }
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|diagnostic| is_error(diagnostic))
        .map(|diagnostic| {
            let location = diagnostic.location.as_deref().unwrap_or("null");
            format!("{}: {} at {location}", diagnostic.code, diagnostic.message)
        })
        .collect();
    if errors.is_empty() {
        return None;
    }
    Some(format!(
        "Invalid State Machine Definition: '{}'",
        errors.join(", ")
    ))
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}

/// Returns a finding as Step Functions has it; nothing if it has no such rule.
fn translate(finding: Finding) -> Option<Diagnostic> {
    let found = finding.diagnostic;
    if !rules::rule(&found.code)?.is_aws {
        return None;
    }
    let location = match found.code.as_str() {
        "MISSING_END_STATE" => None,
        _ if found.location.is_empty() => Some("/".to_owned()),
        _ => Some(found.location),
    };
    Some(Diagnostic {
        severity: found.severity,
        code: found.code,
        message: found.message,
        location,
    })
}
