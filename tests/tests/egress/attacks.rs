//! Where an attacker's requests lead, and the control that stops each.

use serde_json::{Value, json};

use crate::harness::{ATTACKER, Host, Setup, told};
use crate::server::Server;

/// A grant for a host.
fn to(host: impl Into<String>) -> Value {
    json!([{ "Host": host.into(), "Schemes": ["http"] }])
}

fn api(port: u16) -> Value {
    to(format!("api.test:{port}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_is_sent_whole_and_answered() {
    let server = Server::answering("200 OK", "X-Own: 1\r\n", "welcome");
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let grant = json!([{"Host": format!("api.test:{}", server.port), "Schemes": ["http"],
        "Methods": ["POST"]}]);
    let attack = json!({"url": format!("http://api.test:{}/v1?q=a%20b", server.port),
        "method": "POST", "headers": [["X-Mine", "2"]], "bodyBytes": 10_000});
    let ended = host.attack(grant, &attack).await;
    assert_eq!(ended[0]["status"], 200);
    assert_eq!(ended[0]["body"], "welcome");
    let seen = server.requests().concat();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1?q=a%20b http/1.1"), "{head}");
    // One Host, of what was checked: a version of wasmtime-wasi-http once sent none.
    let hosts = head.lines().filter(|line| line.starts_with("host:"));
    let expected = format!("host: api.test:{}", server.port);
    assert_eq!(hosts.collect::<Vec<_>>(), [expected]);
    assert!(
        head.contains("x-mine: 2")
            && head.contains("content-length: 10000")
            && head.contains("\r\ntraceparent: 00-"),
        "{head}"
    );
    assert_eq!(body.len(), 10_000);
    assert_eq!(host.controls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_address_is_stopped_as_address_by_whatever_name() {
    let inside = [
        "169.254.169.254",
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
    ];
    let server = Server::answering("200 OK", "", "credentials");
    for address in inside {
        let setup = Setup {
            operator: vec!["http://*.test:*".to_owned()],
            names: vec![("metadata.test", vec![vec![address]])],
            ..Setup::default()
        };
        let host = Host::start(setup, &[ATTACKER]).await;
        let url = format!("http://metadata.test:{}/latest/meta-data/", server.port);
        let grant = to(format!("metadata.test:{}", server.port));
        let ended = host.attack(grant, &json!({"url": url})).await;
        // The guest is told what it is told of a name that leads nowhere.
        assert_eq!(told(&ended[0]), "HttpUnreachable", "{address}");
        let denied = host.denials();
        let [denied] = &denied[..] else {
            panic!("{address}: {denied:?}");
        };
        assert_eq!(denied.control, "address", "{address}");
        assert_eq!((&*denied.tenant, &*denied.state), ("shop", "Send"));
        assert!(
            denied.execution.contains(":execution:machine:"),
            "{denied:?}"
        );
        assert_eq!(denied.target, format!("GET {url}"));
        // The guest is not told what the name leads to.
        assert!(!ended[0].to_string().contains(address));
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_turns_inside_is_stopped_as_address_at_its_next_look_up() {
    let server = Server::answering("200 OK", "", "inside");
    let setup = Setup {
        operator: vec![
            "http://*.test:*".to_owned(),
            "private http://pinned.test:*".to_owned(),
        ],
        names: vec![
            // Nobody's address first (RFC 5737), and loopback for whoever looks again.
            ("pinned.test", vec![vec!["192.0.2.1"], vec!["127.0.0.1"]]),
            ("rebind.test", vec![vec!["127.0.0.1"]]),
        ],
        ..Setup::default()
    };
    let host = Host::start(setup, &[ATTACKER]).await;
    let url = |name: &str| json!({"url": format!("http://{name}.test:{}/", server.port)});
    let grant = to(format!("*.test:{}", server.port));
    // Connected to is what was checked: the name is not looked up a second time for it.
    let ended = host.attack(grant.clone(), &url("pinned")).await;
    assert_ne!(told(&ended[0]), "200");
    assert_eq!(host.names.asked("pinned.test"), 1);
    assert_eq!(host.controls(), [""; 0]);
    // Whoever gets the second answer without the operator's leave is stopped.
    let ended = host.attack(grant, &url("rebind")).await;
    assert_eq!(told(&ended[0]), "HttpUnreachable");
    assert_eq!(host.controls(), ["address"]);
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_inside_is_an_answer_and_stopped_as_any_request() {
    let inside = Server::answering("200 OK", "", "inside");
    let location = format!("Location: http://127.0.0.1:{}/\r\n", inside.port);
    let outside = Server::answering("302 Found", &location, "");
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let url = format!("http://api.test:{}/", outside.port);
    // The host itself follows nothing.
    let ended = host.attack(api(outside.port), &json!({"url": url})).await;
    assert_eq!(told(&ended[0]), "302");
    assert_eq!(host.controls(), [""; 0]);
    // A guest that does is stopped by what its state grants …
    let follow = json!({"url": url, "follow": 1});
    let ended = host.attack_again(&follow).await;
    assert_eq!(told(&ended[0]), "HttpDenied");
    assert_eq!(host.controls(), ["state-grant"]);
    assert_eq!(inside.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_disguise_are_stopped_as_state_grant() {
    let server = Server::answering("200 OK", "", "inside");
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let port = server.port;
    host.deploy(ATTACKER, json!({"Http": api(port)}))
        .await
        .unwrap();
    for authority in [
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "localhost",
        "api.test.127.0.0.1.nip.io",
        "api.test.evil.test",
    ] {
        let attack = json!({"url": format!("http://{authority}:{port}/")});
        let ended = host.attack_again(&attack).await;
        assert_eq!(told(&ended[0]), "HttpDenied", "{authority}");
        assert_eq!(host.controls(), ["state-grant"], "{authority}");
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapped_address_that_a_state_grants_is_stopped_as_operator() {
    let setup = Setup {
        operator: vec!["http://*.test:*".to_owned()],
        ..Setup::default()
    };
    let host = Host::start(setup, &[ATTACKER]).await;
    let refused = host
        .deploy(ATTACKER, json!({"Http": to("[::ffff:127.0.0.1]:80")}))
        .await;
    let said = format!("{refused:?}");
    assert!(
        said.contains("GRANT_NOT_ALLOWED") && said.contains("--allow-http"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_in_front_of_the_host_makes_no_request() {
    let server = Server::answering("200 OK", "", "inside");
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let port = server.port;
    host.deploy(ATTACKER, json!({"Http": api(port)}))
        .await
        .unwrap();
    for url in [
        format!("http://api.test:{port}@127.0.0.1:{port}/"),
        format!("http://api.test@127.0.0.1:{port}/"),
        format!("http://user:pass@api.test:{port}/"),
        format!("ftp://api.test:{port}/"),
        format!("http://api.test:{port}\\@127.0.0.1/"),
    ] {
        let ended = host.attack_again(&json!({"url": url})).await;
        assert_eq!(told(&ended[0]), "HttpInvalid", "{url}");
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_paths_and_ports_that_are_not_granted_are_stopped_as_state_grant() {
    let server = Server::answering("200 OK", "", "ok");
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let port = server.port;
    let grant = json!([{"Host": format!("api.test:{port}"), "Schemes": ["http"],
        "Methods": ["GET"], "Paths": ["/v1/*", "/ping"]}]);
    host.deploy(ATTACKER, json!({"Http": grant})).await.unwrap();
    let base = format!("http://api.test:{port}");
    let at = |path: &str| json!({"url": format!("{base}{path}")});
    for path in ["/v1/a", "/v1/a?x=/../y", "/ping", "/ping?q", "/v1/"] {
        assert_eq!(
            told(&host.attack_again(&at(path)).await[0]),
            "200",
            "{path}"
        );
    }
    // Names are the same in whatever case, and with the dot that ends them.
    let shouted = json!({"url": format!("http://API.TEST.:{port}/ping")});
    assert_eq!(told(&host.attack_again(&shouted).await[0]), "200");
    assert_eq!(host.controls(), [""; 0]);
    let allowed = server.requests().len();
    for attack in [
        json!({"url": format!("{base}/v1/a"), "method": "POST"}),
        json!({"url": format!("{base}/v1/a"), "method": "DELETE"}),
        json!({"url": format!("{base}/v1/a"), "method": "get"}),
        at("/v2/a"),
        at("/v1"),
        at("/V1/a"),
        at("/ping/"),
        at("/"),
        at(""),
        at("//v1/a"),
        at("/v1/../admin"),
        at("/v1/./../admin"),
        at("/v1/%2e%2e/admin"),
        at("/v1/%2E./admin"),
        at("/v1/..%2fadmin"),
        at("/v1/..%5cadmin"),
        at("/v1/%252e%252e/admin"),
        at("/v1/..;/admin"),
        at("/%76%31/a"),
        json!({"url": "http://api.test/v1/a"}),
        json!({"url": format!("https://api.test:{port}/v1/a")}),
        json!({"url": format!("http://other.test:{port}/v1/a")}),
    ] {
        let ended = host.attack_again(&attack).await;
        let told = told(&ended[0]);
        assert!(matches!(&*told, "HttpDenied"), "{attack}: {told}");
        assert_eq!(host.controls(), ["state-grant"], "{attack}");
    }
    assert_eq!(server.requests().len(), allowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_state_grants_nothing_is_stopped_as_state_grant() {
    let server = Server::answering("200 OK", "", "ok");
    let host = Host::start(Setup::default(), &["echo"]).await;
    // Deployed before the component sends anything, and pinned to none.
    let definition = json!({"StartAt": "Send", "States": {"Send": {"Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 60,
        "Parameters": {"FunctionName": ATTACKER, "Payload.$": "$"},
        "OutputPath": "$.Payload", "End": true}}});
    host.deploy_definition(&definition).await.unwrap();
    host.push(ATTACKER).await;
    let attack = json!({"url": format!("http://api.test:{}/", server.port)});
    let ended = host.attack_again(&attack).await;
    assert_eq!(told(&ended[0]), "HttpDenied");
    assert_eq!(host.controls(), ["state-grant"]);
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_taken_back_stops_the_next_request_as_tenant_policy() {
    let server = Server::answering("200 OK", "", "ok");
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let attack = json!({"url": format!("http://api.test:{}/", server.port)});
    let ended = host.attack(api(server.port), &attack).await;
    assert_eq!(told(&ended[0]), "200");
    let put = host
        .handle
        .put_policy(&host.caller, "shop", Vec::new())
        .await;
    assert_eq!(put.unwrap().http, [""; 0]);
    let ended = host.attack_again(&attack).await;
    assert_eq!(told(&ended[0]), "HttpDenied");
    assert_eq!(host.controls(), ["tenant-policy"]);
    assert_eq!(server.requests().len(), 1);
}
