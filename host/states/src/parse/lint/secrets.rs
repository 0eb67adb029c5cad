//! Secrets that stand in a definition for everybody to read.

use super::super::node::{Node, NodeKind};
use super::super::report::{Place, Report};
use crate::diagnostic::Severity;

/// Endings of field names whose values are secret, without case, `_` and `-`.
const SECRET_NAMES: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accesstoken",
    "authtoken",
];

/// Goes through a definition and warns of texts that look like secrets.
pub(super) fn check(node: &Node, place: &Place, report: &mut Report) {
    match &node.kind {
        NodeKind::Object(fields) => {
            for (name, field) in fields {
                let place = place.field(name, &field.value);
                let text = field.value.as_str();
                if text.is_some_and(|text| has_secret_name(name) && is_plain(text)) {
                    warn(&place, report);
                } else {
                    check(&field.value, &place, report);
                }
            }
        }
        NodeKind::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                check(element, &place.element(index, element), report);
            }
        }
        NodeKind::String(text) if looks_secret(text) => warn(place, report),
        _ => {}
    }
}

fn warn(place: &Place, report: &mut Report) {
    report.add(
        Severity::Warning,
        "SECRET_IN_PLAIN_TEXT",
        place,
        "This looks like a secret in plain text".to_owned(),
        Some("store it as a secret and grant it to the state".to_owned()),
    );
}

fn has_secret_name(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .collect::<String>()
        .to_lowercase();
    SECRET_NAMES.iter().any(|secret| name.ends_with(secret))
}

/// A text that is a value, and no path, expression, placeholder or ARN of a secret.
fn is_plain(text: &str) -> bool {
    let is_reference = ["$", "{%", "States.", "arn:", "{{", "<"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    !text.is_empty() && !is_reference
}

/// Forms that only secrets have: private keys and the access keys of AWS.
fn looks_secret(text: &str) -> bool {
    let is_access_key = text.len() == 20
        && (text.starts_with("AKIA") || text.starts_with("ASIA"))
        && text
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    is_access_key || (text.starts_with("-----BEGIN") && text.contains("PRIVATE KEY"))
}
