//! The definitions and inputs that are run.

use serde_json::json;

/// Name of the component whose calls are measured: it returns its input.
pub(crate) const COMPONENT: &str = "echo";

/// Name of the component that misbehaves as it is told.
pub(crate) const HOSTILE: &str = "hostile";

/// What a task is called with: of the size of a small order, as rivals were measured with.
pub(crate) const INPUT: &str =
    r#"{"order":4711,"customer":"c-1","items":[{"sku":"A-1","quantity":2}],"paid":true}"#;

/// A state machine to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its definition, as JSON.
    pub(crate) definition: String,
}

/// Returns a machine of so many tasks, one after the other.
pub(crate) fn sequence(name: &'static str, tasks: usize) -> Machine {
    let mut states = serde_json::Map::new();
    for task in 1..=tasks {
        let mut state = echo();
        if task == tasks {
            state["End"] = json!(true);
        } else {
            state["Next"] = json!(format!("Step{}", task + 1));
        }
        states.insert(format!("Step{task}"), state);
    }
    machine(name, json!({"StartAt": "Step1", "States": states}))
}

/// Returns a machine that calls the component for each item of its input.
pub(crate) fn map(name: &'static str) -> Machine {
    let mut state = echo();
    state["End"] = json!(true);
    let processor = json!({
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "Item",
        "States": {"Item": state},
    });
    let each = json!({
        "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": true,
    });
    machine(name, json!({"StartAt": "Each", "States": {"Each": each}}))
}

/// Returns a machine that starts a child of one Pass state for each line of a data set.
/// The children's results are written to data sets: all of them are more than an output holds.
pub(crate) fn distributed(name: &'static str, data_set: &str, execution_type: &str) -> Machine {
    let processor = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
        "StartAt": "Line",
        "States": {"Line": {"Type": "Pass", "End": true}},
    });
    let each = json!({
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"DataSet": data_set},
        },
        "ItemProcessor": processor,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "bench", "Prefix": "results"},
        },
        "End": true,
    });
    machine(name, json!({"StartAt": "Each", "States": {"Each": each}}))
}

/// Returns the input of a map over so many items.
pub(crate) fn items(count: usize) -> String {
    json!({"items": (0..count).collect::<Vec<_>>()}).to_string()
}

/// Returns a machine that sleeps until the time that its input names.
pub(crate) fn nap(name: &'static str) -> Machine {
    let nap = json!({"Type": "Wait", "TimestampPath": "$.until", "End": true});
    machine(name, json!({"StartAt": "Nap", "States": {"Nap": nap}}))
}

/// Returns a machine of one task that keeps a thread busy until its time is up, and then
/// succeeds all the same.
pub(crate) fn spin(name: &'static str, seconds: u32) -> Machine {
    let spin = json!({
        "Type": "Task",
        "Resource": format!("task:{HOSTILE}"),
        "Parameters": {"mode": "spin"},
        "TimeoutSeconds": seconds,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
        "Next": "Done",
    });
    let states = json!({"Spin": spin, "Done": {"Type": "Succeed"}});
    machine(name, json!({"StartAt": "Spin", "States": states}))
}

fn echo() -> serde_json::Value {
    json!({"Type": "Task", "Resource": format!("task:{COMPONENT}")})
}

fn machine(name: &'static str, definition: serde_json::Value) -> Machine {
    Machine {
        name,
        definition: definition.to_string(),
    }
}
