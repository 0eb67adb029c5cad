//! Secrets on the way out: put in where a grant lists them, and nowhere else; and not
//! brought back by who was sent one.

use std::io::Write as _;

use serde_json::{Value, json};
use stepwell_engine::SecretValue;

use crate::harness::{ATTACKER, Host, Setup, told};
use crate::server::Server;

const VALUE: &str = "s3cr3t-of-the-shop";

/// A host with the attacker, and the secret `token`, whose value is given.
async fn host_with(value: &str) -> Host {
    let names = ["api.test", "other.test"];
    let setup = Setup {
        names: names.map(|name| (name, vec![vec!["127.0.0.1"]])).into(),
        ..Setup::default()
    };
    let host = Host::start(setup, &[ATTACKER]).await;
    let value = SecretValue::from_bytes(value.as_bytes().to_vec()).unwrap();
    let set = host.handle.set_secret(&host.caller, "token", value).await;
    set.unwrap();
    host
}

/// Deploys the attacker, which may send to both names, and the secret to `api.test` alone.
async fn deploy(host: &Host, port: u16) {
    let grants = json!({
        "Secrets": ["token"],
        "Http": [
            {"Host": format!("api.test:{port}"), "Schemes": ["http"], "Secrets": ["token"]},
            {"Host": format!("other.test:{port}"), "Schemes": ["http"]},
        ],
    });
    let deployed = host.deploy(ATTACKER, grants).await;
    deployed.unwrap_or_else(|error| panic!("{error:#?}"));
}

fn with_secret(host: &str, port: u16) -> Value {
    json!({ "url": format!("http://{host}:{port}/"), "secret": "token" })
}

/// Repeats the request, as a server does that helps to find faults, or to steal.
fn echo() -> Server {
    Server::with(|request, stream| {
        let length = request.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        drop(stream.write_all(head.as_bytes()));
        drop(stream.write_all(request.as_bytes()));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_put_in_on_the_way_out_and_does_not_come_back() {
    let server = echo();
    let host = host_with(VALUE).await;
    deploy(&host, server.port).await;
    let ended = host
        .attack_again(&with_secret("api.test", server.port))
        .await;
    assert_eq!(ended[0]["status"], 200, "{ended:?}");
    assert_eq!(ended[0]["secret"], "[redacted:token]");
    let body = ended[0]["body"].as_str().unwrap();
    assert!(body.contains("x-secret: [redacted:token]"), "{body}");
    let sent = server.requests();
    assert!(
        sent[0].contains(&format!("x-secret: {VALUE}\r\n")),
        "{sent:?}"
    );
    assert!(
        sent[0].contains("accept-encoding: identity\r\n"),
        "{sent:?}"
    );
    assert!(host.controls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_for_another_host_is_stopped_as_secret() {
    let server = echo();
    let host = host_with(VALUE).await;
    deploy(&host, server.port).await;
    let ended = host
        .attack_again(&with_secret("other.test", server.port))
        .await;
    assert_eq!(told(&ended[0]), "HttpDenied", "{ended:?}");
    let denials = host.denials();
    assert_eq!(denials.len(), 1);
    assert_eq!(denials[0].control, "secret");
    assert!(denials[0].reason.contains("'token'"), "{denials:?}");
    assert!(server.requests().is_empty());
    // Without the secret it may.
    let plain = json!({ "url": format!("http://other.test:{}/", server.port) });
    assert_eq!(host.attack_again(&plain).await[0]["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_would_end_its_header_is_stopped_as_secret() {
    let server = echo();
    let host = host_with("value\r\nx-admin: yes").await;
    deploy(&host, server.port).await;
    host.attack_again(&with_secret("api.test", server.port))
        .await;
    assert_eq!(host.controls(), ["secret"]);
    assert!(server.requests().is_empty());
}

/// What comes back goes where the guest wants: had it the value, it would send it on.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_is_sent_the_value_back_has_nothing_to_send_on() {
    let server = Server::with(|request, stream| {
        let value = request
            .lines()
            .find_map(|line| line.strip_prefix("x-secret: "));
        let value = value.unwrap_or("none");
        let port = stream.local_addr().map_or(0, |address| address.port());
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://api.test:{port}/steal?v={value}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        drop(stream.write_all(answer.as_bytes()));
    });
    let host = host_with(VALUE).await;
    deploy(&host, server.port).await;
    let mut attack = with_secret("api.test", server.port);
    attack["follow"] = 1.into();
    host.attack_again(&attack).await;
    let sent = server.requests();
    for request in &sent {
        let target = request.lines().next().unwrap();
        assert!(!target.contains(VALUE), "{target}");
    }
    assert!(sent[0].contains(VALUE), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_hide_a_value_in_an_answer_is_stopped_as_secret() {
    let server = Server::answering("200 OK", "Content-Encoding: gzip\r\n", "xxxx");
    let host = host_with(VALUE).await;
    deploy(&host, server.port).await;
    let mut attack = with_secret("api.test", server.port);
    attack["headers"] = json!([["accept-encoding", "gzip"]]);
    host.attack_again(&attack).await;
    assert_eq!(host.controls(), ["secret"]);
    assert!(
        !server.requests()[0].contains("gzip"),
        "it was not asked for"
    );

    attack["headers"] = json!([["range", "bytes=0-3"]]);
    host.attack_again(&attack).await;
    assert_eq!(host.controls(), ["secret"]);
    assert_eq!(server.requests().len(), 1);
}
