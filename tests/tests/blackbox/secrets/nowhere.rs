//! A value is used, told in every way, and then looked for everywhere.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stepwell_tests::{Setup, TestServer};

use super::{deploy, run, set, tell};

/// Has everything in it that encoders treat specially.
const VALUE: &str = "hunter2/\"pass\"+w&rd=é~[end]";

/// The forms that are looked for.
fn forms() -> Vec<Vec<u8>> {
    let escaped = json!(VALUE).to_string();
    let escaped = escaped.trim_matches('"').to_owned();
    let hex: String = VALUE.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = VALUE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let forms = [
        VALUE.to_owned(),
        escaped,
        hex.to_uppercase(),
        hex,
        percent,
        // `hunter2/"pass"` in base64, alone and behind one and two other letters.
        "aHVudGVyMi8icGFzcyI".to_owned(),
        "h1bnRlcjIvInBhc3Mi".to_owned(),
        "odW50ZXIyLyJwYXNzI".to_owned(),
        // What would be left of it, had it been cut in the middle.
        "hunter2".to_owned(),
        "w&rd=é".to_owned(),
    ];
    forms.into_iter().map(String::into_bytes).collect()
}

/// Expects that the value is in none of the bytes, in no form.
#[track_caller]
fn expect_nowhere(what: &str, bytes: &[u8]) {
    for form in forms() {
        let at = bytes.windows(form.len()).position(|part| part == form);
        if let Some(at) = at {
            let from = at.saturating_sub(80);
            let around = bytes.get(from..(at + 80).min(bytes.len()));
            panic!(
                "{what} holds {:?}: {:?}",
                String::from_utf8_lossy(&form),
                String::from_utf8_lossy(around.unwrap_or_default())
            );
        }
    }
}

