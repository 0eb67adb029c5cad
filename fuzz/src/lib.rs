//! What the targets share: one state, run over one input.

use serde_json::{Value, json};
use stepwell_states::*;

/// A variable of every kind that an expression may read.
struct Variable;

impl Variables for Variable {
    fn variable(&self, name: &str) -> Option<Value> {
        (name == "v").then(|| json!({ "a": [1, { "x": "b" }] }))
    }
}

/// Splits what the fuzzer gives into an expression and an input; the input is a JSON text
/// after the first line, or a fixed one if that is no JSON.
pub fn split(data: &str) -> (&str, Payload) {
    let (expression, input) = data.split_once('\n').unwrap_or((data, ""));
    let input = Payload::parse(input).unwrap_or_else(|_| {
        Payload::from_value(&json!({ "a": [1, 2.5, "x", null, { "b": true }], "n": -3, "s": "é😀" }))
    });
    (expression, input)
}

/// Runs a Pass state with some fields; nothing if the definition is refused.
pub fn run(fields: Value, input: &Payload) -> Option<Result<Payload, EvalFailure>> {
    let mut state = json!({ "Type": "Pass", "End": true });
    for (name, value) in fields.as_object()? {
        state[name] = value.clone();
    }
    let definition = json!({ "StartAt": "S", "States": { "S": state } }).to_string();
    let (machine, _) = parse(&definition, Some(Format::Json)).ok()?;
    let context = || json!({ "Execution": { "Input": {} } });
    let env = Env {
        input,
        context: &context,
        variables: &Variable,
        seed: [9; 32],
        now: Timestamp::from_ms(1_000),
        limits: EvalLimits::default(),
    };
    let state = machine.state(machine.scope(machine.root()).start_at);
    let result = effective_input(state, &env).and_then(|effective| {
        let result = pass_result(state, &env, &effective)?;
        complete(state, &env, &effective, &result).map(|completion| completion.output)
    });
    match &result {
        Ok(output) => assert!(Payload::parse(output.as_str()).is_ok(), "an output is JSON"),
        Err(failure) => assert!(!failure.error.is_empty(), "a failure has a name"),
    }
    Some(result)
}
