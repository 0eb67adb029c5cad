//! Definitions of all state types, in both languages, nested, with retriers and catchers.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// What every generated execution is given.
pub(crate) const INPUT: &str =
    r#"{"list":[1,{"a":null},"x"],"n":3,"text":"2026-01-01T00:00:00Z","object":{"k":1,"l":[]}}"#;

/// Most states of one scope.
const STATES_MAX: usize = 4;

/// A definition; its last state of each scope is its end, and no state leads back.
pub(crate) fn definition() -> impl Strategy<Value = Value> {
    (scope(state().boxed()), any::<bool>()).prop_map(|(mut scope, limited)| {
        rename(&mut scope, "");
        if limited {
            scope["TimeoutSeconds"] = json!(500);
        }
        scope
    })
}

fn state() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        10 => task(),
        8 => pass(),
        4 => wait(),
        4 => choice(),
        1 => fail(),
        1 => Just(json!({ "Type": "Succeed" })),
    ];
    leaf.prop_recursive(3, 14, 3, |inner| {
        prop_oneof![
            (
                prop::collection::vec(scope(inner.clone()), 1..3),
                handlers()
            )
                .prop_map(|(branches, handlers)| with(
                    json!({ "Type": "Parallel", "Branches": branches, "ResultPath": "$.branches" }),
                    handlers
                )),
            (map(), scope(inner), handlers()).prop_map(|(mut map, scope, handlers)| {
                map["ItemProcessor"] = scope;
                with(map, handlers)
            }),
        ]
    })
}

/// Adds fields to a state.
fn with(mut state: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    state
}

/// `Retry` and `Catch`; where a catcher leads is filled in by its scope.
fn handlers() -> impl Strategy<Value = Value> {
    let errors = select(
        &[
            "Busy",
            "Boom",
            "States.ALL",
            "States.TaskFailed",
            "States.Timeout",
        ][..],
    );
    let retry = (errors.clone(), 0_u32..3, any::<bool>()).prop_map(|(error, attempts, jitter)| {
        json!([{ "ErrorEquals": [error], "MaxAttempts": attempts,
            "JitterStrategy": if jitter { "FULL" } else { "NONE" } }])
    });
    let catch = (errors, any::<bool>()).prop_map(|(error, assigns)| {
        let mut catcher = json!({ "ErrorEquals": [error] });
        if assigns {
            catcher["Assign"] = json!({ "caught": error });
        }
        json!([catcher])
    });
    (prop::option::of(retry), prop::option::of(catch)).prop_map(|(retry, catch)| {
        let mut fields = json!({});
        for (name, value) in [("Retry", retry), ("Catch", catch)] {
            if let Some(value) = value {
                fields[name] = value;
            }
        }
        fields
    })
}

fn one_of(values: Vec<Value>) -> impl Strategy<Value = Value> {
    select(values)
}

/// Mostly what goes well, and now and then what cannot be evaluated.
fn mostly(well: Vec<Value>, badly: Vec<Value>) -> impl Strategy<Value = Value> {
    prop_oneof![9 => select(well), 1 => select(badly)]
}