fn expect_nowhere_below(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            expect_nowhere_below(&path);
        } else {
            expect_nowhere(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_value_that_is_told_in_every_way_is_found_nowhere() {
    let mut server = TestServer::with_guests_and(Setup {
        arguments: vec!["-vv".to_owned()],
        ..Setup::default()
    });
    set(&server, "prod/db", VALUE);
    let client = server.client();
    deploy(
        client,
        "tells",
        &json!([{ "Name": "prod/db", "Reveal": true }]),
    );
    deploy(client, "placeholder", &json!(["prod/db"]));
    let mut answers = Vec::new();
    for machine in ["tells", "placeholder"] {
        for way in ["output", "failure", "panic", "log", "nowhere"] {
            let arn = client.start(machine, &tell("prod/db", way));
            let ended = client.wait_for_end(&arn);
            check_end(machine, way, &ended);
            answers.push((format!("{machine} {way}"), ended.to_string()));
            let path = stepwell_tests::segment(&arn);
            let history = client.get(&format!("/v1/executions/{path}/history?limit=1000"));
            answers.push((format!("history of {way}"), history.expect(200).to_string()));
        }
    }
    for path in [
        "/v1/secrets",
        "/v1/secrets/prod%2Fdb",
        "/v1/executions",
        "/metrics",
    ] {
        let answer = client.get(path).expect_text(200).to_owned();
        answers.push((path.to_owned(), answer));
    }
    for arguments in [
        &["secrets", "show", "prod/db"][..],
        &["secrets", "list"],
        &["list"],
    ] {
        let shown = run(&server, arguments, "").expect(0);
        answers.push((format!("{arguments:?}"), format!("{shown:?}")));
    }
    for (what, answer) in answers {
        expect_nowhere(&what, answer.as_bytes());
        assert!(
            !answer.contains("swph_"),
            "{what} holds a placeholder: {answer}"
        );
    }
    expect_nowhere("the host's log", server.log().as_bytes());
    assert!(
        server.log().contains("[redacted:prod/db]"),
        "the log was on"
    );
    // As they are while it runs, with the write-ahead log; and once it has ended.
    expect_nowhere_below(&server.data());
    server.stop();
    expect_nowhere_below(&server.data());
    expect_nowhere("the host's log", server.log().as_bytes());
}

/// The task had the value, or its placeholder, and its end says so without it.
#[track_caller]
fn check_end(machine: &str, way: &str, ended: &Value) {
    let mark = "[redacted:prod/db]";
    let revealed = machine == "tells";
    match way {
        "output" => {
            let output = &ended["output"];
            assert_eq!(output["plain"], mark, "{ended}");
            assert_eq!(output["within"], format!("before {mark} after"));
            assert_eq!(output["asKey"], json!({ mark: 1 }));
            if revealed {
                assert_eq!(output["hex"], mark);
                assert_eq!(output["percent"], mark);
                assert_eq!(output["base64"][0], mark);
            }
        }
        "failure" => {
            assert_eq!(ended["error"], format!("Leaked-{mark}"), "{ended}");
            assert!(ended["cause"].as_str().unwrap().contains(mark));
        }
        "panic" => {
            assert_eq!(ended["error"], "Stepwell.Panicked", "{ended}");
            assert!(ended["cause"].as_str().unwrap().contains(mark));
        }
        "nowhere" => {
            let length = if revealed { VALUE.len() } else { 37 };
            let expected = json!({ "length": length, "isPlaceholder": !revealed });
            assert_eq!(ended["output"], expected);
        }
        _ => assert_eq!(ended["status"], "SUCCEEDED", "{ended}"),
    }
}

#[test]
fn only_what_is_granted_is_given_and_a_guest_cannot_tell_what_there_is() {
    let server = TestServer::with_guests();
    set(&server, "mine", "the value of mine");
    set(&server, "other", "the value of other");
    let client = server.client();
    deploy(client, "one", &json!(["mine"]));
    deploy(client, "none", &json!([]));
    let denied = |machine: &str, name: &str| {
        let ended = client.run(machine, &tell(name, "nowhere"));
        assert_eq!(ended["error"], "Stepwell.SecretDenied", "{ended}");
        ended["cause"].as_str().unwrap().replace(name, "IT")
    };
    assert_eq!(denied("one", "other"), denied("one", "no-such"));
    assert_eq!(denied("none", "mine"), denied("none", "no-such"));
    let given = client.run("one", &tell("mine", "nowhere"));
    assert_eq!(given["output"]["isPlaceholder"], true, "{given}");
}

#[test]
fn a_secret_is_turned_without_a_deployment_and_a_missing_one_can_be_caught() {
    let server = TestServer::with_guests();
    let client = server.client();
    let granted = json!([{ "Name": "turned", "Reveal": true }]);
    let deployed = deploy(client, "reads", &granted);
    let warnings = deployed["warnings"].as_array().unwrap();
    let is_missing = |warning: &Value| warning["code"] == "SECRET_MISSING";
    assert!(warnings.iter().any(is_missing), "{deployed}");
    let length = || client.run("reads", &tell("turned", "nowhere"))["output"]["length"].clone();

    let missing = client.run("reads", &tell("turned", "nowhere"));
    assert_eq!(missing["error"], "Stepwell.SecretNotFound", "{missing}");
    let cause = missing["cause"].as_str().unwrap();
    assert!(cause.contains("stepwell secrets set turned"), "{cause}");

    set(&server, "turned", "12 byte long");
    assert_eq!(length(), 12);
    set(&server, "turned", "16 bytes long it");
    assert_eq!(length(), 16);
    run(&server, &["secrets", "disable", "turned", "2"], "").expect(0);
    assert_eq!(length(), 12);
    run(&server, &["secrets", "enable", "turned", "2"], "").expect(0);
    assert_eq!(length(), 16);
    run(&server, &["secrets", "delete", "turned"], "").expect(0);

    let caught = json!({ "StartAt": "Tell", "States": {
        "Tell": {
            "Type": "Task", "Resource": "task:hostile", "Grants": { "Secrets": ["turned"] },
            "Catch": [{ "ErrorEquals": ["Stepwell.SecretNotFound"], "Next": "Caught" }],
            "End": true,
        },
        "Caught": { "Type": "Succeed" },
    }});
    client.deploy("caught", &caught.to_string());
    assert_eq!(
        client.run("caught", &tell("turned", "nowhere"))["status"],
        "SUCCEEDED"
    );
}

/// Values are checked where they come in, and never by an argument.
#[test]
fn what_cannot_be_a_secret_is_refused() {
    let server = TestServer::start();
    let short = run(&server, &["secrets", "set", "short"], "1234567\n").expect(4);
    assert!(format!("{short:?}").contains("at least 8"), "{short:?}");
    run(
        &server,
        &["secrets", "set", "name", "value-on-the-line"],
        "",
    )
    .expect(2);
    run(&server, &["secrets", "show", "short"], "").expect(3);
}
