//! How much, how many and how long: the bounds of what a task sends and gets.

use std::io::Write as _;
use std::sync::mpsc;

use serde_json::{Value, json};
use stepwell_egress::Rates;

use crate::harness::{ATTACKER, Host, Setup, told};
use crate::server::Server;

async fn granted(server: &Server, setup: Setup) -> (Host, String) {
    let host = Host::start(setup, &[ATTACKER]).await;
    let grant = json!([{"Host": format!("api.test:{}", server.port), "Schemes": ["http"],
        "Methods": ["GET", "POST"]}]);
    let deployed = host.deploy(ATTACKER, json!({"Http": grant})).await;
    deployed.unwrap_or_else(|error| panic!("{error:#?}"));
    (host, format!("http://api.test:{}/", server.port))
}

async fn first(host: &Host, attack: Value) -> String {
    told(&host.attack_again(&attack).await[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_too_large_are_stopped_as_task_limit() {
    let server = Server::answering("200 OK", "", "ok");
    let (host, url) = granted(&server, Setup::default()).await;
    let body = json!({"url": url, "method": "POST", "bodyBytes": (1 << 20) + 1});
    assert_eq!(first(&host, body).await, "HttpTooLarge");
    assert_eq!(host.controls(), ["task-limit"]);
    let fields = json!({"url": url, "moreHeaders": 101});
    assert_eq!(first(&host, fields).await, "HttpTooLarge");
    assert_eq!(host.controls(), ["task-limit"]);
    // What no set of fields takes in has no error of WASI: the call ends.
    let field = json!({"url": url, "headerBytes": 128 << 10});
    let failure = host.run(&field).await.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("Stepwell.ResourceLimit"));
    assert_eq!(server.requests(), [""; 0]);
    // What just fits goes through.
    let body = json!({"url": url, "method": "POST", "bodyBytes": 1 << 20});
    assert_eq!(first(&host, body).await, "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_the_hosts_own_cannot_be_set() {
    let server = Server::answering("200 OK", "", "ok");
    let (host, url) = granted(&server, Setup::default()).await;
    for (name, value) in [
        ("Host", "169.254.169.254"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Content-Length", "7"),
        ("X-Split", "a\r\nHost: evil"),
        ("X Split", "a"),
    ] {
        let attack = json!({"url": url, "headers": [[name, value]]});
        let told = first(&host, attack).await;
        assert!(
            matches!(&*told, "HttpInvalid" | "HttpTooLarge"),
            "{name}: {told}"
        );
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_too_large_are_cut_off() {
    let long_body = Server::with(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
        // For as long as somebody listens.
        while stream.write_all(&[b'x'; 4_096]).is_ok() {}
    });
    let long_headers = Server::with(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
        while stream
            .write_all(&[b"X-Filler: ".as_slice(), &[b'x'; 1_000], b"\r\n"].concat())
            .is_ok()
        {}
    });
    for server in [long_body, long_headers] {
        let (host, url) = granted(&server, Setup::default()).await;
        let told = first(&host, json!({"url": url})).await;
        assert!(
            matches!(&*told, "HttpTooLarge" | "HttpUnreachable"),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_ends_with_its_time() {
    let (hold, held) = mpsc::channel::<()>();
    let server = Server::with(move |_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"));
        // Until the test is over.
        let _ended = held.recv();
    });
    let (host, url) = granted(&server, Setup::default()).await;
    let attack = json!({"url": url, "timeoutMs": 200});
    assert_eq!(first(&host, attack).await, "HttpTimedOut");
    drop(hold);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waits_for_an_answer_has_its_own_time() {
    let (hold, held) = mpsc::channel::<()>();
    let server = Server::with(move |_, _| {
        let _ended = held.recv();
    });
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let definition = json!({"StartAt": "Send", "States": {"Send": {"Type": "Task",
        "Resource": format!("task:{ATTACKER}"), "TimeoutSeconds": 1, "End": true,
        "Grants": {"Http": [{"Host": format!("api.test:{}", server.port), "Schemes": ["http"]}]}}}});
    host.deploy_definition(&definition).await.unwrap();
    let url = format!("http://api.test:{}/", server.port);
    let end = host.run(&json!({"url": url})).await;
    match (end.output, end.failure) {
        // The request may come to its end first: both have the same second.
        (Some(output), _) => assert!(output.as_str().contains("HttpTimedOut"), "{output:?}"),
        (None, failure) => {
            let error = failure.unwrap().error;
            assert_eq!(error.as_deref(), Some("States.Timeout"));
        }
    }
    drop(hold);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_of_a_task_are_stopped_as_task_limit() {
    let server = Server::answering("200 OK", "", "ok");
    let rates = Rates {
        per_second: 10_000,
        burst: 10_000,
        at_once: 8,
    };
    let setup = Setup {
        rates,
        ..Setup::default()
    };
    let (host, url) = granted(&server, setup).await;
    let ended = host.attack_again(&json!({"url": url, "times": 102})).await;
    let told: Vec<String> = ended.iter().map(told).collect();
    assert!(told[..100].iter().all(|told| told == "200"), "{told:?}");
    assert_eq!(told[100..], ["HttpTooMany", "HttpTooMany"]);
    assert_eq!(host.controls(), ["task-limit", "task-limit"]);
    assert_eq!(server.requests().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_of_a_tenant_are_stopped_as_tenant_rate() {
    let server = Server::answering("200 OK", "", "ok");
    let rates = Rates {
        per_second: 1,
        burst: 2,
        at_once: 8,
    };
    let setup = Setup {
        rates,
        ..Setup::default()
    };
    let (host, url) = granted(&server, setup).await;
    let ended = host.attack_again(&json!({"url": url, "times": 30})).await;
    let denied = ended.iter().filter(|ended| told(ended) == "HttpTooMany");
    // The bucket may have got some more while the guest ran.
    assert!(denied.count() >= 20, "{ended:?}");
    let controls = host.controls();
    assert!(
        controls.iter().all(|control| *control == "tenant-rate"),
        "{controls:?}"
    );
    // What is not granted uses nothing of it up.
    let other = json!({"url": "http://other.test/"});
    assert_eq!(first(&host, other).await, "HttpDenied");
}
