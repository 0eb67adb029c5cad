//! The intrinsic functions, with their limits and what they refuse.

use serde_json::{Value, json};

use super::Call;
use crate::data_flow::evaluation::{Evaluation, Purpose};
use crate::data_flow::{Env, EvalFailure, EvalLimits, NoVariables};
use crate::payload::Payload;
use crate::timestamp::Timestamp;

fn evaluate(call: &str, input: &Value) -> Result<Value, EvalFailure> {
    let call = Call::parse(call).unwrap_or_else(|error| panic!("{call}: {error}"));
    let payload = Payload::null();
    let env = Env {
        input: &payload,
        context: &|| json!({ "Execution": { "Name": "run-1" } }),
        variables: &NoVariables,
        seed: [9; 32],
        now: Timestamp::from_ms(0),
        limits: EvalLimits::default(),
        observer: None,
    };
    call.evaluate(&Evaluation::new(&env, Purpose::Arguments), input)
}

/// Returns the cause of a call that the function refuses.
fn refusal(call: &str, input: &Value) -> String {
    match evaluate(call, input) {
        Ok(value) => panic!("{call} gave {value}"),
        Err(failure) => {
            assert_eq!(failure.error, "States.IntrinsicFailure", "{call}");
            failure.cause
        }
    }
}

fn assert_answers(cases: &[(&str, Value)]) {
    let input = json!({
        "name": "Ada", "n": 3, "list": [1, 2, 2, 3], "o": { "a": 1 }, "p": { "b": 2 },
        "json": "{\"k\": [1]}", "blank": " ", "text": "This.is+a,test=string",
    });
    for (call, expected) in cases {
        assert_eq!(evaluate(call, &input).as_ref(), Ok(expected), "{call}");
    }
}

#[test]
fn functions_of_texts_answer() {
    assert_answers(&[
        (
            "States.Format('Hi {}, {}!', $.name, 5)",
            json!("Hi Ada, 5!"),
        ),
        (
            "States.Format('{} {} {}', true, null, 'x')",
            json!("true null x"),
        ),
        (r"States.Format('\{{}\} \\ \'', $.n)", json!(r"{3} \ '")),
        ("States.Format('no placeholder')", json!("no placeholder")),
        ("States.StringToJson($.json)", json!({ "k": [1] })),
        ("States.StringToJson($.blank)", json!(null)),
        ("States.StringToJson('-0')", json!(0)),
        ("States.JsonToString($.o)", json!("{\"a\":1}")),
        (
            "States.Base64Encode('Data to encode')",
            json!("RGF0YSB0byBlbmNvZGU="),
        ),
        (
            "States.Base64Decode('RGF0YSB0byBlbmNvZGU=')",
            json!("Data to encode"),
        ),
        (
            "States.Hash('abc', 'MD5')",
            json!("900150983cd24fb0d6963f7d28e17f72"),
        ),
        (
            "States.Hash('abc', 'SHA-1')",
            json!("a9993e364706816aba3e25717850c26c9cd0d89d"),
        ),
        ("States.StringSplit('a,b,,c', ',')", json!(["a", "b", "c"])),
        (
            "States.StringSplit($.text, '.+,=')",
            json!(["This", "is", "a", "test", "string"]),
        ),
        (
            "States.StringSplit($$.Execution.Name, '-')",
            json!(["run", "1"]),
        ),
    ]);
}

#[test]
fn functions_of_lists_objects_and_numbers_answer() {
    assert_answers(&[
        ("States.Array()", json!([])),
        (
            "States.Array('a', 1, $.o, null, false)",
            json!(["a", 1, { "a": 1 }, null, false]),
        ),
        ("States.ArrayPartition($.list, 3)", json!([[1, 2, 2], [3]])),
        ("States.ArrayContains($.list, 2)", json!(true)),
        ("States.ArrayContains($.list, '2')", json!(false)),
        ("States.ArrayRange(1, 9, 2)", json!([1, 3, 5, 7, 9])),
        ("States.ArrayRange(3, -3, -3)", json!([3, 0, -3])),
        ("States.ArrayRange(3, 1, 1)", json!([])),
        ("States.ArrayGetItem($.list, 3)", json!(3)),
        ("States.ArrayLength($.list)", json!(4)),
        ("States.ArrayUnique($.list)", json!([1, 2, 3])),
        (
            "States.ArrayLength(States.StringSplit('a b c', ' '))",
            json!(3),
        ),
        (
            "States.JsonMerge($.o, $.p, false)",
            json!({ "a": 1, "b": 2 }),
        ),
        ("States.MathAdd($.n, -5)", json!(-2)),
        ("States.MathAdd(1.5, 1.49)", json!(3)),
        ("States.MathAdd(-1.5, 0)", json!(-1)),
    ]);
}

