//! Backups of a host that works, and hosts that go on from them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use stepwell_tests::{Client, Run, Setup, TestServer, command, eventually};
use ureq::http::Method;

use crate::definitions::ASK;

/// Passes, and waits for a while before it ends.
const SLEEP: &str =
    "states: {pass: {type: pass, next: sleep}, sleep: {type: wait, seconds: 3, end: true}}";

fn run(home: &Path, server: Option<&TestServer>, arguments: &[&str]) -> Run {
    let mut command = command(home);
    if let Some(server) = server {
        command.args(["--server", server.address()]);
    }
    Run::of(command.args(arguments), "")
}

/// Makes a backup, and returns what the program says of it.
fn back_up(server: &TestServer) -> Value {
    run(server.home(), Some(server), &["backup", "--json"])
        .expect(0)
        .json()
}

/// A host on a folder that a backup was put into.
fn restored(backup: &Value) -> TestServer {
    let path = backup["path"].as_str().unwrap();
    TestServer::on_folder_made_by(Setup::default(), |data| {
        let home = data.parent().unwrap_or(data);
        let data = data.to_str().unwrap();
        run(home, None, &["restore", path, "--data", data]).expect(0);
        Ok(())
    })
}

/// Starts executions until it is told to end.
fn keep_starting(
    client: &Client,
    number: usize,
    ended: &AtomicBool,
    started: &Mutex<BTreeSet<String>>,
) {
    for count in 0.. {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        let (machine, input) = match count % 2 {
            0 => ("ask", json!({ "by": number })),
            _ => ("sleep", json!({ "by": number })),
        };
        let arn = client.start(machine, &input);
        started.lock().unwrap().insert(arn);
    }
}

#[test]
fn all_that_was_acknowledged_before_a_backup_under_load_goes_on_from_it() {
    let server = TestServer::start();
    server.client().deploy("ask", ASK);
    server.client().deploy("sleep", SLEEP);
    let (ended, started) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
    let (before, backup) = std::thread::scope(|scope| {
        for number in 0..3 {
            let (client, ended, started) = (server.client(), &ended, &started);
            scope.spawn(move || keep_starting(client, number, ended, started));
        }
        eventually("some executions", || {
            (started.lock().unwrap().len() > 200).then_some(())
        });
        let before = started.lock().unwrap().clone();
        let backup = back_up(&server);
        ended.store(true, Ordering::SeqCst);
        (before, backup)
    });
    assert!(started.lock().unwrap().len() > before.len());
    assert!(backup["bytes"].as_u64().unwrap() > 100_000, "{backup}");

    let second = restored(&backup);
    let client = second.client();
    for arn in &before {
        assert_eq!(client.describe(arn)["executionArn"], arn.as_str());
    }
    let (asks, sleeps): (Vec<_>, Vec<_>) = before.iter().partition(|arn| arn.contains(":ask:"));
    for arn in sleeps {
        let ended = client.wait_for_end(arn);
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        assert_eq!(client.history(arn).complaints(), [""; 0]);
    }
    for arn in asks.into_iter().take(20) {
        client.post_event(arn, &json!({ "name": "answer", "id": "1", "data": {} }));
        let ended = client.wait_for_end(arn);
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        assert_eq!(client.history(arn).complaints(), [""; 0]);
    }
    // The restored log is whole, and says what it is of.
    let data = second.data();
    let data = data.to_str().unwrap();
    let verified = run(second.home(), None, &["audit", "verify", "--data", data]).expect(0);
    assert!(
        !verified.stdout.contains("signed up to 0"),
        "{}",
        verified.stdout
    );
    let tail = run(second.home(), Some(&second), &["audit", "tail", "--host"]).expect(0);
    assert!(tail.stdout.contains("backup:create"), "{}", tail.stdout);
    assert!(tail.stdout.contains("host:restore"), "{}", tail.stdout);
}

#[test]
fn a_restore_over_a_host_that_runs_is_refused() {
    let server = TestServer::start();
    server.client().deploy("ask", ASK);
    let waits = server.client().start("ask", &json!({}));
    let backup = back_up(&server);
    let (path, data) = (backup["path"].as_str().unwrap(), server.data());
    let arguments = ["restore", path, "--data", data.to_str().unwrap()];
    let refused = run(server.home(), None, &arguments).expect(4);
    assert!(
        refused.stderr.contains("a host runs on"),
        "{}",
        refused.stderr
    );
    assert_eq!(server.client().describe(&waits)["status"], "RUNNING");
}

#[test]
fn a_backup_onto_a_full_disk_says_so_and_leaves_nothing() {
    let mut server = TestServer::with(Setup {
        survives_file_size_limit: true,
        ..Setup::default()
    });
    server.client().deploy("ask", ASK);
    let waits = server.client().start("ask", &json!({}));
    let items = vec![b'1'; 6 << 20];
    let put = server.client().send(
        Method::PUT,
        "/v1/data/items",
        "application/octet-stream",
        items,
    );
    put.expect(201);
    // All is in the database then, and the log begins anew.
    server.stop();
    server.start_again();
    let limit = |current| {
        let limit = Rlimit {
            current,
            maximum: None,
        };
        prlimit(Some(server.process()), Resource::Fsize, limit).unwrap();
    };

    limit(Some(2 << 20));
    let failed = run(server.home(), Some(&server), &["backup"]).expect(5);
    let folder = server.data().join("backups");
    let named = failed.stderr.contains(folder.to_str().unwrap());
    assert!(named, "{}", failed.stderr);
    assert_eq!(
        fs::read_dir(&folder).unwrap().count(),
        0,
        "half a backup is left"
    );
    assert_eq!(server.client().describe(&waits)["status"], "RUNNING");

    limit(None);
    let made = back_up(&server);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    // The audit log knows how both ended.
    let tail = [
        "audit",
        "tail",
        "--host",
        "--action",
        "backup:end",
        "--json",
    ];
    let tail = run(server.home(), Some(&server), &tail).expect(0).stdout;
    let ends: Vec<Value> = tail
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [failed, allowed] = &ends[..] else {
        panic!("{tail}");
    };
    assert_eq!(failed["entry"]["outcome"], "failed");
    let reason = failed["details"]["reason"].as_str().unwrap();
    assert!(reason.contains("a backup in"), "{reason}");
    let (failed, ended) = (&failed["entry"], &allowed["entry"]);
    assert_eq!(failed["principal"], ended["principal"]);
    assert_eq!(ended["outcome"], "allowed");
    assert_eq!(ended["resource"], made["name"]);
    assert_eq!(allowed["details"]["sha256"], made["sha256"]);
}
