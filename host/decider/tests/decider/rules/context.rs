//! The context object: what is in it, and in which states.

use serde_json::json;
use stepwell_decider::{Failure, PendingWork};
use stepwell_states::Payload;

use super::{as_told, output, run};

#[test]
fn it_names_execution_machine_and_state() {
    let context = output(
        r#"{"StartAt":"P","States":{"P":{"Type":"Pass","InputPath":"$$","End":true}}}"#,
        r#"{"a":1}"#,
    );
    let time = context["State"]["EnteredTime"].clone();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    assert_eq!(
        context,
        json!({
            "Execution": {
                "Id": "arn:aws:states:us-east-1:000000000000:execution:m:e",
                "Input": { "a": 1 },
                "StartTime": time,
                "Name": "e",
                "RoleArn": "",
                "RedriveCount": 0,
            },
            "StateMachine": {
                "Id": "arn:aws:states:us-east-1:000000000000:stateMachine:m",
                "Name": "m",
            },
            "State": { "Name": "P", "EnteredTime": time },
        })
    );
}

#[test]
fn states_that_can_be_retried_know_how_often_they_were() {
    fn third_time(work: &PendingWork) -> Result<Payload, Failure> {
        match work.order.attempt {
            3 => Ok(work.order.parameters.clone()),
            _ => Err(Failure::named("E")),
        }
    }
    let run = run(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true,
            "Parameters":{"count.$":"$$.State.RetryCount"},
            "Retry":[{"ErrorEquals":["E"]}]}}}"#,
        "{}",
        third_time,
    );
    let output = run.execution.end().unwrap().output.clone().unwrap();
    assert_eq!(output.as_str(), r#"{"count":2}"#);
    let parallel = super::output(
        r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,
            "Parameters":{"count.$":"$$.State.RetryCount"},
            "Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}}]}}}"#,
        "{}",
    );
    assert_eq!(parallel, json!([{ "count": 0 }]));
}

#[test]
fn only_tasks_that_wait_for_a_token_have_one() {
    let waiting = run(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","End":true,
            "Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters":{"FunctionName":"f","Payload":{"token.$":"$$.Task.Token"}}}}}"#,
        "{}",
        as_told,
    );
    let active = waiting.execution.active_states().next().unwrap();
    assert!(active.waits_for_token.is_some());
    let without = run(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true,
            "Parameters":{"token.$":"$$.Task.Token"}}}}"#,
        "{}",
        as_told,
    );
    let failure = without.execution.end().unwrap().failure.clone().unwrap();
    assert_eq!(failure.error_name(), "States.Runtime");
}

#[test]
fn iterations_know_their_item() {
    let of_list = output(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,
            "ItemSelector":{"item.$":"$$.Map.Item","input.$":"$"},
            "ItemProcessor":{"StartAt":"X","States":{
                "X":{"Type":"Pass","ResultPath":"$.inside",
                    "Parameters":{"index.$":"$$.Map.Item.Index"},"End":true}}}}}}"#,
        r#"["a","b"]"#,
    );
    assert_eq!(of_list[1]["item"]["Index"], json!(1));
    assert_eq!(of_list[1]["item"]["Value"], json!("b"));
    assert_eq!(of_list[1]["input"], json!(["a", "b"]));
    assert_eq!(of_list[1]["inside"], json!({ "index": 1 }));
    let of_object = output(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemsPath":"$.all",
            "ItemSelector":{"key.$":"$$.Map.Item.Key","value.$":"$$.Map.Item.Value"},
            "ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}}}}}"#,
        r#"{"all":{"k":1,"l":2}}"#,
    );
    assert_eq!(
        of_object,
        json!([{ "key": "k", "value": 1 }, { "key": "l", "value": 2 }])
    );
}
