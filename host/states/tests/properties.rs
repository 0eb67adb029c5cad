//! Whatever comes in, nothing panics, and what can be stated for all inputs holds.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stepwell_states::*;

/// JSON values, small but of every kind.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        "[a-c${}%.']{0,6}".prop_map(Value::from),
        Just(json!("2026-01-01T00:00:00Z")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[abx]{1,2}", inner), 0..4).prop_map(|fields| Value::Object(object(fields))),
        ]
    })
}

fn object(fields: Vec<(String, Value)>) -> Map<String, Value> {
    fields.into_iter().collect()
}

/// Texts that are paths, nearly paths, or intrinsic functions.
fn expression() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        Just(".a".to_owned()),
        Just("['b']".to_owned()),
        Just("[0]".to_owned()),
        Just("[-1:]".to_owned()),
        Just("[*]".to_owned()),
        Just("..x".to_owned()),
        Just("[?(@.a > 1)]".to_owned()),
        Just("[?(@.a =~ /x.*/i || !@.b)]".to_owned()),
        Just(".length()".to_owned()),
        "[$.\\[\\]()'a-c?@0-9]{0,4}",
    ];
    let path = (
        prop_oneof![Just("$"), Just("$$"), Just("$v")],
        vec(step, 0..4),
    )
        .prop_map(|(root, steps)| root.to_owned() + &steps.concat());
    let name = prop_oneof![
        Just("States.Format"),
        Just("States.Array"),
        Just("States.ArrayRange"),
        Just("States.ArrayPartition"),
        Just("States.StringSplit"),
        Just("States.JsonMerge"),
        Just("States.MathAdd"),
        Just("States.StringToJson"),
    ];
    let argument = prop_oneof![
        path.clone(),
        "'[a{}\\\\,]{0,4}'",
        "-?[0-9]{1,22}",
        Just("true".to_owned())
    ];
    let call = (name, vec(argument, 0..4))
        .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", ")));
    prop_oneof![path, call]
}

/// States of every type, some of them wrong.
fn state() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just("Task"),
        Just("Pass"),
        Just("Wait"),
        Just("Choice"),
        Just("Map"),
        Just("Parallel"),
        Just("Succeed"),
        Just("Fail"),
        Just("Nope"),
    ];
    let name = prop_oneof![
        Just("Next"),
        Just("End"),
        Just("InputPath"),
        Just("OutputPath"),
        Just("ResultPath"),
        Just("Parameters"),
        Just("ResultSelector"),
        Just("Assign"),
        Just("Resource"),
        Just("Choices"),
        Just("Default"),
        Just("Seconds"),
        Just("SecondsPath"),
        Just("ErrorPath"),
        Just("ItemsPath"),
        Just("ItemSelector"),
        Just("MaxConcurrencyPath"),
        Just("Retry"),
        Just("Catch"),
        Just("ItemProcessor"),
        Just("Branches"),
        Just("QueryLanguage"),
        Just("TimeoutSeconds"),
        Just("Output"),
    ];
    let scope = json!({ "StartAt": "I", "States": { "I": { "Type": "Succeed" } } });
    let field = prop_oneof![
        expression().prop_map(Value::from),
        value(),
        Just(json!("A")),
        Just(json!(true)),
        Just(json!("task:t")),
        Just(json!([{ "ErrorEquals": ["States.ALL"], "Next": "A" }])),
        Just(scope.clone()),
        Just(json!([scope])),
        expression().prop_map(|text| json!({ "x.$": text, "y": [{ "z.$": "$" }] })),
        expression().prop_map(|text| json!([{ "Variable": text, "IsPresent": true, "Next": "A" }])),
        Just(json!("{% $states.input %}")),
    ];
    (kind, vec((name, field), 0..6)).prop_map(|(kind, fields)| {
        let mut state = object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
        state.insert("Type".to_owned(), kind.into());
        Value::Object(state)
    })
}

/// Paths and functions that are right in form.
fn sound_expression() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        Just("$"),
        Just("$.a"),
        Just("$.b[0]"),
        Just("$.a.x"),
        Just("$['x'].a"),
        Just("$..a"),
        Just("$.*"),
        Just("$[*]"),
        Just("$[?(@.a > 1 || @ == 'a')]"),
        Just("$.a[-1:]"),
        Just("$.a.length()"),
        Just("$$.Execution.Input"),
        Just("$v"),
        Just("$['a','b']"),
    ];
    let call = prop_oneof![
        Just("States.Format('{}-{}', $.a, $.b)"),
        Just("States.Array($, $.a)"),
        Just("States.ArrayRange($.a, $.b, 1)"),
        Just("States.ArrayPartition($.a, $.b)"),
        Just("States.ArrayUnique($.a)"),
        Just("States.JsonMerge($.a, $.b, false)"),
        Just("States.StringToJson($.a)"),
        Just("States.JsonToString($)"),
        Just("States.UUID()"),
        Just("States.StringSplit($.a, $.b)"),
        Just("States.MathAdd($.a, $.b)"),
        Just("States.Base64Decode($.a)"),
        Just("States.MathRandom($.a, $.b)"),
        Just("States.Hash($.a, 'SHA-256')"),
        Just("States.ArrayGetItem($.a, $.b)"),
    ];
    prop_oneof![path, call].prop_map(str::to_owned)
}

