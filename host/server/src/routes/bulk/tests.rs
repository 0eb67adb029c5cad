//! Bulk operations over REST.

use serde_json::{Value, json};

use crate::testing::{ASK, Answer, TestApi};

async fn furnished() -> TestApi {
    let api = TestApi::dev().await;
    api.deploy("ask", ASK).await;
    for number in 1..=3 {
        let tags = json!({"half": if number < 3 { "first" } else { "second" }});
        let body = json!({"stateMachine": "ask", "name": format!("a{number}"), "tags": tags});
        let started = api.post("/v1/executions", body.to_string()).await;
        assert_eq!(started.status.as_u16(), 201, "{started:?}");
    }
    api
}

async fn ask(api: &TestApi, body: Value) -> Answer {
    api.post("/v1/bulk-operations", body.to_string()).await
}

#[tokio::test]
async fn what_is_previewed_is_ordered_followed_and_listed() {
    let api = furnished().await;
    let filter = json!({"stateMachine": "ask", "tags": {"half": "first"}});
    let mut order = json!({"action": "STOP", "filter": filter, "preview": true, "error": "Done"});
    let preview = ask(&api, order.clone()).await;
    assert_eq!(preview.status.as_u16(), 200, "{preview:?}");
    let preview = preview.json();
    assert_eq!(preview["matching"], 2);
    let counts = json!([{"stateMachine": "ask", "status": "RUNNING", "count": 2}]);
    assert_eq!(preview["counts"], counts);
    assert_eq!(preview["sample"], json!(["ask/a2", "ask/a1"]));
    let listed = api.get("/v1/bulk-operations").await.json();
    assert_eq!(listed["bulkOperations"], json!([]));

    order["preview"] = false.into();
    let ordered = ask(&api, order).await;
    assert_eq!(ordered.status.as_u16(), 202, "{ordered:?}");
    let location = ordered.headers["location"].to_str().unwrap().to_owned();
    let described = loop {
        let described = api.get(&location).await.json();
        if described["status"] != "RUNNING" {
            break described;
        }
    };
    assert_eq!(described["status"], "COMPLETED");
    assert_eq!(described["filter"], filter);
    assert_eq!(
        (&described["done"], &described["matching"]),
        (&json!(2), &json!(2))
    );
    for (name, status) in [("a1", "ABORTED"), ("a2", "ABORTED"), ("a3", "RUNNING")] {
        let execution = api
            .get(&format!("/v1/executions/ask%2F{name}"))
            .await
            .json();
        assert_eq!(execution["status"], status, "{name}");
    }
    let listed = api.get("/v1/bulk-operations").await.json();
    assert_eq!(listed["bulkOperations"], json!([described]));
    let cancelled = api.post(&format!("{location}/cancel"), "").await;
    assert_eq!(cancelled.status.as_u16(), 409, "{cancelled:?}");
    assert_eq!(cancelled.code(), "BulkOperationEnded");
}

#[tokio::test]
async fn an_order_that_cannot_be_is_refused_with_its_field() {
    let api = furnished().await;
    for (order, status, field) in [
        (json!({"action": "STOP"}), 400, "filter"),
        (json!({"action": "STOP", "preview": true}), 400, "filter"),
        (
            json!({"action": "STOP", "filter": {"name": "nobody"}}),
            400,
            "filter",
        ),
        (
            json!({"action": "STOP", "all": true, "filter": {"name": "a1"}}),
            400,
            "all",
        ),
        (
            json!({"action": "STOP", "filter": {"status": ["FAILED"]}}),
            400,
            "status",
        ),
        (
            json!({"action": "REDRIVE", "filter": {"name": "a1"}, "error": "E"}),
            400,
            "error",
        ),
        (
            json!({"action": "DELETE", "filter": {"name": "a1"}}),
            400,
            "action",
        ),
        (
            json!({"action": "STOP", "filter": {"nam": "a1"}}),
            400,
            "nam",
        ),
        (
            json!({"action": "STOP", "filter": {"startedFrom": "now"}}),
            400,
            "filter.startedFrom",
        ),
        (
            json!({"action": "STOP", "filter": {"traceId": "1"}}),
            400,
            "traceId",
        ),
    ] {
        let refused = ask(&api, order.clone()).await;
        assert_eq!(refused.status.as_u16(), status, "{order}: {refused:?}");
        assert_eq!(
            refused.json()["error"]["field"],
            field,
            "{order}: {refused:?}"
        );
    }
    let unknown = json!({"action": "STOP", "filter": {"stateMachine": "none"}});
    assert_eq!(ask(&api, unknown).await.status.as_u16(), 404);
    let listed = api.get("/v1/bulk-operations").await.json();
    assert_eq!(listed["bulkOperations"], json!([]));
}
