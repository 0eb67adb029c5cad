//! One entry: an event as Step Functions writes it to `CloudWatch` Logs.

use serde_json::{Map, Value, json};
use stepwell_decider::HistoryEvent;

use super::Entries;
use crate::sfn::{EventShape, ShownHistory};

/// What is left out where a configuration leaves out execution data.
const DATA: [&str; 7] = [
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "assignedVariables",
    "assignedVariablesDetails",
];

/// Writes an event as one line of JSON, without its end.
pub(super) fn line(event: &HistoryEvent, entries: &Entries, shape: &dyn EventShape) -> String {
    let context = ShownHistory {
        region: &entries.region,
        definition: &entries.definition,
        tasks: &entries.tasks,
    };
    let shown = shape.show(event, Value::Null, context);
    let (event_type, mut details) = parts(shown);
    if !entries.logging.include_data {
        details.retain(|member, _| !DATA.contains(&member.as_str()));
    }
    json!({
        "id": event.id.to_string(),
        "type": event_type,
        "details": details,
        "previous_event_id": event.previous_id.to_string(),
        "event_timestamp": event.at.as_ms().to_string(),
        "execution_arn": &*entries.execution_arn,
        "redrive_count": entries.redrive_count.to_string(),
    })
    .to_string()
}

/// The type of an event in AWS's shape, and its details, whatever they are called there.
fn parts(shown: Value) -> (Value, Map<String, Value>) {
    let Value::Object(members) = shown else {
        return (Value::Null, Map::new());
    };
    let mut event_type = Value::Null;
    let mut details = Map::new();
    for (member, value) in members {
        match value {
            Value::Object(found) if member.ends_with("EventDetails") => details = found,
            value if member == "type" => event_type = value,
            _ => {}
        }
    }
    (event_type, details)
}
