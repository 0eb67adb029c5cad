//! Input to arguments, result to output, and what a Choice makes of its input.

use serde_json::{Map, Value};

use super::evaluation::{Evaluation, Purpose};
use super::flow::{Flow, JsonPathFlow, ResultPath, Selection};
use super::{Chosen, Completion, Env, EvalFailure, Stage};
use crate::definition::{FailText, ResourceKind, State, StateKind};
use crate::jsonata::States;
use crate::path::{Path, Root};
use crate::payload::Payload;
use crate::template::{Sources, Template};

/// Returns the input that the state works on: its raw input through `InputPath`.
/// With JSONata, the raw input.
///
/// # Errors
/// The path finds nothing.
pub fn effective_input(state: &State, env: &Env<'_>) -> Result<Payload, EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Input);
    match &state.flow {
        Flow::JsonPath(flow) => {
            let input = select(&flow.input_path, env.input, &evaluation, state)?;
            env.tell(Stage::InputPath, &input);
            Ok(input)
        }
        Flow::Jsonata(_) => Ok(env.input.clone()),
    }
}

/// Returns what a Task or Parallel is given: `Parameters` or `Arguments`, and
/// without them the effective input.
///
/// # Errors
/// An expression cannot be evaluated, or the payload is too large.
pub fn arguments(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Payload, EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Arguments);
    let (template, stage) = match &state.flow {
        Flow::JsonPath(flow) => (flow.parameters.as_ref(), Stage::Parameters),
        Flow::Jsonata(flow) => (flow.arguments.as_ref(), Stage::Arguments),
    };
    let arguments = match template {
        Some(template) => apply(template, effective_input, &evaluation, state)?,
        None if stage == Stage::Arguments => return Ok(effective_input.clone()),
        None => effective_input.clone(),
    };
    env.tell(stage, &arguments);
    Ok(arguments)
}

/// Returns a Task's `Credentials`, if it has any.
///
/// # Errors
/// An expression cannot be evaluated.
pub fn credentials(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Option<Payload>, EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Arguments);
    match &state.kind {
        StateKind::Task(task) => task
            .credentials
            .as_ref()
            .map(|template| apply(template, effective_input, &evaluation, state))
            .transpose(),
        _ => Ok(None),
    }
}

/// Returns a Pass's result: `Result`, `Parameters` or the effective input.
///
/// # Errors
/// An expression cannot be evaluated, or the result is too large.
pub fn pass_result(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Payload, EvalFailure> {
    if let StateKind::Pass(pass) = &state.kind
        && let Some(result) = &pass.result
    {
        let result = Evaluation::new(env, Purpose::Arguments).payload(&state.name, result)?;
        env.tell(Stage::FixedResult, &result);
        return Ok(result);
    }
    arguments(state, env, effective_input)
}

/// Returns output and variables of a state that ended with `result`: for a Task what
/// the task answered, for a Parallel or Map the list of results, for a Pass
/// [`pass_result`], for a Wait or Succeed the effective input.
///
/// # Errors
/// A field cannot be evaluated, or result or output are too large.
pub fn complete(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
    result: &Payload,
) -> Result<Completion, EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Completion);
    evaluation.within_limit(&state.name, result.clone())?;
    env.tell(Stage::Result, result);
    match &state.flow {
        Flow::JsonPath(flow) => {
            let assigned = assign(flow.assign.as_ref(), result, &evaluation, state)?;
            let output = json_path_output(state, flow, &evaluation, result)?;
            Ok(Completion { output, assigned })
        }
        Flow::Jsonata(flow) => {
            // Only states that have work done have a result; the others' is their input.
            let has_result = matches!(
                state.kind,
                StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_)
            );
            let uses_result = flow.output.is_some() || flow.assign.is_some();
            let value = (has_result && uses_result).then(|| result.to_value());
            let states = States {
                result: value.as_ref(),
                ..States::default()
            };
            let assigned = jsonata_assign(flow.assign.as_ref(), &states, &evaluation, state)?;
            let output = match &flow.output {
                Some(template) => jsonata(template, &states, &evaluation, state)?,
                None if is_event(state) => merge(env.input, result, &evaluation, state)?,
                None if has_result || matches!(state.kind, StateKind::Pass(_)) => result.clone(),
                None => effective_input.clone(),
            };
            Ok(Completion { output, assigned })
        }
    }
}

