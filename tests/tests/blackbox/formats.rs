//! Databases of every schema that there was: each must open, and what is in it go on.
//!
//! `tests/formats/schema-NNNN` holds the database that a host with that schema has left.
//! A new schema gets one by `cargo test -p stepwell-tests -- --ignored store_a_database`,
//! before anything else changes what a host writes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepwell_tests::{Client, Run, Setup, TestServer, command, core_module, eventually};

/// Name of a stored database.
const STORED: &str = "database";

/// What is stored: the state machines, and one execution of each, named `one`.
const MACHINES: &[(&str, &str)] = &[
    ("done", "states: {echo: {type: task, end: true}}"),
    (
        "failed",
        "states: {fail: {type: fail, error: Broken, cause: by design}}",
    ),
    (
        "asks",
        "states: {answer: {type: wait_for_event, next: echo}, echo: {type: task, end: true}}",
    ),
    (
        "answered",
        "states: {other: {type: wait_for_event, next: answer}, answer: {type: wait_for_event, end: true}}",
    ),
    (
        "sleeps",
        "states: {sleep: {type: wait, seconds: 5, next: echo}, echo: {type: task, end: true}}",
    ),
    (
        "maps",
        "
states:
  each:
    type: map
    items: $.items
    concurrency: 1
    each: {states: {answer: {type: wait_for_event, next: echo}, echo: {type: task, end: true}}}
    end: true
",
    ),
    (
        "branches",
        "
states:
  both:
    type: parallel
    branches:
      - {states: {echo: {type: task, end: true}}}
      - {states: {answer: {type: wait_for_event, end: true}}}
    assign: {left.$: '$[0]'}
    next: both-again
  both-again: {type: pass, parameters: {left.$: $left}, end: true}
",
    ),
    (
        "approval",
        r#"{"StartAt": "Approve", "States": {"Approve": {
            "Type": "Task",
            "Resource": "stepwell:approval",
            "Parameters": {"AllowSelfApproval": true, "MinimumCount": 1, "Show": {"n": 1}},
            "TimeoutSeconds": 31536000,
            "End": true
        }}}"#,
    ),
    (
        "token",
        r#"{"StartAt": "Ask", "States": {"Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "echo", "Payload": {"token.$": "$$.Task.Token"}},
            "TimeoutSeconds": 31536000,
            "End": true
        }}}"#,
    ),
    (
        "parent",
        r#"{"StartAt": "Child", "States": {"Child": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {
                "StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:asks",
                "Name": "child",
                "Input": {"n": 2}
            },
            "TimeoutSeconds": 31536000,
            "End": true
        }}}"#,
    ),
];

/// Input of every execution.
fn input() -> Value {
    json!({ "n": 1, "items": ["a", "b"] })
}

/// Folder of the stored databases.
fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("formats")
}

