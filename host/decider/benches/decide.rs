//! What a step costs to decide, with 1 KiB of data: under 20 µs in JSONPath.
//!
//! A chain of 100 Pass states is decided; the figure for one step is a hundredth.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use serde_json::{Value, json};
use stepwell_decider::{Execution, ExecutionStarted, Input, Seed, decide};
use stepwell_states::{Payload, ScopeId, StateMachine, Timestamp, parse};

/// States of the chain.
const STEPS: usize = 100;

fn main() {
    divan::main();
}

fn chain(language: &str, fields: &Value) -> StateMachine {
    let states: serde_json::Map<String, Value> = (0..STEPS)
        .map(|index| {
            let mut state = fields.clone();
            state["Type"] = json!("Pass");
            match index + 1 < STEPS {
                true => state["Next"] = json!(format!("s{}", index + 1)),
                false => state["End"] = json!(true),
            }
            (format!("s{index}"), state)
        })
        .collect();
    let definition = json!({ "QueryLanguage": language, "StartAt": "s0", "States": states });
    let (machine, _) = parse(&definition.to_string(), None).expect("the definition is sound");
    machine
}

fn started() -> Arc<ExecutionStarted> {
    let lines: Vec<Value> = (0..12)
        .map(|n| json!({ "sku": format!("sku-{n:06}"), "price": 199 + n, "quantity": n % 4 + 1 }))
        .collect();
    let input = json!({ "order": { "id": "ord-1001" }, "lines": lines, "note": "x".repeat(300) });
    Arc::new(ExecutionStarted {
        key: 7,
        input: Payload::from_value(&input),
        tenant: "dev".into(),
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
        execution_name: "e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        state_machine_name: "m".into(),
        version_arn: None,
        alias_arn: None,
        role_arn: "".into(),
        region: "us-east-1".into(),
        seed: Seed([3; 32]),
        deadline: None,
        parent: None,
        traceparent: None,
        principal: None,
        payload_max_bytes: 262_144,
        history_events_max: None,
        scope: ScopeId(0),
        map_child: None,
        tracestate: None,
        acting_for: None,
    })
}

/// Starts an execution and decides until it ends.
fn run(bencher: Bencher<'_, '_>, machine: &StateMachine) {
    let started = started();
    let now = Timestamp::from_ms(1_800_000_000_000);
    bencher.counter(ItemsCount::new(STEPS)).bench(|| {
        let mut execution = Execution::default();
        let mut input = Input::Start(started.clone());
        loop {
            let decision = decide(machine, &mut execution, input, now);
            if decision.is_err() || !execution.is_unfinished() {
                return (decision, execution);
            }
            input = Input::Continue;
        }
    });
}

#[divan::bench]
fn steps_100_jsonpath(bencher: Bencher<'_, '_>) {
    let fields = json!({ "Parameters": { "id.$": "$.order.id" }, "ResultPath": "$.picked" });
    run(bencher, &chain("JSONPath", &fields));
}

#[divan::bench]
fn steps_100_jsonpath_plain(bencher: Bencher<'_, '_>) {
    run(bencher, &chain("JSONPath", &json!({})));
}

#[divan::bench]
fn steps_100_jsonata(bencher: Bencher<'_, '_>) {
    let fields = json!({ "Output": "{% $merge([$states.input, { 'n': $states.input.lines[0].price * 2 }]) %}" });
    run(bencher, &chain("JSONata", &fields));
}
