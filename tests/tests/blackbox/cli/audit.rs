//! The audit log on the command line: what was done, and the proof that it was not changed.

use std::fs;

use serde_json::json;
use stepwell_tests::{Run, Setup, TestServer, command};

use super::{done, run};
use crate::definitions::PASS;

#[test]
fn what_was_done_is_told_exported_and_verified() {
    let mut server = TestServer::with(Setup::default());
    let client = server.client();
    assert!(client.put_wasm("echo", *b"no component").status >= 400);
    client.deploy("order", PASS);
    client.run("order", &json!({}));
    let told = done(&server, &["audit", "tail", "--action", "execution:"]).stdout;
    assert!(told.contains("execution:start"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    let told = done(&server, &["audit", "tail", "--outcome", "failed"]).stdout;
    assert!(told.contains("PUT /v1/components/echo"), "{told}");

    let path = |name: &str| server.home().join(name).display().to_string();
    let (good, bad) = (path("good.jsonl"), path("bad.jsonl"));
    done(&server, &["audit", "export", "--output", &good]);
    let key = done(&server, &["audit", "key"]).stdout;
    let verified = done(
        &server,
        &["audit", "verify", &good, "--public-key", key.trim()],
    );
    assert!(verified.stdout.contains("tenant:dev"), "{verified:?}");
    done(&server, &["audit", "verify"]);
    done(&server, &["audit", "verify", "--host"]);
    let changed = fs::read_to_string(&good).expect("an export");
    let changed = changed.replacen("execution:start", "execution:stop", 1);
    fs::write(&bad, changed).expect("a file");
    let fault = run(&server, &["audit", "verify", &bad]).expect(4).stderr;
    assert!(
        fault.contains("line ") && fault.contains("entry "),
        "{fault}"
    );
    let fault = run(&server, &["--json", "audit", "verify", &bad]).expect(4);
    let fault: serde_json::Value = serde_json::from_str(fault.stderr.trim()).expect("JSON");
    let place = &fault["error"]["fault"];
    let number = place["number"].as_u64().expect("an entry");
    assert_eq!(place["chain"], "tenant:dev");
    let line = place["line"].as_u64().expect("a line");
    let said = format!(
        "line {line} (byte {}), tenant:dev, entry {number}",
        place["byte"]
    );
    let message = fault["error"]["message"].as_str().expect("words");
    assert!(message.contains(&said), "{message}");
    let other = "0".repeat(64);
    run(&server, &["audit", "verify", &good, "--public-key", &other]).expect(4);

    let data = server.data();
    server.stop();
    let mut offline = command(server.home());
    offline
        .args(["audit", "verify", "--public-key", key.trim(), "--data"])
        .arg(&data);
    let verified = Run::of(&mut offline, "").expect(0).stdout;
    assert_eq!(verified.lines().count(), 2, "{verified}");
}
