//! What approvals are asked with, and what is filled in.

use serde_json::{Map, Value, json};

use super::*;
use crate::parse::{Format, parse};

fn read(arguments: Value) -> Result<ApprovalTerms, String> {
    ApprovalTerms::read(&Payload::from_value(&arguments))
}

#[test]
fn all_arguments_are_read() {
    let terms = read(json!({
        "Title": "Release 1.4",
        "Show": {"version": 1.40},
        "Groups": ["release-managers"],
        "People": ["token:ada"],
        "MinimumCount": 2,
        "DeadlineSeconds": 600,
        "Escalation": {"AfterSeconds": 60, "Groups": ["directors"]},
        "Supersede": {"Key": "production"},
        "CommentRequired": "OnRejection",
        "Inputs": [{"Name": "region", "AllowedValues": ["eu", "us"], "Default": "eu"}],
    }));
    let terms = terms.unwrap();
    assert_eq!(terms.title.as_deref(), Some("Release 1.4"));
    assert_eq!(terms.minimum_count, 2);
    assert_eq!(terms.supersede_key.as_deref(), Some("production"));
    assert_eq!(terms.comment_required, CommentRequired::OnRejection);
    assert_eq!(
        terms.fields[0].default,
        Some(Payload::from_trusted("\"eu\""))
    );
    assert_eq!(terms.deciders_after(0).groups, ["release-managers"]);
    let later = terms.deciders_after(1);
    assert_eq!(later.groups, ["release-managers", "directors"]);
    assert_eq!(later.people, ["token:ada"]);
    assert_eq!(read(json!({})).unwrap().minimum_count, 1);
    assert_eq!(
        read(json!({"Supersede": true}))
            .unwrap()
            .supersede_key
            .as_deref(),
        Some("")
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_and_by_name() {
    for (arguments, expected) in [
        (json!([]), "is no object"),
        (json!({"Titel": "x"}), "Titel: is not known"),
        (json!({"Title": ""}), "Title: is no text"),
        (json!({"Groups": []}), "Groups: is empty"),
        (json!({"Groups": ["a", "a"]}), "Groups.1: stands twice"),
        (json!({"People": [7]}), "People.0: is no name"),
        (
            json!({"MinimumCount": 0}),
            "MinimumCount: is no whole number from 1 to 100",
        ),
        (
            json!({"MinimumCount": 2, "People": ["a"]}),
            "MinimumCount: needs 2 approvals, and 1 may decide",
        ),
        (
            json!({"DeadlineSeconds": -1}),
            "DeadlineSeconds: is no whole number",
        ),
        (
            json!({"CommentRequired": "always"}),
            "CommentRequired: is none of Never, OnRejection, Always",
        ),
        (
            json!({"Escalation": {"AfterSeconds": 5}}),
            "Escalation: names nobody",
        ),
        (
            json!({"Groups": ["a"], "Escalation": {"Groups": ["b"]}}),
            "'AfterSeconds' is missing",
        ),
        (
            json!({"Groups": ["a"], "DeadlineSeconds": 5, "Escalation": {"AfterSeconds": 5, "Groups": ["b"]}}),
            "Escalation.AfterSeconds: is not before the deadline",
        ),
        (
            json!({"Escalation": {"AfterSeconds": 5, "Groups": ["b"]}}),
            "everybody may decide from the start",
        ),
        (json!({"Supersede": "x"}), "Supersede: is no object"),
    ] {
        is_refused(&arguments, expected);
    }
    let both = read(json!({"Title": 1, "People": []})).unwrap_err();
    assert_eq!(both, "People: is empty; Title: is no text");
}

#[test]
fn what_is_to_be_filled_in_is_read_like_the_rest() {
    for (arguments, expected) in [
        (
            json!({"Inputs": [{"Type": "string"}]}),
            "Inputs.0: the field 'Name' is missing",
        ),
        (
            json!({"Inputs": [{"Name": "a b"}]}),
            "Inputs.0.Name: is no name",
        ),
        (
            json!({"Inputs": [{"Name": "a"}, {"Name": "a"}]}),
            "Inputs.1.Name: there is a field 'a' already",
        ),
        (
            json!({"Inputs": [{"Name": "a", "Type": "date"}]}),
            "Inputs.0.Type: is none of string, number, boolean",
        ),
        (
            json!({"Inputs": [{"Name": "a", "Pattern": "("}]}),
            "Inputs.0.Pattern: the pattern cannot be read",
        ),
        (
            json!({"Inputs": [{"Name": "a", "Pattern": "a)|(b"}]}),
            "the pattern cannot be read",
        ),
        (
            json!({"Inputs": [{"Name": "a", "Pattern": "(a{500}){500}"}]}),
            "the pattern repeats too much",
        ),
        (
            json!({"Inputs": [{"Name": "a", "Type": "number", "Pattern": "1"}]}),
            "Pattern: is for strings",
        ),
        (
            json!({"Inputs": [{"Name": "a", "AllowedValues": [1]}]}),
            "AllowedValues.0: is no string",
        ),
        (
            json!({"Inputs": [{"Name": "a", "Pattern": "[0-9]+", "Default": "x"}]}),
            "Default: does not match",
        ),
    ] {
        is_refused(&arguments, expected);
    }
}

#[track_caller]
fn is_refused(arguments: &Value, expected: &str) {
    let found = read(arguments.clone()).expect_err(&arguments.to_string());
    assert!(found.contains(expected), "{arguments}: {found}");
}

fn fill(fields: &Value, given: Value) -> Result<Map<String, Value>, FieldProblem> {
    let terms = read(json!({ "Inputs": fields })).unwrap();
    let Value::Object(given) = given else {
        panic!("no object")
    };
    ApprovalField::fill_in(&terms.fields, &given)
}

#[test]
fn fields_are_filled_in_as_they_are_described() {
    let fields = json!([
        {"Name": "ticket", "Pattern": "[A-Z]+-[0-9]+", "Required": true},
        {"Name": "count", "Type": "number", "AllowedValues": [1, 2]},
        {"Name": "dry", "Type": "boolean", "Default": true},
    ]);
    let filled = fill(&fields, json!({"ticket": "OPS-7", "count": 2})).unwrap();
    assert_eq!(
        Value::Object(filled),
        json!({"ticket": "OPS-7", "count": 2, "dry": true})
    );
    for (given, field, reason) in [
        (json!({}), "ticket", "is missing: give a string"),
        (
            json!({"ticket": "xx OPS-7 xx"}),
            "ticket",
            "does not match the pattern",
        ),
        (
            json!({"ticket": "OPS-7\n"}),
            "ticket",
            "does not match the pattern",
        ),
        (json!({"ticket": 7}), "ticket", "is no string"),
        (
            json!({"ticket": "OPS-7", "count": 3}),
            "count",
            "is none of 1, 2",
        ),
        (
            json!({"ticket": "OPS-7", "dry": "yes"}),
            "dry",
            "is no boolean",
        ),
        (
            json!({"ticket": "OPS-7", "other": 1}),
            "other",
            "is not asked for: the approval asks for ticket, count, dry",
        ),
        (
            json!({"ticket": "A".repeat(5_000)}),
            "ticket",
            "has more than 4096 characters",
        ),
    ] {
        let problem = fill(&fields, given.clone()).expect_err(&given.to_string());
        assert_eq!(problem.field, field, "{given}");
        assert!(problem.reason.contains(reason), "{given}: {problem:?}");
    }
}

#[test]
fn allowed_numbers_are_compared_by_value() {
    let field = json!({"Name": "share", "Type": "number", "AllowedValues": [10, 50, 0.5, 0]});
    let fields = json!([field]);
    for (given, taken) in [
        ("10.0", "10"),
        ("1e1", "10"),
        ("100e-1", "10"),
        ("5E+1", "50"),
        ("5e-1", "0.5"),
        ("-0.0", "0"),
    ] {
        let given: Value = serde_json::from_str(&format!("{{\"share\":{given}}}")).unwrap();
        let filled = fill(&fields, given.clone()).unwrap();
        assert_eq!(filled["share"].to_string(), taken, "{given}");
    }
    for other in [
        "10.0000000000000000000001",
        "-10",
        "1e2",
        "1e99999999999999999999999999999999999999999",
    ] {
        let given: Value = serde_json::from_str(&format!("{{\"share\":{other}}}")).unwrap();
        assert!(fill(&fields, given).is_err(), "{other}");
    }
}

#[test]
fn one_value_has_one_canonical_text() {
    let one: Value = serde_json::from_str(
        r#"{"b": [1.0, {"y": "ä\n", "x": null}], "a": 12345678901234567890123}"#,
    )
    .unwrap();
    let other: Value = serde_json::from_str(
        r#"{"a":12345678901234567890123,"b":[1.0,{"x":null,"y":"\u00e4\n"}]}"#,
    )
    .unwrap();
    let expected = r#"{"a":12345678901234567890123,"b":[1.0,{"x":null,"y":"ä\n"}]}"#;
    assert_eq!(canonical_json(&one), expected);
    assert_eq!(canonical_json(&other), expected);
}

fn problems(definition: &Value) -> Vec<(String, String)> {
    let found = match parse(&definition.to_string(), Some(Format::Json)) {
        Ok((_, found)) | Err(found) => found,
    };
    let own = found
        .into_iter()
        .filter(|found| found.code == "INVALID_APPROVAL");
    own.map(|found| (found.pointer, found.message)).collect()
}

#[test]
fn what_is_known_is_checked_with_the_definition() {
    let machine = |language: &str, state: Value| {
        let mut state = state;
        state["Type"] = json!("Task");
        state["Resource"] = json!("stepwell:approval");
        state["End"] = json!(true);
        json!({"QueryLanguage": language, "StartAt": "A", "States": {"A": state}})
    };
    let open = machine(
        "JSONata",
        json!({"Arguments": {
            "Title": "{% 'Release ' & $states.input.version %}",
            "Groups": "{% $states.input.groups %}",
            "MinimumCount": "{% 2 %}",
            "Inputs": [{"Name": "a", "Type": "number", "AllowedValues": ["{% 1 %}"], "Default": 3}],
        }}),
    );
    assert_eq!(problems(&open), []);
    let open = machine(
        "JSONPath",
        json!({"Parameters": {
            "Title.$": "$.title", "Inputs": [{"Name": "a", "Pattern.$": "$.pattern"}],
        }}),
    );
    assert_eq!(problems(&open), []);
    let wrong = machine(
        "JSONata",
        json!({"Arguments": {
            "Inputs": [{"Name": "a", "Pattern": "("}], "Deadline": 5,
        }}),
    );
    let found = problems(&wrong);
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(
        pointers,
        [
            "/States/A/Arguments/Deadline",
            "/States/A/Arguments/Inputs/0/Pattern",
        ]
    );
    let beats = machine("JSONata", json!({"HeartbeatSeconds": 5, "Arguments": {}}));
    assert!(problems(&beats)[0].1.contains("HeartbeatSeconds"));
}
