//! Secrets that stand in a definition for everybody to read.
//!
//! Known by their form (key ids, private keys, tokens of well-known services) or by the
//! name of their field. A name alone says nothing: what is looked up is no secret.

use std::sync::LazyLock;

use regex::Regex;

use super::super::node::{Node, NodeKind};
use super::super::report::{Place, Report};
use crate::diagnostic::Severity;

/// Endings of field names whose values are secret, without case, `_` and `-`.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accesstoken",
    "authtoken",
    "bearertoken",
    "connectionstring",
];

/// Forms that only secrets have, wherever they stand in a text.
static SECRET_FORMS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        // Ids of access keys; the secret half has no form of its own.
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        // `Authorization` headers with a literal token or password.
        r"\bBearer [A-Za-z0-9._~+/-]{16,}=*",
        r"\bBasic [A-Za-z0-9+/]{16,}={0,2}$",
        // JSON web tokens.
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        // Tokens that services mark as such.
        r"\bgh[pousr]_[A-Za-z0-9]{36,}",
        r"\bgithub_pat_[A-Za-z0-9_]{22,}",
        r"\bglpat-[A-Za-z0-9_-]{20,}",
        r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
        r"\bsk_live_[A-Za-z0-9]{16,}",
        r"\bAIza[A-Za-z0-9_-]{35}\b",
        // A password in a URL.
        r"\b[a-z][a-z0-9+.-]*://[^/\s:@{}<>$]+:[^/\s:@{}<>$]+@",
    ];
    Regex::new(&forms.join("|")).ok()
});

/// Goes through a definition and warns of texts that look like secrets.
pub(super) fn check(node: &Node, place: &Place, report: &mut Report) {
    match &node.kind {
        NodeKind::Object(fields) => {
            for (name, field) in fields {
                let place = place.field(name, &field.value);
                let text = field.value.as_str();
                if text.is_some_and(|text| is_literal(text) && has_secret_name(name)) {
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
        NodeKind::String(text) if has_secret_form(text) => warn(place, report),
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
fn is_literal(text: &str) -> bool {
    let is_reference = ["$", "{%", "States.", "arn:", "{{", "<", "secret:"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    let is_masked = text.chars().all(|c| matches!(c, '*' | 'x' | 'X' | '.'));
    !text.is_empty() && !is_reference && !is_masked
}

fn has_secret_form(text: &str) -> bool {
    SECRET_FORMS
        .as_ref()
        .is_some_and(|forms| forms.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_form() {
        assert!(SECRET_FORMS.is_some());
        for secret in [
            "AKIAIOSFODNN7EXAMPLE",
            "key=ASIAIOSFODNN7EXAMPLE;",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
            "Bearer abcdefghijklmnop0123",
            "{% 'Bearer abcdefghijklmnop0123' %}",
            "Basic dXNlcjpodW50ZXIyIQ==",
            "postgres://app:hunter2@db.example/orders",
            "xoxb-1234567890-abcdef",
        ] {
            assert!(has_secret_form(secret), "{secret}");
        }
        for harmless in [
            "AKIA",
            "the Bearer of bad news",
            "{% 'Bearer ' & $token %}",
            "Basic plan",
            "https://example.com:8443/a@b",
            "https://{user}:{password}@example.com/",
            "-----BEGIN PUBLIC KEY-----",
            "sha256:0123456789abcdef0123456789abcdef",
        ] {
            assert!(!has_secret_form(harmless), "{harmless}");
        }
    }

    #[test]
    fn secrets_are_known_by_the_name_of_their_field() {
        for name in [
            "password",
            "DB_PASSWORD",
            "MasterUserPassword",
            "x-api-key",
            "clientSecret",
        ] {
            assert!(has_secret_name(name), "{name}");
        }
        for name in [
            "SecretId",
            "passwordField",
            "NextToken",
            "ClientRequestToken",
            "key",
        ] {
            assert!(!has_secret_name(name), "{name}");
        }
        for reference in ["$.p", "{% $p %}", "${DbPassword}", "arn:aws:x", "****", ""] {
            assert!(!is_literal(reference), "{reference}");
        }
        assert!(is_literal("hunter2"));
    }
}
