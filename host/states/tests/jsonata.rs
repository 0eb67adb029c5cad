//! Whatever expression stands in a definition, it ends, answers the same each time, and
//! never takes the process with it.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_states::*;

/// Inputs whose numbers are exact as doubles.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c${}%.']{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[abx]", inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

const FUNCTIONS: [&str; 64] = [
    "$abs",
    "$append",
    "$assert",
    "$average",
    "$base64decode",
    "$base64encode",
    "$boolean",
    "$ceil",
    "$contains",
    "$count",
    "$decodeUrl",
    "$distinct",
    "$each",
    "$encodeUrl",
    "$error",
    "$exists",
    "$filter",
    "$floor",
    "$formatBase",
    "$formatInteger",
    "$formatNumber",
    "$fromMillis",
    "$hash",
    "$join",
    "$keys",
    "$length",
    "$lookup",
    "$lowercase",
    "$map",
    "$match",
    "$max",
    "$merge",
    "$millis",
    "$min",
    "$not",
    "$now",
    "$number",
    "$pad",
    "$parse",
    "$parseInteger",
    "$partition",
    "$power",
    "$random",
    "$range",
    "$reduce",
    "$replace",
    "$reverse",
    "$round",
    "$shuffle",
    "$sift",
    "$single",
    "$sort",
    "$split",
    "$spread",
    "$sqrt",
    "$string",
    "$substring",
    "$substringAfter",
    "$sum",
    "$toMillis",
    "$trim",
    "$type",
    "$uuid",
    "$zip",
];

/// Expressions, most of them right in form.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("$states.input".to_owned()),
        Just("$states.input.a".to_owned()),
        Just("$states.context".to_owned()),
        Just("$v".to_owned()),
        Just("$".to_owned()),
        Just("x".to_owned()),
        Just("/a(b)?/i".to_owned()),
        Just("[1..5]".to_owned()),
        Just("null".to_owned()),
        Just("function($x, $y) { $x }".to_owned()),
        prop::sample::select(&FUNCTIONS[..]).prop_map(str::to_owned),
        "-?[0-9]{1,6}(e[0-9]{1,3})?",
        "'[a-c$0-9\\[\\]:#.%é😀-]{0,6}'",
    ];
    leaf.prop_recursive(4, 32, 3, |inner| {
        let operator = prop::sample::select(
            &[
                "+", "-", "*", "/", "%", "&", "=", "!=", "<", "in", "and", "or", "..", "~>", ".",
                "?:",
            ][..],
        );
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (two.clone(), operator).prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            (
                prop::sample::select(&FUNCTIONS[..]),
                vec(inner.clone(), 0..4)
            )
                .prop_map(|(name, args)| format!("{name}({})", args.join(", "))),
            two.clone().prop_map(|(a, b)| format!("{a}[{b}]")),
            two.clone().prop_map(|(a, b)| format!("{a}.({b})")),
            two.clone().prop_map(|(a, b)| format!("({a} ? {b} : {a})")),
            two.clone()
                .prop_map(|(a, b)| format!("($x := {a}; {b} & $x)")),
            two.clone()
                .prop_map(|(a, b)| format!("{{ 'k': {a}, $string({b}): 1 }}")),
            two.clone()
                .prop_map(|(a, b)| format!("{a}{{ $string(x): {b} }}")),
            two.clone().prop_map(|(a, b)| format!("{a}^(>{b})")),
            two.clone()
                .prop_map(|(a, b)| format!("$states.input#$i.a@$p.({a}; {b})")),
            two.clone()
                .prop_map(|(a, b)| format!("($states.input ~> |{a}|{{ 'x': {b} }}|)")),
            two.prop_map(|(a, b)| format!("(function($n) {{ {a} }})({b})")),
            inner.clone().prop_map(|a| format!("{a}.**.%")),
            vec(inner, 0..3).prop_map(|list| format!("[{}]", list.join(", "))),
        ]
    })
}

struct One;

impl Variables for One {
    fn variable(&self, name: &str) -> Option<Value> {
        (name == "v").then(|| json!({ "a": [1, { "x": "b" }] }))
    }
}

/// Evaluates an expression as a Pass's output; nothing if the definition is refused.
fn evaluate(expression: &str, input: &Value) -> Option<Result<Payload, EvalFailure>> {
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "S",
        "States": { "S": { "Type": "Pass", "Output": format!("{{%{expression}%}}"), "End": true } }
    });
    let (machine, _) = parse(&definition.to_string(), None).ok()?;
    let input = Payload::from_value(input);
    let context = || json!({ "Execution": { "Input": {} } });
    let env = Env {
        input: &input,
        context: &context,
        variables: &One,
        seed: [9; 32],
        now: Timestamp::from_ms(1_000),
        limits: EvalLimits::default(),
        observer: None,
    };
    let state = machine.state(machine.scope(machine.root()).start_at);
    Some(complete(state, &env, &input, &input).map(|completion| completion.output))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_expression_ends_and_answers_the_same_twice(expression in expression(), input in value()) {
        #[expect(clippy::disallowed_methods, reason = "how long it takes is the question")]
        let start = Instant::now();
        let first = evaluate(&expression, &input);
        prop_assert!(start.elapsed() < Duration::from_secs(30));
        if let Some(Ok(output)) = &first {
            prop_assert!(Payload::parse(output.as_str()).is_ok());
        }
        let second = evaluate(&expression, &input);
        let is_late = |answer: &Option<Result<Payload, EvalFailure>>| {
            matches!(answer, Some(Err(failure)) if failure.cause.contains("D1012"))
        };
        if !is_late(&first) && !is_late(&second) {
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn any_text_in_braces_is_an_expression_or_refused(text in "\\PC{0,40}", input in value()) {
        let _answer = evaluate(&text, &input);
    }

    #[test]
    fn looking_up_gives_what_the_language_gives(steps in vec("[abx]", 0..4), input in value()) {
        for root in ["$states.input", "$v"] {
            let path = [root.to_owned(), steps.join(".")].join(if steps.is_empty() { "" } else { "." });
            // In parentheses it is no mere lookup.
            let computed = evaluate(&format!("({path})"), &input).unwrap();
            let found = evaluate(&path, &input).unwrap();
            prop_assert_eq!(found.ok(), computed.ok(), "{}", path);
        }
    }
}
