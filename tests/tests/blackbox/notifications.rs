//! Notifications, as their guide shows them: put, tested, delivered; and what they must not tell.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};
use stepwell_tests::{PATIENCE, Setup, TestServer, eventually};
use ureq::http::Method;

use crate::secrets::{run, set, tell};

const VALUE: &str = "hunter2-of-the-shop";
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A server on loopback: its URL, and the heads and bodies that it is sent.
fn receiver() -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            reader.read_exact(&mut body).unwrap();
            // The test may be over, and not listen any more.
            drop(tell.send((head, String::from_utf8(body).unwrap())));
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
        }
    });
    (url, told)
}

#[test]
fn what_fails_is_told_without_the_secrets_that_it_was_given() {
    let (url, told) = receiver();
    let rule = format!("POST {url}");
    let server = TestServer::with_guests_and(Setup {
        arguments: [
            "--allow-http",
            &rule,
            "--public-url",
            "https://stepwell.example.com",
        ]
        .map(str::to_owned)
        .into(),
        ..Setup::default()
    });
    set(&server, "hooks/signing", KEY);
    set(&server, "prod/db", VALUE);
    let put = [
        "notification",
        "put",
        "ops",
        "--event",
        "execution.failed",
        "--webhook",
        &url,
        "--secret",
        "hooks/signing",
    ];
    let said = run(&server, &put, "").expect(0);
    assert!(said.stdout.contains("put ops: tells"), "{said:?}");
    let tested = run(&server, &["notification", "test", "ops"], "").expect(0);
    assert!(tested.stdout.starts_with("delivered msg_"), "{tested:?}");
    let (head, body) = told.recv_timeout(PATIENCE).unwrap();
    assert!(
        head.contains("webhook-key-id: hooks/signing@1\r\n"),
        "{head}"
    );
    assert!(body.contains(r#""type":"test""#), "{body}");

    let revealed = json!([{ "Name": "prod/db", "Reveal": true }]);
    crate::secrets::deploy(server.client(), "tells", &revealed);
    let ended = server.client().run("tells", &tell("prod/db", "failure"));
    assert_eq!(ended["status"], "FAILED", "{ended}");
    let (head, body) = told.recv_timeout(PATIENCE).unwrap();
    assert!(
        !head.contains(VALUE) && !body.contains(VALUE),
        "{head}{body}"
    );
    assert!(body.contains("[redacted:prod/db]"), "{body}");
    let message: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(message["data"]["executionArn"], ended["executionArn"]);
    let delivered = delivered(&server, 2);
    assert_eq!(delivered[0]["stateMachine"], "tells");
    assert!(
        head.contains(delivered[0]["id"].as_str().unwrap()),
        "{head}"
    );

    run(&server, &["notification", "delete", "ops"], "").expect(0);
    run(&server, &["notification", "deliveries", "ops"], "").expect(3);
}

/// Receivers' libraries would take none of them for the key that signed.
#[test]
fn a_secret_that_holds_no_key_is_refused_with_its_field() {
    let (url, _told) = receiver();
    let rule = format!("POST {url}");
    let server = TestServer::with(Setup {
        arguments: ["--allow-http", &rule].map(str::to_owned).into(),
        ..Setup::default()
    });
    let order = json!({"events": ["execution.failed"],
        "webhook": {"url": url, "secret": "hooks/signing"}});
    let put = || {
        let (path, json) = ("/v1/notifications/ops", "application/json");
        server
            .client()
            .send(Method::PUT, path, json, order.to_string())
    };
    for value in [
        "whsec_text",
        "whsec_c2hvcnQ=",
        VALUE,
        // 66 bytes.
        &format!("whsec_{}", "QUJD".repeat(22)),
    ] {
        set(&server, "hooks/signing", value);
        let refused = put().expect_refusal(400, "InvalidField", Some("webhook.secret"));
        let said = refused["message"].as_str().unwrap();
        assert!(said.contains("24 to 64 bytes in base64"), "{said}");
    }
    set(&server, "hooks/signing", KEY);
    put().expect(200);
}

/// What the notification `ops` has delivered, once it is so many.
fn delivered(server: &TestServer, count: usize) -> Vec<Value> {
    let list = ["notification", "deliveries", "ops", "--status", "delivered"];
    eventually("the deliveries", || {
        let list = run(server, &[&["--json"], &list[..]].concat(), "").expect(0);
        let all = list.json()["deliveries"].as_array().unwrap().clone();
        (all.len() == count).then_some(all)
    })
}

/// As whoever types it sees it.
#[test]
fn what_cannot_be_told_is_refused_on_the_command_line() {
    let server = TestServer::start();
    set(&server, "hooks/signing", KEY);
    let put = |more: &[&str]| {
        let order = ["notification", "put", "bad", "--event", "execution.failed"];
        run(&server, &[&order[..], more].concat(), "")
    };
    let url = "http://127.0.0.1:9/";
    for (more, said) in [
        (
            &["--webhook", url, "--secret", "hooks/signing"][..],
            "--allow-http",
        ),
        (&["--email", "ada@example.com"][..], "--smtp-url"),
        (
            &["--event", "execution.odd", "--email", "ada@example.com"][..],
            "is no event",
        ),
    ] {
        let refused = put(more).expect(4);
        assert!(refused.stderr.contains(said), "{refused:?}");
    }
    put(&[]).expect(2);
    put(&["--webhook", url]).expect(2);
    let listed = run(&server, &["--json", "notification", "list"], "").expect(0);
    assert_eq!(listed.json(), json!({ "notifications": [] }));
}
