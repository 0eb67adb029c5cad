//! Maps: their items, what each iteration gets, and how many may run or fail.

use serde_json::{Map as JsonMap, Value};

use super::evaluation::{Evaluation, Purpose};
use super::output::{apply, find};
use super::timing::shown;
use super::{Env, EvalFailure, MapItem, MapPlan};
use crate::definition::{ItemBatcher, Limit, Map, MapMode, State, StateKind};
use crate::jsonata::States;
use crate::number;
use crate::payload::Payload;
use crate::template::{Sources, Template};

/// Returns what a Map is going to do. The items of a Map with an `ItemReader` are not
/// among it: they are read from elsewhere.
///
/// # Errors
/// There are no items to be found, or `MaxConcurrency` is no number.
pub fn map_plan(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<MapPlan, EvalFailure> {
    let map = map_of(state)?;
    let evaluation = Evaluation::new(env, Purpose::MapPlan);
    let items = match (&map.item_reader, &map.items) {
        (Some(_), _) => Vec::new(),
        (None, Some(template)) => jsonata_items(template, map, &evaluation)?,
        (None, None) => path_items(map, effective_input, &evaluation, state)?,
    };
    let max_concurrency = max_concurrency(map, effective_input, &evaluation)?;
    let count = failure_count(map, effective_input, &evaluation);
    let percentage = failure_percentage(map, effective_input, &evaluation);
    let tolerance_failure = count.as_ref().err().or(percentage.as_ref().err()).cloned();
    Ok(MapPlan {
        items,
        max_concurrency,
        tolerated_failure_count: count.ok().flatten(),
        tolerated_failure_percentage: percentage.ok().flatten(),
        tolerance_failure,
    })
}

/// Returns the input of one iteration: `ItemSelector` or the item. The context object
/// of `env` has `Map.Item`.
///
/// # Errors
/// An expression cannot be evaluated.
pub fn map_item_input(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
    item: &MapItem,
) -> Result<Payload, EvalFailure> {
    let map = map_of(state)?;
    let evaluation = Evaluation::new(env, Purpose::MapItem);
    match &map.item_selector {
        Some(selector) => apply(selector, effective_input, &evaluation, state),
        None => Ok(item.value.clone()),
    }
}

/// Returns how a distributed Map groups its items, if it has an `ItemBatcher`.
///
/// # Errors
/// `BatchInput` or a limit cannot be evaluated.
pub fn batches(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Option<Batches>, EvalFailure> {
    let map = map_of(state)?;
    let Some(batcher) = &map.item_batcher else {
        return Ok(None);
    };
    let evaluation = Evaluation::new(env, Purpose::MapPlan);
    let (items_max, bytes_max) = batch_limits(batcher, effective_input, &evaluation)?;
    let shared = match &batcher.batch_input {
        Some(template) => Some(apply(template, effective_input, &evaluation, state)?),
        None => None,
    };
    Ok(Some(Batches {
        items_max,
        bytes_max,
        shared,
    }))
}

/// Returns how many items a Map's `ItemReader` reads at most, if it says so.
///
/// # Errors
/// `MaxItems` cannot be evaluated, or is no number of items.
pub fn reader_max_items(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Option<u64>, EvalFailure> {
    let Some(reader) = &map_of(state)?.item_reader else {
        return Ok(None);
    };
    let evaluation = Evaluation::new(env, Purpose::MapPlan);
    let Some(value) = limit_value(&reader.max_items, effective_input, &evaluation)? else {
        return Ok(None);
    };
    match integer(&value).and_then(|integer| u64::try_from(integer).ok()) {
        // Step Functions takes 0 for no limit.
        Some(0) => Ok(None),
        Some(items) => Ok(Some(items)),
        None => Err(not_a_number(
            &reader.max_items,
            "MaxItems",
            "positive integer",
            &value,
        )),
    }
}

/// Returns the arguments of a Map's `ItemReader`, if it has one.
///
/// # Errors
/// An expression cannot be evaluated.
pub fn reader_arguments(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Option<Payload>, EvalFailure> {
    let template = map_of(state)?
        .item_reader
        .as_ref()
        .and_then(|it| it.arguments.as_ref());
    optional(template, state, env, effective_input)
}

/// Returns the arguments of a Map's `ResultWriter`, if it has one.
///
/// # Errors
/// An expression cannot be evaluated.
pub fn writer_arguments(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Option<Payload>, EvalFailure> {
    let template = map_of(state)?
        .result_writer
        .as_ref()
        .and_then(|it| it.arguments.as_ref());
    optional(template, state, env, effective_input)
}

fn optional(
    template: Option<&Template>,
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Option<Payload>, EvalFailure> {
    let evaluation = Evaluation::new(env, Purpose::Arguments);
    template
        .map(|template| apply(template, effective_input, &evaluation, state))
        .transpose()
}

fn map_of(state: &State) -> Result<&Map, EvalFailure> {
    match &state.kind {
        StateKind::Map(map) => Ok(map),
        _ => Err(EvalFailure::runtime(format!(
            "The state '{}' is no Map.",
            state.name
        ))),
    }
}

/// Finds the items in the effective input, or where `ItemsPath` points.
fn path_items(
    map: &Map,
    input: &Payload,
    evaluation: &Evaluation<'_>,
    state: &State,
) -> Result<Vec<MapItem>, EvalFailure> {
    let is_jsonata = matches!(state.flow, super::flow::Flow::Jsonata(_));
    let (value, path) = match &map.items_path {
        None => (input.to_value(), "$".to_owned()),
        Some(path) => {
            let value = find(path, input, evaluation).map_err(|_problem| {
                let step = path.last_name().unwrap_or("$");
                EvalFailure::new(
                    "States.ReferencePathConflict",
                    format!("Unable to apply step \"{step}\" to input {input}"),
                )
            })?;
            (value, path.to_string())
        }
    };
    match value {
        Value::Array(elements) => Ok(elements.iter().map(item).collect()),
        Value::Object(fields) if !is_jsonata || map.mode != MapMode::Inline => Ok(keyed(&fields)),
        _ if is_jsonata => Err(EvalFailure::runtime(
            "The input of a Map without 'Items' must be an array.".to_owned(),
        )),
        _ => Err(EvalFailure::runtime(format!(
            "Reference path \"{path}\" must point to array."
        ))),
    }
}

/// Evaluates `Items`.
fn jsonata_items(
    template: &Template,
    map: &Map,
    evaluation: &Evaluation<'_>,
) -> Result<Vec<MapItem>, EvalFailure> {
    let states = States::default();
    let sources = Sources {
        evaluation,
        dollar: &Value::Null,
        states: &states,
    };
    let value = template.evaluate(&sources)?;
    match (value, template.as_expression()) {
        (Value::Array(elements), _) => Ok(elements.iter().map(item).collect()),
        (Value::Object(fields), None) => Ok(keyed(&fields)),
        (Value::Object(fields), Some(_)) if map.mode != MapMode::Inline => Ok(keyed(&fields)),
        (other, Some(expression)) => Err(expression.unexpected("array", &other)),
        (other, None) => Err(EvalFailure::runtime(format!(
            "The field 'Items' must be an array, but was {other}"
        ))),
    }
}

fn item(value: &Value) -> MapItem {
    MapItem {
        key: None,
        value: Payload::from_value(value),
    }
}

fn keyed(fields: &JsonMap<String, Value>) -> Vec<MapItem> {
    fields
        .iter()
        .map(|(key, value)| MapItem {
            key: Some(key.clone()),
            value: Payload::from_value(value),
        })
        .collect()
}

/// Finds the value of a limit; nothing if it is not given.
fn limit_value(
    limit: &Limit,
    input: &Payload,
    evaluation: &Evaluation<'_>,
) -> Result<Option<Value>, EvalFailure> {
    match limit {
        Limit::None => Ok(None),
        Limit::Value(value) => Ok(number::from_f64(*value).map(Value::Number)),
        Limit::Path(path) => find(path, input, evaluation).map(Some),
        Limit::Jsonata(expression) => expression
            .evaluate(evaluation, &States::default())
            .map(Some),
    }
}

/// The failure of a limit whose value is of the wrong type.
fn not_a_number(limit: &Limit, field: &str, wanted: &str, value: &Value) -> EvalFailure {
    match limit {
        Limit::Jsonata(expression) => expression.unexpected(wanted, value),
        Limit::Path(path) => EvalFailure::runtime(format!(
            "The {field}Path field refers to value \"{}\" which is not a valid {wanted}: {path}",
            shown(value)
        )),
        Limit::None | Limit::Value(_) => {
            EvalFailure::runtime(format!("{field} must be an {wanted}."))
        }
    }
}

/// Reads an integer; texts of digits count, too.
fn integer(value: &Value) -> Option<i64> {
    shown(value).parse().ok()
}

fn max_concurrency(
    map: &Map,
    input: &Payload,
    evaluation: &Evaluation<'_>,
) -> Result<u32, EvalFailure> {
    let Some(value) = limit_value(&map.max_concurrency, input, evaluation)? else {
        return Ok(0);
    };
    let Some(integer) = integer(&value) else {
        return Err(not_a_number(
            &map.max_concurrency,
            "MaxConcurrency",
            "integer",
            &value,
        ));
    };
    if integer < 0 {
        return Err(EvalFailure::runtime(format!(
            "Expected non-negative integer for MaxConcurrency, got '{integer}' instead."
        )));
    }
    Ok(u32::try_from(integer).unwrap_or(u32::MAX))
}

fn failure_count(
    map: &Map,
    input: &Payload,
    evaluation: &Evaluation<'_>,
) -> Result<Option<u64>, EvalFailure> {
    let Some(value) = limit_value(&map.tolerated_failure_count, input, evaluation)? else {
        return Ok(None);
    };
    let Some(integer) = integer(&value) else {
        let limit = &map.tolerated_failure_count;
        return Err(not_a_number(
            limit,
            "ToleratedFailureCount",
            "integer",
            &value,
        ));
    };
    match u64::try_from(integer) {
        Ok(count) => Ok(Some(count)),
        Err(_) => Err(EvalFailure::runtime(
            "ToleratedFailureCount cannot be negative.".to_owned(),
        )),
    }
}

fn failure_percentage(
    map: &Map,
    input: &Payload,
    evaluation: &Evaluation<'_>,
) -> Result<Option<f64>, EvalFailure> {
    let Some(value) = limit_value(&map.tolerated_failure_percentage, input, evaluation)? else {
        return Ok(None);
    };
    let percentage = match &value {
        Value::Number(number) => Some(number::as_f64(number)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let Some(percentage) = percentage.filter(|percentage: &f64| percentage.is_finite()) else {
        let limit = &map.tolerated_failure_percentage;
        return Err(not_a_number(
            limit,
            "ToleratedFailurePercentage",
            "float",
            &value,
        ));
    };
    if !(0.0..=100.0).contains(&percentage) {
        return Err(EvalFailure::runtime(
            "ToleratedFailurePercentage must be between 0 and 100.".to_owned(),
        ));
    }
    Ok(Some(percentage))
}

/// How a distributed Map groups its items: a batch is the input of one child execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    items_max: usize,
    bytes_max: usize,
    shared: Option<Payload>,
}

impl Batches {
    /// Returns the bytes of a batch without items.
    pub fn frame_bytes(&self) -> usize {
        match &self.shared {
            Some(shared) => r#"{"BatchInput":,"Items":[]}"#.len() + shared.byte_len(),
            None => r#"{"Items":[]}"#.len(),
        }
    }

    /// Says whether a batch of so many items and bytes has room for one more. An empty one
    /// always has: an item that is too large for a batch is too large by itself.
    pub fn has_room(&self, items: usize, bytes: usize, item: &Payload) -> bool {
        items == 0 || (items < self.items_max && bytes + item.byte_len() < self.bytes_max)
    }

    /// Puts items into batches, as many into each as it has room for.
    pub fn group(&self, items: &[Payload]) -> Vec<Payload> {
        let mut batches = Vec::new();
        let mut batch: Vec<Payload> = Vec::new();
        let mut bytes = self.frame_bytes();
        for item in items {
            if !self.has_room(batch.len(), bytes, item) {
                batches.push(self.join(&batch));
                batch.clear();
                bytes = self.frame_bytes();
            }
            bytes += item.byte_len() + 1;
            batch.push(item.clone());
        }
        if !batch.is_empty() {
            batches.push(self.join(&batch));
        }
        batches
    }

    /// Writes a batch.
    pub fn join(&self, items: &[Payload]) -> Payload {
        let items: Vec<&str> = items.iter().map(Payload::as_str).collect();
        let items = items.join(",");
        // The parts are valid JSON, so their concatenation is, too.
        Payload::from_trusted(match &self.shared {
            Some(shared) => format!(r#"{{"BatchInput":{shared},"Items":[{items}]}}"#),
            None => format!(r#"{{"Items":[{items}]}}"#),
        })
    }
}

/// Finds how many items and bytes a batch may have.
fn batch_limits(
    batcher: &ItemBatcher,
    input: &Payload,
    evaluation: &Evaluation<'_>,
) -> Result<(usize, usize), EvalFailure> {
    let read = |limit: &Limit, field: &str| {
        let Some(value) = limit_value(limit, input, evaluation)? else {
            return Ok(usize::MAX);
        };
        match integer(&value).and_then(|integer| usize::try_from(integer).ok()) {
            Some(integer) if integer > 0 => Ok(integer),
            _ => Err(not_a_number(limit, field, "positive integer", &value)),
        }
    };
    let items_max = read(&batcher.max_items_per_batch, "MaxItemsPerBatch")?;
    let bytes_max = read(&batcher.max_input_bytes_per_batch, "MaxInputBytesPerBatch")?;
    Ok((
        items_max,
        bytes_max.min(evaluation.env.limits.payload_bytes),
    ))
}
