//! Definitions that several groups use.

use serde_json::{Value, json};

/// Hands its input on.
pub(crate) const PASS: &str = r#"{"StartAt": "Pass", "States": {
    "Pass": {"Type": "Pass", "End": true}
}}"#;

/// Waits for the event `answer`; its data is the output.
pub(crate) const ASK: &str = "
states:
  answer: {type: wait_for_event, end: true}
";

/// Calls the guest `echo`.
pub(crate) const ECHO: &str = "
states:
  echo: {type: task, end: true}
";

/// Waits until somebody reports with the task's token, which the guest `hostile` is given
/// and told to return, and which `describe` shows.
pub(crate) const TOKEN: &str = r#"{"StartAt": "Ask", "States": {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": "hostile",
            "Payload": {"mode": "reportContext", "token.$": "$$.Task.Token"}
        },
        "HeartbeatSeconds": 3600,
        "End": true
    }
}}"#;

/// The text of the issue, as it stands there. It has to deploy and run.
pub(crate) const ORDER_APPROVAL: &str = "\
workflow:
  name: order-approval
  start_at: validate-order
  states:
    validate-order:
      type: task
      next: needs-review
    needs-review:
      type: choice
      when:
        requiresManualReview: wait-for-review
      default: charge-payment
    wait-for-review:
      type: wait_for_event
      next: charge-payment
    charge-payment:
      type: task
      retry:
        attempts: 3
        backoff: exponential
      next: create-shipment
    create-shipment:
      type: task
      end: true
";

/// The order flow of the examples.
pub(crate) const ORDER_FLOW: &str = include_str!("../../../examples/order-flow.asl.json");

/// Returns an order that both of the flows take, with some of its fields changed.
pub(crate) fn order(changes: Value) -> Value {
    let text = include_str!("../../../examples/order.json");
    let mut order: Value = serde_json::from_str(text).expect("the example is JSON");
    if let (Some(fields), Value::Object(changes)) = (order.as_object_mut(), changes) {
        fields.extend(changes);
    }
    order
}

/// A definition with one task that misbehaves as its input says, and may take `seconds`.
pub(crate) fn hostile(seconds: u64) -> String {
    let definition = json!({ "StartAt": "misbehave", "States": { "misbehave": {
        "Type": "Task",
        "Resource": "task:hostile",
        "TimeoutSeconds": seconds,
        "End": true,
    }}});
    definition.to_string()
}
