//! Who may call.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use stepwell_tests::{Access, Client, Run, Setup, TestServer, command, eventually, segment};
use ureq::http::Method;

use crate::definitions::{PASS, TOKEN};

fn with_tokens() -> TestServer {
    TestServer::with(Setup {
        access: Access::Tokens,
        ..Setup::default()
    })
}

/// All routes of the OpenAPI document: method, path, and whether anybody may call it.
fn routes(client: &Client) -> Vec<(Method, String, bool)> {
    let document = client.get("/v1/openapi.json").expect(200);
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            let open = operation.get("security").is_some();
            routes.push((method, path.clone(), open));
        }
    }
    routes
}

/// Fills in the parameters of a path.
fn some_path(pattern: &str) -> String {
    let segments = pattern.split('/');
    let filled = segments.map(|segment| {
        if segment.starts_with('{') {
            "x"
        } else {
            segment
        }
    });
    filled.collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_without_credentials_is_refused_but_those_for_probes() {
    let server = with_tokens();
    let admin = server.client();
    let routes = routes(admin);
    assert!(routes.len() > 20, "{routes:?}");
    let open: Vec<&str> = routes
        .iter()
        .filter(|(_, _, open)| *open)
        .map(|(_, path, _)| path.as_str())
        .collect();
    assert_eq!(open, ["/healthz", "/readyz"]);

    for (method, pattern, open) in &routes {
        let path = some_path(pattern);
        for authorization in [None, Some("Bearer swt_guessed"), Some("Basic YWRtaW46")] {
            let headers: Vec<_> = authorization
                .map(|value| ("authorization", value))
                .into_iter()
                .collect();
            let nobody = admin.with_token(None);
            let answer = nobody
                .try_send(method.clone(), &path, &headers, "")
                .unwrap();
            if *open {
                answer.expect_text(200);
                continue;
            }
            answer.expect_refusal(401, "Unauthenticated", None);
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer"), "{method} {path}");
        }
    }
}

#[test]
fn a_refused_call_changes_nothing() {
    let server = with_tokens();
    let admin = server.client();
    let nobody = admin.with_token(Some("swt_guessed"));
    let deploy = json!({ "name": "pass", "definition": PASS });
    nobody
        .post("/v1/state-machines", &deploy)
        .expect_refusal(401, "Unauthenticated", None);
    let machines = admin.get("/v1/state-machines").expect(200);
    assert_eq!(machines["stateMachines"], Value::Array(Vec::new()));
}

#[test]
fn the_first_start_makes_an_admin_token_and_shows_it_once() {
    let mut server = with_tokens();
    let token = server.admin_token().expect("the file `admin-token`");
    assert!(server.said().contains(&token), "{}", server.said());
    let mode = |name: &str| {
        let file = server.data().join(name);
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("admin-token"), 0o600);
    assert_eq!(mode(""), 0o700);
    assert!(!server.log().contains(&token), "the token is in the log");
    for entry in fs::read_dir(server.data()).unwrap() {
        let entry = entry.unwrap();
        let is_the_file = entry.file_name() == "admin-token";
        if entry.file_type().unwrap().is_file() && !is_the_file {
            let bytes = fs::read(entry.path()).unwrap();
            let kept = bytes
                .windows(token.len())
                .any(|part| part == token.as_bytes());
            assert!(!kept, "the token is in {:?}", entry.file_name());
        }
    }

    server.stop();
    server.start_again();
    assert!(!server.said().contains(&token), "{}", server.said());
    server.client().get("/v1/components").expect(200);
}

#[test]
fn a_new_admin_token_takes_the_place_of_the_first() {
    let mut server = with_tokens();
    let first = server.admin_token().expect("the file `admin-token`");
    server.stop();
    server.set_up(Setup {
        access: Access::Tokens,
        arguments: vec!["--new-admin-token".to_owned()],
        ..Setup::default()
    });
    server.start_again();
    server.client().get("/v1/components").expect(200);
    let old = server.client().with_token(Some(&first));
    old.get("/v1/components")
        .expect_refusal(401, "Unauthenticated", None);
}

/// A host that was tried out in development mode shows nothing of it to whoever gets a
/// token afterwards: that is another tenant.
#[test]
fn another_tenant_sees_nothing_and_changes_nothing() {
    let mut server = TestServer::with_guests();
    let client = server.client();
    client.deploy("ask", TOKEN);
    let arn = client.start("ask", &json!({}));
    let token = eventually("a task token", || {
        let described = client.describe(&arn);
        let token = described["active"][0]["taskToken"].as_str();
        token.map(str::to_owned)
    });
    server.stop();
    server.set_up(Setup {
        access: Access::Tokens,
        ..Setup::default()
    });
    server.start_again();

    let client = server.client();
    for (path, member) in [
        ("/v1/state-machines", "stateMachines"),
        ("/v1/components", "components"),
        ("/v1/executions", "executions"),
    ] {
        assert_eq!(client.get(path).expect(200)[member], json!([]), "{path}");
    }
    for execution in [&arn, "ask/one"] {
        let path = format!("/v1/executions/{}", segment(execution));
        client.get(&path).expect_refusal(404, "NotFound", None);
        let stop = client.post(&format!("{path}/stop"), &json!({}));
        stop.expect_refusal(404, "NotFound", None);
    }
    let report = json!({ "taskToken": token, "output": 1 });
    client.post("/v1/tasks/success", &report).expect_refusal(
        400,
        "InvalidTaskToken",
        Some("taskToken"),
    );

    server.stop();
    server.set_up(Setup::default());
    server.start_again();
    let client = server.client();
    assert_eq!(client.describe(&arn)["status"], "RUNNING");
    client.post("/v1/tasks/success", &report).expect(204);
    assert_eq!(client.wait_for_end(&arn)["output"], 1);
}

#[test]
fn development_mode_listens_on_loopback_only() {
    let home = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let run = Run::of(
            command(home.path())
                .args(["serve", "--dev", "--listen", address, "--data"])
                .arg(home.path().join("data")),
            "",
        )
        .expect(2);
        assert!(run.stderr.contains("loopback"), "{}", run.stderr);
        assert!(!home.path().join("data").exists(), "a folder was made");
    }
}

