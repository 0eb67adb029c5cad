//! What definitions mean, and what is said about those that mean nothing.

use serde_json::{Value, json};

use super::*;
use crate::definition::{MapMode, QueryLanguage, StateKind, Transition};

/// Parses; panics with the diagnostics if there are errors.
fn ok(definition: &Value) -> (StateMachine, Vec<Diagnostic>) {
    parse(&definition.to_string(), None).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))
}

/// Returns the errors as `CODE: message at /place`.
fn errors(text: &str) -> Vec<String> {
    match parse(text, None) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics
            .iter()
            .filter(|each| each.severity == Severity::Error)
            .map(ToString::to_string)
            .collect(),
    }
}

/// Returns the errors of a definition whose only state, `S`, is given.
fn state_errors(state: &Value) -> Vec<String> {
    errors(&json!({ "StartAt": "S", "States": { "S": state } }).to_string())
}

/// Returns the codes of the warnings of a definition.
fn warnings(definition: &Value) -> Vec<String> {
    ok(definition).1.into_iter().map(|each| each.code).collect()
}

fn pass() -> Value {
    json!({ "Type": "Pass", "End": true })
}

#[test]
fn states_are_numbered_in_the_order_of_the_text() {
    let definition = json!({
        "Comment": "c", "Version": "1.0", "TimeoutSeconds": 60, "StartAt": "P",
        "States": {
            "P": { "Type": "Parallel", "Next": "M", "Branches": [
                { "StartAt": "A", "States": { "A": pass() } },
                { "StartAt": "C", "States": { "B": pass(), "C": { "Type": "Pass", "Next": "B" } } },
            ] },
            "M": { "Type": "Map", "End": true, "ItemProcessor": {
                "ProcessorConfig": { "Mode": "INLINE" }, "StartAt": "I", "States": { "I": pass() }
            } },
        }
    });
    let (machine, _) = ok(&definition);
    assert_eq!(
        (machine.comment.as_deref(), machine.timeout_seconds),
        (Some("c"), Some(60))
    );
    let names: Vec<(u32, u32, &str)> = machine
        .states()
        .map(|(r, state)| (r.scope.0, r.index, &*state.name))
        .collect();
    assert_eq!(
        names,
        [
            (0, 0, "P"),
            (0, 1, "M"),
            (1, 0, "A"),
            (2, 0, "B"),
            (2, 1, "C"),
            (3, 0, "I")
        ]
    );
    let parallel = machine.find(machine.root(), "P").unwrap();
    assert_eq!(
        machine.state(parallel).transition,
        Transition::Next(StateRefOf::at(0, 1))
    );
    let StateKind::Parallel(state) = &machine.state(parallel).kind else {
        panic!()
    };
    assert_eq!(
        machine.scope(state.branches[1]).start_at,
        StateRefOf::at(2, 1)
    );
    assert_eq!(machine.scope(state.branches[1]).parent, Some(parallel));
    assert_eq!(machine.to_asl(), &definition);
}

/// Shortens references.
struct StateRefOf;

impl StateRefOf {
    fn at(scope: u32, index: u32) -> crate::definition::StateRef {
        crate::definition::StateRef {
            scope: crate::definition::ScopeId(scope),
            index,
        }
    }
}

#[test]
fn yaml_says_the_same_as_json() {
    let yaml = "
# A definition.
StartAt: S
TimeoutSeconds: 0x10
States:
  S:
    Type: Pass
    Result: { yes: yes, n: 012, f: +1.50, none: ~, 'q': '5', big: 123456789012345678901234567890 }
    Next: 'T'
  T: &end
    Type: Succeed
  U: *end
";
    let (machine, warnings) = parse(yaml, None).unwrap();
    assert_eq!(
        machine.to_asl()["States"]["S"]["Result"].to_string(),
        r#"{"yes":"yes","n":12,"f":1.50,"none":null,"q":"5","big":123456789012345678901234567890}"#
    );
    assert_eq!(machine.timeout_seconds, Some(16));
    let unreachable = &warnings[0];
    assert_eq!((unreachable.line, unreachable.column), (12, 3));
}

