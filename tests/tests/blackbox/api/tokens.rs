//! Tasks that wait until somebody reports with their token.

use serde_json::{Value, json};
use stepwell_tests::{Client, TestServer, eventually};

use crate::definitions::TOKEN;

/// Starts an execution that waits, and returns its ARN and the token.
fn waiting(client: &Client) -> (String, String) {
    client.deploy("ask", TOKEN);
    let arn = client.start("ask", &json!({}));
    let token = eventually("a task that waits for its token", || {
        // The token is there before the task has handed it on, and may be used then; these
        // tests are about what comes after.
        let submitted = client.history(&arn).of_type("TaskSubmitted").count() == 1;
        let described = client.describe(&arn);
        let token = described["active"][0]["taskToken"].as_str();
        token.filter(|_| submitted).map(str::to_owned)
    });
    (arn, token)
}

#[test]
fn a_success_with_the_token_is_the_output() {
    let server = TestServer::with_guests();
    let client = server.client();
    let (arn, token) = waiting(client);
    let heartbeat = json!({ "taskToken": token });
    client.post("/v1/tasks/heartbeat", &heartbeat).expect(204);
    let success = json!({ "taskToken": token, "output": { "approved": true } });
    client.post("/v1/tasks/success", &success).expect(204);
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(ended["output"], json!({ "approved": true }));
    for path in ["/v1/tasks/success", "/v1/tasks/heartbeat"] {
        let body = if path.ends_with("success") {
            &success
        } else {
            &heartbeat
        };
        client
            .post(path, body)
            .expect_refusal(409, "TaskTimedOut", None);
    }
    let history = client.history(&arn);
    assert_eq!(history.of_type("TaskSubmitted").count(), 1);
    assert_eq!(history.of_type("TaskSucceeded").count(), 1);
    assert_eq!(history.complaints(), [""; 0]);
}

#[test]
fn a_failure_with_the_token_is_the_executions() {
    let server = TestServer::with_guests();
    let client = server.client();
    let (arn, token) = waiting(client);
    let failure = json!({ "taskToken": token, "error": "Declined", "cause": "too dear" });
    client.post("/v1/tasks/failure", &failure).expect(204);
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["status"], "FAILED");
    assert_eq!(
        (&ended["error"], &ended["cause"]),
        (&json!("Declined"), &json!("too dear"))
    );
}

#[test]
fn a_token_with_another_digit_is_none() {
    let server = TestServer::with_guests();
    let client = server.client();
    let (arn, token) = waiting(client);
    for position in [0, token.len() / 2, token.len() - 1] {
        let mut forged = token.clone().into_bytes();
        forged[position] = if forged[position] == b'a' { b'b' } else { b'a' };
        let forged = String::from_utf8(forged).unwrap();
        let success = json!({ "taskToken": forged, "output": Value::Null });
        client.post("/v1/tasks/success", &success).expect_refusal(
            400,
            "InvalidTaskToken",
            Some("taskToken"),
        );
    }
    assert_eq!(client.describe(&arn)["status"], "RUNNING");
}

/// A task waits for its token through a restart of the host.
#[test]
fn a_token_outlives_the_host() {
    let mut server = TestServer::with_guests();
    let (arn, token) = waiting(server.client());
    server.kill();
    server.start_again();
    let success = json!({ "taskToken": token, "output": 7 });
    server
        .client()
        .post("/v1/tasks/success", &success)
        .expect(204);
    assert_eq!(server.client().wait_for_end(&arn)["output"], 7);
}
