//! Executions: start, describe, list, wait, stop, events, history.

use serde_json::{Value, json};
use stepwell_tests::{Client, TestServer, eventually, segment};
use ureq::http::Method;

use crate::definitions::{ASK, PASS};

#[test]
fn a_start_is_answered_described_and_listed() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let request = json!({ "stateMachine": "pass", "name": "one", "input": { "n": 1 } });
    let answer = client.post("/v1/executions?wait=30", &request);
    let started = answer.expect(201);
    let arn = "arn:aws:states:us-east-1:000000000000:execution:pass:one";
    assert_eq!(started["executionArn"], arn);
    assert_eq!(started["execution"]["status"], "SUCCEEDED");
    assert_eq!(started["execution"]["output"], json!({ "n": 1 }));
    let location = answer.header("location");
    let described = client.get(location).expect(200);
    assert_eq!(described["executionArn"], arn);
    assert_eq!(described["stateMachine"], "pass");
    assert_eq!(described["startedBy"], "dev");
    assert_eq!(described["revision"], 1);
    assert_eq!(described["active"], json!([]));
    for name in ["pass/one", arn] {
        assert_eq!(client.describe(name), described, "{name}");
    }
    let list = client.get("/v1/executions").expect(200);
    assert_eq!(list["executions"][0]["executionArn"], arn);
}

#[test]
fn values_go_through_byte_for_byte() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let input = r#"{"b":1.10,"a":12345678901234567890123,"é":"\u00e9","e":1e400}"#;
    let body = format!(r#"{{"stateMachine":"pass","name":"one","input":{input}}}"#);
    client
        .send(
            Method::POST,
            "/v1/executions?wait=30",
            "application/json",
            body,
        )
        .expect(201);
    let text = client.get("/v1/executions/pass%2Fone").text;
    assert_eq!(text.matches(input).count(), 2, "input and output: {text}");
}

#[test]
fn a_list_has_pages_and_a_status() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    client.deploy("ask", ASK);
    for n in 0..5 {
        client.run("pass", &json!(n));
    }
    client.start("ask", &json!({}));
    let mut pages = Vec::new();
    let mut path = "/v1/executions?stateMachine=pass&limit=2".to_owned();
    loop {
        let page = client.get(&path).expect(200);
        pages.push(page["executions"].as_array().unwrap().len());
        let Some(token) = page["nextPageToken"].as_str() else {
            break;
        };
        path = format!(
            "/v1/executions?stateMachine=pass&limit=2&pageToken={}",
            segment(token)
        );
    }
    assert_eq!(pages, [2, 2, 1]);
    let count = |status: &str| {
        let list = client
            .get(&format!("/v1/executions?status={status}"))
            .expect(200);
        list["executions"].as_array().unwrap().len()
    };
    let counts = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"].map(count);
    assert_eq!(counts, [1, 5, 0, 0, 0]);
}

#[test]
fn an_event_ends_a_wait_and_is_taken_once() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let arn = client.start("ask", &json!({ "n": 1 }));
    let asks = eventually("the wait for an event", || {
        let described = client.describe(&arn);
        (described["active"][0]["name"] == "answer").then_some(described)
    });
    assert!(
        asks["active"][0]["waitsFor"]
            .as_str()
            .unwrap()
            .contains("answer"),
        "{asks}"
    );
    let event = json!({ "name": "answer", "id": "mail-1", "data": { "yes": true } });
    client.post_event(&arn, &event);
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(ended["output"]["yes"], true, "{ended}");
}

/// Two states wait one after the other. The first event comes before the first of them is
/// reached, and the same id again is no second event.
#[test]
fn an_early_event_is_kept_and_a_repeated_id_is_taken_once() {
    let server = TestServer::start();
    let client = server.client();
    let definition = "
states:
  pause: {type: wait, seconds: 1, next: first}
  first: {type: wait_for_event, event: answer, next: second}
  second: {type: wait_for_event, event: answer, end: true}
";
    client.deploy("ask-twice", definition);
    let arn = client.start("ask-twice", &json!({}));
    let first = json!({ "name": "answer", "id": "1", "data": { "first": true } });
    client.post_event(&arn, &first);
    client.post_event(&arn, &first);
    assert_eq!(
        client.describe(&arn)["active"][0]["name"],
        "pause",
        "not early"
    );
    eventually("the second wait", || {
        let described = client.describe(&arn);
        (described["active"][0]["name"] == "second").then_some(())
    });
    client.post_event(&arn, &first);
    assert_eq!(client.describe(&arn)["active"][0]["name"], "second");
    client.post_event(
        &arn,
        &json!({ "name": "answer", "id": "2", "data": { "second": 2 } }),
    );
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(
        (&ended["output"]["first"], &ended["output"]["second"]),
        (&json!(true), &json!(2))
    );
    let history = client.history(&arn);
    assert_eq!(history.of_type("EventReceived").count(), 2);
    assert_eq!(history.complaints(), [""; 0]);
}