/// Returns output and variables of a state whose failure its catcher number
/// `catcher_index` took.
///
/// # Errors
/// A field of the catcher cannot be evaluated, or there is no such catcher.
pub fn catch(
    state: &State,
    catcher_index: usize,
    env: &Env<'_>,
    error: &str,
    cause: &str,
) -> Result<Completion, EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Catch);
    let Some(catcher) = state.catch.get(catcher_index) else {
        return Err(EvalFailure::runtime(format!(
            "There is no catcher number {catcher_index}."
        )));
    };
    let mut error_output = Map::new();
    error_output.insert("Error".to_owned(), error.into());
    error_output.insert("Cause".to_owned(), cause.into());
    let error_output = Value::Object(error_output);
    let payload = Payload::from_value(&error_output);
    match &state.flow {
        Flow::JsonPath(_) => {
            let assigned = assign(catcher.assign.as_ref(), &payload, &evaluation, state)?;
            let output = place(&catcher.result_path, &payload, &evaluation, state)?;
            Ok(Completion { output, assigned })
        }
        Flow::Jsonata(_) => {
            let states = States {
                error_output: Some(&error_output),
                ..States::default()
            };
            let assigned = jsonata_assign(catcher.assign.as_ref(), &states, &evaluation, state)?;
            let output = match &catcher.output {
                Some(template) => jsonata(template, &states, &evaluation, state)?,
                None => payload,
            };
            Ok(Completion { output, assigned })
        }
    }
}

/// Returns where a Choice goes, with its output and the variables of the rule that
/// holds, or of the Choice itself where its `Default` is taken.
///
/// # Errors
/// A rule or an output field cannot be evaluated.
pub fn choose(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Chosen, EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Choice);
    let StateKind::Choice(choice) = &state.kind else {
        return Err(EvalFailure::runtime(format!(
            "The state '{}' is no Choice.",
            state.name
        )));
    };
    let input = effective_input.to_value();
    let states = States::default();
    let sources = Sources {
        evaluation: &evaluation,
        dollar: &input,
        states: &states,
    };
    let mut rule = None;
    for candidate in &choice.rules {
        if candidate.condition.holds(&sources)? {
            rule = Some(candidate);
            break;
        }
    }
    let own = match &state.flow {
        Flow::JsonPath(flow) => (flow.assign.as_ref(), None),
        Flow::Jsonata(flow) => (flow.assign.as_ref(), flow.output.as_ref()),
    };
    let (assign, output) = match rule {
        Some(rule) => (rule.assign.as_ref(), rule.output.as_ref()),
        None => own,
    };
    let assigned = match assign {
        Some(template) => assigned(template.evaluate(&sources)?, &evaluation, state)?,
        None => Vec::new(),
    };
    let output = match (&state.flow, output) {
        (Flow::JsonPath(flow), _) => {
            select(&flow.output_path, effective_input, &evaluation, state)?
        }
        (Flow::Jsonata(_), Some(template)) => jsonata(template, &states, &evaluation, state)?,
        (Flow::Jsonata(_), None) => effective_input.clone(),
    };
    let next = rule.map(|rule| rule.next).or(choice.default);
    Ok(Chosen {
        next,
        completion: Completion { output, assigned },
    })
}

/// Returns `Error` and `Cause` of a Fail.
///
/// # Errors
/// A path or expression finds nothing, or no string.
pub fn fail_details(
    state: &State,
    env: &Env<'_>,
) -> Result<(Option<String>, Option<String>), EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Fail);
    let StateKind::Fail(fail) = &state.kind else {
        return Err(EvalFailure::runtime(format!(
            "The state '{}' is no Fail.",
            state.name
        )));
    };
    let error = fail_text(&fail.error, "ErrorPath", &evaluation)?;
    let cause = fail_text(&fail.cause, "CausePath", &evaluation)?;
    Ok((error, cause))
}

fn fail_text(
    text: &FailText,
    field: &str,
    evaluation: &Evaluation<'_>,
) -> Result<Option<String>, EvalFailure> {
    let states = States::default();
    match text {
        FailText::None => Ok(None),
        FailText::Literal(text) => Ok(Some(text.clone())),
        FailText::Jsonata(expression) => match expression.evaluate(evaluation, &states)? {
            Value::String(text) => Ok(Some(text)),
            other => Err(expression.unexpected("string", &other)),
        },
        FailText::Template(template, written) => {
            let input = evaluation.env.input.to_value();
            let sources = Sources {
                evaluation,
                dollar: &input,
                states: &states,
            };
            match template.evaluate(&sources)? {
                Value::String(text) => Ok(Some(text)),
                other => Err(EvalFailure::runtime(format!(
                    "The {field} parameter does not reference a string: {written} == {other}"
                ))),
            }
        }
    }
}

/// `ResultSelector`, `ResultPath` and `OutputPath`.
fn json_path_output(
    state: &State,
    flow: &JsonPathFlow,
    evaluation: &Evaluation<'_>,
    result: &Payload,
) -> Result<Payload, EvalFailure> {
    let selected = match &flow.result_selector {
        Some(selector) => apply(selector, result, evaluation, state)?,
        None => result.clone(),
    };
    evaluation.env.tell(Stage::ResultSelector, &selected);
    let placed = place(&flow.result_path, &selected, evaluation, state)?;
    evaluation.env.tell(Stage::ResultPath, &placed);
    select(&flow.output_path, &placed, evaluation, state)
}

