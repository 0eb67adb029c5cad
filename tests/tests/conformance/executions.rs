//! The cases of the kind `execution`: a definition, an input, and the whole history.
//!
//! They are taken as calls through the door, like the cases of the API: create, start, read
//! to the end, describe.

use serde_json::{Map, Value, json};

use crate::api;
use crate::pack::{self, Case};
use crate::score::Score;

/// What a case expects that stands in `DescribeExecution` as well.
const ENDS: [&str; 4] = ["status", "output", "error", "cause"];

/// Runs the cases; nothing where they are absent.
pub(crate) fn measure() -> Option<Score> {
    let folder = pack::find("asl")?;
    let cases = pack::cases(&folder, "execution").into_iter();
    Some(api::score(cases.map(|case| {
        let steps = steps(&case);
        (case, steps)
    })))
}

/// The calls that a case stands for.
fn steps(case: &Case) -> Vec<Value> {
    const MACHINE: &str = "<ArnPart_0idx>";
    let machine = format!("arn:<partition>:states:<region>:111111111111:stateMachine:{MACHINE}");
    let execution = format!(
        "arn:<partition>:states:<region>:111111111111:execution:{MACHINE}:<ExecArnPart_0idx>"
    );
    let mut start = Map::new();
    start.insert("stateMachineArn".to_owned(), machine.into());
    if let Some(input) = case.get("input") {
        start.insert("input".to_owned(), input.clone());
    }
    let expected = case.get("expected").cloned().unwrap_or_default();
    let create = json!({
        "name": MACHINE,
        "definition": case.get("definition"),
        "roleArn": "snf_role_arn",
        "type": case.get("type"),
    });
    let mut steps = vec![
        json!({ "operation": "CreateStateMachine", "request": create }),
        json!({ "operation": "StartExecution", "request": start }),
        json!({
            "operation": "GetExecutionHistory",
            "request": { "executionArn": execution, "maxResults": 1_000 },
            "expected": { "events": expected["events"] },
            "expected_status_code": 200,
        }),
    ];
    let mut describe = json!({
        "operation": "DescribeExecution",
        "request": { "executionArn": execution },
        "expected_status_code": 200,
    });
    match expected.get("describe_execution") {
        Some(described) => describe["expected"] = described.clone(),
        None => {
            let end = ENDS.iter();
            let end = end.map(|name| (*name, expected.get(*name)));
            describe["expected_members"] = json!(end.collect::<std::collections::BTreeMap<_, _>>());
        }
    }
    steps.push(describe);
    steps
}
