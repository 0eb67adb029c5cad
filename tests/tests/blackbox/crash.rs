//! SIGKILL at any moment: no acknowledged start is lost, every execution comes to its end,
//! and no step's result is applied twice.
//!
//! The moments are drawn from fixed seeds, so that a run can be repeated as far as the
//! machine lets it. Faults between two particular instructions are the engine's own tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_tests::{Client, Random, TestServer, eventually, segment};
use ureq::http::Method;

/// Threads that start executions at one time.
const STARTERS: u64 = 3;

/// A little of everything that has to survive: tasks in a row that count, a failed attempt,
/// branches, a map, a wait for an event, a child. A result that is applied twice shows in
/// the history or in the output.
fn flow() -> String {
    let counts = |next: &str| {
        json!({
            "Type": "Task",
            "Resource": "task:echo",
            "Parameters": { "key.$": "$.key", "n.$": "States.MathAdd($.n, 1)" },
            "Next": next,
        })
    };
    let alone = |name: &str| {
        json!({ "StartAt": name, "States": { (name): {
            "Type": "Task", "Resource": "task:echo", "End": true,
        }}})
    };
    let definition = json!({ "StartAt": "one", "States": {
        "one": counts("two"),
        "two": counts("retried"),
        "retried": {
            "Type": "Task",
            "Resource": "task:hostile",
            "Parameters": { "mode": "failUntil", "attempt": 1 },
            "ResultPath": "$.retried",
            "Retry": [{ "ErrorEquals": ["Transient"], "IntervalSeconds": 1 }],
            "Next": "both",
        },
        "both": {
            "Type": "Parallel",
            "Branches": [alone("left"), alone("right")],
            "ResultSelector": { "left.$": "$[0].n", "right.$": "$[1].n" },
            "ResultPath": "$.both",
            "Next": "each",
        },
        "each": {
            "Type": "Map",
            "Parameters": { "key.$": "$.key", "item.$": "$$.Map.Item.Value" },
            "ItemsPath": "$$.Execution.Input.items",
            "Iterator": alone("item"),
            "ResultSelector": { "items.$": "$[*].item" },
            "ResultPath": "$.each",
            "Next": "answer",
        },
        "answer": { "Type": "Task", "Resource": "stepwell:event:answer", "Next": "child" },
        "child": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {
                "StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:child",
                "Input": { "n.$": "$.n" },
            },
            "ResultSelector": { "output.$": "$.Output" },
            "ResultPath": "$.child",
            "End": true,
        },
    }});
    definition.to_string()
}

/// Makes the database write more than fits its log, so that the host is also killed while
/// it tidies up.
const PADDING_BYTES: usize = 16 << 10;

fn start_request(name: &str) -> Value {
    let padding = "x".repeat(PADDING_BYTES);
    let input = json!({ "key": name, "n": 0, "items": [1, 2, 3, 4], "padding": padding });
    json!({ "stateMachine": "flow", "name": name, "input": input })
}

/// What an execution of that name has to end with, whatever happened to its host.
fn expected_output(name: &str) -> Value {
    json!({
        "key": name,
        "n": 2,
        "retried": { "attempt": 2 },
        "both": { "left": 2, "right": 2 },
        "each": { "items": [1, 2, 3, 4] },
        "answered": name,
        "child": { "output": { "n": 2 } },
    })
}