#[test]
fn places_are_line_column_and_pointer() {
    let text =
        "{\n  \"StartAt\": \"S\",\n  \"States\": {\"S\": {\"Type\": \"Pass\", \"End\": 1}}\n}";
    let diagnostics = parse(text, None).unwrap_err();
    let first = &diagnostics[0];
    assert_eq!((first.line, first.column), (3, 43));
    assert_eq!(first.pointer, "/States/S/End");
    let text = r#"{"StartAt": "a/b", "States": {"a/b": {"Type": "Choice", "Choices": [{}]}}}"#;
    let diagnostics = parse(text, None).unwrap_err();
    assert_eq!(diagnostics[0].pointer, "/States/a~1b/Choices/0");
    assert_eq!(diagnostics[0].location, "/States/a/b/Choices[0]");
}

#[test]
fn all_problems_come_at_once() {
    let definition = json!({
        "StartAt": "Nowhere", "Extra": 1, "TimeoutSeconds": "x",
        "States": {
            "A": { "Type": "Pass", "Next": "B", "Bogus": true },
            "C": { "Type": "Nope" },
            "D": { "Type": "Wait" },
        }
    });
    let errors = errors(&definition.to_string());
    for expected in [
        "SCHEMA_VALIDATION_FAILED: Field 'Extra' is not supported at /",
        "SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /TimeoutSeconds",
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /StartAt",
        "SCHEMA_VALIDATION_FAILED: Field 'Bogus' is not supported at /States/A",
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next",
        "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, \
         Pass, Succeed, Fail, Choice, Parallel, Map] at /States/C/Type",
        "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: \
         [Next, End] at /States/D",
    ] {
        assert!(
            errors.contains(&expected.to_owned()),
            "{expected}\n{errors:#?}"
        );
    }
}

#[test]
fn the_whole_has_to_be_there() {
    for (text, expected) in [
        (
            "{}",
            "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /",
        ),
        (
            r#"{"StartAt": "S"}"#,
            "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /",
        ),
        (
            "[]",
            "SCHEMA_VALIDATION_FAILED: Expected value of type [OBJECT] at /",
        ),
        (
            r#"{"StartAt": "S", "States": {}}"#,
            "SCHEMA_VALIDATION_FAILED: The field 'States' should be non-empty at /States",
        ),
        (
            r#"{"StartAt": "S", "Version": "2", "States": {"S": {"Type": "Succeed"}}}"#,
            "SCHEMA_VALIDATION_FAILED: Value should be one of the following: [1.0] at /Version",
        ),
        (
            r#"{"StartAt": "S", "States": {"S": {"Type": "Pass", "Next": "S"}}}"#,
            "MISSING_END_STATE: Workflow has no terminal state at /",
        ),
        (
            r#"{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}, "S": {"Type": "Fail"}}}"#,
            "DUPLICATE_STATE_NAME: Duplicate State name: S at /States/S",
        ),
    ] {
        assert!(
            errors(text).contains(&expected.to_owned()),
            "{text}: {:#?}",
            errors(text)
        );
    }
}

#[test]
fn a_value_named_twice_is_a_warning_and_the_last_one_counts() {
    let text = r#"{"StartAt": "Assign", "States": {"Assign": {
        "Type": "Pass", "Assign": {"a": 1, "a": 2}, "Result": {"b": [{"c": 3, "c": 4}]}, "End": true
    }}}"#;
    let (machine, warnings) = parse(text, None).unwrap();
    let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "DUPLICATE_FIELD: Duplicate field 'a' at /States/Assign/Assign/a",
            "DUPLICATE_FIELD: Duplicate field 'c' at /States/Assign/Result/b[0]/c",
        ]
    );
    let asl = machine.to_asl();
    assert_eq!(asl["States"]["Assign"]["Assign"], json!({ "a": 2 }));
    assert_eq!(
        asl["States"]["Assign"]["Result"],
        json!({ "b": [{ "c": 4 }] })
    );
    // Of a state's own fields none may get lost.
    let text = r#"{"StartAt": "Result", "States": {"Result": {"Type": "Pass", "End": true, "End": true}}}"#;
    assert!(parse(text, None).is_err());
}

