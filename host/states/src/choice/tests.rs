//! The rules of choice rules, through definitions.

use serde_json::{Value, json};

use super::Pattern;
use crate::data_flow::{Env, EvalFailure, EvalLimits, NoVariables, choose};
use crate::payload::Payload;
use crate::timestamp::Timestamp;

/// Says whether a rule holds for an input.
fn holds(rule: &Value, input: &Value) -> Result<bool, EvalFailure> {
    let mut rule = rule.clone();
    rule["Next"] = json!("Yes");
    let definition = json!({
        "StartAt": "Choose",
        "States": {
            "Choose": { "Type": "Choice", "Choices": [rule], "Default": "No" },
            "Yes": { "Type": "Succeed" },
            "No": { "Type": "Succeed" },
        }
    });
    let (machine, _) = crate::parse(&definition.to_string(), None).unwrap();
    let input = Payload::from_value(input);
    let env = Env {
        input: &input,
        context: &|| json!({ "Execution": { "Name": "n" } }),
        variables: &NoVariables,
        seed: [0; 32],
        now: Timestamp::from_ms(0),
        limits: EvalLimits::default(),
        observer: None,
    };
    let state = machine.state(machine.find(machine.root(), "Choose").unwrap());
    let chosen = choose(state, &env, &input)?;
    Ok(machine.state(chosen.next.unwrap()).name.as_ref() == "Yes")
}

#[test]
fn operators_compare_values_of_their_type() {
    let early = "2020-01-01T00:00:00Z";
    let late = "2020-01-01T02:00:00+01:00";
    for (operator, value, wanted, expected) in [
        ("StringEquals", json!("a"), json!("a"), true),
        ("StringEquals", json!(1), json!("1"), false),
        ("StringLessThan", json!("a"), json!("b"), true),
        ("StringGreaterThan", json!("a"), json!("b"), false),
        ("StringLessThanEquals", json!("b"), json!("b"), true),
        ("StringGreaterThanEquals", json!("a"), json!("b"), false),
        ("NumericEquals", json!(1.0), json!(1), true),
        ("NumericEquals", json!("1"), json!(1), false),
        ("NumericLessThan", json!(2), json!(10), true),
        ("NumericGreaterThan", json!(2.5), json!(2), true),
        ("NumericLessThanEquals", json!(2), json!(2), true),
        ("NumericGreaterThanEquals", json!(1), json!(2), false),
        ("BooleanEquals", json!(true), json!(true), true),
        ("BooleanEquals", json!("true"), json!(true), false),
        ("BooleanEquals", json!(null), json!(false), false),
        (
            "TimestampEquals",
            json!("2020-01-01T01:00:00Z"),
            json!(late),
            true,
        ),
        ("TimestampLessThan", json!(early), json!(late), true),
        ("TimestampGreaterThan", json!(early), json!(late), false),
        ("TimestampLessThanEquals", json!(late), json!(late), true),
        (
            "TimestampGreaterThanEquals",
            json!("yesterday"),
            json!(early),
            false,
        ),
    ] {
        let rule = json!({ "Variable": "$.v", operator: wanted });
        let input = json!({ "v": value, "w": wanted });
        assert_eq!(holds(&rule, &input), Ok(expected), "{rule} {input}");
        let by_path = json!({ "Variable": "$.v", format!("{operator}Path"): "$.w" });
        assert_eq!(holds(&by_path, &input), Ok(expected), "{by_path} {input}");
    }
}

#[test]
fn long_integers_compare_exactly() {
    let input: Value = serde_json::from_str(r#"{"v": 9007199254740993}"#).unwrap();
    let rule: Value =
        serde_json::from_str(r#"{"Variable": "$.v", "NumericEquals": 9007199254740992}"#).unwrap();
    assert_eq!(holds(&rule, &input), Ok(false));
}

#[test]
fn is_operators_ask_for_the_type() {
    let input = json!({ "null": null, "n": 1, "s": "x", "b": false, "t": "2020-01-01T00:00:00Z" });
    for (operator, field, expected) in [
        ("IsNull", "null", true),
        ("IsNull", "n", false),
        ("IsPresent", "null", true),
        ("IsPresent", "absent", false),
        ("IsNumeric", "n", true),
        ("IsNumeric", "s", false),
        ("IsString", "s", true),
        ("IsString", "n", false),
        ("IsBoolean", "b", true),
        ("IsBoolean", "null", false),
        ("IsTimestamp", "t", true),
        ("IsTimestamp", "s", false),
    ] {
        for wanted in [true, false] {
            let rule = json!({ "Variable": format!("$.{field}"), operator: wanted });
            assert_eq!(holds(&rule, &input), Ok(expected == wanted), "{rule}");
        }
    }
}

#[test]
fn booleans_stop_as_soon_as_they_are_known() {
    let present = json!({ "Variable": "$.a", "IsPresent": true });
    let fails = json!({ "Variable": "$.absent", "NumericEquals": 1 });
    let input = json!({ "a": 1 });
    assert_eq!(holds(&json!({ "Or": [present, fails] }), &input), Ok(true));
    let absent = json!({ "Not": present });
    assert_eq!(holds(&json!({ "And": [absent, fails] }), &input), Ok(false));
    assert_eq!(
        holds(&json!({ "Not": { "And": [present, absent] } }), &input),
        Ok(true)
    );
}

#[test]
fn a_path_that_finds_nothing_fails_the_execution() {
    let failure = holds(
        &json!({ "Variable": "$.x", "StringEquals": "a" }),
        &json!({}),
    );
    let failure = failure.unwrap_err();
    assert_eq!(failure.error, "States.Runtime");
    assert_eq!(
        failure.cause,
        "Invalid path '$.x': The choice state's condition path references an invalid value."
    );
    let by_path = json!({ "Variable": "$.v", "StringEqualsPath": "$.y" });
    assert!(
        holds(&by_path, &json!({ "v": "a" }))
            .unwrap_err()
            .cause
            .contains("'$.y'")
    );
}

#[test]
fn rules_see_the_context_object() {
    let rule = json!({ "Variable": "$$.Execution.Name", "StringEquals": "n" });
    assert_eq!(holds(&rule, &json!({})), Ok(true));
}

#[test]
fn stars_match_any_text() {
    for (pattern, text, expected) in [
        ("foo*.log", "foo23.log", true),
        ("*.log", "zebra.log", true),
        ("foo*.*", "foobar.zebra", true),
        ("foo", "foo", true),
        ("foo", "food", false),
        ("*", "", true),
        ("a*a", "a", false),
        ("*ab*ab", "abab", true),
        ("*ab*ab", "ab", false),
        (r"\*", "*", true),
        (r"\*", "x", false),
        (r"\\*", r"\x", true),
        ("?", "x", false),
    ] {
        assert_eq!(
            Pattern::parse(pattern).unwrap().matches(text),
            expected,
            "{pattern} {text}"
        );
    }
    assert_eq!(Pattern::parse(r"a\b"), None);
    assert_eq!(Pattern::parse(r"a\"), None);
}

#[test]
fn a_pattern_of_many_stars_takes_no_time() {
    let pattern = Pattern::parse(&"a*".repeat(1000)).unwrap();
    assert!(!pattern.matches(&format!("{}b", "a".repeat(900))));
}
