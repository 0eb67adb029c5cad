//! The example of docs/grants.md runs as it stands, but for where the service is.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};
use stepwell_tests::{Access, Run, Setup, TestServer, command};

use crate::examples::link_repository;
use crate::guide::{console, shell};
use crate::secrets::run;

const GUIDE: &str = include_str!("../../../docs/grants.md");

/// What the guide calls the service, as a URL and in a grant.
const SERVICE: &str = "https://pay.example.com";
const HOST: &str = r#""Host": "pay.example.com","#;
const SHORT_HOST: &str = "host: pay.example.com,";

const KEY: &str = "sk_test_4242";

/// A request's first line and headers in lower case, and its body.
type Seen = (String, String);

/// A payment service on loopback: its port, and what it is sent.
fn service() -> (u16, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            reader.read_exact(&mut body).unwrap();
            // The test may be over, and not listen any more.
            drop(tell.send((head, String::from_utf8(body).unwrap())));
            let answer = "HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n{\"id\":\"ch_1\"}";
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (port, told)
}

/// Returns what stands between two texts of the guide's example.
fn part(from: &str, to: &str) -> &'static str {
    let example = GUIDE
        .split("\n## ")
        .find(|part| part.starts_with("An example"));
    let (_, behind) = example.unwrap().split_once(from).unwrap();
    behind.split_once(to).unwrap().0
}

/// Puts something in the place of what the guide must say.
fn replaced(text: &str, theirs: &str, ours: &str) -> String {
    assert!(text.contains(theirs), "the guide does not say {theirs:?}");
    text.replace(theirs, ours)
}

#[test]
fn a_reader_of_the_guide_charges_a_card() {
    let (port, seen) = service();
    let here = format!("http://127.0.0.1:{port}");
    let commands = replaced(part("```console\n", "```"), SERVICE, &here);
    let mut commands = console(&commands);
    let serve = commands.remove(0);
    let rule = serve.split('\'').nth(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key").display().to_string();
    let mut new_key = command(folder.path());
    Run::of(new_key.args(["secrets", "new-key", &key]), "").expect(0);
    let server = TestServer::with(Setup {
        access: Access::Tokens,
        arguments: ["--master-key-file", &key, "--allow-http", rule]
            .map(str::to_owned)
            .into(),
        ..Setup::default()
    });
    run(
        &server,
        &["tenant", "create", "shop", "--account", "222222222222"],
        "",
    )
    .expect(0);
    // The guide's reader is everybody; here the tenant is one of several.
    let policy = replaced(commands.remove(0), "policy set dev", "policy set shop");
    let of_host = server.admin_token().unwrap();
    shell(&server, &policy, Some(&of_host));
    let order = [
        "--json",
        "api-token",
        "create",
        "shop-admin",
        "--role",
        "admin",
    ];
    let made = run(&server, &[&order[..], &["--tenant", "shop"]].concat(), "").expect(0);
    let of_tenant = made.json()["token"].as_str().unwrap().to_owned();

    let home = server.home();
    let grants = format!(r#""Host": "127.0.0.1:{port}", "Schemes": ["http"],"#);
    let definition = replaced(part("```json\n", "```"), HOST, &grants);
    fs::write(home.join("charge.json"), definition).unwrap();
    link_repository(&server);
    let said = shell(&server, &commands.join("\n"), Some(&of_tenant));
    assert!(
        said.contains("SUCCEEDED") && said.contains("ch_1"),
        "{said}"
    );
    assert!(
        !said.contains("MISSING"),
        "the guide sets all first: {said}"
    );
    expect_charge(seen.recv().unwrap());

    // The same grants in the short form.
    let short = replaced(
        part("are\n`grants: ", "`."),
        SHORT_HOST,
        &format!("host: '127.0.0.1:{port}', schemes: [http],"),
    );
    let flow = format!(
        "name: short\nstates:\n  charge:\n    type: task\n    resource: task:call-api\n    \
         timeout: 30s\n    grants: {short}\n    end: true\n"
    );
    fs::write(home.join("short.yaml"), flow).unwrap();
    let commands = "stepwell deploy short.yaml\nstepwell start short --wait --input \
                    '{\"amount\": 1250, \"currency\": \"eur\"}'";
    let said = shell(&server, commands, Some(&of_tenant));
    assert!(said.contains("SUCCEEDED"), "{said}");
    expect_charge(seen.recv().unwrap());
}

fn expect_charge((head, body): Seen) {
    assert!(head.starts_with("post /v1/charges http/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("authorization: bearer {KEY}\r\n")),
        "{head}"
    );
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({"amount": 1250, "currency": "eur"}));
}