#[test]
fn broken_syntax_is_one_diagnostic_with_its_place() {
    for (text, format, line, column) in [
        ("{\n  \"a\" 1}", None, 2, 7),
        ("{\"a\": [1,}", None, 1, 10),
        ("{\"a\": \"x\n\"}", None, 1, 9),
        ("{} {}", None, 1, 4),
        ("", Some(Format::Json), 1, 1),
        ("a: [1\nb: 2", None, 2, 2),
        ("a: b: c", None, 1, 5),
        ("a: .inf", None, 1, 4),
        ("a: !!binary x", None, 1, 13),
        ("a: 1\n---\nb: 2", None, 2, 1),
        ("a: *nothing", None, 1, 4),
    ] {
        let diagnostics = parse(text, format).unwrap_err();
        assert_eq!(diagnostics.len(), 1, "{text}: {diagnostics:?}");
        let found = (diagnostics[0].line, diagnostics[0].column);
        assert_eq!(found, (line, column), "{text}: {}", diagnostics[0].message);
    }
}

#[test]
fn size_and_nesting_are_bounded() {
    let long = format!("{{\"Comment\": \"{}\"}}", "x".repeat(1 << 20));
    assert!(errors(&long)[0].contains("at most 1048576 bytes"));
    for opener in ["[", "{\"a\":"] {
        let deep = opener.repeat(5_000);
        let diagnostics = parse(&deep, Some(Format::Json)).unwrap_err();
        assert!(diagnostics[0].message.contains("nests deeper than 100"));
    }
    assert!(errors(&format!("a: {}", "[".repeat(5_000)))[0].contains("INVALID_YAML"));
    let bomb = (0..24).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        text + &format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)
    });
    assert!(errors(&bomb)[0].contains("aliases add up"));
}

#[test]
fn fields_belong_to_types() {
    for (field, value, bad_types) in [
        (
            "TimeoutSeconds",
            json!(1),
            vec!["Pass", "Wait", "Succeed", "Fail"],
        ),
        ("Catch", json!([]), vec!["Pass", "Wait", "Succeed", "Fail"]),
        ("Retry", json!([]), vec!["Pass", "Wait", "Succeed", "Fail"]),
        ("Next", json!("S"), vec!["Succeed", "Fail"]),
        ("InputPath", json!("$"), vec!["Fail"]),
        ("Result", json!(1), vec!["Wait", "Succeed", "Fail"]),
        ("Assign", json!({}), vec!["Succeed", "Fail"]),
    ] {
        for kind in bad_types {
            let errors = state_errors(&json!({ "Type": kind, field: value }));
            let expected =
                format!("SCHEMA_VALIDATION_FAILED: Field '{field}' is not supported at /States/S");
            assert!(errors.contains(&expected), "{kind} {field}: {errors:?}");
        }
    }
}

/// Asserts that each field of a Task, with its value, is refused with its message.
fn assert_refused(cases: &[(&str, Value, &str)]) {
    for (field, value, message) in cases {
        let mut task = json!({ "Type": "Task", "Resource": "task:t", "End": true });
        task[*field] = value.clone();
        let errors = state_errors(&task);
        assert!(
            errors.iter().any(|each| each.contains(message)),
            "{field} {value}: {errors:?}"
        );
    }
}

#[test]
fn values_have_types_and_bounds() {
    assert_refused(&[
        ("TimeoutSeconds", json!(0), "Minimum value is 1"),
        (
            "TimeoutSeconds",
            json!(100_000_000),
            "Maximum value is 99999999",
        ),
        (
            "TimeoutSeconds",
            json!(1.5),
            "Expected value of type Integer",
        ),
        (
            "HeartbeatSeconds",
            json!("5"),
            "Expected value of type Integer",
        ),
        ("Comment", json!(1), "Expected value of type [STRING]"),
        ("Parameters", json!([]), "Expected value of type [OBJECT]"),
        (
            "Credentials",
            json!({ "Other": 1 }),
            "The field 'RoleArn' is required but was missing",
        ),
        (
            "Assign",
            json!({ "states": 1 }),
            "Cannot assign to reserved variable '$states'.",
        ),
        ("Assign", json!({ "a-b": 1 }), "Invalid variable name 'a-b'"),
        ("Resource", json!("t"), "is not recognized"),
        (
            "QueryLanguage",
            json!("jsonpath"),
            "one of the following: [JSONPath, JSONata]",
        ),
        (
            "Output",
            json!(1),
            "field 'Output' is only supported for the 'JSONata' QueryLanguage",
        ),
    ]);
}

