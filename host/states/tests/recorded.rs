//! The definitions that Step Functions was asked to take while answers were recorded:
//! what it refused is refused with its words, and what it took has no error.
//!
//! The recordings are not part of the repository: `STEPWELL_CONFORMANCE` names their
//! folder, by default `../shared/conformance`. Where they are absent the test says so
//! and passes, but under `CI=true` their absence is a failure. The rules themselves are
//! held by the tests of `aws`, which need nothing.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "reads recordings from disk, and says when there are none"
)]

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use stepwell_states::{ExecutionType, Severity, aws};

/// Returns the cases by name; nothing if they are not there.
fn cases() -> Option<Vec<(String, Value)>> {
    let root = env::var_os("STEPWELL_CONFORMANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
        PathBuf::from,
    );
    let Ok(folder) = fs::read_dir(root.join("asl")) else {
        assert!(
            env::var("CI").as_deref() != Ok("true"),
            "no recordings in {}: set STEPWELL_CONFORMANCE",
            root.display()
        );
        eprintln!("skipped: no recordings in {}", root.display());
        return None;
    };
    let mut cases: Vec<(String, Value)> = folder
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let text = fs::read_to_string(&path).ok()?;
            let case = serde_json::from_str(&text).ok()?;
            Some((path.file_stem()?.to_str()?.to_owned(), case))
        })
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    Some(cases)
}

/// Puts values in the place of the placeholders that definitions and answers hold.
fn filled(text: &str) -> String {
    text.replace("<partition>", "aws").replace(
        "\"activity_arn\"",
        "\"arn:aws:states:us-east-1:111111111111:activity:pick\"",
    )
}

/// A definition of a case as it went over the wire, and the kind of its machine.
fn definition(request: &Value) -> Option<(String, ExecutionType)> {
    let text = match &request["definition"] {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        value => with_spaces(value),
    };
    let kind = match request["type"].as_str() {
        Some("EXPRESS") => ExecutionType::Express,
        _ => ExecutionType::Standard,
    };
    Some((filled(&text), kind))
}

/// Writes JSON with a space after each comma and colon, as the recorder did.
fn with_spaces(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Array(elements) => {
            format!("[{}]", join(elements.iter().map(with_spaces).collect()))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), with_spaces(value))
            };
            format!("{{{}}}", join(fields.iter().map(field).collect()))
        }
        other => other.to_string(),
    }
}

/// The message of a recorded `InvalidDefinition`, from an answer or an observation.
fn refusal(case: &Value, step: &Value, index: usize) -> Option<String> {
    let answer = &step["expected"]["Error"];
    if answer["Code"] == "InvalidDefinition" {
        return answer["Message"].as_str().map(str::to_owned);
    }
    case["observed"].as_array()?.iter().find_map(|observed| {
        let recorded = &observed["recorded"];
        if observed["after_step"] != index || recorded["exception_typename"] != "InvalidDefinition"
        {
            return None;
        }
        let (_, message) = recorded["exception_value"]
            .as_str()?
            .split_once("operation: ")?;
        Some(message.to_owned())
    })
}

#[test]
fn recorded_definitions_are_taken_and_refused_as_recorded() {
    let Some(cases) = cases() else { return };
    let (mut refused, mut taken, mut wrong) = (0, 0, Vec::new());
    for (name, case) in &cases {
        let steps = case["steps"].as_array().cloned().unwrap_or_default();
        let whole = [case.clone()];
        let steps = if steps.is_empty() {
            &whole[..]
        } else {
            &steps[..]
        };
        for (index, step) in steps.iter().enumerate() {
            let operation = step["operation"].as_str().unwrap_or("execution");
            let request = if operation == "execution" {
                step
            } else {
                &step["request"]
            };
            let Some((text, kind)) = definition(request) else {
                continue;
            };
            let found = aws::diagnose(&text, kind);
            let answer = aws::invalid_definition(&text, &found);
            let expected = refusal(case, step, index).map(|message| filled(&message));
            // TestState takes single states, too, and refuses what is no definition.
            if operation == "TestState" && expected.is_none() {
                continue;
            }
            if expected.is_none() && step["expected_status_code"].as_u64().unwrap_or(200) != 200 {
                continue;
            }
            if expected.is_some() {
                refused += 1;
            } else {
                taken += 1;
            }
            if answer != expected {
                wrong.push(format!("{name}: {answer:?} instead of {expected:?}"));
            }
            assert_eq!(
                answer.is_some(),
                found.iter().any(|each| each.severity == Severity::Error)
            );
        }
    }
    eprintln!("{refused} definitions refused and {taken} taken as recorded");
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        refused > 0 && taken > 0,
        "the recordings hold no definitions"
    );
}
