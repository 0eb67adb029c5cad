//! The arguments of an approval, as far as they are known before it asks.

use super::fields::Object;
use super::node::NodeKind;
use super::report::{Place, Report};
use crate::approval::{Language, Reader};
use crate::definition::{QueryLanguage, Resource, ResourceKind};
use crate::diagnostic::Severity;

/// The code of everything that is wrong with an approval.
const CODE: &str = "INVALID_APPROVAL";

/// Reports what is wrong with a Task that is an approval.
pub(super) fn check(
    task: &Object<'_>,
    resource: &Resource,
    language: QueryLanguage,
    report: &mut Report,
) {
    if resource.kind != ResourceKind::Approval {
        return;
    }
    let refuse = |report: &mut Report, place: &Place, message: String, hint: &str| {
        let hint = Some(hint.to_owned());
        report.add(Severity::Error, CODE, place, message, hint);
    };
    for name in ["HeartbeatSeconds", "HeartbeatSecondsPath"] {
        if let Some((_, place)) = task.get(name) {
            let message = format!("'{name}' is not for approvals: people have no heartbeat here");
            let hint = "remove it; 'DeadlineSeconds' among the arguments ends an approval";
            refuse(report, &place, message, hint);
        }
    }
    let (field, language) = match language {
        QueryLanguage::JsonPath => ("Parameters", Language::JsonPath),
        QueryLanguage::Jsonata => ("Arguments", Language::Jsonata),
    };
    let Some((node, place)) = task.get(field) else {
        return;
    };
    let mut reader = Reader::new(language);
    reader.terms(&node.to_value());
    for problem in reader.problems {
        let (mut at, mut node) = (place.clone(), node);
        for part in problem.pointer.split('/').skip(1) {
            let below = match &node.kind {
                NodeKind::Object(fields) => fields
                    .get(part)
                    .map(|field| (at.field(part, &field.value), &field.value)),
                NodeKind::Array(elements) => part.parse().ok().and_then(|index: usize| {
                    let element = elements.get(index)?;
                    Some((at.element(index, element), element))
                }),
                _ => None,
            };
            let Some(below) = below else { break };
            (at, node) = below;
        }
        refuse(
            report,
            &at,
            problem_text(&problem.pointer, &problem.message),
            problem.hint,
        );
    }
}

/// Names the field, and says what is wrong with it.
fn problem_text(pointer: &str, message: &str) -> String {
    let field = pointer.trim_start_matches('/').replace('/', ".");
    match field.as_str() {
        "" => format!("The arguments of the approval: {message}"),
        field => format!("'{field}' {message}"),
    }
}
