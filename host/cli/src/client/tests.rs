//! How answers and refusals of a host become what a script sees.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::*;

/// Answers one request with what it is given, and returns the request's head and body.
fn answer_once(answer: String) -> (Client, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = ServerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        format!("{head}\n{}", String::from_utf8(body).unwrap())
    });
    (
        Client::new(server, Some(Secret::new("swt_secret"))),
        serving,
    )
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn refusal(status: &str, code: &str) -> CliError {
    let body = json!({ "error": { "code": code, "message": "it will not do" } }).to_string();
    let (client, serving) = answer_once(response(status, "", &body));
    let error = client.get::<Value>("/v1/x", Duration::ZERO).unwrap_err();
    serving.join().unwrap();
    error.into()
}

#[test]
fn a_request_carries_the_token_and_the_body_as_it_is() {
    let (client, serving) = answer_once(response("200 OK", "", "{\"n\": 12345678901234567890.10}"));
    let answer = client
        .post::<Value>("/v1/executions", &json!({ "name": "a" }))
        .unwrap();
    let request = serving.join().unwrap();
    assert!(
        request.starts_with("POST /v1/executions HTTP/1.1"),
        "{request}"
    );
    assert!(
        request
            .to_lowercase()
            .contains("authorization: bearer swt_secret"),
        "{request}"
    );
    assert!(request.ends_with("{\"name\":\"a\"}"), "{request}");
    assert_eq!(answer.json().to_string(), "{\"n\":12345678901234567890.10}");
}

#[test]
fn a_refusals_status_is_an_exit_code_that_scripts_can_tell_apart() {
    for (status, exit) in [
        ("400 Bad Request", Exit::Refused),
        ("401 Unauthorized", Exit::Refused),
        ("404 Not Found", Exit::NotFound),
        ("409 Conflict", Exit::Refused),
        ("413 Content Too Large", Exit::Refused),
        ("429 Too Many Requests", Exit::Unavailable),
        ("500 Internal Server Error", Exit::Unavailable),
        ("503 Service Unavailable", Exit::Unavailable),
    ] {
        assert_eq!(refusal(status, "Some").exit(), exit, "{status}");
    }
}

#[test]
fn a_refusal_says_what_the_host_says_and_keeps_its_json() {
    let error = refusal("409 Conflict", "NameTaken");
    assert_eq!(error.message(), "it will not do (NameTaken)");
    assert_eq!(
        error.to_json().pointer("/error/code"),
        Some(&json!("NameTaken"))
    );
    let hints = refusal("401 Unauthorized", "Unauthenticated");
    assert!(
        hints
            .hints()
            .iter()
            .any(|hint| hint.contains("STEPWELL_TOKEN")),
        "{hints:?}"
    );
}

#[test]
fn a_redirect_is_not_followed_with_the_token() {
    let (client, serving) = answer_once(response(
        "302 Found",
        "Location: http://127.0.0.1:9/elsewhere\r\n",
        "",
    ));
    let error = CliError::from(client.get::<Value>("/v1/x", Duration::ZERO).unwrap_err());
    serving.join().unwrap();
    assert_eq!(error.exit(), Exit::Unavailable);
    assert!(
        error.message().contains("redirects (status 302)"),
        "{}",
        error.message()
    );
}

#[test]
fn what_does_not_answer_as_a_host_is_named() {
    let (client, serving) = answer_once(response("200 OK", "", "<html>"));
    let error = CliError::from(client.get::<Value>("/v1/x", Duration::ZERO).unwrap_err());
    serving.join().unwrap();
    assert!(
        error
            .message()
            .contains("does not answer as a Stepwell host"),
        "{}",
        error.message()
    );
}

#[test]
fn a_host_that_is_not_there_comes_with_a_hint() {
    // Bound and given back: nothing listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = ServerUrl::parse(&format!("http://{address}")).unwrap();
    let client = Client::new(server, None);
    let error = CliError::from(client.get::<Value>("/v1/x", Duration::ZERO).unwrap_err());
    assert_eq!(error.exit(), Exit::Unavailable);
    assert!(
        error
            .hints()
            .iter()
            .any(|hint| hint.contains("serve --dev")),
        "{error:?}"
    );
}
