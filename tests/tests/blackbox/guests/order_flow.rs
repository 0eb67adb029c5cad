//! The order flow of the examples, and the short form of the issue, as they stand.

use serde_json::{Value, json};
use stepwell_tests::{Client, History, TestServer, eventually};

use crate::definitions::{ORDER_APPROVAL, ORDER_FLOW, order};

/// Runs an order through a machine, and returns how it ended with its history.
fn run(client: &Client, machine: &str, changes: Value) -> (Value, History) {
    let arn = client.start(machine, &order(changes));
    let ended = client.wait_for_end(&arn);
    let history = client.history(&arn);
    assert_eq!(history.complaints(), [""; 0]);
    (ended, history)
}

#[test]
fn an_order_goes_through() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("order-flow", ORDER_FLOW);
    let (ended, history) = run(client, "order-flow", json!({}));
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let mut states = history.states();
    // Branches run side by side, in no certain order.
    states[5..].sort_unstable();
    assert_eq!(
        states,
        [
            "validate-order",
            "payment-valid",
            "reserve-inventory",
            "create-shipment",
            "notify",
            "notify-accounting",
            "notify-customer",
            "notify-warehouse",
        ]
    );
    let output = &ended["output"];
    assert_eq!(
        output["reservation"]["lines"].as_array().unwrap().len(),
        2,
        "{output}"
    );
    assert!(
        output["shipment"]["parcels"][0]["trackingNumber"].is_string(),
        "{output}"
    );
    let channels: Vec<&Value> = output["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["channel"])
        .collect();
    assert_eq!(channels.len(), 3, "{output}");
    assert_eq!(ended["usage"]["calls"], 6, "{ended}");
}

#[test]
fn a_busy_warehouse_is_asked_again() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("order-flow", ORDER_FLOW);
    let (ended, history) = run(
        client,
        "order-flow",
        json!({ "simulate": { "busyAttempts": 1 } }),
    );
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let failures = history.task_failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].0, "WarehouseBusy");
    assert_eq!(ended["usage"]["calls"], 7, "{ended}");
}

#[test]
fn goods_that_are_not_there_are_ordered() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("order-flow", ORDER_FLOW);
    let stock = json!({ "stock": { "mug-blue": 0, "tea-500": 3 } });
    let (ended, history) = run(client, "order-flow", stock);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(ended["output"]["outcome"], "BACKORDERED");
    assert_eq!(history.states().last(), Some(&"backorder"));
    assert_eq!(history.task_failures()[0].0, "OutOfStock");
}

#[test]
fn a_card_that_cannot_be_charged_ends_the_order() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("order-flow", ORDER_FLOW);
    let card = json!({ "card": { "number": "4242 4242 4242 4241", "expiry": "12/39" } });
    let (ended, _) = run(client, "order-flow", card);
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("PaymentRefused"))
    );
    assert!(
        ended["cause"].as_str().unwrap().contains("ord-1001"),
        "{ended}"
    );
}

#[test]
fn the_example_is_the_text_of_the_issue() {
    assert_eq!(
        include_str!("../../../../examples/order-approval.yaml"),
        ORDER_APPROVAL
    );
}

#[test]
fn the_short_form_deploys_and_runs_as_it_stands() {
    let server = TestServer::with_guests();
    let client = server.client();
    let request = json!({ "definition": ORDER_APPROVAL });
    let deployed = client.post("/v1/state-machines", &request).expect(201);
    assert_eq!(deployed["stateMachine"]["name"], "order-approval");
    assert_eq!(deployed["warnings"], json!([]));
    let (ended, history) = run(client, "order-approval", json!({}));
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(
        history.states(),
        [
            "validate-order",
            "needs-review",
            "charge-payment",
            "create-shipment"
        ]
    );
    assert!(ended["output"]["shipment"].is_object(), "{ended}");
}

#[test]
fn the_short_form_waits_for_a_persons_event() {
    let mut server = TestServer::with_guests();
    let client = server.client().clone();
    client.deploy("order-approval", ORDER_APPROVAL);
    let arn = client.start(
        "order-approval",
        &order(json!({ "requiresManualReview": true })),
    );
    let waits = eventually("the review", || {
        let described = client.describe(&arn);
        (described["active"][0]["name"] == "wait-for-review").then_some(described)
    });
    assert_eq!(waits["status"], "RUNNING");

    // The wait is durable: nothing of it is in memory only.
    server.kill();
    server.start_again();
    let client = server.client();
    let data = json!({ "approved": true, "reviewer": "grace" });
    let event = json!({ "name": "wait-for-review", "id": "mail-17", "data": data });
    client.post_event(&arn, &event);
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(
        ended["output"]["reviewer"], "grace",
        "its data is part of the output"
    );
    assert!(ended["output"]["shipment"].is_object(), "{ended}");
    assert_eq!(client.history(&arn).complaints(), [""; 0]);
}

#[test]
fn the_short_form_tries_again() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("order-approval", ORDER_APPROVAL);
    let outages = json!({ "simulate": { "gatewayTimeouts": 1 } });
    let (ended, history) = run(client, "order-approval", outages);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(history.task_failures()[0].0, "GatewayTimeout");
}
