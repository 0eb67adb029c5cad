//! What a definition costs: to read it once, and to evaluate a state each time.
//!
//! Budgets: a definition of 100 states is parsed and validated in under 5 ms; a JSONata
//! state costs under 100 µs beyond the library's own time. `cargo xtask bench` runs this;
//! under `cargo test` each bench runs once, so that it keeps working.

use divan::{Bencher, black_box};
use jsonata_core::evaluator::{Context, Evaluator};
use jsonata_core::value::JValue;
use serde_json::{Value, json};
use stepwell_states::*;

fn main() {
    divan::main();
}

/// 100 states of all kinds, in three scopes.
fn definition() -> String {
    let mut states = serde_json::Map::new();
    for index in 0..96 {
        let next = format!("state-{}", index + 1);
        let state = match index % 6 {
            0 => json!({ "Type": "Task", "Resource": format!("task:work-{index}"),
                "TimeoutSeconds": 30, "ResultPath": "$.result", "Next": next,
                "Parameters": { "id.$": "$.order.id", "text.$": "States.Format('{}-{}', $.a, $.b)" },
                "Retry": [{ "ErrorEquals": ["Busy"], "MaxAttempts": 5 }],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "failed", "ResultPath": "$.error" }] }),
            1 => json!({ "Type": "Choice", "Default": next, "Choices": [
                { "And": [{ "Variable": "$.n", "NumericGreaterThan": 3 },
                          { "Variable": "$.s", "StringMatches": "a*b" }], "Next": "done" }] }),
            2 => json!({ "Type": "Pass", "Assign": { "total.$": "$.order.total" }, "Next": next }),
            3 => json!({ "Type": "Wait", "SecondsPath": "$.wait", "Next": next }),
            4 => json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Next": next,
                "Output": { "sum": "{% $sum($states.input.lines.(price * quantity)) %}" } }),
            _ => {
                json!({ "Type": "Pass", "InputPath": "$.order", "OutputPath": "$.id", "Next": next })
            }
        };
        states.insert(format!("state-{index}"), state);
    }
    states.insert(
        "state-96".to_owned(),
        json!({ "Type": "Map", "Next": "done",
        "ItemsPath": "$.lines", "ItemProcessor": { "StartAt": "each", "States": {
            "each": { "Type": "Pass", "End": true } } } }),
    );
    states.insert("done".to_owned(), json!({ "Type": "Succeed" }));
    states.insert(
        "failed".to_owned(),
        json!({ "Type": "Fail", "ErrorPath": "$.error.Error" }),
    );
    json!({ "StartAt": "state-0", "TimeoutSeconds": 3600, "States": states }).to_string()
}

#[divan::bench]
fn parse_and_validate_100_states(bencher: Bencher<'_, '_>) {
    let text = definition();
    bencher.bench(|| parse(black_box(&text), None).is_ok());
}

#[divan::bench]
fn draw_100_states(bencher: Bencher<'_, '_>) {
    let (machine, _) = parse(&definition(), None).expect("the definition is sound");
    bencher.bench(|| diagram::svg(black_box(&machine), &diagram::Marks::new()));
}

/// About 1 KiB.
fn order() -> Value {
    let lines: Vec<Value> = (0..12)
        .map(|n| json!({ "sku": format!("sku-{n:06}"), "price": 199 + n, "quantity": n % 4 + 1 }))
        .collect();
    json!({
        "order": { "id": "ord-1001", "total": 3_880, "customer": { "name": "Ada", "city": "London" } },
        "lines": lines, "note": "x".repeat(250), "a": 1, "b": "two"
    })
}

/// Evaluates the data flow of a Pass state over and over.
fn evaluate(bencher: Bencher<'_, '_>, state: &Value) {
    let definition = json!({ "StartAt": "S", "States": { "S": state } });
    let (machine, _) = parse(&definition.to_string(), None).expect("the definition is sound");
    let state = machine.state(machine.scope(machine.root()).start_at);
    let input = Payload::from_value(&order());
    let context = || json!({ "Execution": { "Id": "e" } });
    bencher.bench(|| {
        let env = Env {
            input: &input,
            context: &context,
            variables: &NoVariables,
            seed: [7; 32],
            now: Timestamp::from_ms(1_800_000_000_000),
            limits: EvalLimits::default(),
            observer: None,
        };
        let effective = effective_input(state, &env)?;
        let result = pass_result(state, &env, &effective)?;
        complete(state, &env, &effective, &result).map(|completion| completion.output)
    });
}

#[divan::bench]
fn jsonpath_data_flow_1_kib(bencher: Bencher<'_, '_>) {
    let state = json!({ "Type": "Pass", "ResultPath": "$.picked", "End": true,
        "Parameters": { "id.$": "$.order.id", "city.$": "$.order.customer.city",
            "text.$": "States.Format('{}-{}', $.a, $.b)" } });
    evaluate(bencher, &state);
}

/// An expression that computes, so that the library has to run.
const EXPRESSION: &str = "{ 'id': $states.input.order.id, \
     'sum': $sum($states.input.lines.(price * quantity)) }";

#[divan::bench]
fn jsonata_data_flow_1_kib(bencher: Bencher<'_, '_>) {
    let state = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "End": true,
        "Output": format!("{{% {EXPRESSION} %}}") });
    evaluate(bencher, &state);
}

#[divan::bench]
fn jsonata_library_alone_1_kib(bencher: Bencher<'_, '_>) {
    let ast = jsonata_core::parser::parse(EXPRESSION).expect("the expression is sound");
    let input = JValue::from(json!({ "input": order() }));
    bencher.bench_local(|| {
        let mut context = Context::new();
        context.bind("states".to_owned(), input.clone());
        Evaluator::with_context(context)
            .evaluate(&ast, &JValue::Undefined)
            .is_ok()
    });
}
