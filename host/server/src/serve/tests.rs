//! Real connections: slow ones, and the end of the server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::testing::{ASK, TestApi};

/// Longer than anything here takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<Result<(), ServeError>>,
}

async fn serve_on_loopback(api: &TestApi, adjust: impl FnOnce(&mut ServerConfig)) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let caller = api.caller.clone();
    let mut config = ServerConfig::new(Auth::Dev { caller });
    adjust(&mut config);
    let shutdown = async move {
        let _ = stopped.await;
    };
    let server = tokio::spawn(serve(listener, api.engine.clone(), config, shutdown));
    Running {
        address,
        stop,
        server,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.server)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

/// Reads until the other side closes.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_request_is_answered() {
    let api = TestApi::dev().await;
    let running = serve_on_loopback(&api, |_| {}).await;
    let mut stream = running.connect().await;
    stream.write_all(get("/healthz").as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok\n"),
        "{answer}"
    );
    running.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_arrive_is_given_up() {
    let api = TestApi::dev().await;
    let running = serve_on_loopback(&api, |config| {
        config.head_timeout = Duration::from_millis(20);
        // One connection holds the only place, so the next one shows that it ended.
        config.connections_max = 1;
    })
    .await;
    for start in ["", "GET /healthz HTTP/1.1\r\nhost:"] {
        let mut slow = running.connect().await;
        slow.write_all(start.as_bytes()).await.unwrap();
        read_all(&mut slow).await;
    }
    let mut next = running.connect().await;
    next.write_all(get("/healthz").as_bytes()).await.unwrap();
    assert!(read_all(&mut next).await.starts_with("HTTP/1.1 200"));
    running.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_loses_its_place() {
    let api = TestApi::dev().await;
    let running = serve_on_loopback(&api, |config| {
        config.write_timeout = Duration::from_millis(20);
        config.connections_max = 1;
    })
    .await;
    let deaf = running.connect().await;
    let (_unread, mut asks) = deaf.into_split();
    // So many answers fit into no buffer on the way, and their requests are read one by one.
    let flood = tokio::spawn(async move {
        let request = "GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
        while asks.write_all(request.as_bytes()).await.is_ok() {}
    });
    timeout(PATIENCE, flood).await.unwrap().unwrap();
    let mut next = running.connect().await;
    next.write_all(get("/healthz").as_bytes()).await.unwrap();
    assert!(read_all(&mut next).await.starts_with("HTTP/1.1 200"));
    running.end().await;
}

#[tokio::test]
async fn the_body_of_somebody_unknown_is_not_waited_for() {
    let api = TestApi::dev().await;
    let running = serve_on_loopback(&api, |config| {
        config.body_timeout = 10 * PATIENCE;
    })
    .await;
    let key = "Credential=NOBODYSKEY/20261121/local/states/aws4_request, SignedHeaders=host, \
               Signature=00";
    for authorization in [
        String::new(),
        format!("authorization: AWS4-HMAC-SHA256 {key}\r\n"),
    ] {
        let mut slow = running.connect().await;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AWSStepFunctions.ListStateMachines\r\n\
             content-length: 4000000\r\n{authorization}\r\n{{"
        );
        slow.write_all(head.as_bytes()).await.unwrap();
        let answer = read_all(&mut slow).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(answer.contains("Exception"), "{answer}");
    }
    running.end().await;
}

#[tokio::test]
async fn the_end_of_the_server_answers_those_who_wait() {
    let api = TestApi::dev().await;
    api.deploy("ask", ASK).await;
    let started = api
        .post(
            "/v1/executions",
            r#"{"stateMachine": "ask", "name": "one"}"#,
        )
        .await;
    assert_eq!(started.status, axum::http::StatusCode::CREATED);
    let running = serve_on_loopback(&api, |_| {}).await;
    let mut waiting = running.connect().await;
    let poll = get("/v1/executions/ask%2Fone?wait=60");
    waiting.write_all(poll.as_bytes()).await.unwrap();
    // A second request on the same server shows that the first one was taken.
    let mut other = running.connect().await;
    other.write_all(get("/healthz").as_bytes()).await.unwrap();
    read_all(&mut other).await;
    let begun = std::time::Instant::now();
    running.end().await;
    let answer = read_all(&mut waiting).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"status\":\"RUNNING\""), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn development_mode_listens_on_loopback_only() {
    let api = TestApi::dev().await;
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let config = ServerConfig::new(Auth::Dev {
        caller: api.caller.clone(),
    });
    let served = serve(listener, api.engine.clone(), config, std::future::pending()).await;
    assert!(
        matches!(served, Err(ServeError::NotLoopback { .. })),
        "{served:?}"
    );
}