#[test]
fn paths_and_functions_have_a_syntax() {
    assert_refused(&[
        (
            "TimeoutSecondsPath",
            json!("$.a[*]"),
            "Value is not a Reference Path",
        ),
        ("InputPath", json!("a.b"), "Value must be a valid JSONPath."),
        (
            "ResultPath",
            json!("x"),
            "Reference path didn't start with '$'",
        ),
        (
            "ResultPath",
            json!("$.a[?(@.b)]"),
            "only names and single indexes",
        ),
        (
            "ResultPath",
            json!("$$.x"),
            "must address the state's input",
        ),
        (
            "Parameters",
            json!({ "x.$": "nope" }),
            "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function",
        ),
        (
            "Parameters",
            json!({ "x.$": 5 }),
            "must be a valid JSONPath",
        ),
        (
            "Parameters",
            json!({ "x": 1, "x.$": "$.x" }),
            "have the same name",
        ),
    ]);
}

#[test]
fn retriers_and_catchers_have_rules() {
    let task = |field: &str, value: Value| {
        state_errors(&json!({ "Type": "Task", "Resource": "task:t", "End": true, field: value }))
    };
    let alone = "States.ALL must appear alone and at end of list";
    for (field, value, message) in [
        (
            "Retry",
            json!([{}]),
            "These fields are required: [ErrorEquals] at /States/S/Retry[0]",
        ),
        (
            "Retry",
            json!([{ "ErrorEquals": [] }]),
            "Value cannot be empty",
        ),
        (
            "Retry",
            json!([{ "ErrorEquals": ["States.ALL", "A"] }]),
            alone,
        ),
        (
            "Retry",
            json!([{ "ErrorEquals": ["States.ALL"] }, { "ErrorEquals": ["A"] }]),
            alone,
        ),
        (
            "Retry",
            json!([{ "ErrorEquals": ["A"], "BackoffRate": 0.5 }]),
            "Minimum value is 1.0",
        ),
        (
            "Retry",
            json!([{ "ErrorEquals": ["A"], "MaxAttempts": -1 }]),
            "Minimum value is 0",
        ),
        (
            "Retry",
            json!([{ "ErrorEquals": ["A"], "JitterStrategy": "SOME" }]),
            "[NONE, FULL]",
        ),
        (
            "Retry",
            json!([{ "ErrorEquals": ["A"], "MaxDelaySeconds": 0 }]),
            "Minimum value is 1",
        ),
        (
            "Catch",
            json!([{ "ErrorEquals": ["A"] }]),
            "These fields are required: [Next]",
        ),
        (
            "Catch",
            json!([{ "ErrorEquals": ["A"], "Next": "X" }]),
            "/States/S/Catch[0]/Next",
        ),
        (
            "Catch",
            json!([{ "ErrorEquals": ["A"], "Next": "S", "x": 1 }]),
            "Field 'x' is not",
        ),
    ] {
        let errors = task(field, value.clone());
        assert!(
            errors.iter().any(|each| each.contains(message)),
            "{value}: {errors:?}"
        );
    }
}

/// Asserts that each rule of a Choice is refused with its message.
fn assert_rules_refused(cases: &[(Value, &str)]) {
    for (rule, message) in cases {
        let choice = json!({ "Type": "Choice", "Choices": [rule], "Default": "S" });
        let errors = state_errors(&choice);
        assert!(
            errors.iter().any(|each| each.contains(message)),
            "{rule}: {errors:?}"
        );
    }
}

