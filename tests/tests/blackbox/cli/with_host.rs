//! The commands that talk to a host.

use serde_json::{Value, json};
use stepwell_tests::{Access, Run, Setup, TestServer, eventually, guest};

use super::{done, file, run, talking_to};
use crate::definitions::{ASK, ORDER_APPROVAL, PASS, TOKEN, order};

/// The first steps of a user, as `docs/cli.md` shows them.
#[test]
fn a_component_is_pushed_a_definition_deployed_and_an_execution_run() {
    let server = TestServer::start();
    let echo = guest("echo").unwrap();
    let echo = echo.to_str().unwrap();
    let pushed = done(&server, &["component", "push", "echo", echo]);
    assert!(
        pushed.stdout.starts_with("pushed echo version 1 "),
        "{}",
        pushed.stdout
    );
    let again = done(&server, &["component", "push", "echo", echo]);
    assert!(
        again.stdout.starts_with("unchanged echo version 1 "),
        "{}",
        again.stdout
    );
    let listed = done(&server, &["component", "list"]);
    assert!(listed.stdout.contains("echo"), "{}", listed.stdout);
    let shown = done(&server, &["component", "show", "echo"]);
    assert!(shown.stdout.contains("stepwell:task"), "{}", shown.stdout);

    let flow = file(
        server.home(),
        "flow.yaml",
        "states: {echo: {type: task, end: true}}",
    );
    let deployed = done(&server, &["deploy", &flow]);
    assert_eq!(
        deployed.stdout, "deployed flow revision 1 with echo\n",
        "named by its file"
    );
    let again = done(&server, &["deploy", &flow]);
    assert!(
        again.stdout.starts_with("unchanged flow revision 1"),
        "{}",
        again.stdout
    );
    let machines = done(&server, &["state-machine", "list"]);
    assert!(machines.stdout.contains("flow"), "{}", machines.stdout);
    let shown = done(&server, &["state-machine", "show", "flow"]);
    assert!(shown.stdout.contains("type: task"), "{}", shown.stdout);

    let input = r#"{"b":1.10,"a":12345678901234567890123}"#;
    let started = done(
        &server,
        &["start", "flow", "--name", "one", "--input", input, "--wait"],
    );
    assert_eq!(
        started.stdout,
        format!("{input}\n"),
        "the output, byte for byte, and nothing else"
    );
    assert!(started.stderr.contains("SUCCEEDED"), "{}", started.stderr);
    let listed = done(&server, &["list", "flow", "--status", "succeeded"]);
    assert!(listed.stdout.contains("flow/one"), "{}", listed.stdout);
    let described = done(&server, &["describe", "flow/one"]);
    assert!(
        described.stdout.contains("SUCCEEDED"),
        "{}",
        described.stdout
    );
    let trace = done(&server, &["history", "flow/one"]);
    assert!(trace.stdout.contains("task ok"), "{}", trace.stdout);

    done(&server, &["state-machine", "delete", "flow"]);
    let gone = run(&server, &["state-machine", "show", "flow"]).expect(3);
    assert!(gone.stderr.contains("flow"), "{}", gone.stderr);
}

#[test]
fn json_is_the_apis() {
    let server = TestServer::start();
    let client = server.client();
    let flow = file(server.home(), "flow.json", PASS);
    let deployed = done(&server, &["deploy", &flow, "--name", "pass", "--json"]).json();
    assert_eq!(deployed["stateMachine"]["name"], "pass");
    assert_eq!(deployed["changed"], true);
    let started = done(&server, &["start", "pass", "--name", "one", "--json"]).json();
    assert_eq!(started["existed"], false);
    let ended = done(
        &server,
        &["start", "pass", "--name", "one", "--wait", "--json"],
    )
    .json();
    assert_eq!(ended["status"], "SUCCEEDED");
    let described = done(&server, &["describe", "pass/one", "--json"]).json();
    assert_eq!(described, client.describe("pass/one"));
    let listed = done(&server, &["list", "--json"]).json();
    assert_eq!(listed, client.get("/v1/executions").expect(200));
    let machine = done(&server, &["state-machine", "show", "pass", "--json"]).json();
    assert_eq!(machine, client.get("/v1/state-machines/pass").expect(200));
    let components = done(&server, &["component", "list", "--json"]).json();
    assert_eq!(components, json!({ "components": [] }));
    let events = done(&server, &["history", "pass/one", "--json"]).json_lines();
    assert_eq!(
        events,
        client.history("pass/one").events(),
        "one event a line"
    );
}

