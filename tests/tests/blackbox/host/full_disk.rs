//! A disk that is full, and one day is not.
//!
//! The limit of the system for the size of a process's files stands for the disk: what
//! would grow a file past it fails, and it can be taken back while the host runs.

use std::fs::{self, File};
use std::process::Stdio;

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::json;
use stepwell_tests::{Client, Setup, TestServer, command, eventually, segment};

use crate::definitions::{ASK, PASS};

/// Lets the files of a host grow up to a size, or without a limit.
fn let_files_grow(server: &TestServer, current: Option<u64>) {
    let limit = Rlimit {
        current,
        maximum: None,
    };
    prlimit(Some(server.process()), Resource::Fsize, limit).expect("the host is ours to limit");
}

#[test]
fn a_full_disk_is_a_503_and_work_goes_on_when_it_is_over() {
    let server = TestServer::with(Setup {
        survives_file_size_limit: true,
        ..Setup::default()
    });
    let client = server.client();
    client.deploy("pass", PASS);
    client.deploy("ask", ASK);
    // Events for this one are not durable without the disk, and its end neither.
    let waits = client.start("ask", &json!({}));
    let sleeps = {
        client.deploy(
            "sleep",
            "states: {sleep: {type: wait, seconds: 1, end: true}}",
        );
        client.start("sleep", &json!({}))
    };
    let before = client.history(&waits).events().to_vec();

    // Nothing fits behind what the write-ahead log has by now.
    let log = fs::metadata(server.data().join("stepwell.db-wal")).unwrap();
    let_files_grow(&server, Some(log.len()));
    let start = json!({ "stateMachine": "pass", "name": "one", "input": { "n": 1 } });
    let refused = client.post("/v1/executions", &start);
    refused.expect_refusal(503, "Unavailable", None);
    assert_ne!(refused.header("retry-after"), "");
    let path = format!("/v1/executions/{}/events", segment(&waits));
    let event = json!({ "name": "answer", "id": "1", "data": { "n": 1 } });
    client
        .post(&path, &event)
        .expect_refusal(503, "Unavailable", None);
    let deploy = json!({ "name": "late", "definition": PASS });
    client
        .post("/v1/state-machines", &deploy)
        .expect_refusal(503, "Unavailable", None);
    // What is stored can be read, and is as it was.
    assert_eq!(client.history(&waits).events(), before);
    client
        .get("/v1/executions/pass%2Fone")
        .expect_refusal(404, "NotFound", None);
    client.get("/healthz").expect_text(200);
    eventually("a host that is not ready", || {
        (client.get("/readyz").status == 503).then_some(())
    });

    let_files_grow(&server, None);
    eventually("a host that is ready", || {
        (client.get("/readyz").status == 200).then_some(())
    });
    assert_eq!(
        client.post("/v1/executions?wait=60", &start).expect(201)["existed"],
        false
    );
    client.post_event(&waits, &event);
    for arn in [&waits, &sleeps] {
        let ended = client.wait_for_end(arn);
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        assert_eq!(client.history(arn).complaints(), [""; 0]);
    }
    assert_eq!(client.history(&waits).of_type("EventReceived").count(), 1);
}

/// The log of a host is often on the disk that is full.
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut host = command(home.path());
    host.args([
        "serve",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--until-stdin-ends",
        "-vv",
        "--data",
    ]);
    host.arg(&data);
    // Everything that is written to this device fails as on a full disk.
    let full = File::options().write(true).open("/dev/full").unwrap();
    host.stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(full);
    let mut child = host.spawn().unwrap();
    let address = eventually("the host's address", || {
        if let Ok(Some(status)) = child.try_wait() {
            panic!("the host ended: {status}");
        }
        fs::read_to_string(data.join("address")).ok()
    });
    let client = Client::new(address.trim(), None);
    client.deploy("pass", PASS);
    assert_eq!(client.run("pass", &json!(1))["output"], 1);
    drop(child.stdin.take());
    let status = eventually("the host's end", || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}