#[test]
fn equal_values_are_one_whatever_their_spelling() {
    let input: Value = serde_json::from_str(
        r#"{"l": [1, 1.0, "1", {"a": 1, "b": 2}, {"b": 2, "a": 1.0}, [], [], null]}"#,
    )
    .unwrap();
    let unique = evaluate("States.ArrayUnique($.l)", &input).unwrap();
    assert_eq!(unique, json!([1, "1", { "a": 1, "b": 2 }, [], null]));
}

#[test]
fn sums_keep_every_digit() {
    let sum = evaluate("States.MathAdd(9007199254740993, 1)", &json!({})).unwrap();
    assert_eq!(sum.to_string(), "9007199254740994");
}

#[test]
fn arguments_out_of_range_are_refused() {
    let long = "x".repeat(10_001);
    let input = json!({ "long": long, "n": 1, "o": { "a": 1 }, "l": [1] });
    for (call, cause) in [
        ("States.Format('{}')", "more '{}' than arguments"),
        ("States.Format('x', 1)", "fewer '{}' than arguments"),
        ("States.Format('{}', $.o)", "no text form"),
        ("States.Format($.n)", "expected a string"),
        ("States.StringToJson('{x')", "no JSON"),
        ("States.ArrayPartition($.l, 0)", "positive integer"),
        ("States.ArrayPartition($.n, 1)", "expected an array"),
        ("States.ArrayRange(0, 9, 0)", "not zero"),
        ("States.ArrayRange(0, 1000, 1)", "at most 1000"),
        ("States.ArrayGetItem($.l, 1)", "no element 1"),
        ("States.ArrayGetItem($.l, -1)", "no element -1"),
        ("States.Base64Encode($.long)", "at most 10000"),
        ("States.Base64Decode('?')", "no Base64"),
        ("States.Hash($.long, 'MD5')", "at most 10000"),
        ("States.Hash('x', 'CRC')", "none of MD5"),
        ("States.JsonMerge($.o, $.o, true)", "shallow merge"),
        ("States.JsonMerge($.o, $.l, false)", "are objects"),
        ("States.MathAdd('1', 1)", "expected an integer"),
        ("States.MathAdd(1e99, 1)", "expected an integer"),
        ("States.MathRandom(3, 3)", "less than"),
        (r"States.StringSplit('a\b', 'x')", "backslash"),
    ] {
        let found = refusal(call, &input);
        assert!(found.contains(cause), "{call}: {found}");
        assert!(found.starts_with("The function 'States."), "{found}");
    }
}

#[test]
fn an_argument_that_finds_nothing_is_a_runtime_error() {
    let failure = evaluate("States.Array($.x)", &json!({ "y": 1 })).unwrap_err();
    assert_eq!(failure.error, "States.Runtime");
    assert_eq!(
        failure.cause,
        "The JsonPath argument for the field '$.x' could not be found in the input '{\"y\":1}'"
    );
}

#[test]
fn random_values_repeat_on_replay_and_differ_within_it() {
    let twice = "States.Array(States.UUID(), States.UUID(), States.MathRandom(1, 1000000))";
    let first = evaluate(twice, &json!({})).unwrap();
    assert_eq!(evaluate(twice, &json!({})).unwrap(), first);
    assert_ne!(first[0], first[1]);
    let uuid = first[0].as_str().unwrap();
    let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(uuid.as_bytes()[14], b'4');
    let seeded = evaluate("States.MathRandom(0, 1000000, 7)", &json!({})).unwrap();
    assert_eq!(
        evaluate("States.MathRandom(0, 1000000, 7)", &json!({})).unwrap(),
        seeded
    );
    for _ in 0..20 {
        let drawn = evaluate("States.MathRandom(-2, 2)", &json!({})).unwrap();
        assert!((-2..2).contains(&drawn.as_i64().unwrap()), "{drawn}");
    }
}

#[test]
fn texts_that_are_no_call_are_refused() {
    let deep = format!("{}1{}", "States.Array(".repeat(11), ")".repeat(11));
    for (text, message) in [
        ("States.Nope()", "no intrinsic function"),
        ("Format('x')", "no intrinsic function"),
        ("States.Format", "expected '('"),
        ("States.Format('x'", "expected ',' or ')'"),
        ("States.Format('x", "not closed"),
        ("States.Format(\"x\")", "expected a text in apostrophes"),
        ("States.Format($.)", "field name"),
        ("States.UUID(1)", "takes 0 arguments"),
        ("States.MathAdd(1)", "takes 2 arguments"),
        ("States.MathRandom(1)", "takes 2 to 3"),
        ("States.Format()", "at least 1"),
        ("States.UUID() x", "unexpected text"),
        (deep.as_str(), "at most 10 levels"),
    ] {
        let error = Call::parse(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn paths_in_arguments_may_hold_commas_and_brackets() {
    let input = json!({ "a,b": 1, "l": [{ "x": ")" }, { "x": "y" }] });
    assert_eq!(evaluate("States.Array($['a,b'])", &input), Ok(json!([1])));
    let filtered = "States.ArrayLength($.l[?(@.x == ')')])";
    assert_eq!(evaluate(filtered, &input), Ok(json!(1)));
}
