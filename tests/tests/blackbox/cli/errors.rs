//! What goes wrong with a command: the code that it ends with, and what it says.

use std::net::TcpListener;

use stepwell_tests::{Run, TestServer, command, guest};

use super::{file, run};
use crate::definitions::{ASK, PASS};

#[test]
fn what_cannot_be_understood_is_exit_code_2() {
    let home = tempfile::tempdir().unwrap();
    let flow = file(home.path(), "flow.json", PASS);
    for arguments in [
        &[][..],
        &["dance"],
        &["start"],
        &["start", "flow", "--input", "{"],
        &["start", "flow", "--input", "@gone.json"],
        &["validate", "gone.yaml"],
        &["run", &flow, "--input", "no json"],
        &["component", "push", "echo", "gone.wasm"],
        &["list", "--status", "ENDED"],
        &["--server", "ftp://host", "list"],
    ] {
        let refused = Run::of(command(home.path()).args(arguments), "").expect(2);
        assert_eq!(refused.stdout, "", "{arguments:?}");
        assert_ne!(refused.stderr, "", "{arguments:?}");
    }
}

#[test]
fn what_does_not_exist_is_exit_code_3() {
    let server = TestServer::start();
    for arguments in [
        &["start", "gone"][..],
        &["describe", "gone/one"],
        &["history", "gone/one"],
        &["history", "--follow", "gone/one"],
        &["stop", "gone/one"],
        &["send-event", "gone/one", "answer"],
        &["component", "show", "gone"],
        &["state-machine", "show", "gone"],
        &["state-machine", "delete", "gone"],
        &["list", "gone"],
    ] {
        let refused = run(&server, arguments).expect(3);
        assert_eq!(refused.stdout, "", "{arguments:?}");
        assert!(
            refused.stderr.contains("gone"),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
    let refused = run(&server, &["describe", "gone/one", "--json"]).expect(3);
    assert_eq!(refused.json_error()["code"], "NotFound");
}

#[test]
fn what_the_host_refuses_is_exit_code_4() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    run(&server, &["start", "ask", "--name", "one", "--input", "1"]).expect(0);
    let taken = run(&server, &["start", "ask", "--name", "one", "--input", "2"]).expect(4);
    assert!(taken.stderr.contains("NameTaken"), "{}", taken.stderr);
    let taken = ["start", "ask", "--name", "one", "--input", "2", "--json"];
    let taken = run(&server, &taken).expect(4);
    assert_eq!(taken.stdout, "");
    let error = taken.json_error();
    assert_eq!(
        (error["code"].as_str(), error["field"].as_str()),
        (Some("NameTaken"), Some("name"))
    );

    let lonely = "states: {validate-order: {type: task, end: true}}";
    let lonely = file(server.home(), "lonely.yaml", lonely);
    let refused = run(&server, &["deploy", &lonely]).expect(4);
    for said in ["lonely.yaml:1:", "stepwell component push validate-order"] {
        assert!(
            refused.stderr.contains(said),
            "no {said:?} in\n{}",
            refused.stderr
        );
    }
    run(&server, &["state-machine", "show", "lonely"]).expect(3);

    let forbidden = guest("forbidden-import").unwrap();
    let refused = run(
        &server,
        &["component", "push", "bad", forbidden.to_str().unwrap()],
    );
    let refused = refused.expect(4);
    assert!(
        refused.stderr.contains("acme:backdoor/shell@1.0.0"),
        "{}",
        refused.stderr
    );
    run(&server, &["component", "show", "bad"]).expect(3);
}

#[test]
fn a_host_that_is_not_there_is_exit_code_5() {
    let home = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let talk = |more: &[&str]| {
        let mut talking = command(home.path());
        talking.args(["--server", &address, "list"]).args(more);
        Run::of(&mut talking, "").expect(5)
    };
    let refused = talk(&[]);
    assert!(refused.stderr.contains(&address), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("stepwell serve"),
        "{}",
        refused.stderr
    );
    assert_eq!(talk(&["--json"]).json_error()["code"], "Unavailable");
}