#[test]
fn a_history_that_is_followed_ends_with_the_execution() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let request = json!({ "stateMachine": "ask", "name": "one" });
    client.post("/v1/executions", &request).expect(201);
    for arguments in [
        &["history", "--follow", "ask/one"][..],
        &["history", "--follow", "ask/one", "--json"][..],
    ] {
        assert_eq!(client.describe("ask/one")["status"], "RUNNING");
        let followed = std::thread::scope(|threads| {
            let following = threads.spawn(|| run(&server, arguments));
            if arguments.len() == 4 {
                client.post_event("ask/one", &json!({ "name": "answer" }));
            } else {
                // Only the second one sees the end; the first is of another execution.
                client
                    .post("/v1/executions/ask%2Fone/stop", &json!({}))
                    .expect(204);
            }
            following.join().unwrap()
        });
        let stopped = arguments.len() == 3;
        let followed = followed.expect(i32::from(stopped));
        let said = if stopped {
            "ABORTED"
        } else {
            "ExecutionSucceeded"
        };
        assert!(followed.stdout.contains(said), "{}", followed.stdout);
        client.delete("/v1/state-machines/ask").expect(204);
        client.deploy("ask", ASK);
        client.post("/v1/executions", &request).expect(201);
    }
}

/// Who starts again without a name would have another execution.
#[test]
fn a_start_that_outlives_its_host_is_named() {
    let mut server = TestServer::start();
    server.client().deploy("ask", ASK);
    let mut start = talking_to(&server, &["start", "ask", "--wait"]);
    let waiting = std::thread::spawn(move || Run::of(&mut start, ""));
    let name = eventually("an execution", || {
        let list = server.client().get("/v1/executions").expect(200);
        let name = list["executions"][0]["name"].as_str();
        name.map(str::to_owned)
    });
    // In order, so that the start itself is answered.
    server.stop();
    let lost = waiting.join().unwrap().expect(5);
    let hint = format!("describe ask/{name}");
    assert!(lost.stderr.contains(&hint), "{}", lost.stderr);
}

#[test]
fn a_wait_has_an_end() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let waited = run(
        &server,
        &[
            "start",
            "ask",
            "--name",
            "one",
            "--wait",
            "--timeout",
            "100ms",
        ],
    );
    let waited = waited.expect(6);
    assert_eq!(waited.stdout, "");
    assert!(
        waited.stderr.contains("history --follow ask/one"),
        "{}",
        waited.stderr
    );
    assert_eq!(
        client.describe("ask/one")["status"],
        "RUNNING",
        "it runs on"
    );
}

#[test]
fn a_failed_execution_is_exit_code_1() {
    let server = TestServer::start();
    let text = "states: {fail: {type: fail, error: Broken, cause: \"by \\e[31mdesign\"}}";
    server.client().deploy("fail", text);
    let failed = run(&server, &["start", "fail", "--wait"]).expect(1);
    assert_eq!(failed.stdout, "");
    assert!(failed.stderr.contains("Broken"), "{}", failed.stderr);
    assert!(
        !failed.stderr.contains('\u{1b}'),
        "the cause reaches the terminal: {:?}",
        failed.stderr
    );
    let failed = run(&server, &["start", "fail", "--wait", "--json"]).expect(1);
    assert_eq!(failed.json()["error"], "Broken");
}