/// What the clients know: names that they asked for, and those of them that the host has
/// acknowledged.
#[derive(Debug, Default)]
struct Known {
    asked: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

/// Sends a request; returns its status, or nothing if the host is gone.
fn post(client: &Client, path: &str, body: &Value) -> Option<u16> {
    let headers = [("content-type", "application/json")];
    let answer = client.try_send(Method::POST, path, &headers, body.to_string());
    Some(answer.ok()?.status)
}

/// Starts executions and answers them, until the host is gone. Each acknowledged start adds
/// one to `acknowledged`.
fn start_until_killed(
    client: &Client,
    names: impl Iterator<Item = String>,
    acknowledged: &AtomicU64,
) -> Known {
    let mut known = Known::default();
    for name in names {
        known.asked.insert(name.clone());
        match post(client, "/v1/executions", &start_request(&name)) {
            Some(200 | 201) => {}
            // Not started, and told so.
            Some(503) => continue,
            Some(other) => panic!("{name}: status {other}"),
            None => break,
        }
        known.acknowledged.insert(name.clone());
        acknowledged.fetch_add(1, Ordering::Relaxed);
        if answer(client, &name).is_none() {
            break;
        }
    }
    known
}

/// Posts the event that an execution waits for, with the same id each time.
fn answer(client: &Client, name: &str) -> Option<u16> {
    let path = format!("/v1/executions/{}/events", segment(&format!("flow/{name}")));
    let event = json!({ "name": "answer", "id": name, "data": { "answered": name } });
    let status = post(client, &path, &event)?;
    // It may have ended: the event was taken before the host was killed.
    assert!(matches!(status, 204 | 409 | 503), "{name}: status {status}");
    Some(status)
}

/// Loads a host from several threads and kills it at the drawn moment.
fn load_and_kill(server: &mut TestServer, round: u64, random: &mut Random, known: &mut Known) {
    let starts_before = random.below(24);
    let then = random.time_below(Duration::from_millis(120));
    let client = server.client().clone();
    let acknowledged = AtomicU64::new(0);
    thread::scope(|threads| {
        let starters: Vec<_> = (0..STARTERS)
            .map(|starter| {
                let names = (0..).map(move |n| format!("r{round}-{starter}-{n}"));
                let (client, acknowledged) = (client.clone(), &acknowledged);
                threads.spawn(move || start_until_killed(&client, names, acknowledged))
            })
            .collect();
        while acknowledged.load(Ordering::Relaxed) < starts_before {
            thread::yield_now();
        }
        // The moment, not a wait for something: any moment has to do.
        thread::sleep(then);
        server.kill();
        for starter in starters {
            let seen = starter.join().expect("a client does not panic");
            known.asked.extend(seen.asked);
            known.acknowledged.extend(seen.acknowledged);
        }
    });
}

/// Starts the host so often that it is killed at drawn moments of its start, too.
fn kill_while_starting(server: &mut TestServer, random: &mut Random) {
    for _ in 0..random.below(3) {
        server.begin_start();
        thread::sleep(random.time_below(Duration::from_millis(250)));
        server.kill();
    }
}

/// Names of all executions of a machine.
fn listed(client: &Client, machine: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let first = format!("/v1/executions?limit=1000&stateMachine={machine}");
    let mut path = first.clone();
    loop {
        let page = client.get(&path).expect(200);
        for execution in page["executions"].as_array().expect("a list") {
            let name = execution["name"].as_str().expect("a name").to_owned();
            assert!(names.insert(name), "listed twice: {execution}");
        }
        let Some(token) = page["nextPageToken"].as_str() else {
            return names;
        };
        path = format!("{first}&pageToken={}", segment(token));
    }
}

/// Complains about an execution that has ended otherwise than it would have without crashes.
fn complaints(client: &Client, name: &str) -> Vec<String> {
    let arn = format!("flow/{name}");
    let ended = client.wait_for_end(&arn);
    let history = client.history(&arn);
    let mut found = history.complaints();
    if ended["status"] != "SUCCEEDED" || ended["output"] != expected_output(name) {
        found.push(format!("it ended otherwise: {ended}"));
    }
    let mut successes: BTreeMap<&str, usize> = BTreeMap::new();
    for succeeded in history.of_type("TaskSucceeded") {
        let state = succeeded["stepwell"]["state"].as_str().unwrap_or_default();
        *successes.entry(state).or_default() += 1;
    }
    let expected = [
        ("answer", 1),
        ("child", 1),
        ("item", 4),
        ("left", 1),
        ("one", 1),
        ("retried", 1),
        ("right", 1),
        ("two", 1),
    ];
    if successes != BTreeMap::from(expected) {
        found.push(format!("successes by state: {successes:?}"));
    }
    if history.task_failures().len() != 1 {
        found.push(format!("failed attempts: {:?}", history.task_failures()));
    }
    found.iter().map(|one| format!("{name}: {one}")).collect()
}

/// After all crashes: what was acknowledged is there, what was not can be asked for again,
/// and all of it ends as it should.
fn check(server: &TestServer, known: &Known) {
    let client = server.client();
    let lost: Vec<_> = {
        let there = listed(client, "flow");
        known.acknowledged.difference(&there).cloned().collect()
    };
    assert_eq!(lost, [""; 0], "acknowledged starts are lost");
    for name in &known.asked {
        let status = post(client, "/v1/executions", &start_request(name));
        let existed = known.acknowledged.contains(name);
        assert!(
            status == Some(200) || (!existed && status == Some(201)),
            "{name}: {status:?}"
        );
        answer(client, name).expect("the host is there");
    }
    let found: Vec<String> = known
        .asked
        .iter()
        .flat_map(|name| complaints(client, name))
        .collect();
    assert_eq!(found, [""; 0], "\n{}", found.join("\n"));
    assert_eq!(listed(client, "flow"), known.asked);
    assert_eq!(
        listed(client, "child").len(),
        known.asked.len(),
        "one child each"
    );
}

/// Runs some rounds of load and SIGKILL, and checks what is there at the end.
fn survive(seed: u64, rounds: u64) {
    let mut random = Random::new(seed);
    let mut server = TestServer::with_guests();
    server
        .client()
        .deploy("child", "states: {echo: {type: task, end: true}}");
    server.client().deploy("flow", &flow());
    let mut known = Known::default();
    for round in 0..rounds {
        load_and_kill(&mut server, round, &mut random, &mut known);
        kill_while_starting(&mut server, &mut random);
        server.start_again();
    }
    assert!(known.acknowledged.len() as u64 >= rounds, "{known:?}");
    check(&server, &known);
}

#[test]
fn under_load() {
    survive(0x5eed_0001, 24);
}

#[test]
fn under_load_from_another_seed() {
    survive(0x5eed_0002, 24);
}

/// Nothing is started any more; the host is killed again and again while it takes up what
/// there is.
#[test]
fn while_it_recovers() {
    let mut random = Random::new(0x5eed_0003);
    let mut server = TestServer::with_guests();
    server
        .client()
        .deploy("child", "states: {echo: {type: task, end: true}}");
    server.client().deploy("flow", &flow());
    let mut known = Known::default();
    for n in 0..60 {
        let name = format!("n{n}");
        let started = post(server.client(), "/v1/executions", &start_request(&name));
        assert_eq!(started, Some(201));
        known.asked.insert(name.clone());
        known.acknowledged.insert(name);
    }
    for _ in 0..40 {
        server.kill();
        server.begin_start();
        thread::sleep(random.time_below(Duration::from_millis(400)));
    }
    server.kill();
    server.start_again();
    eventually("a host that is ready", || {
        (server.client().get("/readyz").status == 200).then_some(())
    });
    check(&server, &known);
}
