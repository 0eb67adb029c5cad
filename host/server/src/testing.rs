//! A router on an engine of its own, for the tests of this crate.
//!
//! What runs tasks is tested elsewhere: one text passes for a component, and none runs.
//! Executions pass, wait for events, and fail, which is all that translation needs.

pub(crate) mod neighbour;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use stepwell_engine::{
    Caller, CheckedComponent, Clock, ComponentDigest, Engine, EngineConfig, EngineHandle, Failure,
    MailSettings, Mailer, NewTenantOrder, NotificationConfig, RefusedComponent, RunningTask,
    SystemClock, TaskEnd, TaskOrder, TaskResult, TaskRunner, Usage,
};
use stepwell_store::{Store, StoreOptions};
use stepwell_vault::{MasterKey, Vault};
use tower::ServiceExt;

use crate::app::App;
use crate::router::router_of;
use crate::{Auth, ServerConfig};

/// Passes its input on, and asks a person in between.
pub(crate) const ASK: &str = r#"{
    "StartAt": "Ask",
    "States": {
        "Ask": {"Type": "Task", "Resource": "stepwell:event:answer", "Next": "Done"},
        "Done": {"Type": "Pass", "End": true}
    }
}"#;

/// Passes its input on.
pub(crate) const PASS: &str =
    r#"{"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}"#;

/// What passes for the bytes of a component.
pub(crate) const COMPONENT: &str = "a component";

/// Runs no task and refuses every other component.
struct NoTasks;

impl TaskRunner for NoTasks {
    fn run(&self, _: TaskOrder) -> RunningTask {
        Box::pin(async {
            TaskEnd {
                result: TaskResult::Failed(Failure::named("NoTasks")),
                usage: Usage::default(),
            }
        })
    }

    fn check(&self, wasm: &[u8]) -> Result<CheckedComponent, RefusedComponent> {
        if wasm == COMPONENT.as_bytes() {
            return Ok(CheckedComponent {
                digest: ComponentDigest::of(wasm),
                wasm: wasm.to_vec(),
                imports: Vec::new(),
                description: None,
            });
        }
        let message = "no component is taken here".to_owned();
        Err(RefusedComponent {
            code: "NotWasm",
            message,
        })
    }
}

/// The API on an engine in memory.
pub(crate) struct TestApi {
    pub(crate) router: Router,
    pub(crate) engine: EngineHandle,
    pub(crate) caller: Caller,
    app: App,
    // Its threads end with it.
    _engine: Engine,
    _backups: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Returns the code of a refusal.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        body["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// Notifications by mail can be made; there is no relay.
fn mails_to_nobody() -> NotificationConfig {
    let mailer = Mailer::new(&MailSettings {
        url: "smtp://127.0.0.1:9?tls=none".to_owned(),
        password: None,
        from: "stepwell@example.com".to_owned(),
        allow: vec!["any".to_owned()],
    });
    NotificationConfig {
        mailer: Some(Arc::new(mailer.unwrap())),
        public_url: None,
    }
}

impl TestApi {
    /// The API in development mode.
    pub(crate) async fn dev() -> Self {
        Self::with(|caller| ServerConfig::new(Auth::Dev { caller })).await
    }

    /// The API that wants tokens.
    pub(crate) async fn tokens() -> Self {
        Self::with(|_| ServerConfig::new(Auth::Tokens)).await
    }

    /// The API with settings.
    pub(crate) async fn with(config: impl FnOnce(Caller) -> ServerConfig) -> Self {
        Self::at(Arc::new(SystemClock), config).await
    }

    /// The API with settings, and a clock.
    pub(crate) async fn at(
        clock: Arc<dyn Clock>,
        config: impl FnOnce(Caller) -> ServerConfig,
    ) -> Self {
        let vault = Vault::new(MasterKey::generate().unwrap(), []);
        Self::of(clock, vault, config).await
    }

    /// The API with settings, a clock, and master keys.
    pub(crate) async fn of(
        clock: Arc<dyn Clock>,
        vault: Vault,
        config: impl FnOnce(Caller) -> ServerConfig,
    ) -> Self {
        let store = Store::open(StoreOptions::memory()).unwrap();
        let backups = tempfile::tempdir().unwrap();
        let engine_config = EngineConfig {
            shards: 1,
            guest_threads: 1,
            clock,
            vault: Arc::new(vault),
            backups: Some(backups.path().to_owned()),
            notifications: mails_to_nobody(),
            ..EngineConfig::default()
        };
        let engine = Engine::start(engine_config, store, Arc::new(NoTasks)).unwrap();
        let handle = engine.handle();
        handle.show_events_as(Arc::new(crate::wire::AwsEvents));
        let tenant = NewTenantOrder {
            name: "dev".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        handle.ensure_tenant(tenant).await.unwrap();
        let caller = handle.caller_for_tenant("dev", "dev").await.unwrap();
        let app = App::new(handle.clone(), config(caller.clone()));
        Self {
            router: router_of(app.clone()),
            app,
            engine: handle,
            caller,
            _engine: engine,
            _backups: backups,
        }
    }

    /// Ends all waiting, as a server does that stops.
    pub(crate) fn drain(&self) {
        self.app.drain();
    }

    /// Sends a request to this machine.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, None, "")).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(request(Method::DELETE, path, None, "")).await
    }

    pub(crate) async fn post(&self, path: &str, json: impl Into<String>) -> Answer {
        let request = request(Method::POST, path, Some("application/json"), json);
        self.send(request).await
    }

    /// Deploys a definition under a name.
    pub(crate) async fn deploy(&self, name: &str, definition: &str) {
        let path = format!("/v1/state-machines?raw=true&name={name}");
        let answer = self.post(&path, definition).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    }
}

/// Makes a request to this machine.
pub(crate) fn request(
    method: Method,
    path: &str,
    content_type: Option<&str>,
    body: impl Into<String>,
) -> Request<Body> {
    let mut builder = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:8080");
    if let Some(content_type) = content_type {
        builder = builder.header("content-type", content_type);
    }
    builder.body(Body::from(body.into())).unwrap()
}