/// Folders of the stored databases, one a schema.
fn stored() -> Vec<PathBuf> {
    let folders = fs::read_dir(formats()).unwrap();
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// Starts a host on a copy of a stored database.
fn opened(folder: &Path) -> TestServer {
    TestServer::on_folder_made_by(Setup::default(), |data| {
        fs::create_dir(data)?;
        fs::copy(folder.join(STORED), data.join("stepwell.db"))?;
        Ok(())
    })
}

/// Where an execution waits: names of its states, in no certain order.
fn waits_in(client: &Client, execution: &str) -> Vec<String> {
    let described = client.describe(execution);
    let active = described["active"].as_array().unwrap();
    let names = active
        .iter()
        .map(|state| state["name"].as_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn each_schema_has_a_stored_database() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/store/src/schema");
    let mut numbers: Vec<String> = fs::read_dir(schemas)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| format!("schema-{}", &name[..4]))
        .collect();
    numbers.sort();
    let stored: Vec<String> = stored()
        .iter()
        .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(stored, numbers, "store one as this file says");
}

#[test]
fn each_stored_database_opens_and_goes_on() {
    for folder in stored() {
        let server = opened(&folder);
        what_has_ended_is_as_it_was(server.client());
        what_runs_goes_on(server.client(), &folder);
        new_work_is_taken(server.client());
    }
}

fn what_has_ended_is_as_it_was(client: &Client) {
    let done = client.describe("done/one");
    assert_eq!(done["status"], "SUCCEEDED", "{done}");
    assert_eq!((&done["input"], &done["output"]), (&input(), &input()));
    let history = client.history("done/one");
    assert_eq!(history.complaints(), [""; 0]);
    assert_eq!(history.states(), ["echo"]);
    assert!(done["usage"]["fuel"].as_u64() > Some(0), "{done}");
    let failed = client.describe("failed/one");
    assert_eq!(
        (&failed["error"], &failed["cause"]),
        (&json!("Broken"), &json!("by design"))
    );
    let again = json!({ "stateMachine": "done", "name": "one", "input": input() });
    client.post("/v1/executions", &again).expect(200);
}

fn what_runs_goes_on(client: &Client, folder: &Path) {
    let answer = json!({ "name": "answer", "id": "later", "data": { "answered": true } });
    client.post_event("asks/one", &answer);
    client.post_event("asks/child", &answer);
    client.post_event("branches/one", &answer);
    // Its own event came before it was asked for, and has been kept.
    client.post_event("answered/one", &json!({ "name": "other" }));
    client.post_event("maps/one", &answer);
    client.post_event("maps/one", &json!({ "name": "answer", "id": "second" }));
    let token = fs::read_to_string(folder.join("task-token")).unwrap();
    let success = json!({ "taskToken": token.trim(), "output": "reported" });
    client.post("/v1/tasks/success", &success).expect(204);

    what_is_asked_is_approved(client);

    let answered = json!({ "n": 1, "items": ["a", "b"], "answered": true });
    for (execution, member, expected) in [
        ("asks/one", "/answered", json!(true)),
        ("asks/child", "/n", json!(2)),
        ("answered/one", "/early", json!(true)),
        ("sleeps/one", "", input()),
        ("branches/one", "/left", input()),
        ("token/one", "", json!("reported")),
        ("parent/one", "/Output/answered", json!(true)),
        ("asks/one", "", answered),
    ] {
        let ended = client.wait_for_end(execution);
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        assert_eq!(ended["output"].pointer(member), Some(&expected), "{ended}");
        assert_eq!(
            client.history(execution).complaints(),
            [""; 0],
            "{execution}"
        );
    }
    let maps = client.wait_for_end("maps/one");
    assert_eq!(maps["status"], "SUCCEEDED", "{maps}");
    assert_eq!(client.history("maps/one").complaints(), [""; 0]);
}

/// Databases since schema 14 have an approval that waits.
fn what_is_asked_is_approved(client: &Client) {
    let pending = client.get("/v1/approvals?status=PENDING").expect(200);
    for asked in pending["approvals"].as_array().unwrap() {
        let path = format!(
            "/v1/approvals/{}/approve",
            asked["approvalId"].as_str().unwrap()
        );
        let decision = json!({ "hash": asked["hash"] });
        let approved = client.post(&path, &decision).expect(200);
        assert_eq!(approved["summary"]["status"], "APPROVED", "{approved}");
        let ended = client.wait_for_end("approval/one");
        assert_eq!(ended["output"]["Hash"], asked["hash"], "{ended}");
    }
}

fn new_work_is_taken(client: &Client) {
    assert_eq!(client.run("done", &json!("new"))["output"], "new");
    let versions = client.get("/v1/components/echo").expect(200);
    assert_eq!(versions["versions"][0]["version"], 1);
    let pushed = client.push("echo", &core_module("echo").unwrap());
    assert!(pushed["component"]["digest"].is_string());
}

/// Place of the schema's number in the head of a SQLite file (`PRAGMA user_version`).
const SCHEMA_NUMBER_AT: std::ops::Range<usize> = 60..64;

#[test]
fn a_database_of_a_later_version_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let newest = stored().pop().unwrap();
    let mut bytes = fs::read(newest.join(STORED)).unwrap();
    bytes[SCHEMA_NUMBER_AT].copy_from_slice(&9_999_u32.to_be_bytes());
    refused(home.path(), &bytes, "9999");
}

#[test]
fn a_file_that_is_no_database_of_ours_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    refused(home.path(), &vec![b'x'; 8_192], "stepwell.db");
    let newest = stored().pop().unwrap();
    let mut foreign = fs::read(newest.join(STORED)).unwrap();
    // The application id, right behind the schema's number.
    foreign[68..72].copy_from_slice(b"ELSE");
    refused(home.path(), &foreign, "stepwell.db");
}

/// Expects that no host starts on a file, and that the file stays as it is.
#[track_caller]
fn refused(home: &Path, bytes: &[u8], said: &str) {
    let data = home.join("data");
    fs::create_dir_all(&data).unwrap();
    let file = data.join("stepwell.db");
    fs::write(&file, bytes).unwrap();
    let run = Run::of(
        command(home)
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data),
        "",
    )
    .expect(5);
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert!(fs::read(&file).unwrap() == bytes, "the file was changed");
}

/// Writes the database of the newest schema to `tests/formats`.
#[test]
#[ignore = "writes what the other tests read"]
fn store_a_database() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/store/src/schema");
    let number = fs::read_dir(schemas).unwrap().count();
    let mut server = TestServer::start();
    let client = server.client();
    client.push("echo", &core_module("echo").unwrap());
    for (name, definition) in MACHINES {
        client.deploy(name, definition);
        let start = json!({ "stateMachine": name, "name": "one", "input": input() });
        client.post("/v1/executions", &start).expect(201);
    }
    client.wait_for_end("done/one");
    client.wait_for_end("failed/one");
    let early = json!({ "name": "answer", "id": "early", "data": { "early": true } });
    client.post_event("answered/one", &early);
    for (execution, state) in [
        ("asks/one", "answer"),
        ("asks/child", "answer"),
        ("maps/one", "answer"),
        ("branches/one", "answer"),
        ("answered/one", "other"),
        ("sleeps/one", "sleep"),
        ("approval/one", "Approve"),
    ] {
        eventually(execution, || {
            let described =
                client.get(&format!("/v1/executions/{}", execution.replace('/', "%2F")));
            let waits = described.status == 200
                && waits_in(client, execution).iter().any(|name| name == state);
            waits.then_some(())
        });
    }
    eventually("an approval", || {
        let pending = client.get("/v1/approvals?status=PENDING").expect(200);
        pending["approvals"][0].is_object().then_some(())
    });
    let token = eventually("a task token", || {
        let described = client.describe("token/one");
        described["active"][0]["taskToken"]
            .as_str()
            .map(str::to_owned)
    });
    server.stop();
    let folder = formats().join(format!("schema-{number:04}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("task-token"), format!("{token}\n")).unwrap();
    fs::copy(server.data().join("stepwell.db"), folder.join(STORED)).unwrap();
}
