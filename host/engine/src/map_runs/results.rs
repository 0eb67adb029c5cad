//! Results of child executions, in the form that the Map state asks for.

use stepwell_decider::{End, ExecutionStarted, MapResultForm, MapWriter, Status};
use stepwell_states::{Payload, Timestamp};
use stepwell_store::MapResults;

/// Reads off a `ResultWriter` what becomes of the results.
pub(crate) fn form(writer: Option<&MapWriter>) -> MapResultForm {
    let Some(writer) = writer else {
        return MapResultForm::default();
    };
    let config = writer.config.to_value();
    let transformation = config.get("Transformation").and_then(|word| word.as_str());
    MapResultForm {
        written: writer.resource.is_some(),
        described: !matches!(transformation, Some("COMPACT" | "FLATTEN")),
        flattened: transformation == Some("FLATTEN"),
        lines: config.get("OutputType").and_then(|word| word.as_str()) == Some("JSONL"),
    }
}

/// The result of a child that has ended.
pub(crate) fn of(started: &ExecutionStarted, started_at: Timestamp, end: &End) -> MapResults {
    let mut results = MapResults::default();
    let Some(child) = &started.map_child else {
        return results;
    };
    if end.status == Status::Succeeded
        && let Some(output) = &end.output
        && let Some(text) = told(started, started_at, end, output, child.result)
    {
        results.gathered.push((child.index, text));
    }
    results
}

/// A successful child's part of the Map state's result; none where it adds nothing.
fn told(
    started: &ExecutionStarted,
    started_at: Timestamp,
    end: &End,
    output: &Payload,
    form: MapResultForm,
) -> Option<String> {
    if form.described {
        let described = crate::children::describe_end(started, started_at, end);
        return Some(described.as_str().to_owned());
    }
    let text = output.as_str();
    let list = form
        .flattened
        .then(|| text.trim().strip_prefix('[')?.strip_suffix(']'))
        .flatten();
    match list.map(str::trim) {
        Some("") => None,
        Some(elements) => Some(elements.to_owned()),
        None => Some(text.to_owned()),
    }
}

/// Joins results into the Map state's result.
pub(crate) fn join(results: &[String]) -> Payload {
    Payload::from_trusted(format!("[{}]", results.join(",")))
}
