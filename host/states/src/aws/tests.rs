//! What Step Functions says, rule by rule.

use serde_json::{Value, json};

use super::*;

/// Returns the message of `InvalidDefinition` without its frame.
fn refusal(definition: &Value) -> String {
    let text = definition.to_string();
    let message =
        invalid_definition(&text, &diagnose(&text, ExecutionType::Standard)).unwrap_or_default();
    let inner = message
        .strip_prefix("Invalid State Machine Definition: '")
        .and_then(|rest| rest.strip_suffix('\''));
    inner.map_or(message.clone(), str::to_owned)
}

fn machine(states: Value) -> Value {
    json!({ "StartAt": "A", "States": states })
}

fn one(state: Value) -> String {
    refusal(&machine(json!({ "A": state })))
}

fn pass() -> Value {
    json!({ "Type": "Pass", "End": true })
}

#[test]
fn a_sound_definition_is_not_refused() {
    assert_eq!(one(pass()), "");
    assert_eq!(
        diagnose(
            &machine(json!({ "A": pass() })).to_string(),
            ExecutionType::Standard
        ),
        []
    );
}

#[test]
fn the_root_is_a_slash() {
    assert_eq!(
        refusal(&json!({ "StartAt": "A" })),
        "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /"
    );
}

#[test]
fn errors_are_joined_with_commas_in_the_order_of_the_text() {
    let states = json!({
        "A": { "Type": "Pass", "Bogus": 1, "Next": "B" },
        "B": { "Type": "Nope" },
    });
    assert_eq!(
        refusal(&machine(states)),
        "SCHEMA_VALIDATION_FAILED: Field 'Bogus' is not supported at /States/A, \
         SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, \
         Pass, Succeed, Fail, Choice, Parallel, Map] at /States/B/Type"
    );
}

#[test]
fn a_transition_to_nowhere_is_called_next_wherever_it_stands() {
    let choice = |rule: &str, default: &str| {
        json!({ "Type": "Choice", "Default": default,
            "Choices": [{ "Variable": "$.x", "IsNull": true, "Next": rule }] })
    };
    for (states, place) in [
        (
            json!({ "A": { "Type": "Pass", "Next": "X" }, "B": pass() }),
            "/States/A/Next",
        ),
        (
            json!({ "A": choice("X", "B"), "B": pass() }),
            "/States/A/Choices[0]/Next",
        ),
        (
            json!({ "A": choice("B", "X"), "B": pass() }),
            "/States/A/Default",
        ),
        (
            json!({ "A": { "Type": "Task", "Resource": "task:t", "Next": "B",
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "X" }] }, "B": pass() }),
            "/States/A/Catch[0]/Next",
        ),
    ] {
        let expected = format!("MISSING_TRANSITION_TARGET: Missing 'Next' target: X at {place}");
        let found = refusal(&machine(states));
        assert!(found.starts_with(&expected), "{found}");
    }
}

#[test]
fn states_that_no_transition_names_are_refused_after_what_leads_nowhere() {
    let states = json!({ "A": { "Type": "Pass", "Next": "C" }, "B": pass() });
    assert_eq!(
        refusal(&machine(states)),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/A/Next, \
         MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B"
    );
    let mut lost_start = machine(json!({ "A": { "Type": "Pass", "Next": "B" }, "B": pass() }));
    lost_start["StartAt"] = json!("X");
    // What an unreachable state names counts as named.
    assert_eq!(
        refusal(&lost_start),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /StartAt, \
         MISSING_TRANSITION_TARGET: State \"A\" is not reachable. at /States/A"
    );
}

#[test]
fn without_an_end_there_is_no_place_and_nothing_is_unreachable() {
    let turning = json!({
        "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Pass", "Next": "A" },
        "C": { "Type": "Pass", "Next": "A" }
    });
    assert_eq!(
        refusal(&machine(turning)),
        "MISSING_END_STATE: Workflow has no terminal state at null"
    );
    let both = json!({ "A": { "Type": "Pass", "Next": "X" } });
    assert_eq!(
        refusal(&machine(both)),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Next, \
         MISSING_END_STATE: Workflow has no terminal state at null"
    );
    let no_location = json!({ "A": { "Type": "Pass", "Next": "A" } });
    let found = diagnose(&machine(no_location).to_string(), ExecutionType::Standard);
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        json!([{ "severity": "ERROR", "code": "MISSING_END_STATE",
            "message": "Workflow has no terminal state" }])
    );
}