/// Puts a result where a `ResultPath` says.
fn place(
    result_path: &ResultPath,
    result: &Payload,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Payload, EvalFailure> {
    match result_path {
        ResultPath::Replace => Ok(result.clone()),
        ResultPath::Discard => Ok(evaluation.env.input.clone()),
        ResultPath::Merge => merge(evaluation.env.input, result, evaluation, state),
        ResultPath::At(path) => {
            let mut target = evaluation.env.input.to_value();
            path.put(&mut target, result.to_value()).map_err(|step| {
                EvalFailure::new(
                    "States.ResultPathMatchFailure",
                    format!(
                        "Unable to apply step \"{step}\" to input {}",
                        evaluation.env.input
                    ),
                )
            })?;
            evaluation.payload(&state.name, &target)
        }
    }
}

/// Adds an event's data to an input: field by field if both are objects; no data
/// leaves the input as it is; anything else replaces it.
fn merge(
    input: &Payload,
    result: &Payload,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Payload, EvalFailure> {
    match (input.to_value(), result.to_value()) {
        (_, Value::Null) => Ok(input.clone()),
        (Value::Object(mut fields), Value::Object(data)) => {
            for (name, value) in data {
                fields.insert(name, value);
            }
            evaluation.payload(&state.name, &Value::Object(fields))
        }
        _ => Ok(result.clone()),
    }
}

fn is_event(state: &State) -> bool {
    matches!(&state.kind, StateKind::Task(task)
        if matches!(task.resource.kind, ResourceKind::Event { .. }))
}

/// Applies an `InputPath` or `OutputPath`.
fn select(
    selection: &Selection,
    payload: &Payload,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Payload, EvalFailure> {
    match selection {
        Selection::Whole => evaluation.within_limit(&state.name, payload.clone()),
        Selection::Nothing => Ok(Payload::empty_object()),
        Selection::Part(path) => {
            let value = find(path, payload, evaluation)?;
            evaluation.payload(&state.name, &value)
        }
    }
}

/// Applies a path to a payload, which is parsed only if the path starts from it.
pub(super) fn find(
    path: &Path,
    payload: &Payload,
    evaluation: &Evaluation<'_>,
) -> Result<Value, EvalFailure> {
    let dollar = match path.root() {
        Root::Input => payload.to_value(),
        Root::Context | Root::Variable(_) => Value::Null,
    };
    evaluation
        .find(path, &dollar)
        .map_err(|problem| EvalFailure::runtime(path.invalid_path(&problem)))
}

/// Evaluates a template; `$` is the payload.
pub(super) fn apply(
    template: &Template,
    payload: &Payload,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Payload, EvalFailure> {
    let dollar = payload.to_value();
    let states = States::default();
    let sources = Sources {
        evaluation,
        dollar: &dollar,
        states: &states,
    };
    evaluation.payload(&state.name, &template.evaluate(&sources)?)
}

/// Evaluates a template in JSONata.
fn jsonata(
    template: &Template,
    states: &States<'_>,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Payload, EvalFailure> {
    let sources = Sources {
        evaluation,
        dollar: &Value::Null,
        states,
    };
    evaluation.payload(&state.name, &template.evaluate(&sources)?)
}

/// Evaluates an `Assign` in JSONPath; `$` is the result.
fn assign(
    template: Option<&Template>,
    result: &Payload,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Vec<(String, Payload)>, EvalFailure> {
    let Some(template) = template else {
        return Ok(Vec::new());
    };
    let dollar = result.to_value();
    let states = States::default();
    let sources = Sources {
        evaluation,
        dollar: &dollar,
        states: &states,
    };
    assigned(template.evaluate(&sources)?, evaluation, state)
}

/// Evaluates an `Assign` in JSONata.
fn jsonata_assign(
    template: Option<&Template>,
    states: &States<'_>,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Vec<(String, Payload)>, EvalFailure> {
    let Some(template) = template else {
        return Ok(Vec::new());
    };
    let sources = Sources {
        evaluation,
        dollar: &Value::Null,
        states,
    };
    assigned(template.evaluate(&sources)?, evaluation, state)
}

/// Makes variables of an evaluated `Assign`, within the limits.
fn assigned(
    value: Value,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Vec<(String, Payload)>, EvalFailure> {
    let Value::Object(fields) = value else {
        return Ok(Vec::new());
    };
    let mut variables = Vec::with_capacity(fields.len());
    let mut bytes = 0;
    for (name, value) in fields {
        let payload = evaluation.payload(&state.name, &value)?;
        bytes += payload.byte_len();
        variables.push((name, payload));
    }
    let max = evaluation.env.limits.assign_bytes;
    if bytes > max {
        return Err(EvalFailure {
            names_state: false,
            ..EvalFailure::new(
                "States.DataLimitExceeded",
                format!(
                    "The state/task '{}' assigned variables of {bytes} bytes, more than the \
                     limit of {max} bytes.",
                    state.name
                ),
            )
        });
    }
    Ok(variables)
}
