//! Each limit, hit by a hostile guest: its end has a name in the history, and Catch can
//! use it.

use serde_json::{Value, json};
use stepwell_tests::{Client, Setup, TestServer};

use crate::definitions::hostile;

/// What a guest does, the error name that it ends with, and words of the cause.
const ENDS: &[(&str, &str, &[&str])] = &[
    (r#"{"mode": "spin"}"#, "Stepwell.OutOfFuel", &["fuel"]),
    (
        r#"{"mode": "allocate"}"#,
        "Stepwell.OutOfMemory",
        &["memory"],
    ),
    (r#"{"mode": "recurse"}"#, "Stepwell.Trapped", &["trap"]),
    (r#"{"mode": "trap"}"#, "Stepwell.Trapped", &["unreachable"]),
    (
        r#"{"mode": "panic"}"#,
        "Stepwell.Panicked",
        &["the shelf collapsed", "hostile/modes/src/lib.rs:"],
    ),
    (
        r#"{"mode": "hugeOutput"}"#,
        "States.DataLimitExceeded",
        &["output"],
    ),
    // A few bytes over the limit of a payload, where the limit of a host call is not hit.
    (
        r#"{"mode": "hugeOutput", "bytes": 262145}"#,
        "States.DataLimitExceeded",
        &["output"],
    ),
    (r#"{"mode": "notJson"}"#, "Stepwell.BadOutput", &["no JSON"]),
    (
        r#"{"mode": "floodLog"}"#,
        "Stepwell.HostCallLimit",
        &["100000 times"],
    ),
    (
        r#"{"mode": "callHost"}"#,
        "Stepwell.HostCallLimit",
        &["100000 times"],
    ),
    (
        r#"{"mode": "spinAndCall"}"#,
        "Stepwell.HostCallLimit",
        &["100000 times"],
    ),
    (
        r#"{"mode": "hugeHostCall"}"#,
        "Stepwell.HostCallLimit",
        &["bytes"],
    ),
    (
        r#"{"mode": "failByName", "error": "OutOfStock", "cause": "none left"}"#,
        "OutOfStock",
        &["none left"],
    ),
    // Names that belong to the host are no guest's to use.
    (
        r#"{"mode": "failByName", "error": "States.Timeout"}"#,
        "States.TaskFailed",
        &["States.Timeout"],
    ),
    (
        r#"{"mode": "readSecret", "name": "key"}"#,
        "Stepwell.SecretDenied",
        &["key"],
    ),
    (
        r#"{"mode": "levitate"}"#,
        "Stepwell.InvalidInput",
        &["levitate"],
    ),
];

/// A task that misbehaves, and a state for each error name that it may end with.
fn catching() -> String {
    let mut states = serde_json::Map::new();
    let mut catchers = Vec::new();
    for (_, error, _) in ENDS {
        let state = format!("caught {error}");
        if !states.contains_key(&state) {
            catchers.push(json!({ "ErrorEquals": [error], "Next": state }));
            states.insert(state, json!({ "Type": "Pass", "End": true }));
        }
    }
    states.insert(
        "misbehave".to_owned(),
        json!({
            "Type": "Task",
            "Resource": "task:hostile",
            "TimeoutSeconds": 120,
            "Catch": catchers,
            "End": true,
        }),
    );
    json!({ "StartAt": "misbehave", "States": states }).to_string()
}

/// Tells what is not as it must be of one ended execution.
fn complaints(client: &Client, arn: &str, error: &str, words: &[&str]) -> Vec<String> {
    let ended = client.wait_for_end(arn);
    let history = client.history(arn);
    let mut found = history.complaints();
    if ended["status"] != "SUCCEEDED" || ended["output"]["Error"] != error {
        found.push(format!("not caught: {ended}"));
    }
    let failures = history.task_failures();
    let [(name, cause)] = failures[..] else {
        found.push(format!("{} failures: {failures:?}", failures.len()));
        return found;
    };
    if name != error {
        found.push(format!("the history names it {name:?}: {cause}"));
    }
    for word in words {
        if !cause.contains(word) {
            found.push(format!("no {word:?} in the cause {cause:?}"));
        }
    }
    let failed = history.of_type("TaskFailed").next();
    if failed.is_some_and(|failed| failed["stepwell"]["usage"]["fuel"].as_u64() < Some(1)) {
        found.push(format!("no fuel is recorded: {failed:?}"));
    }
    found
}

#[test]
fn each_end_has_its_error_name_in_the_history_and_can_be_caught() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("misbehave", &catching());
    let started: Vec<String> = ENDS
        .iter()
        .map(|(input, _, _)| client.start("misbehave", &input.parse().unwrap()))
        .collect();
    let mut all = Vec::new();
    for (arn, (input, error, words)) in started.iter().zip(ENDS) {
        let found = complaints(client, arn, error, words);
        all.extend(found.into_iter().map(|one| format!("{input}: {one}")));
    }
    assert_eq!(all, [""; 0], "\n{}", all.join("\n"));
    client.get("/readyz").expect_text(200);
}

/// Fuel that no guest uses up before its time is over, however fast the machine is.
fn with_much_fuel() -> TestServer {
    TestServer::with_guests_and(Setup {
        arguments: vec![format!("--task-fuel={}", i64::MAX)],
        ..Setup::default()
    })
}

#[test]
fn the_fuel_of_a_task_is_set_for_the_host() {
    let server = TestServer::with_guests_and(Setup {
        variables: vec![("STEPWELL_TASK_FUEL".to_owned(), "50000000".to_owned())],
        ..Setup::default()
    });
    let client = server.client();
    client.deploy("spin", &hostile(100));
    let ended = client.run("spin", &json!({ "mode": "spin" }));
    assert_eq!(ended["error"], "Stepwell.OutOfFuel", "{ended}");
    assert_eq!(ended["usage"]["fuel"], 50_000_000, "{ended}");
}

#[test]
fn a_task_that_takes_longer_than_its_timeout() {
    let server = with_much_fuel();
    let client = server.client();
    client.deploy("slow", &hostile(1));
    let arn = client.start("slow", &json!({ "mode": "spin" }));
    let ended = client.wait_for_end(&arn);
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("States.Timeout"))
    );
    let history = client.history(&arn);
    assert_eq!(history.of_type("TaskTimedOut").count(), 1);
    assert_eq!(history.task_failures()[0].0, "States.Timeout");
    assert_eq!(history.complaints(), [""; 0]);
}

#[test]
fn a_task_that_gives_no_sign_of_life() {
    let server = with_much_fuel();
    let client = server.client();
    let definition = json!({ "StartAt": "silent", "States": { "silent": {
        "Type": "Task",
        "Resource": "task:hostile",
        "TimeoutSeconds": 100,
        "HeartbeatSeconds": 1,
        "Catch": [{ "ErrorEquals": ["States.HeartbeatTimeout"], "Next": "caught" }],
        "End": true,
    }, "caught": { "Type": "Pass", "End": true }}});
    client.deploy("silent", &definition.to_string());
    let ended = client.run("silent", &json!({ "mode": "spin" }));
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(
        ended["output"]["Error"], "States.HeartbeatTimeout",
        "{ended}"
    );
}

/// Lines within the number of host calls, and far over what the log takes.
#[test]
fn the_log_of_a_task_is_cut() {
    let server = TestServer::with_guests_and(Setup {
        variables: vec![("STEPWELL_LOG".to_owned(), "info".to_owned())],
        ..Setup::default()
    });
    let client = server.client();
    client.deploy("flood", &hostile(60));
    let before = server.log().len();
    for (lines, bytes) in [(50_000, 10), (2_000, 1_000)] {
        let input = json!({ "mode": "floodLog", "lines": lines, "bytes": bytes });
        let ended = client.run("flood", &input);
        assert_eq!(ended["output"], lines, "{ended}");
    }
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("flood ")).count();
    assert!(
        (1_000..=2_010).contains(&lines),
        "{lines} lines are in the log"
    );
    assert_eq!(log.matches("the log of this call is full").count(), 2);
    // Two calls of 256 KiB of text, and what stands before each line.
    let grown = log.len() - before;
    assert!(
        grown < 2 * (256 << 10) + 2_010 * 400,
        "{grown} bytes are in the log"
    );
}

