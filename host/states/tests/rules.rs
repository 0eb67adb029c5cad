//! The rules of definitions that implementers miss, one test each, through the crate's
//! public functions. Those of executions are in `host/decider/tests/decider/rules`.

use serde_json::{Value, json};
use stepwell_states::*;

/// Messages of the errors that a definition is refused with.
fn errors(definition: &Value) -> Vec<String> {
    match parse(&definition.to_string(), None) {
        Ok(_) => Vec::new(),
        Err(found) => found
            .into_iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(|diagnostic| format!("{} {}", diagnostic.location, diagnostic.message))
            .collect(),
    }
}

/// A definition of one state.
fn one(state: Value) -> Value {
    json!({ "StartAt": "S", "States": { "S": state, "C": { "Type": "Pass", "End": true } } })
}

fn is_taken(state: Value) -> bool {
    errors(&one(state)).is_empty()
}

/// A Task with these errors in two retriers and two catchers.
fn handling(first: &[&str], second: &[&str]) -> Value {
    json!({ "Type": "Task", "Resource": "task:t", "TimeoutSeconds": 9, "End": true,
        "Retry": [{ "ErrorEquals": first }, { "ErrorEquals": second }],
        "Catch": [{ "ErrorEquals": first, "Next": "C" }, { "ErrorEquals": second, "Next": "C" }] })
}

#[test]
fn states_all_stands_alone_and_last() {
    assert!(is_taken(handling(&["E"], &["States.ALL"])));
    assert!(!is_taken(handling(&["States.ALL"], &["E"])));
    assert!(!is_taken(handling(&["E"], &["F", "States.ALL"])));
}

#[test]
fn names_of_states_have_80_characters_whatever_their_bytes() {
    let named =
        |name: String| json!({ "StartAt": name, "States": { name: { "Type": "Succeed" } } });
    assert_eq!(errors(&named("é".repeat(80))), [""; 0]);
    assert_ne!(errors(&named("é".repeat(81))), [""; 0]);
}

#[test]
fn names_of_variables_have_80_characters_and_are_not_states() {
    let assigning = |name: &str| {
        let mut assign = json!({});
        assign[name] = json!(1);
        json!({ "Type": "Pass", "Assign": assign, "End": true })
    };
    assert!(is_taken(assigning(&"v".repeat(80))));
    assert!(is_taken(assigning("größe_2")));
    for name in [&*"v".repeat(81), "2nd", "a-b", "states", ""] {
        assert!(!is_taken(assigning(name)), "{name}");
    }
}

#[test]
fn a_choice_has_no_retry_no_catch_and_no_end() {
    let choice = json!({ "Type": "Choice", "Default": "C", "Choices": [
        { "Variable": "$.a", "IsNull": true, "Next": "C" }] });
    assert!(is_taken(choice.clone()));
    for (name, value) in [
        ("End", json!(true)),
        ("Retry", json!([{ "ErrorEquals": ["E"] }])),
        ("Catch", json!([{ "ErrorEquals": ["E"], "Next": "C" }])),
    ] {
        let mut choice = choice.clone();
        choice[name] = value;
        assert!(!is_taken(choice), "{name}");
    }
}

#[test]
fn a_state_speaks_one_language() {
    assert!(!is_taken(
        json!({ "Type": "Pass", "QueryLanguage": "JSONata",
        "Parameters": { "a.$": "$.a" }, "End": true })
    ));
    assert!(!is_taken(
        json!({ "Type": "Pass", "Output": "{% $states.input %}", "End": true })
    ));
    // The other way around, of the whole definition, is refused too.
    let mut definition = one(json!({ "Type": "Pass", "QueryLanguage": "JSONPath", "End": true }));
    definition["QueryLanguage"] = json!("JSONata");
    assert_ne!(errors(&definition), [""; 0]);
}

#[test]
fn an_expression_is_a_whole_text() {
    let output = |text: &str| json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": text, "End": true });
    assert!(is_taken(output("{% 1 %}")));
    assert!(is_taken(output("say {% 1 %} twice")));
    assert!(!is_taken(output("{% 1 %} twice")));
    assert!(!is_taken(output("say {% 1 %}")));
}

#[test]
fn there_is_no_eval() {
    let found = errors(&one(json!({ "Type": "Pass", "QueryLanguage": "JSONata",
        "Output": "{% $eval('1 + 1') %}", "End": true })));
    assert!(
        found
            .iter()
            .any(|message| message.contains("Function '$eval' is not supported.")),
        "{found:?}"
    );
}

