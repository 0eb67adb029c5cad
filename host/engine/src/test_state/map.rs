//! A tried Map: its items, what each iteration would be given, and how many may fail.
//!
//! Iterations do not run: the mock is what all of them give.

use std::time::Instant;

use stepwell_decider::{Failure, MapScope, Numbered, Trial};
use stepwell_states::{Limit, Map, MapItem, MapPlan, Payload, QueryLanguage, StateKind};

use super::Prepared;
use super::inspection::Inspection;
use super::work::TIME_MAX;
use crate::map_runs::{Tolerance, given_items};
use crate::sfn::ApiFault;

/// What the iterations of a Map would be given.
#[derive(Default)]
struct Found {
    items: Vec<Payload>,
    inputs: Vec<Payload>,
    batches: Option<Vec<Payload>>,
    /// Whether the items were read by an `ItemReader` that points into its source.
    pointed: bool,
}

/// Finds out what the iterations of a Map would be given, and whether as many may fail as
/// the request says. Does nothing for a Parallel.
///
/// # Errors
/// The request lacks what the Map's reader reads, or does not go with the number of items.
pub(super) fn rehearse(
    trial: &mut Trial<'_>,
    prepared: &Prepared,
    mock: &Result<Payload, Failure>,
    inspection: &mut Inspection,
) -> Result<(), ApiFault> {
    let state = prepared.subject.state();
    let (StateKind::Map(map), Some(plan)) = (&state.kind, trial.plan().cloned()) else {
        return Ok(());
    };
    inspection.max_concurrency = Some(plan.max_concurrency);
    inspection.tolerated_failure_count = plan.tolerated_failure_count;
    inspection.tolerated_failure_percentage = plan.tolerated_failure_percentage;
    let scope = trial.map_scope();
    let found = match &scope {
        Some(scope) => match distributed(scope, prepared, map)? {
            Ok(found) => found,
            Err(failure) => {
                trial.finish(Err(failure), prepared.now);
                return Ok(());
            }
        },
        None => inline(trial, &plan),
    };
    if trial.end().is_some() {
        return Ok(());
    }
    show(inspection, &found, map, state.query_language);
    let iterations = found.batches.as_ref().unwrap_or(&found.inputs).len() as u64;
    let failed = prepared.configuration.map_iteration_failure_count;
    let failed = failed.unwrap_or(0);
    if failed > iterations {
        return Err(refused(
            "Map iteration failure count must be less than or equal to the number of Map \
             iterations.",
        ));
    }
    let tolerance = Tolerance::of(&plan);
    if scope.is_some() && tolerance.is_exceeded(failed, Some(iterations)) {
        trial.finish(Err(Tolerance::failure()), prepared.now);
        return Ok(());
    }
    check_length(mock, map, iterations, failed)
}

/// A list of results has one of each iteration; those that failed may be left out.
fn check_length(
    mock: &Result<Payload, Failure>,
    map: &Map,
    iterations: u64,
    failed: u64,
) -> Result<(), ApiFault> {
    let (Ok(result), None) = (mock, &map.result_writer) else {
        return Ok(());
    };
    let results = result.to_value().as_array().map_or(0, Vec::len) as u64;
    if results == iterations || results == iterations - failed {
        return Ok(());
    }
    Err(refused(
        "Input array does not equal the mocked result array's size.",
    ))
}

fn inline(trial: &mut Trial<'_>, plan: &MapPlan) -> Found {
    let began = Instant::now();
    let mut inputs = Vec::with_capacity(plan.items.len());
    for (index, _) in (0_u32..).zip(&plan.items) {
        if began.elapsed() > TIME_MAX {
            trial.fail(&timed_out());
        }
        match trial.iteration_input(index) {
            Some(input) => inputs.push(input),
            // The state has ended.
            None => break,
        }
    }
    Found {
        items: plan.items.iter().map(|item| item.value.clone()).collect(),
        inputs,
        ..Found::default()
    }
}

/// The failure of a state that takes longer than one that is tried may.
fn timed_out() -> Failure {
    let cause = "the inputs of its iterations could not be evaluated within five minutes";
    Failure::new("States.Timeout", cause)
}

/// What children of a Map Run would be given, made as a Map Run makes it. The inner error
/// is how the run fails.
fn distributed(
    scope: &MapScope,
    prepared: &Prepared,
    map: &Map,
) -> Result<Result<Found, Failure>, ApiFault> {
    let definition = &prepared.subject.definition;
    let data = prepared.configuration.map_item_reader_data.as_deref();
    let reader = scope.order().reader.as_ref();
    if reader.is_some() && data.is_none() {
        return Err(refused(
            "ItemReader data must be specified when testing a Map state with ItemReader \
             specified.",
        ));
    }
    let made = || -> Result<Found, Failure> {
        let (items, source) = match (reader, data) {
            (Some(reader), Some(data)) => {
                let max_bytes = scope.parent().payload_max_bytes as usize;
                given_items(reader, data, max_bytes)?
            }
            _ => (scope.items().to_vec(), "STATE_DATA".to_owned()),
        };
        let inputs = inputs(scope, prepared, &items, &source)?;
        let batches = scope.batches(definition)?;
        let batches = batches.map(|batches| batches.group(&inputs));
        let config = map.item_reader.as_ref().map(|reader| &reader.config);
        let pointer = config.and_then(|config| config.get("ItemsPointer"));
        Ok(Found {
            items: items.into_iter().map(|item| item.value).collect(),
            inputs,
            batches,
            pointed: pointer.is_some(),
        })
    };
    Ok(made())
}

fn inputs(
    scope: &MapScope,
    prepared: &Prepared,
    items: &[MapItem],
    source: &str,
) -> Result<Vec<Payload>, Failure> {
    let definition = &prepared.subject.definition;
    let began = Instant::now();
    (0..)
        .zip(items)
        .map(|(index, item)| {
            if began.elapsed() > TIME_MAX {
                return Err(timed_out());
            }
            let numbered = Numbered {
                index,
                item,
                source,
            };
            scope.item_input(definition, numbered)
        })
        .collect()
}

fn show(inspection: &mut Inspection, found: &Found, map: &Map, language: QueryLanguage) {
    if found.pointed {
        inspection.after_items_pointer = Some(list(&found.items));
    } else if language == QueryLanguage::JsonPath && map.item_reader.is_none() {
        inspection.after_items_path = Some(list(&found.items));
    }
    if map.item_selector.is_some() {
        inspection.after_item_selector = Some(list(&found.inputs));
    }
    inspection.after_item_batcher = found.batches.as_deref().map(list);
    let given = |limit: &Limit| !matches!(limit, Limit::None);
    if !given(&map.tolerated_failure_count) {
        inspection.tolerated_failure_count = None;
    }
    if !given(&map.tolerated_failure_percentage) {
        inspection.tolerated_failure_percentage = None;
    }
}

fn list(payloads: &[Payload]) -> Payload {
    let texts: Vec<&str> = payloads.iter().map(Payload::as_str).collect();
    // The parts are valid JSON, so their list is, too.
    Payload::from_trusted(format!("[{}]", texts.join(",")))
}

fn refused(message: &str) -> ApiFault {
    ApiFault::new("ValidationException", message)
}