/// What a guest says over several lines stays recognisable as what a guest says.
#[test]
fn a_task_cannot_write_lines_of_the_host() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("forge", &hostile(60));
    let forged = "2026-01-01T00:00:00Z ERROR stepwell_server::auth: the gate is open";
    let input = json!({ "mode": "panic", "message": format!("oops\n{forged}") });
    assert_eq!(client.run("forge", &input)["error"], "Stepwell.Panicked");
    let log = server.log();
    assert!(log.contains(forged), "{log}");
    assert!(!log.lines().any(|line| line.starts_with(forged)), "{log}");
}

#[test]
fn a_task_is_retried_by_the_name_of_its_end() {
    let server = TestServer::with_guests();
    let client = server.client();
    let definition = json!({ "StartAt": "misbehave", "States": { "misbehave": {
        "Type": "Task",
        "Resource": "task:hostile",
        "TimeoutSeconds": 60,
        "Retry": [
            { "ErrorEquals": ["Transient"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1 },
            { "ErrorEquals": ["Stepwell.Panicked"], "MaxAttempts": 0 },
        ],
        "End": true,
    }}});
    client.deploy("retried", &definition.to_string());
    let passes = client.start("retried", &json!({ "mode": "failUntil", "attempt": 2 }));
    let panics = client.start("retried", &json!({ "mode": "panic" }));
    let ended = client.wait_for_end(&passes);
    assert_eq!(ended["output"]["attempt"], 3, "{ended}");
    let history = client.history(&passes);
    let attempts: Vec<&Value> = history
        .of_type("TaskScheduled")
        .map(|scheduled| &scheduled["stepwell"]["attempt"])
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
    let keys: Vec<&Value> = history
        .of_type("TaskScheduled")
        .map(|scheduled| &scheduled["stepwell"]["idempotencyKey"])
        .collect();
    assert!(
        keys.iter().all(|key| key == &keys[0] && key.is_string()),
        "{keys:?}"
    );
    assert_eq!(history.complaints(), [""; 0]);
    assert_eq!(client.wait_for_end(&panics)["error"], "Stepwell.Panicked");
    assert_eq!(client.history(&panics).of_type("TaskScheduled").count(), 1);
}