#[test]
fn development_mode_takes_no_requests_of_foreign_pages() {
    let server = TestServer::start();
    let ask = |name, value| {
        let answer = server
            .client()
            .try_send(Method::GET, "/v1/components", &[(name, value)], "");
        answer.unwrap()
    };
    ask("origin", "https://shop.example").expect_refusal(403, "ForbiddenOrigin", None);
    ask("host", "stepwell.example").expect_refusal(403, "ForbiddenHost", None);
    ask("origin", "http://localhost:5173").expect(200);
}

#[test]
fn an_answer_names_its_request() {
    let server = TestServer::start();
    let ask = |headers: &[(&str, &str)]| {
        let answer = server
            .client()
            .try_send(Method::GET, "/v1/gone", headers, "");
        answer.unwrap().header("x-request-id").to_owned()
    };
    let (first, second) = (ask(&[]), ask(&[]));
    assert!(
        !first.is_empty() && first != second,
        "{first:?}, {second:?}"
    );
    assert_eq!(ask(&[("x-request-id", "order-17")]), "order-17");
}

#[test]
fn probes_and_metrics_are_texts() {
    let server = TestServer::start();
    let client = server.client();
    assert_eq!(client.get("/healthz").expect_text(200), "ok\n");
    assert_eq!(client.get("/readyz").expect_text(200), "ready\n");
    client.deploy("pass", PASS);
    client.run("pass", &Value::Null);

    let metrics = client.get("/metrics");
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let page = metrics.expect_text(200);
    for line in [
        "stepwell_executions_started_total 1",
        r#"stepwell_executions_ended_total{status="succeeded"} 1"#,
        r#"stepwell_http_requests_total{method="GET",route="/readyz",status="200"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}:\n{page}");
    }
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("stepwell_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}