fn task() -> impl Strategy<Value = Value> {
    let resources = one_of(vec![
        json!({ "Resource": "task:work" }),
        json!({ "Resource": "task:work", "TimeoutSeconds": 9, "HeartbeatSeconds": 4 }),
        json!({ "Resource": "arn:aws:states:us-east-1:000000000000:activity:a",
            "TimeoutSeconds": 30, "HeartbeatSeconds": 5 }),
        json!({ "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "TimeoutSeconds": 20 }),
        json!({ "Resource": "arn:aws:states:::lambda:invoke" }),
        json!({ "Resource": "arn:aws:states:::states:startExecution.sync:2", "TimeoutSeconds": 7 }),
    ]);
    let fields = mostly(
        vec![
            json!({ "Parameters": { "FunctionName": "f", "Payload.$": "$" }, "ResultPath": "$.r" }),
            json!({ "Parameters": { "StateMachineArn": "m", "FunctionName": "g" } }),
            json!({ "Parameters": { "FunctionName": "f" }, "ResultPath": null,
                "Assign": { "from": "task" } }),
            json!({ "Parameters": { "FunctionName": "f" }, "ResultPath": "$.object.at",
                "ResultSelector": { "id.$": "States.UUID()", "all.$": "$" } }),
            json!({ "QueryLanguage": "JSONata", "Arguments": { "FunctionName": "f",
                "n": "{% $states.input.n %}", "r": "{% $random() %}" },
                "Output": "{% $merge([$states.input, {'result': $states.result}]) %}" }),
        ],
        vec![
            json!({ "InputPath": "$.object" }),
            json!({ "ResultPath": "$.list[0].x" }),
            json!({ "Parameters": { "token.$": "$$.Task.Token" } }),
            json!({ "QueryLanguage": "JSONata", "Arguments": "{% $states.input.none %}" }),
        ],
    );
    (resources, fields, handlers()).prop_map(|(resource, fields, handlers)| {
        with(
            with(with(json!({ "Type": "Task" }), resource), fields),
            handlers,
        )
    })
}

fn pass() -> impl Strategy<Value = Value> {
    let fields = mostly(
        vec![
            json!({}),
            json!({ "Result": { "list": [1, 2, 3], "n": 0, "object": {}, "text": "2026-01-01T00:00:00Z" } }),
            json!({ "Assign": { "v.$": "$.list", "w": 1 } }),
            json!({ "Parameters": { "id.$": "States.UUID()", "n.$": "$$.State.EnteredTime" },
                "ResultPath": "$.r" }),
            json!({ "Parameters": { "sum.$": "States.MathAdd($.n, $.n)" }, "ResultPath": "$.sum" }),
            json!({ "QueryLanguage": "JSONata", "Output": "{% $states.input %}",
                "Assign": { "v": "{% $states.input.list[0] %}" } }),
            json!({ "QueryLanguage": "JSONata",
                "Output": "{% $merge([$states.input, {'u': $uuid(), 'list': [1..3]}]) %}" }),
        ],
        vec![
            json!({ "Parameters": { "none.$": "$.no.such" } }),
            json!({ "Parameters": { "seen.$": "$v" }, "ResultPath": "$.seen" }),
            json!({ "QueryLanguage": "JSONata", "Output": "{% $states.input.none %}" }),
        ],
    );
    fields.prop_map(|fields| with(json!({ "Type": "Pass" }), fields))
}

fn wait() -> impl Strategy<Value = Value> {
    let fields = mostly(
        vec![
            json!({ "Seconds": 0 }),
            json!({ "Seconds": 100 }),
            json!({ "SecondsPath": "$.n" }),
            json!({ "TimestampPath": "$.text" }),
            json!({ "Timestamp": "2040-01-01T00:00:00Z" }),
            json!({ "QueryLanguage": "JSONata", "Seconds": "{% $states.input.n + 1 %}" }),
        ],
        vec![
            json!({ "SecondsPath": "$.text" }),
            json!({ "TimestampPath": "$.n" }),
        ],
    );
    fields.prop_map(|fields| with(json!({ "Type": "Wait" }), fields))
}

/// The targets are filled in by the scope.
fn choice() -> impl Strategy<Value = Value> {
    let rules = mostly(
        vec![
            json!({ "Choices": [{ "Variable": "$.n", "NumericGreaterThan": 1 }] }),
            json!({ "Choices": [{ "Variable": "$.none", "IsPresent": true }] }),
            json!({ "Choices": [{ "Variable": "$.list[0]", "StringEquals": "x",
                "Assign": { "chosen": true } }] }),
            json!({ "QueryLanguage": "JSONata", "Choices": [
                { "Condition": "{% $states.input.n > 1 %}", "Output": "{% $states.input %}" }] }),
        ],
        vec![
            json!({ "Choices": [{ "Variable": "$.none", "NumericGreaterThan": 1 }] }),
            json!({ "QueryLanguage": "JSONata", "Choices": [{ "Condition": "{% $states.input.n %}" }] }),
        ],
    );
    (rules, prop::bool::weighted(0.9)).prop_map(|(rules, has_default)| {
        let mut choice = with(json!({ "Type": "Choice" }), rules);
        if has_default {
            choice["Default"] = json!("");
        }
        choice
    })
}

fn fail() -> impl Strategy<Value = Value> {
    let fields = one_of(vec![
        json!({ "Error": "Boom", "Cause": "asked for" }),
        json!({}),
        json!({ "ErrorPath": "$.text", "CausePath": "States.JsonToString($)" }),
        json!({ "QueryLanguage": "JSONata", "Error": "{% $states.input.text %}" }),
    ]);
    fields.prop_map(|fields| with(json!({ "Type": "Fail" }), fields))
}

/// Maps; the processor is filled in by the state.
fn map() -> impl Strategy<Value = Value> {
    let fields = mostly(
        vec![
            json!({ "ItemsPath": "$.object", "ResultPath": "$.mapped",
                "ItemSelector": { "key.$": "$$.Map.Item.Key", "list": [1],
                    "n.$": "$$.Map.Item.Index", "object": {}, "text": "2026-01-01T00:00:00Z" } }),
            json!({ "ItemsPath": "$.list", "MaxConcurrency": 1, "ResultPath": "$.mapped",
                "ItemSelector": { "list.$": "$.list", "n": 1, "object": { "k": 1 } } }),
            json!({ "ItemsPath": "$.list", "MaxConcurrencyPath": "$.n", "ResultPath": "$.mapped",
                "ItemSelector": { "list.$": "$.list", "n": 2, "value.$": "$$.Map.Item.Value" } }),
            json!({ "QueryLanguage": "JSONata", "Items": "{% $states.input.list %}",
                "ItemSelector": "{% $merge([$states.input, $states.context.Map.Item]) %}",
                "Output": "{% $states.input %}" }),
            json!({ "QueryLanguage": "JSONata", "Items": [], "Output": "{% $states.input %}" }),
        ],
        vec![
            json!({ "ItemsPath": "$.list" }),
            json!({ "QueryLanguage": "JSONata", "Items": "{% $states.input.n %}" }),
        ],
    );
    fields.prop_map(|fields| with(json!({ "Type": "Map" }), fields))
}

/// States one after the other; catchers and choices lead to later ones.
fn scope(state: impl Strategy<Value = Value> + Clone + 'static) -> impl Strategy<Value = Value> {
    prop::collection::vec(state, 1..=STATES_MAX).prop_map(|states| {
        let mut states = states;
        // What branches off needs somewhere to go.
        states.push(json!({ "Type": "Pass" }));
        let last = states.len() - 1;
        let mut named = serde_json::Map::new();
        for (index, mut state) in states.into_iter().enumerate() {
            let next = json!(format!("S{}", index + 1));
            let end = json!(format!("S{last}"));
            match state["Type"].as_str() {
                Some("Choice") => {
                    state["Choices"][0]["Next"] = end.clone();
                    if state.get("Default").is_some() {
                        state["Default"] = next;
                    }
                }
                Some("Fail" | "Succeed") => {}
                _ if index == last => state["End"] = json!(true),
                _ => state["Next"] = next,
            }
            if let Some(catcher) = state.pointer_mut("/Catch/0") {
                catcher["Next"] = end;
            }
            named.insert(format!("S{index}"), state);
        }
        json!({ "StartAt": "S0", "States": named })
    })
}

/// Names are used once in a definition: each state gets its place in front, and each
/// variable of an inner scope behind, since it must not be one of an outer scope.
fn rename(scope: &mut Value, place: &str) {
    let new = |name: &str| json!(format!("{place}{name}"));
    let start = new(scope["StartAt"].as_str().unwrap());
    scope["StartAt"] = start;
    let states = scope["States"].as_object_mut().unwrap();
    for (name, mut state) in std::mem::take(states) {
        for target in ["/Next", "/Default", "/Catch/0/Next", "/Choices/0/Next"] {
            if let Some(target) = state.pointer_mut(target) {
                *target = new(target.as_str().unwrap());
            }
        }
        for assign in ["/Assign", "/Catch/0/Assign", "/Choices/0/Assign"] {
            if let Some(Value::Object(fields)) = state.pointer_mut(assign) {
                let suffix = place.replace('.', "_");
                let own = |name: &str| match name.strip_suffix(".$") {
                    Some(name) => format!("{name}{suffix}.$"),
                    None => format!("{name}{suffix}"),
                };
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, value)| (own(&name), value))
                    .collect();
            }
        }
        let below = |index: usize| format!("{place}{name}.{index}.");
        if let Some(processor) = state.get_mut("ItemProcessor") {
            rename(processor, &below(0));
        }
        let branches = state.get_mut("Branches").and_then(Value::as_array_mut);
        for (index, branch) in branches.into_iter().flatten().enumerate() {
            rename(branch, &below(index));
        }
        states.insert(format!("{place}{name}"), state);
    }
}

/// What may stand anywhere in a damaged definition.
pub(crate) fn wrong() -> impl Strategy<Value = Value> {
    one_of(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("$"),
        json!("$$"),
        json!("$.a[?(@.b > 1)]..c"),
        json!("$v[9]"),
        json!("States.Format('{}', $.n)"),
        json!("States.ArrayRange(0, 9, 0)"),
        json!("{% %}"),
        json!("{% $states.input[0] %}"),
        json!("{% $x := 1 %}"),
        json!("S0"),
        json!("Pass"),
        json!("DISTRIBUTED"),
        json!([]),
        json!(["States.ALL"]),
        json!({}),
        json!({ "Type": "Wait" }),
    ])
}

/// Places of all values in a definition, but the root.
pub(crate) fn places(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    list_places(value, String::new(), &mut found);
    found
}

fn list_places(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                list_places(field, format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                list_places(item, format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
    if !place.is_empty() {
        found.push(place);
    }
}