#[test]
fn choice_rules_have_one_form() {
    assert_rules_refused(&[
        (
            json!({ "Next": "S" }),
            "only one of the following fields, [And, Or, Not, Variable",
        ),
        (
            json!({ "Variable": "$.a", "And": [], "Next": "S" }),
            "only one of the following",
        ),
        (
            json!({ "Variable": "a", "IsNull": true, "Next": "S" }),
            "Reference path didn't start with '$'",
        ),
        (
            json!({ "Variable": "$.a", "IsNull": true }),
            "These fields are required: [Next]",
        ),
        (json!({ "And": [], "Next": "S" }), "Value cannot be empty"),
        (
            json!({ "Not": { "Variable": "$.a", "IsNull": true, "Next": "S" }, "Next": "S" }),
            "Field 'Next' is not supported at /States/S/Choices[0]/Not",
        ),
        (
            json!({ "Condition": "{% true %}", "Next": "S" }),
            "only supported for the 'JSONata'",
        ),
    ]);
    let empty = state_errors(&json!({ "Type": "Choice", "Choices": [], "Default": "S" }));
    assert!(empty[0].contains("Value cannot be empty at /States/S/Choices"));
}

#[test]
fn choice_rules_have_one_operator_with_a_value_of_its_type() {
    assert_rules_refused(&[
        (
            json!({ "Variable": "$.a", "Next": "S" }),
            "comparison operator is required",
        ),
        (
            json!({ "Variable": "$.a", "IsNull": true, "StringEquals": "x", "Next": "S" }),
            "There should only be one of the following fields: [IsNull, StringEquals]",
        ),
        (
            json!({ "Variable": "$.a", "IsNull": 1, "Next": "S" }),
            "type [BOOLEAN]",
        ),
        (
            json!({ "Variable": "$.a", "StringEquals": 1, "Next": "S" }),
            "type [STRING]",
        ),
        (
            json!({ "Variable": "$.a", "NumericEquals": "1", "Next": "S" }),
            "type Number",
        ),
        (
            json!({ "Variable": "$.a", "TimestampEquals": "now", "Next": "S" }),
            "RFC3339",
        ),
        (
            json!({ "Variable": "$.a", "StringMatches": "\\x", "Next": "S" }),
            "backslash",
        ),
        (
            json!({ "Variable": "$.a", "StringEqualsPath": "b", "Next": "S" }),
            "valid JSONPath",
        ),
        (
            json!({ "Variable": "$.a", "Equals": 1, "Next": "S" }),
            "Field 'Equals' is not",
        ),
    ]);
}

#[test]
fn waits_and_fails_have_one_of_their_fields() {
    for (state, message) in [
        (
            json!({ "Type": "Wait", "End": true, "Seconds": 1, "Timestamp": "x" }),
            "only be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp]",
        ),
        (
            json!({ "Type": "Wait", "End": true }),
            "This object should have only one of",
        ),
        (
            json!({ "Type": "Wait", "End": true, "Timestamp": "2020-01-01" }),
            "RFC3339",
        ),
        (
            json!({ "Type": "Wait", "End": true, "Seconds": -1 }),
            "Minimum value is 0",
        ),
        (
            json!({ "Type": "Fail", "Error": "a", "ErrorPath": "$.a" }),
            "only be one of",
        ),
        (
            json!({ "Type": "Fail", "CausePath": "a" }),
            "valid intrinsic function call",
        ),
        (
            json!({ "Type": "Pass", "Next": "S", "End": true }),
            "only be one of",
        ),
        (json!({ "Type": "Pass", "End": false }), "[Next, End]"),
    ] {
        let errors = state_errors(&state);
        assert!(
            errors.iter().any(|each| each.contains(message)),
            "{state}: {errors:?}"
        );
    }
}

/// A Map with some fields, and with a `ProcessorConfig` unless it is null.
fn map(fields: &Value, config: &Value) -> Value {
    let mut processor = json!({ "StartAt": "I", "States": { "I": pass() } });
    if !config.is_null() {
        processor["ProcessorConfig"] = config.clone();
    }
    let mut map = json!({ "Type": "Map", "End": true, "ItemProcessor": processor });
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    map
}