#[test]
fn an_execution_is_told_and_stopped() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    done(&server, &["start", "ask", "--name", "one"]);
    let data = r#"{"yes": true}"#;
    for _ in 0..2 {
        // The second one may come after the end; it is refused then, and taken once anyhow.
        let sent = run(
            &server,
            &[
                "send-event",
                "ask/one",
                "answer",
                "--data",
                data,
                "--id",
                "m",
            ],
        );
        assert!(matches!(sent.code, Some(0 | 4)), "{sent:?}");
    }
    assert_eq!(client.wait_for_end("ask/one")["output"]["yes"], true);

    done(&server, &["start", "ask", "--name", "two"]);
    done(
        &server,
        &[
            "stop",
            "ask/two",
            "--error",
            "Cancelled",
            "--cause",
            "the customer called",
        ],
    );
    let stopped = client.describe("ask/two");
    assert_eq!(stopped["status"], "ABORTED");
    assert_eq!(stopped["error"], "Cancelled");
}

#[test]
fn who_took_a_task_and_who_stopped_it_is_told() {
    let server = TestServer::start();
    done(&server, &["activity", "create", "print"]);
    let print = json!({"StartAt": "Print", "States": {"Print": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:us-east-1:000000000000:activity:print"}}});
    server.client().deploy("flow", &print.to_string());
    done(&server, &["start", "flow", "--name", "one"]);
    let waits = done(&server, &["history", "flow/one"]).stdout;
    assert!(waits.contains("waits for a worker"), "{waits}");
    done(
        &server,
        &["activity", "poll", "print", "--worker", "press-1"],
    );
    let taken = done(&server, &["history", "flow/one"]).stdout;
    assert!(taken.contains("taken by worker press-1 (dev)"), "{taken}");
    assert!(
        taken.contains("waits for the report of worker press-1"),
        "{taken}"
    );
    done(&server, &["stop", "flow/one"]);
    let stopped = done(&server, &["history", "flow/one"]).stdout;
    assert!(stopped.contains("stopped, by dev"), "{stopped}");
    let described = done(&server, &["describe", "flow/one"]).stdout;
    assert!(described.contains("Z, stopped by dev\n"), "{described}");
}

#[test]
fn a_task_is_reported_on_by_its_token() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("ask", TOKEN);
    for (name, status) in [("done", "SUCCEEDED"), ("failed", "FAILED")] {
        done(&server, &["start", "ask", "--name", name]);
        let execution = format!("ask/{name}");
        let token = eventually("a task token", || {
            let described = done(&server, &["describe", &execution, "--json"]).json();
            described["active"][0]["taskToken"]
                .as_str()
                .map(str::to_owned)
        });
        let shown = done(&server, &["describe", &execution]);
        assert!(shown.stdout.contains(&token), "{}", shown.stdout);
        done(&server, &["token", "heartbeat", &token]);
        if status == "SUCCEEDED" {
            done(&server, &["token", "success", &token, "--output", "[1]"]);
        } else {
            done(
                &server,
                &["token", "failure", &token, "--error", "Declined"],
            );
        }
        assert_eq!(client.wait_for_end(&execution)["status"], status);
        run(&server, &["token", "heartbeat", &token]).expect(4);
    }
    run(&server, &["token", "success", "no-token"]).expect(4);
}

#[test]
fn inputs_come_from_files_and_standard_input() {
    let server = TestServer::with_guests();
    server.client().deploy("order-approval", ORDER_APPROVAL);
    let text = order(json!({})).to_string();
    let at_file = format!("@{}", file(server.home(), "order.json", &text));
    let from_file = done(
        &server,
        &["start", "order-approval", "--input", &at_file, "--wait"],
    );
    let from_stdin = Run::of(
        &mut talking_to(
            &server,
            &["start", "order-approval", "--input", "-", "--wait"],
        ),
        &text,
    )
    .expect(0);
    for run in [from_file, from_stdin] {
        assert!(run.json()["shipment"].is_object(), "{}", run.stdout);
    }
}

#[test]
fn commands_of_the_same_machine_find_the_admin_token() {
    let server = TestServer::with(Setup {
        access: Access::Tokens,
        ..Setup::default()
    });
    let mut finds = talking_to(&server, &["component", "list"]);
    Run::of(finds.env("STEPWELL_DATA", server.data()), "").expect(0);
    let without = run(&server, &["component", "list"]).expect(4);
    assert!(
        without.stderr.contains("STEPWELL_TOKEN"),
        "{}",
        without.stderr
    );
    let mut given = talking_to(&server, &["component", "list"]);
    given.env("STEPWELL_TOKEN", server.admin_token().unwrap());
    let given = Run::of(&mut given, "").expect(0);
    assert!(!given.stdout.contains("swt_") && !given.stderr.contains("swt_"));
}

#[test]
fn serve_says_in_json_where_it_listens() {
    let server = TestServer::start();
    let mut host = stepwell_tests::command(server.home());
    host.args([
        "serve",
        "--dev",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--until-stdin-ends",
    ]);
    host.arg("--data").arg(server.home().join("other"));
    // Its standard input is at its end from the beginning.
    let said = Run::of(&mut host, "").expect(0).json();
    assert!(
        said["listening"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:"),
        "{said}"
    );
    assert_eq!(
        (&said["dev"], &said["adminToken"]),
        (&json!(true), &Value::Null)
    );
}

/// A state is tried as `docs/test-state.md` shows it.
#[test]
fn a_state_is_tried_with_a_mock_and_for_real() {
    let server = TestServer::start();
    let echo = guest("echo").unwrap();
    done(
        &server,
        &["component", "push", "echo", echo.to_str().unwrap()],
    );
    let flow = "StartAt: Ask
States:
  Ask:
    Type: Task
    Resource: task:echo
    Parameters: { \"order.$\": $.order }
    ResultPath: $.answer
    Retry: [{ ErrorEquals: [Busy], IntervalSeconds: 2, MaxAttempts: 3 }]
    Next: Done
  Done: { Type: Succeed }
";
    let flow = file(server.home(), "flow.yaml", flow);
    let tried = ["test-state", &*flow, "--state", "Ask"];
    let input = r#"{"order":1.50}"#;
    let with = |more: &[&str]| {
        let mut arguments = tried.to_vec();
        arguments.extend(["--input", input]);
        arguments.extend(more);
        run(&server, &arguments)
    };

    let real = with(&[]).expect(0);
    assert_eq!(
        real.stdout,
        "{\"order\":1.50,\"answer\":{\"order\":1.50}}\n"
    );
    assert!(real.stderr.contains("Done comes next"), "{}", real.stderr);

    let mocked = with(&["--mock", "[7]", "--inspect", "debug"]).expect(0);
    assert_eq!(mocked.stdout, "{\"order\":1.50,\"answer\":[7]}\n");
    for said in ["Parameters", "result               [7]", "ResultPath"] {
        assert!(mocked.stderr.contains(said), "{}", mocked.stderr);
    }

    let busy = with(&[
        "--mock-error",
        "Busy",
        "--retries",
        "2",
        "--inspect",
        "DEBUG",
    ])
    .expect(0);
    let said = "retrier 0 tries again in 8 s";
    assert!(busy.stderr.contains(said), "{}", busy.stderr);
    assert_eq!(busy.stdout, "");
    let lost = with(&["--mock-error", "Busy", "--retries", "3"]).expect(1);
    assert!(lost.stderr.contains("failed"), "{}", lost.stderr);

    let json = with(&["--mock", "7", "--json"]).expect(0).json();
    assert_eq!(
        (&json["status"], &json["nextState"]),
        (&json!("SUCCEEDED"), &json!("Done"))
    );
    assert_eq!(json["output"]["answer"], 7);
    let refused = run(&server, &["test-state", &*flow, "--state", "None"]).expect(4);
    assert!(refused.stderr.contains("not found"), "{}", refused.stderr);
}

#[test]
fn a_log_group_that_nobody_names_is_a_mistake() {
    let server = TestServer::start();
    let unknown = run(&server, &["logs", "/aws/vendedlogs/qoute"]).expect(3);
    let said = r#"log group "/aws/vendedlogs/qoute" does not exist"#;
    assert!(unknown.stderr.contains(said), "{}", unknown.stderr);
}