#[test]
fn a_stop_ends_an_execution_with_its_reason() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let arn = client.start("ask", &json!({}));
    let stop = json!({ "error": "Cancelled", "cause": "the customer called" });
    client
        .post(&format!("/v1/executions/{}/stop", segment(&arn)), &stop)
        .expect(204);
    let ended = client.describe(&arn);
    assert_eq!(ended["status"], "ABORTED");
    assert_eq!(
        (&ended["error"], &ended["cause"]),
        (&stop["error"], &stop["cause"])
    );
    let history = client.history(&arn);
    assert_eq!(history.events().last().unwrap()["type"], "ExecutionAborted");
    assert_eq!(history.complaints(), [""; 0]);
}

#[test]
fn a_stop_may_come_without_a_body() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let arn = client.start("ask", &json!({}));
    let path = format!("/v1/executions/{}/stop", segment(&arn));
    client
        .try_send(Method::POST, &path, &[], "")
        .unwrap()
        .expect(204);
    assert_eq!(client.describe(&arn)["status"], "ABORTED");
}

/// Reads a history in parts, in a direction.
fn in_parts(client: &Client, arn: &str, reverse: bool) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), Value::from(0));
    loop {
        let query = format!("limit=2&internal=true&reverse={reverse}&after={after}");
        let path = format!("/v1/executions/{}/history?{query}", segment(arn));
        let part = client.get(&path).expect(200);
        let read = part["events"].as_array().unwrap();
        assert!(read.len() <= 2, "{part}");
        events.extend(read.iter().cloned());
        after = part["nextAfter"].clone();
        if part["more"] != true {
            return events;
        }
    }
}

#[test]
fn a_history_is_read_in_parts_in_both_directions() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let arn = client.start("pass", &json!({}));
    client.wait_for_end(&arn);
    let whole = client.history(&arn);
    assert_eq!(whole.complaints(), [""; 0]);
    assert_eq!(in_parts(client, &arn, false), whole.events());
    let mut backwards = in_parts(client, &arn, true);
    backwards.reverse();
    assert_eq!(backwards, whole.events());
}

#[test]
fn who_waits_for_events_is_answered_when_there_are_some() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let arn = client.start("ask", &json!({}));
    let seen = client.history(&arn).events().len();
    let path = format!(
        "/v1/executions/{}/history?after={seen}&wait=60",
        segment(&arn)
    );
    let part = std::thread::scope(|threads| {
        let waiting = threads.spawn(|| client.get(&path).expect(200));
        client.post_event(&arn, &json!({ "name": "answer" }));
        waiting.join().unwrap()
    });
    assert!(!part["events"].as_array().unwrap().is_empty(), "{part}");
}

/// Of those that ask for one name at the same time, one starts it. Those with its input
/// are told of that start, and the others that the name is taken.
#[test]
fn one_of_many_starts_with_a_name_is_the_start() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    for round in 0..10 {
        let name = format!("one-{round}");
        let start = &|asker: u32| {
            let input = json!({ "input": asker % 2 });
            let request = json!({ "stateMachine": "ask", "name": name, "input": input });
            let answer = client.post("/v1/executions", &request);
            (asker % 2, answer.status)
        };
        let answers: Vec<(u32, u16)> = std::thread::scope(|threads| {
            let asking: Vec<_> = (0..8)
                .map(|asker| threads.spawn(move || start(asker)))
                .collect();
            asking
                .into_iter()
                .map(|asker| asker.join().unwrap())
                .collect()
        });
        let started: Vec<_> = answers
            .iter()
            .filter(|(_, status)| *status == 201)
            .collect();
        let [(input, _)] = started[..] else {
            panic!("{} starts: {answers:?}", started.len());
        };
        for (other, status) in &answers {
            let expected: &[u16] = if other == input { &[200, 201] } else { &[409] };
            assert!(expected.contains(status), "{answers:?}");
        }
        let described = client.describe(&format!("ask/{name}"));
        assert_eq!(described["input"], json!({ "input": input }));
    }
}

#[test]
fn a_traceparent_is_kept() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", traceparent),
    ];
    let body = r#"{"stateMachine": "pass", "name": "one"}"#;
    client
        .try_send(Method::POST, "/v1/executions", &headers, body)
        .unwrap()
        .expect(201);
    assert_eq!(client.describe("pass/one")["traceparent"], traceparent);
}