fn reference() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just("$"),
        Just("$.a"),
        Just("$.a.b.x"),
        Just("$.b[0]"),
        Just("$['x']"),
        Just("$.a[1].x"),
    ]
    .prop_map(Value::from)
}

/// A Choice's operator with its operand.
fn operator() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        Just(("StringEqualsPath", json!("$.b"))),
        Just(("NumericLessThanPath", json!("$.b"))),
        Just(("TimestampGreaterThanPath", json!("$.a"))),
        Just(("BooleanEquals", json!(true))),
        Just(("IsPresent", json!(false))),
        Just(("IsTimestamp", json!(true))),
        Just(("StringMatches", json!("a*b*"))),
    ]
}

/// Definitions of one state that is right in form.
fn sound_definition() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just("Task"),
        Just("Pass"),
        Just("Wait"),
        Just("Choice"),
        Just("Map"),
        Just("Fail"),
    ];
    let inputs = (
        sound_expression(),
        sound_expression(),
        sound_expression(),
        value(),
    );
    (kind, inputs, reference(), operator(), any::<u8>()).prop_map(
        |(kind, (first, second, third, fixed), reference, (operator, operand), bits)| {
            let template = json!({ "p.$": first, "q": [{ "r.$": second, "s": fixed }] });
            let mut state = json!({ "Type": kind });
            let mut set = |bit: u8, name: &str, value: Value| {
                if bits & (1 << bit) != 0 {
                    state[name] = value;
                }
            };
            let path = if third.starts_with('$') {
                third.clone()
            } else {
                "$.a".to_owned()
            };
            if kind != "Fail" {
                set(0, "InputPath", json!(path));
                set(1, "OutputPath", json!(path));
            }
            if matches!(kind, "Task" | "Pass" | "Map") {
                set(2, "ResultPath", reference.clone());
                set(3, "Parameters", template.clone());
                set(4, "Assign", json!({ "w.$": third }));
            }
            match kind {
                "Task" => {
                    state["Resource"] = json!("task:t");
                    state["ResultSelector"] = template;
                    state["TimeoutSecondsPath"] = reference;
                }
                "Wait" if bits & 32 != 0 => state["SecondsPath"] = reference,
                "Wait" => state["TimestampPath"] = reference,
                "Choice" => {
                    state["Choices"] =
                        json!([{ "Variable": path, operator: operand, "Next": "B" }]);
                }
                "Map" => {
                    state["ItemsPath"] = reference;
                    state["ItemProcessor"] =
                        json!({ "StartAt": "I", "States": { "I": { "Type": "Succeed" } } });
                }
                "Fail" => state["CausePath"] = json!(third),
                _ => {}
            }
            if !matches!(kind, "Fail" | "Choice") {
                state["Next"] = json!("B");
            }
            json!({ "StartAt": "A", "States": { "A": state, "B": { "Type": "Succeed" } } })
        },
    )
}