#[test]
fn the_graph_is_looked_at_once_all_fields_are_right() {
    let states = json!({
        "A": { "Type": "Pass", "Next": "X", "Bogus": 1 }, "B": pass()
    });
    assert_eq!(
        refusal(&machine(states)),
        "SCHEMA_VALIDATION_FAILED: Field 'Bogus' is not supported at /States/A"
    );
}

#[test]
fn what_is_computed_is_located_at_the_object_around_it() {
    assert_eq!(
        one(json!({ "Type": "Pass", "Assign": { "v.$": "x" }, "End": true })),
        "SCHEMA_VALIDATION_FAILED: The value for the field 'v.$' must be a valid JSONPath or a \
         valid intrinsic function call at /States/A/Assign"
    );
    let expression = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "End": true,
        "Output": { "v": "{% phone %}" } });
    assert_eq!(
        one(expression),
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. \
         at /States/A/Output/v"
    );
}

#[test]
fn variables_have_names_of_their_own() {
    for (name, code) in [
        ("states", "RESERVED_VARIABLE_NAME"),
        ("a-b", "INVALID_VARIABLE_NAME"),
    ] {
        let state = json!({ "Type": "Pass", "Assign": { name: 1 }, "End": true });
        let said = one(state);
        assert!(said.starts_with(code), "{said}");
    }
}

#[test]
fn paths_have_texts_by_field() {
    assert_eq!(
        one(json!({ "Type": "Pass", "OutputPath": "x", "End": true })),
        "SCHEMA_VALIDATION_FAILED: Value must be a valid JSONPath. at /States/A/OutputPath"
    );
    let choice = json!({ "Type": "Choice", "Default": "B",
        "Choices": [{ "Variable": "x", "IsNull": true, "Next": "B" }] });
    assert_eq!(
        refusal(&machine(json!({ "A": choice, "B": pass() }))),
        "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: Reference path didn't start with \
         '$' at /States/A/Choices[0]/Variable"
    );
}

#[test]
fn a_wildcard_out_of_place_is_shown_itself() {
    let state = json!({ "Type": "Task", "Resource": "task:t", "End": true,
        "Retry": [{ "ErrorEquals": ["Busy", "States.ALL"] }] });
    assert_eq!(
        one(state),
        "SCHEMA_VALIDATION_FAILED: States.ALL must appear alone and at end of list at \
         /States/A/Retry[0]/ErrorEquals[1]"
    );
}

#[test]
fn languages_fall_back_to_jsonata() {
    let both = json!({ "Type": "Pass", "QueryLanguage": "SQL", "InputPath": "$", "End": true });
    assert_eq!(
        one(both),
        "SCHEMA_VALIDATION_FAILED: Value should be one of the following: [JSONPath, JSONata] at \
         /States/A/QueryLanguage, SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', \
         but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/A"
    );
}