#[test]
fn maps_have_one_processor_and_a_mode() {
    let inline_type = json!({ "Mode": "INLINE", "ExecutionType": "STANDARD" });
    for (map, message) in [
        (
            json!({ "Type": "Map", "End": true }),
            "[ItemProcessor, Iterator]",
        ),
        (
            map(&json!({ "Iterator": {} }), &Value::Null),
            "only be one of the following fields",
        ),
        (
            map(&json!({}), &json!({ "Mode": "DISTRIBUTED" })),
            "required: [ExecutionType]",
        ),
        (
            map(&json!({}), &json!({ "Mode": "OTHER" })),
            "[INLINE, DISTRIBUTED]",
        ),
        (
            map(&json!({}), &inline_type),
            "Field 'ExecutionType' is not supported",
        ),
        (
            map(&json!({ "Label": "x" }), &Value::Null),
            "Field 'Label' is not supported",
        ),
    ] {
        let errors = state_errors(&map);
        assert!(
            errors.iter().any(|each| each.contains(message)),
            "{map}: {errors:?}"
        );
    }
}

#[test]
fn distributed_maps_have_fields_of_their_own() {
    let distributed = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" });
    let reader = json!({
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": { "InputType": "CSV" }
    });
    for (fields, message) in [
        (json!({ "Label": "" }), "Label cannot be empty"),
        (
            json!({ "Label": "x".repeat(41) }),
            "cannot exceed 40 characters",
        ),
        (json!({ "Label": "a b" }), "invalid characters"),
        (json!({ "MaxConcurrency": -1 }), "Minimum value is 0"),
        (
            json!({ "ToleratedFailurePercentage": 101 }),
            "Maximum value is 100",
        ),
        (json!({ "ItemsPath": "$.a[*]" }), "not a Reference Path"),
        (
            json!({ "ItemReader": reader }),
            "required: [CSVHeaderLocation]",
        ),
        (
            json!({ "ItemBatcher": { "Size": 1 } }),
            "Field 'Size' is not",
        ),
        (
            json!({ "ResultWriter": {} }),
            "These fields are required: [Resource]",
        ),
    ] {
        let errors = state_errors(&map(&fields, &distributed));
        assert!(
            errors.iter().any(|each| each.contains(message)),
            "{fields}: {errors:?}"
        );
    }
    let fractions = map(&json!({ "ToleratedFailurePercentage": 0.5 }), &distributed);
    let (machine, _) = ok(&json!({ "StartAt": "M", "States": { "M": fractions } }));
    let StateKind::Map(map) = &machine.state(StateRefOf::at(0, 0)).kind else {
        panic!()
    };
    assert!(matches!(map.mode, MapMode::Distributed { .. }));
}

#[test]
fn names_are_unique_and_short() {
    let branch = || json!({ "StartAt": "A", "States": { "A": pass() } });
    let twice = json!({
        "Type": "Parallel", "End": true, "Branches": [branch(), branch()]
    });
    let errors = state_errors(&twice);
    assert_eq!(
        errors,
        ["DUPLICATE_STATE_NAME: Duplicate State name: A at /States/S/Branches[1]/States/A"]
    );
    for (name, is_ok) in [
        ("x".repeat(80), true),
        ("é".repeat(80), true),
        ("x".repeat(81), false),
    ] {
        let definition = json!({ "StartAt": name, "States": { name: pass() } });
        assert_eq!(parse(&definition.to_string(), None).is_ok(), is_ok);
    }
}

#[test]
fn languages_do_not_mix_within_a_state() {
    let machine = |language: Value, state: Value| {
        let definition =
            json!({ "QueryLanguage": language, "StartAt": "S", "States": { "S": state } });
        errors(&definition.to_string())
    };
    let downgrade = machine(
        json!("JSONata"),
        json!({
            "Type": "Pass", "QueryLanguage": "JSONPath", "End": true
        }),
    );
    assert_eq!(
        downgrade,
        [
            "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for \
          whole state machine at /States/S"
        ]
    );
    let foreign = machine(
        json!("JSONata"),
        json!({
            "Type": "Pass", "InputPath": "$", "End": true
        }),
    );
    assert!(foreign[0].contains("field 'InputPath' is only supported for the 'JSONPath'"));
    let upgrade = json!({
        "StartAt": "S",
        "States": { "S": { "Type": "Pass", "QueryLanguage": "JSONata", "Output": 1, "End": true } }
    });
    let (machine, _) = ok(&upgrade);
    assert_eq!(machine.query_language, QueryLanguage::JsonPath);
    assert_eq!(
        machine.state(StateRefOf::at(0, 0)).query_language,
        QueryLanguage::Jsonata
    );
}