/// Puts a machine's states through every function of the data flow.
fn exercise(machine: &StateMachine, input: &Payload, result: &Payload) {
    let context = || json!({ "Execution": { "Input": {} }, "Map": { "Item": { "Index": 1 } } });
    let env = Env {
        input,
        context: &context,
        variables: &NoVariables,
        seed: [3; 32],
        now: Timestamp::from_ms(1_000),
        limits: EvalLimits::default(),
        observer: None,
    };
    for (_, state) in machine.states() {
        let effective = effective_input(state, &env).unwrap_or_else(|_| input.clone());
        let item = MapItem {
            key: None,
            value: result.clone(),
        };
        // Failures are answers; all that counts is that an answer comes.
        let _answers = (
            arguments(state, &env, &effective).is_ok(),
            task_times(state, &env, &effective).is_ok(),
            pass_result(state, &env, &effective).is_ok(),
            choose(state, &env, &effective).is_ok(),
            wait_until(state, &env, &effective).is_ok(),
            fail_details(state, &env).is_ok(),
            map_plan(state, &env, &effective).is_ok(),
            map_item_input(state, &env, &effective, &item).is_ok(),
            catch(state, 0, &env, "E", "c").is_ok(),
        );
        if let Ok(completion) = complete(state, &env, &effective, result) {
            assert!(Payload::parse(completion.output.as_str()).is_ok());
            assert_eq!(complete(state, &env, &effective, result), Ok(completion));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_data_flow_of_any_definition_answers(
        definition in sound_definition(),
        input in value(),
        result in value(),
    ) {
        let (machine, _) = parse(&definition.to_string(), None).expect("the form is right");
        exercise(&machine, &Payload::from_value(&input), &Payload::from_value(&result));
    }

    #[test]
    fn wrong_definitions_say_why(states in vec(state(), 1..4), input in value()) {
        let names = ["A", "B", "C"];
        let states: Map<String, Value> =
            names.iter().map(|name| (*name).to_owned()).zip(states).collect();
        let definition = json!({ "StartAt": "A", "States": states }).to_string();
        match parse(&definition, None) {
            Ok((machine, _)) => {
                let input = Payload::from_value(&input);
                exercise(&machine, &input, &input);
                let drawn = diagram::svg(&machine, &diagram::Marks::new());
                prop_assert!(drawn.is_ok());
                prop_assert!(!diagram::mermaid(&machine, &diagram::Marks::new()).is_empty());
            }
            Err(diagnostics) => {
                let said = aws::diagnose(&definition, ExecutionType::Express);
                let refused = said.iter().any(|each| each.severity == Severity::Error);
                prop_assert_eq!(refused, aws::invalid_definition(&definition, &said).is_some());
                prop_assert!(diagnostics.iter().all(|each| rule(&each.code).is_some()));
                prop_assert!(diagnostics.iter().any(|each| each.severity == Severity::Error));
                prop_assert!(diagnostics.iter().all(|each| each.line == 1 && each.column > 0));
            }
        }
    }

    #[test]
    fn any_text_is_a_definition_or_has_a_diagnostic(text in "[\\PC\n]{0,80}") {
        for format in [None, Some(Format::Json), Some(Format::Yaml)] {
            if let Err(diagnostics) = parse(&text, format) {
                prop_assert!(!diagnostics.is_empty());
            }
        }
    }

    #[test]
    fn any_short_form_is_a_definition_or_has_a_diagnostic(
        kind in "task|wait|choice|map|parallel|pass|fail|approval|wait_for_event|x",
        keys in vec((
            "when|retry|catch|timeout|for|until|branches|each|items|next|end|choices|tolerate|mode",
            value(),
        ), 0..5),
    ) {
        let mut state = object(keys);
        state.insert("type".to_owned(), kind.into());
        let definition = json!({ "workflow": { "states": { "a": state, "b": { "type": "succeed" } } } });
        if let Err(diagnostics) = parse(&definition.to_string(), None) {
            prop_assert!(!diagnostics.is_empty());
        }
    }

    #[test]
    fn payloads_agree_with_the_json_library(text in "[\\[\\]{}\",:0-9eE.+\\- tfnu\\\\a-c]{0,24}") {
        let ours = Payload::parse(text.as_str());
        let theirs = serde_json::from_str::<Value>(&text);
        if let Ok(payload) = &ours {
            prop_assert_eq!(payload.to_value(), theirs.unwrap());
        } else if theirs.is_ok() {
            // The only texts that we refuse beyond theirs name a key twice.
            prop_assert!(ours.unwrap_err().message.contains("Duplicate"));
        }
    }

    #[test]
    fn values_survive_the_way_through_a_payload(value in value()) {
        let payload = Payload::from_value(&value);
        prop_assert_eq!(Payload::parse(payload.as_str()).unwrap().to_value(), value);
    }

    #[test]
    fn timestamps_read_back_what_they_write(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
        let timestamp = Timestamp::from_ms(ms);
        prop_assert_eq!(Timestamp::parse_rfc3339(&timestamp.to_string()), Ok(timestamp));
    }

    #[test]
    fn delays_stay_between_zero_and_their_bound(
        interval_seconds in 0..1_000_u32,
        rate in 1.0..10.0_f64,
        max in 1..10_000_u32,
        count in 0..200_u32,
        jitter in 0.0..=1.0_f64,
    ) {
        let retrier = Retrier {
            error_equals: vec!["States.ALL".to_owned()],
            interval_seconds,
            max_attempts: 3,
            backoff: Backoff::Exponential { rate },
            max_delay_seconds: Some(max),
            jitter: Jitter::Full,
            comment: None,
        };
        prop_assert!(retrier.delay_ms(count, jitter) <= u64::from(max) * 1_000);
    }
}