#[test]
fn the_error_output_is_a_catchers_alone() {
    assert!(!is_taken(
        json!({ "Type": "Pass", "QueryLanguage": "JSONata",
        "Output": "{% $states.errorOutput %}", "End": true })
    ));
    assert!(is_taken(
        json!({ "Type": "Task", "Resource": "task:t", "QueryLanguage": "JSONata",
        "TimeoutSeconds": 9, "End": true, "Catch": [{ "ErrorEquals": ["E"], "Next": "C",
            "Output": "{% $states.errorOutput.Cause %}" }] })
    ));
}

#[test]
fn inner_scopes_may_not_assign_outer_variables() {
    let definition = |name: &str| {
        let mut inner = json!({ "Type": "Pass", "End": true });
        inner["Assign"][name] = json!(2);
        json!({ "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Assign": { "outer": 1 }, "Next": "P" },
            "P": { "Type": "Parallel", "End": true,
                "Branches": [{ "StartAt": "B", "States": { "B": inner } }] } } })
    };
    assert_eq!(errors(&definition("own")), [""; 0]);
    assert_ne!(errors(&definition("outer")), [""; 0]);
}

#[test]
fn references_to_variables_are_listed_by_state() {
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass", "Assign": { "x": 1, "y": [1] }, "Next": "M" },
        "M": { "Type": "Map", "ItemsPath": "$y", "MaxConcurrencyPath": "$x", "End": true,
            "ItemProcessor": { "StartAt": "B", "States": {
                "B": { "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $x + $x %}",
                    "End": true } } } } } });
    let (machine, _) = parse(&definition.to_string(), None).unwrap();
    assert_eq!(
        json!(machine.variable_references()),
        json!({ "M": ["x", "y"], "B": ["x"] })
    );
}

/// Evaluates an intrinsic function over an input.
fn intrinsic(call: &str, input: &Value) -> Option<Result<Value, EvalFailure>> {
    let definition = one(json!({ "Type": "Pass", "Parameters": { "r.$": call }, "End": true }));
    let (machine, _) = parse(&definition.to_string(), None).ok()?;
    let input = Payload::from_value(input);
    let context = || json!({});
    let env = Env {
        input: &input,
        context: &context,
        variables: &NoVariables,
        seed: [1; 32],
        now: Timestamp::from_ms(0),
        limits: EvalLimits::default(),
        observer: None,
    };
    let state = machine.state(machine.scope(machine.root()).start_at);
    Some(arguments(state, &env, &input).map(|output| output.to_value()["r"].clone()))
}

/// Whether a call fails by the name that such calls fail with.
fn is_refused(call: &str, input: &Value) -> bool {
    match intrinsic(call, input) {
        Some(Err(failure)) => failure.error == "States.IntrinsicFailure",
        Some(Ok(_)) => false,
        None => true,
    }
}

#[test]
fn texts_for_base64_and_hash_have_10000_characters() {
    let text = |length: usize| json!({ "text": "x".repeat(length) });
    for call in [
        "States.Base64Encode($.text)",
        "States.Hash($.text, 'SHA-1')",
    ] {
        assert!(!is_refused(call, &text(10_000)), "{call}");
        assert!(is_refused(call, &text(10_001)), "{call}");
    }
}

#[test]
fn array_range_has_1000_elements_and_a_step() {
    assert!(!is_refused("States.ArrayRange(1, 1000, 1)", &json!({})));
    assert!(is_refused("States.ArrayRange(0, 1000, 1)", &json!({})));
    assert!(is_refused("States.ArrayRange(0, 9, 0)", &json!({})));
}

#[test]
fn calls_nest_10_deep() {
    let nested = |depth: usize| format!("{}1{}", "States.Array(".repeat(depth), ")".repeat(depth));
    assert!(!is_refused(&nested(10), &json!({})));
    assert!(is_refused(&nested(11), &json!({})));
}

#[test]
fn hash_knows_five_algorithms() {
    for name in ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"] {
        assert!(
            !is_refused(&format!("States.Hash('a', '{name}')"), &json!({})),
            "{name}"
        );
    }
    assert!(is_refused("States.Hash('a', 'SHA-3')", &json!({})));
}

#[test]
fn json_merge_is_shallow_only() {
    let objects = json!({ "a": { "x": { "y": 1 } }, "b": { "x": { "z": 2 } } });
    let merged = intrinsic("States.JsonMerge($.a, $.b, false)", &objects);
    assert_eq!(merged.unwrap().unwrap(), json!({ "x": { "z": 2 } }));
    assert!(is_refused("States.JsonMerge($.a, $.b, true)", &objects));
}
