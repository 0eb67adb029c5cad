//! Retention and erasure through the commands of an operator.

use serde_json::json;
use stepwell_tests::{Run, TestServer, command, eventually};

use crate::definitions::PASS;

fn run(server: &TestServer, arguments: &[&str]) -> Run {
    let mut command = command(server.home());
    command.args(["--server", server.address()]);
    Run::of(command.args(arguments), "")
}

#[test]
fn executions_beyond_a_count_go_and_the_audit_log_stays() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let arns: Vec<String> = (0..8)
        .map(|n| {
            let arn = client.start("pass", &json!(n));
            client.wait_for_end(&arn);
            arn
        })
        .collect();
    for (arguments, field) in [
        (&["retention", "set", "--age", "0s"][..], "maxAgeSeconds"),
        (&["retention", "set", "--count", "0"], "maxCount"),
        (&["retention", "set", "pass"], "maxAgeSeconds"),
    ] {
        let refused = run(&server, arguments).expect(4);
        assert!(refused.stderr.contains(field), "{}", refused.stderr);
    }
    run(&server, &["retention", "set", "nobody", "--count", "1"]).expect(3);
    run(&server, &["retention", "set", "pass", "--count", "3"]).expect(0);
    eventually("three that are left", || {
        let list = run(&server, &["--json", "list", "pass"]).expect(0).json();
        (list["executions"].as_array().unwrap().len() == 3).then_some(())
    });
    for arn in &arns[..5] {
        run(&server, &["describe", arn]).expect(3);
        run(&server, &["redrive", arn]).expect(3);
    }
    run(&server, &["describe", &arns[5]]).expect(0);
    let listed = run(&server, &["retention", "list"]).expect(0);
    assert!(listed.stdout.contains("the newest 3"), "{}", listed.stdout);
    let tail = ["audit", "tail", "-n", "100", "--action", "execution:start"];
    let starts = run(&server, &tail).expect(0).stdout;
    assert_eq!(starts.lines().count(), 8, "{starts}");
    run(&server, &["retention", "clear", "pass"]).expect(0);
    run(&server, &["retention", "clear", "pass"]).expect(3);
}

#[test]
fn details_are_erased_and_the_log_is_verified_still() {
    let server = TestServer::start();
    server.client().deploy("pass", PASS);
    let all = run(&server, &["audit", "erase", "--yes"]).expect(2);
    assert!(all.stderr.contains("--older-than"), "{}", all.stderr);
    let some = ["audit", "erase", "--entries", "1-100"];
    let unasked = run(&server, &some).expect(2);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let counted = run(&server, &[&some[..], &["--preview"]].concat()).expect(0);
    assert!(
        counted.stdout.contains("would be erased"),
        "{}",
        counted.stdout
    );
    let erased = run(&server, &[&some[..], &["--yes"]].concat()).expect(0);
    assert!(
        erased.stdout.contains("erased the details"),
        "{}",
        erased.stdout
    );
    let verified = run(&server, &["audit", "verify"]).expect(0);
    assert!(
        verified.stdout.contains("were erased"),
        "{}",
        verified.stdout
    );
    let again = ["--json", "audit", "erase", "--entries", "1-2", "--yes"];
    let again = run(&server, &again).expect(0);
    assert_eq!(again.json()["details"], 0);
    let tail = run(&server, &["audit", "tail", "--action", "audit:erase"]).expect(0);
    assert!(tail.stdout.contains("entries/"), "{}", tail.stdout);
}