/// A definition of one Task with a timeout and some fields.
fn one_task(fields: &Value) -> Value {
    let mut task =
        json!({ "Type": "Task", "Resource": "task:t", "TimeoutSeconds": 9, "End": true });
    for (name, value) in fields.as_object().unwrap() {
        task[name] = value.clone();
    }
    json!({ "StartAt": "S", "TimeoutSeconds": 100, "States": { "S": task } })
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let retry = |entries: Value| json!({ "Retry": entries });
    let covered = json!([{ "ErrorEquals": ["States.TaskFailed"] }, { "ErrorEquals": ["A", "B"] }]);
    for (fields, code) in [
        (
            json!({ "HeartbeatSeconds": 9 }),
            "HEARTBEAT_NOT_BELOW_TIMEOUT",
        ),
        (json!({ "TimeoutSeconds": 99 }), ""),
        (json!({ "TimeoutSeconds": 101 }), "TIMEOUT_BEYOND_EXECUTION"),
        (
            json!({ "Resource": "arn:aws:states:::sqs:sendMessage" }),
            "INTEGRATION_NEEDS_BINDING",
        ),
        (
            json!({ "Parameters": { "db_password": "hunter2" } }),
            "SECRET_IN_PLAIN_TEXT",
        ),
        (
            json!({ "Parameters": { "k": "AKIAIOSFODNN7EXAMPLE" } }),
            "SECRET_IN_PLAIN_TEXT",
        ),
        (
            json!({ "Parameters": { "password.$": "$.p", "secret": "arn:aws:x" } }),
            "",
        ),
        (
            retry(json!([{ "ErrorEquals": ["A"] }, { "ErrorEquals": ["A"] }])),
            "RETRY_NEVER_MATCHES",
        ),
        (retry(covered), "RETRY_NEVER_MATCHES"),
        (
            retry(json!([{ "ErrorEquals": ["States.Runtime"] }])),
            "RETRY_NEVER_MATCHES",
        ),
        (
            retry(json!([{ "ErrorEquals": ["A"] }, { "ErrorEquals": ["States.ALL"] }])),
            "",
        ),
        (
            json!({ "Catch": [{ "ErrorEquals": ["States.Nonsense"], "Next": "S" }] }),
            "CATCH_NEVER_MATCHES",
        ),
        (
            json!({ "Parameters": { "x.$": "$nobody" } }),
            "VARIABLE_NEVER_ASSIGNED",
        ),
    ] {
        let found = warnings(&one_task(&fields));
        // A Task that catches into itself is a loop as well.
        let found: Vec<&str> = found
            .iter()
            .map(String::as_str)
            .filter(|code| *code != "LOOP_WITHOUT_WAIT")
            .collect();
        let expected = if code.is_empty() { vec![] } else { vec![code] };
        assert_eq!(found, expected, "{fields}");
    }
}

#[test]
fn a_task_without_timeout_is_a_warning_where_somebody_may_not_answer() {
    let without = |resource: &str| {
        let mut definition = one_task(&json!({ "Resource": resource }));
        definition["States"]["S"]
            .as_object_mut()
            .unwrap()
            .remove("TimeoutSeconds");
        warnings(&definition)
    };
    // The host ends what it runs itself, after fifteen minutes.
    assert_eq!(without("task:t"), Vec::<String>::new());
    assert_eq!(without("stepwell:approval"), ["TASK_WITHOUT_TIMEOUT"]);
    assert_eq!(without("stepwell:event"), ["TASK_WITHOUT_TIMEOUT"]);
    let start = "arn:aws:states:::states:startExecution";
    assert_eq!(without(start), Vec::<String>::new());
    assert_eq!(
        without(&format!("{start}.sync:2")),
        ["TASK_WITHOUT_TIMEOUT"]
    );
}

