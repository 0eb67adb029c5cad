//! Problems of definitions as SARIF 2.1.0, which editors and code scanning read.
//!
//! One run; all rules with their explanations, so that a viewer needs no other source.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use stepwell_server::wire::{Diagnostic, Severity};
use stepwell_states::{RULES, Rule};

/// Where the format is written down.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What a path keeps when it becomes a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Returns the log of problems, each with its file.
pub(crate) fn log<'a>(found: impl Iterator<Item = (&'a str, &'a Diagnostic)>) -> Value {
    let rules: Vec<Value> = RULES.iter().map(rule).collect();
    let results: Vec<Value> = found.map(|(file, one)| result(file, one)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "stepwell",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            // Columns count characters, not UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    let severity = match rule.severity {
        stepwell_states::Severity::Error => Severity::Error,
        stepwell_states::Severity::Warning => Severity::Warning,
    };
    json!({
        "id": rule.code,
        "shortDescription": { "text": sentence(rule.summary) },
        "help": { "text": rule.help },
        "defaultConfiguration": { "level": level(severity) },
    })
}

fn result(file: &str, found: &Diagnostic) -> Value {
    let text = match &found.hint {
        Some(hint) => format!("{} Hint: {hint}.", sentence(&found.message)),
        None => sentence(&found.message),
    };
    let pointer = match found.pointer.as_str() {
        "" => "/",
        pointer => pointer,
    };
    let mut result = json!({
        "ruleId": found.code,
        "level": level(found.severity),
        "message": { "text": text },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(file) },
                "region": {
                    "startLine": found.line.max(1),
                    "startColumn": found.column.max(1),
                },
            },
            "logicalLocations": [{ "fullyQualifiedName": pointer }],
        }],
    });
    if let Some(index) = RULES.iter().position(|rule| rule.code == found.code) {
        result["ruleIndex"] = index.into();
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A text as SARIF wants it: with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string());
    let body = format!("{}{}", first.unwrap_or_default(), rest.as_str());
    if body.ends_with(['.', '!', '?']) {
        return body;
    }
    body + "."
}

/// The URI of a file: relative as it was given, or `file:` for an absolute path.
fn uri(file: &str) -> String {
    if file == "-" {
        return "stdin".to_owned();
    }
    let slashes = file.replace(std::path::MAIN_SEPARATOR, "/");
    let encoded = utf8_percent_encode(&slashes, PATH).to_string();
    if Path::new(file).is_absolute() {
        return format!("file://{encoded}");
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str, pointer: &str) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            code: code.to_owned(),
            message: "the Task has no timeout".to_owned(),
            pointer: pointer.to_owned(),
            location: pointer.to_owned(),
            line: 3,
            column: 5,
            hint: Some("add 'TimeoutSeconds'".to_owned()),
        }
    }

    #[test]
    fn a_problem_names_its_rule_file_and_place() {
        let one = found("TASK_WITHOUT_TIMEOUT", "/States/Pay");
        let log = log([("flows/größe 1.json", &one)].into_iter());
        let result = &log["runs"][0]["results"][0];
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &log["runs"][0]["tool"]["driver"]["rules"][index];
        assert_eq!(
            (&rule["id"], &result["ruleId"], &result["level"]),
            (
                &json!("TASK_WITHOUT_TIMEOUT"),
                &json!("TASK_WITHOUT_TIMEOUT"),
                &json!("warning")
            )
        );
        assert!(rule["help"]["text"].as_str().unwrap().len() > 20);
        assert_eq!(
            result["message"]["text"],
            "The Task has no timeout. Hint: add 'TimeoutSeconds'."
        );
        assert_eq!(
            result["locations"][0],
            json!({
                "physicalLocation": {
                    "artifactLocation": { "uri": "flows/gr%C3%B6%C3%9Fe%201.json" },
                    "region": { "startLine": 3, "startColumn": 5 },
                },
                "logicalLocations": [{ "fullyQualifiedName": "/States/Pay" }],
            })
        );
    }

    #[test]
    fn files_become_uris() {
        assert_eq!(uri("/a b/c.json"), "file:///a%20b/c.json");
        assert_eq!(uri("-"), "stdin");
        let whole = log([("-", &found("NO_RULE", ""))].into_iter());
        assert_eq!(whole["runs"][0]["results"][0].get("ruleIndex"), None);
    }
}
