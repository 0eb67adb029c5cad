//! Starting and stopping in order.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use stepwell_tests::{Client, PATIENCE, Run, Setup, TestServer, command, eventually, segment};

use crate::definitions::{ASK, hostile};

#[test]
fn the_address_is_in_a_file_while_the_host_runs() {
    let mut server = TestServer::start();
    let file = server.data().join("address");
    let address = fs::read_to_string(&file).unwrap();
    assert_eq!(address.trim(), server.address());
    server.stop();
    assert!(!file.exists());
}

#[test]
fn a_folder_has_one_host() {
    let server = TestServer::start();
    let second = Run::of(
        command(server.home())
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(server.data()),
        "",
    )
    .expect(5);
    assert!(second.stderr.contains("another"), "{}", second.stderr);
    assert_eq!(second.stdout, "");
    server.client().get("/readyz").expect_text(200);
    let address = fs::read_to_string(server.data().join("address")).unwrap();
    assert_eq!(
        address.trim(),
        server.address(),
        "the first one's address is gone"
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let server = TestServer::start();
    let address = server.address().trim_start_matches("http://");
    let second = Run::of(
        command(server.home())
            .args(["serve", "--dev", "--listen", address, "--data"])
            .arg(server.home().join("other")),
        "",
    )
    .expect(5);
    assert!(second.stderr.contains(address), "{}", second.stderr);
}

/// Waits until so many tasks run.
#[track_caller]
fn until_tasks_run(client: &Client, count: u32) {
    let line = format!("stepwell_tasks_running {count}");
    eventually("the tasks that run", || {
        let page = client.get("/metrics").text;
        page.lines().any(|found| found == line).then_some(())
    });
}

/// What is short finishes within the grace, what waits is there for the next start, and
/// who waits for an answer gets one at once.
#[test]
fn sigterm_lets_running_tasks_finish_and_the_next_start_goes_on() {
    let mut server = TestServer::with_guests();
    let client = server.client().clone();
    client.deploy("busy", &hostile(60));
    client.deploy("ask", ASK);
    let waits = client.start("ask", &json!({}));
    let path = format!("/v1/executions/{}?wait=60", segment(&waits));
    let mut held_back = send_request(&server, &path);
    let busy = client.start("busy", &json!({ "mode": "work", "rounds": 100_000_000 }));
    until_tasks_run(&client, 1);
    server.ask_to_stop();
    let mut answer = String::new();
    held_back.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    assert!(answer.contains(r#""status":"RUNNING""#), "{answer}");
    let status = server.wait_until_stopped();
    assert!(status.success(), "{status}");

    server.start_again();
    let client = server.client();
    let ended = client.wait_for_end(&busy);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let history = client.history(&busy);
    assert_eq!(history.complaints(), [""; 0]);
    assert_eq!(history.of_type("TaskScheduled").count(), 1);
    client.post_event(&waits, &json!({ "name": "answer" }));
    assert_eq!(client.wait_for_end(&waits)["status"], "SUCCEEDED");
}

/// Sends a request whose answer is held back. The requests that follow are answered after
/// this one has reached the host.
#[track_caller]
fn send_request(server: &TestServer, path: &str) -> TcpStream {
    let address = server.address().trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    connection
}

/// A task that the host did not see to its end is taken up by the next start, in the same
/// attempt: that the host went away is no failure of the task.
#[test]
fn a_second_signal_ends_it_at_once_and_the_next_start_takes_up_what_ran() {
    let mut server = TestServer::with_guests();
    let client = server.client().clone();
    client.deploy("busy", &hostile(60));
    let arn = client.start("busy", &json!({ "mode": "work", "rounds": 300_000_000 }));
    until_tasks_run(&client, 1);
    server.ask_to_stop();
    eventually("the first signal", || {
        server.log().contains("shutting down").then_some(())
    });
    server.ask_to_stop();
    let status = server.wait_until_stopped();
    assert_eq!(status.code(), Some(130), "{status}");

    server.start_again();
    let client = server.client();
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let history = client.history(&arn);
    assert_eq!(history.complaints(), [""; 0]);
    let attempts: Vec<_> = history
        .of_type("TaskScheduled")
        .map(|scheduled| &scheduled["stepwell"]["attempt"])
        .collect();
    assert_eq!(attempts, [1]);
}

/// A library that panics on an expression costs its execution alone, and is told of in the
/// log's format.
#[test]
fn every_line_of_the_log_has_its_format() {
    let server = TestServer::with(Setup {
        arguments: vec!["--log-format".to_owned(), "json".to_owned()],
        ..Setup::default()
    });
    let picture = format!("{{% $now('[Y{}]') %}}", "9".repeat(500));
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "When",
        "States": {"When": {"Type": "Pass", "Output": picture, "End": true}},
    });
    let client = server.client();
    client.deploy("when", &definition.to_string());
    let ended = client.run("when", &json!({}));
    assert_eq!(ended["status"], "FAILED", "{ended}");
    let log = server.log();
    let told = log.lines().filter(|line| line.contains("a panic: "));
    assert!(told.count() > 0, "{log}");
    for line in log.lines() {
        let line: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(line.is_ok(), "{log}");
    }
}
