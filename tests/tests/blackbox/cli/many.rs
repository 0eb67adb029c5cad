//! `stepwell list` with filters, and `stepwell bulk`.

use serde_json::{Value, json};
use stepwell_tests::TestServer;

use super::{done, run};
use crate::definitions::{ASK, PASS};

const FAILS: &str = r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken"}}}"#;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn names(server: &TestServer, filter: &[&str]) -> Vec<String> {
    let mut arguments = vec!["list", "--json"];
    arguments.extend(filter);
    let listed = done(server, &arguments).json();
    let lines = listed["executions"].as_array().unwrap().iter();
    lines
        .map(|line| line["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn executions_are_found_by_what_is_known_of_them() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    client.deploy("fails", FAILS);
    client.deploy("pass", PASS);
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    done(
        &server,
        &["start", "ask", "--name", "a-1", "--tag", "customer=4711"],
    );
    done(
        &server,
        &[
            "start",
            "ask",
            "--name",
            "a-2",
            "--traceparent",
            &traceparent,
        ],
    );
    run(
        &server,
        &[
            "start",
            "fails",
            "--name",
            "b-1",
            "--wait",
            "--tag",
            "customer=4711",
        ],
    )
    .expect(1);
    done(&server, &["start", "pass", "--name", "c-1", "--wait"]);
    for (filter, expected) in [
        (vec![], vec!["c-1", "b-1", "a-2", "a-1"]),
        (vec!["ask"], vec!["a-2", "a-1"]),
        (vec!["--status", "failed,succeeded"], vec!["c-1", "b-1"]),
        (vec!["--name", "a-2"], vec!["a-2"]),
        (vec!["--name-prefix", "a-"], vec!["a-2", "a-1"]),
        (vec!["--error", "Broken"], vec!["b-1"]),
        (vec!["--tag", "customer=4711"], vec!["b-1", "a-1"]),
        (
            vec!["--tag", "customer=4711", "--status", "running"],
            vec!["a-1"],
        ),
        (vec!["--trace", TRACE], vec!["a-2"]),
        (
            vec!["--started-from", "1h", "--stopped-from", "1h"],
            vec!["c-1", "b-1"],
        ),
        (vec!["--started-before", "1h"], vec![]),
    ] {
        assert_eq!(names(&server, &filter), expected, "{filter:?}");
    }
    let first = done(&server, &["list", "--limit", "3", "--json"]).json();
    let token = first["nextPageToken"].as_str().unwrap();
    let rest = names(&server, &["--limit", "3", "--page-token", token]);
    assert_eq!(rest, ["a-1"]);

    let shown = done(&server, &["describe", "ask/a-1"]);
    assert!(shown.stdout.contains("customer=4711"), "{}", shown.stdout);
    let nothing = done(&server, &["list", "--error", "None"]);
    assert!(
        nothing.stderr.contains("no execution is like that"),
        "{}",
        nothing.stderr
    );
    run(&server, &["list", "--started-from", "yesterday"]).expect(2);
    run(&server, &["list", "--trace", "4711"]).expect(4);
}

#[test]
fn a_bulk_operation_survives_the_host_that_is_killed() {
    let mut server = TestServer::start();
    server.client().deploy("ask", ASK);
    for number in 0..300 {
        let body = json!({"stateMachine": "ask", "name": format!("n{number}"),
            "tags": {"batch": "old"}});
        server.client().post("/v1/executions", &body).expect(201);
    }
    done(&server, &["start", "ask", "--name", "spared"]);
    let filter = ["ask", "--tag", "batch=old"];
    let with = |before: &[&'static str], after: &[&'static str]| -> Vec<&'static str> {
        [before, &filter, after].concat()
    };
    let preview = done(&server, &with(&["bulk", "stop"], &["--preview"]));
    assert!(
        preview.stdout.contains("300 executions would be stopped"),
        "{}",
        preview.stdout
    );
    assert!(preview.stdout.contains("  ask/n299"), "{}", preview.stdout);
    let ordered = with(&["bulk", "stop", "--json"], &["--yes", "--detach"]);
    let id = done(&server, &ordered).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    server.kill();
    server.start_again();
    let followed = done(&server, &["bulk", "show", &id, "--follow"]);
    let expected = "stop completed: 300 of 300: 300 done, 0 skipped, 0 failed";
    assert!(followed.stdout.contains(expected), "{}", followed.stdout);
    assert_eq!(names(&server, &["--status", "running"]), ["spared"]);
    let audit = [
        "audit",
        "tail",
        "--json",
        "--action",
        "execution:stop",
        "--lines",
        "1000",
    ];
    let entries = done(&server, &audit).json_lines();
    let mut stopped: Vec<&Value> = entries
        .iter()
        .map(|entry| &entry["entry"]["resource"])
        .collect();
    stopped.sort_by_key(|resource| resource.as_str());
    stopped.dedup();
    assert_eq!((entries.len(), stopped.len()), (300, 300));
    let listed = done(&server, &["bulk", "list"]);
    assert!(listed.stdout.contains(&id), "{}", listed.stdout);
}

#[test]
fn a_bulk_order_says_what_it_means() {
    let server = TestServer::start();
    server.client().deploy("ask", ASK);
    done(&server, &["start", "ask", "--name", "one"]);
    let everything = run(&server, &["bulk", "stop", "--yes"]).expect(2);
    assert!(everything.stderr.contains("--all"), "{}", everything.stderr);
    let nothing = run(&server, &["bulk", "stop", "--name", "none", "--yes"]).expect(4);
    assert!(
        nothing.stderr.contains("nothing was ordered"),
        "{}",
        nothing.stderr
    );
    let shown = done(&server, &["bulk", "stop", "--name", "one"]);
    assert!(shown.stderr.contains("--yes"), "{}", shown.stderr);
    assert_eq!(names(&server, &["--status", "running"]), ["one"]);
    let all = done(&server, &["bulk", "stop", "--all", "--yes"]);
    assert!(all.stdout.contains("1 done"), "{}", all.stdout);
    run(&server, &["bulk", "show", "nobody"]).expect(3);
    assert!(done(&server, &["bulk", "list", "--json"]).json()["bulkOperations"][0].is_object());
}