#[test]
fn graphs_are_looked_at_as_a_whole() {
    let states = |states: Value| json!({ "StartAt": "A", "States": states });
    let choose = |next: &str| {
        json!({ "Type": "Choice", "Default": "Z",
            "Choices": [{ "Variable": "$.x", "IsNull": true, "Next": next }] })
    };
    let to = |next: &str| json!({ "Type": "Pass", "Next": next });
    let unreachable = states(json!({ "A": pass(), "B": pass() }));
    assert_eq!(warnings(&unreachable), ["UNREACHABLE_STATE"]);
    let spinning = states(json!({ "A": to("B"), "B": choose("A"), "Z": pass() }));
    assert_eq!(warnings(&spinning), ["LOOP_WITHOUT_WAIT"]);
    let waiting = states(json!({
        "A": { "Type": "Wait", "Seconds": 5, "Next": "B" }, "B": choose("A"), "Z": pass()
    }));
    assert_eq!(warnings(&waiting), Vec::<String>::new());
    let no_default = states(json!({
        "A": { "Type": "Choice", "Choices": [{ "Variable": "$.x", "IsNull": true, "Next": "Z" }] },
        "Z": pass()
    }));
    assert_eq!(warnings(&no_default), ["CHOICE_WITHOUT_DEFAULT"]);
}

#[test]
fn inner_scopes_read_outer_variables_but_do_not_assign_them() {
    let map = |mode: Value, inner: Value| {
        json!({
            "StartAt": "A",
            "States": {
                "A": { "Type": "Pass", "Assign": { "x": 1 }, "Next": "M" },
                "M": { "Type": "Map", "End": true, "ItemProcessor": {
                    "ProcessorConfig": mode, "StartAt": "I", "States": { "I": inner }
                } },
            }
        })
    };
    let inline = json!({ "Mode": "INLINE" });
    let reads = json!({ "Type": "Pass", "Parameters": { "x.$": "$x" }, "End": true });
    assert_eq!(
        warnings(&map(inline.clone(), reads.clone())),
        Vec::<String>::new()
    );
    let distributed = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    assert_eq!(
        warnings(&map(distributed.clone(), reads)),
        ["VARIABLE_NEVER_ASSIGNED"]
    );
    let assigns = json!({ "Type": "Pass", "Assign": { "x": 2 }, "End": true });
    let errors = errors(&map(inline, assigns.clone()).to_string());
    assert!(
        errors[0].contains("'x' is assigned in an outer scope"),
        "{errors:?}"
    );
    assert_eq!(warnings(&map(distributed, assigns)), Vec::<String>::new());
}

#[test]
fn a_function_that_stands_where_a_value_does_is_no_variable() {
    let pass = |output: &str| {
        json!({ "QueryLanguage": "JSONata", "StartAt": "a", "States": {
            "a": { "Type": "Pass", "Output": output, "End": true }
        }})
    };
    let functions = pass("{% $map($states.input, $string) %}");
    assert_eq!(warnings(&functions), Vec::<String>::new());
    let variable = pass("{% $map($states.input, $strings) %}");
    assert_eq!(warnings(&variable), ["VARIABLE_NEVER_ASSIGNED"]);
}

#[test]
fn variable_references_are_listed_by_state() {
    let (machine, _) = ok(&json!({
        "StartAt": "A",
        "States": {
            "A": { "Type": "Pass", "Assign": { "b": 1, "a": 2, "c.$": "$.x" }, "Next": "C" },
            "C": { "Type": "Choice", "Default": "D", "Choices": [
                { "Variable": "$b", "NumericEqualsPath": "$a", "Next": "D" }
            ] },
            "D": { "Type": "Pass", "InputPath": "$c", "OutputPath": "$a.x",
                   "Parameters": { "f.$": "States.Format('{}', $b)" }, "End": true },
        }
    }));
    let references = machine.variable_references();
    assert_eq!(
        json!(references),
        json!({ "C": ["a", "b"], "D": ["a", "b", "c"] })
    );
}