#[test]
fn resources_that_step_functions_does_not_have_are_refused() {
    let task = |resource: &str| one(json!({ "Type": "Task", "Resource": resource, "End": true }));
    assert_eq!(
        task("arn:aws:states:::sqs:receiveMessage"),
        "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::sqs:receiveMessage is \
         not recognized. The value is not a valid resource ARN, or the resource is not available \
         in this region. at /States/A/Resource"
    );
    for known in [
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "arn:aws:states:::aws-sdk:sqs:receiveMessage",
        "task:t",
    ] {
        assert_eq!(task(known), "", "{known}");
    }
    // Stepwell lets a tenant bind it. What else is wrong is told all the same.
    let bound = |definition: &Value| {
        let is_known = |service: &str, action: &str| (service, action) == ("sqs", "receiveMessage");
        let found = diagnose_with(&definition.to_string(), ExecutionType::Standard, &is_known);
        found
            .iter()
            .map(|found| found.code.clone())
            .collect::<Vec<_>>()
    };
    let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:receiveMessage",
        "Next": "B" });
    assert_eq!(
        bound(&machine(json!({ "A": task, "B": { "Type": "Succeed" } }))),
        Vec::<String>::new()
    );
    assert_eq!(
        bound(&machine(json!({ "A": task }))),
        ["MISSING_TRANSITION_TARGET", "MISSING_END_STATE"]
    );
    let definition = machine(json!({ "A": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:receiveMessage", "End": true } }));
    assert!(parse(&definition.to_string(), None).is_ok());
}

#[test]
fn labels_are_told_with_the_definition() {
    let definition = machine(json!({ "A": { "Type": "Map", "Label": "", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "I", "States": { "I": pass() }
        } } }));
    assert_eq!(
        refusal(&definition),
        format!("Error=ValueError Args=['Label cannot be empty'] in definition '{definition}'.")
    );
}

#[test]
fn express_workflows_wait_for_nobody() {
    let resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let task = json!({ "Type": "Task", "Resource": resource, "End": true });
    let text = machine(json!({ "A": task.clone() })).to_string();
    let found = diagnose(&text, ExecutionType::Express);
    assert_eq!(
        invalid_definition(&text, &found).unwrap(),
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine \
         does not support '.waitForTaskToken' service integration  at /States/A/Resource'"
    );
    assert_eq!(diagnose(&text, ExecutionType::Standard), []);
    let map = |kind: &str| {
        machine(
            json!({ "A": { "Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": kind },
            "StartAt": "I", "States": { "I": task.clone() }
        } } }),
        )
    };
    assert!(refusal(&map("EXPRESS")).contains("/States/A/ItemProcessor/States/I/Resource"));
    assert_eq!(refusal(&map("STANDARD")), "");
}

#[test]
fn the_same_state_twice_is_refused_and_other_fields_are_not() {
    let text = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B", "Next": "B"},
        "B": {"Type": "Succeed"}, "B": {"Type": "Fail"}}}"#;
    let found = diagnose(text, ExecutionType::Standard);
    let shown: Vec<(&str, Option<&str>)> = found
        .iter()
        .map(|each| (each.message.as_str(), each.location.as_deref()))
        .collect();
    assert_eq!(shown, [("Duplicate State name: B", Some("/States/B"))]);
}

#[test]
fn lints_are_stepwells_own_but_for_three() {
    let state = json!({ "Type": "Pass", "Parameters": { "x": "$.y" }, "Next": "B" });
    let last = json!({ "Type": "Fail", "Cause": "$.cause" });
    let text = machine(json!({
        "A": state,
        "B": { "Type": "Pass", "Result": { "z": "$.z" }, "Next": "C" },
        "C": { "Type": "Task", "Resource": "task:t", "Next": "D" },
        "D": last
    }))
    .to_string();
    let found = diagnose(&text, ExecutionType::Standard);
    let codes: Vec<&str> = found.iter().map(|each| each.code.as_str()).collect();
    assert_eq!(codes, ["NO_DOLLAR", "PASS_RESULT_IS_STATIC", "NO_PATH"]);
    assert!(found.iter().all(|each| each.severity == Severity::Warning));
    assert_eq!(invalid_definition(&text, &found), None);
}

#[test]
fn broken_json_is_told_in_the_librarys_words() {
    let values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    for (text, message) in [
        (
            "not json",
            format!("Unrecognized token 'not': was expecting {values}"),
        ),
        (
            "{'a': 1}",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name"
                .to_owned(),
        ),
        (
            r#"{"a" 1}"#,
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name \
             and value"
                .to_owned(),
        ),
        (
            r#"{"a": 1 "b": 2}"#,
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries"
                .to_owned(),
        ),
        (
            "[1 2]",
            "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries"
                .to_owned(),
        ),
        (
            "[}",
            format!("Unexpected character ('}}' (code 125)): expected a valid value {values}"),
        ),
    ] {
        assert_eq!(syntax_problem(text), Some(message), "{text}");
    }
    assert_eq!(syntax_problem(r#"{"a": [1, "x"]}"#), None);
    let text = "{\n  \"StartAt\" 1}";
    let message = invalid_definition(text, &diagnose(text, ExecutionType::Standard)).unwrap();
    assert!(
        message.contains("INVALID_JSON_DESCRIPTION: Unexpected character ('1'"),
        "{message}"
    );
    assert!(
        message.ends_with("at [Source: UNKNOWN; line: 2, column: 13]'"),
        "{message}"
    );
}
