//! An engine for one case behind the door: in memory, with a clock that jumps, and with no
//! components.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use serde_json::Value;
use stepwell_engine::{
    AccessOrder, Caller, CheckedComponent, Clock as _, Engine, EngineConfig, EngineHandle,
    ExecutionQuery, Failure, HistoryRange, ListExecutions, NewTenantOrder, RefusedComponent,
    RunningTask, SimulatedClock, Status, TaskEnd, TaskOrder, TaskResult, TaskRunner, Timestamp,
    Usage,
};
use stepwell_server::wire::AwsEvents;
use stepwell_server::{Auth, ServerConfig, router};
use stepwell_store::{Store, StoreOptions};
use stepwell_tests::{Signer, Unsigned};
use tower::{Service, ServiceExt as _};

/// Where the clock of every case begins: on the day on which what the cases send was
/// observed, 2026-11-21, since some of it counts from there.
const START: Timestamp = Timestamp::from_ms(1_795_262_400_000);
/// How long a call takes by that clock.
const CALL: Duration = Duration::from_millis(20);
/// How long is waited at once for something to happen; by the true clock, and short, since
/// it may happen elsewhere.
const PATIENCE: Duration = Duration::from_millis(20);
/// How often nothing may have happened, before nothing is held to happen any more.
const PATIENCE_MAX: usize = 60;

pub(crate) const REGION: &str = "recorded-region-1";
pub(crate) const ACCOUNT: &str = "111111111111";
/// The account of another tenant.
pub(crate) const NEIGHBOUR: &str = "222222222222";

/// Headers of a request.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// Knows no component.
struct NoComponents;

impl TaskRunner for NoComponents {
    fn run(&self, _order: TaskOrder) -> RunningTask {
        Box::pin(async {
            TaskEnd {
                result: TaskResult::Failed(Failure::new("NoComponent", "none runs here")),
                usage: Usage::default(),
            }
        })
    }

    fn check(&self, _wasm: &[u8]) -> Result<CheckedComponent, RefusedComponent> {
        Err(RefusedComponent {
            code: "NoComponent",
            message: "none runs here".to_owned(),
        })
    }
}

/// A running engine and its door.
pub(crate) struct Host {
    engine: Option<Engine>,
    handle: EngineHandle,
    door: Door,
    caller: Caller,
    clock: SimulatedClock,
}

/// Answers a request with its status and body.
type Door = Box<dyn Fn(Request<Full<Bytes>>) -> Pin<Box<dyn Future<Output = (u16, Bytes)>>>>;

/// Makes a door of the server's service.
fn door<S, B>(service: S) -> Door
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + 'static,
    S::Error: Debug,
    S::Future: 'static,
    B: hyper::body::Body + 'static,
    B::Error: Debug,
{
    Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move {
            let answer = service.oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap();
            (status, body.to_bytes())
        })
    })
}

/// What the door answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// What the host does at a moment.
enum Moment {
    /// Something, or it is about to; an execution that it does it for, and its newest event.
    Busy(String, u64),
    /// Executions wait: for the time, or for something else.
    Waits(Option<Timestamp>),
    /// No execution runs.
    Idle,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let clock = SimulatedClock::new(START);
        let config = EngineConfig {
            shards: 1,
            guest_threads: 1,
            shutdown_grace: Duration::ZERO,
            clock: Arc::new(clock.clone()),
            ..EngineConfig::default()
        };
        let store = Store::open(StoreOptions::memory()).unwrap();
        let engine = Engine::start(config, store, Arc::new(NoComponents)).unwrap();
        let handle = engine.handle();
        handle.show_events_as(Arc::new(AwsEvents));
        let tenant = NewTenantOrder {
            name: "recorded".to_owned(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
        };
        handle.ensure_tenant(tenant).await.unwrap();
        let caller = handle.caller_for_tenant("recorded", "test").await.unwrap();
        let config = ServerConfig::new(Auth::Dev {
            caller: caller.clone(),
        });
        Self {
            engine: Some(engine),
            door: door(router(handle.clone(), config)),
            handle,
            caller,
            clock,
        }
    }

    /// What the door answers to one operation, signed with the key of development mode.
    pub(crate) async fn call(&self, operation: &str, sent: &Value) -> Answer {
        // A call takes a while, as on AWS: what came later is later.
        self.clock.advance(CALL);
        let body = sent.to_string();
        let headers = self.sign(&Signer::dev(REGION), operation, body.as_bytes());
        self.send(headers, body.into_bytes()).await
    }

    /// The headers of an operation that is signed now.
    pub(crate) fn sign(&self, signer: &Signer, operation: &str, body: &[u8]) -> Headers {
        signer.headers(Unsigned {
            host: "localhost",
            operation,
            body,
            at: &self.clock.now().to_string(),
        })
    }

    /// What the door answers to a request, be it signed or not.
    pub(crate) async fn send(&self, headers: Headers, body: Vec<u8>) -> Answer {
        let mut builder = Request::builder().method("POST").uri("/");
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let request = builder.body(Full::<Bytes>::from(body)).unwrap();
        let (status, bytes) = (self.door)(request).await;
        let body = serde_json::from_slice(&bytes).unwrap();
        Answer { status, body }
    }

    /// The clock of this host.
    pub(crate) fn clock(&self) -> &SimulatedClock {
        &self.clock
    }

    /// Somebody of another tenant.
    pub(crate) async fn neighbour(&self) -> Signer {
        let tenant = NewTenantOrder {
            name: "neighbour".to_owned(),
            account: NEIGHBOUR.to_owned(),
            region: REGION.to_owned(),
        };
        self.handle.ensure_tenant(tenant).await.unwrap();
        let caller = self.handle.caller_for_tenant("neighbour", "test").await;
        let key = self
            .handle
            .make_access_key(&caller.unwrap(), AccessOrder::new("key", "admin"))
            .await;
        let key = key.unwrap();
        Signer {
            key_id: key.id.clone(),
            secret: key.secret.clone(),
            region: REGION.to_owned(),
        }
    }

    /// Waits until nothing more happens without the time going on.
    pub(crate) async fn rest(&self) {
        self.next_due().await;
    }

    /// Lets the time go on to what is due next; false if nothing is.
    pub(crate) async fn go_on(&self) -> bool {
        let due = self.next_due().await;
        if let Some(due) = due {
            self.clock.advance_to(due);
        }
        due.is_some()
    }

    /// Waits for rest, and says what is due after that.
    async fn next_due(&self) -> Option<Timestamp> {
        for _ in 0..PATIENCE_MAX {
            match self.look().await {
                Moment::Busy(execution, seen) => {
                    let waited =
                        self.handle
                            .wait_for_events(&self.caller, &execution, seen, PATIENCE);
                    waited.await.unwrap();
                }
                // What waits for neither time nor a task waits for others of the host's.
                Moment::Waits(None) => tokio::time::sleep(PATIENCE).await,
                Moment::Waits(due) => return due,
                Moment::Idle => return None,
            }
        }
        None
    }

    async fn look(&self) -> Moment {
        let running = ListExecutions {
            query: ExecutionQuery {
                statuses: vec![Status::Running],
                ..ExecutionQuery::default()
            },
            limit: 1_000,
            ..ListExecutions::default()
        };
        let page = self.handle.list_executions(&self.caller, running).await;
        let running = page.unwrap().items;
        if running.is_empty() {
            return Moment::Idle;
        }
        let (mut earliest, now) = (None, self.clock.now());
        for line in running {
            // Read before looked at: what happens between the two is not waited for.
            let seen = self.newest_event(&line.arn).await;
            let described = self.handle.describe_execution(&self.caller, &line.arn);
            let active = described.await.unwrap().active;
            let is_busy = |waits_for: &str| matches!(waits_for, "its turn" | "the running task");
            let acts = active
                .iter()
                .any(|state| is_busy(&state.waits_for) || state.due.is_some_and(|due| due <= now));
            if acts || active.is_empty() {
                return Moment::Busy(line.arn, seen);
            }
            let due = active.iter().filter_map(|state| state.due);
            earliest = earliest.into_iter().chain(due).min();
        }
        Moment::Waits(earliest)
    }

    async fn newest_event(&self, execution: &str) -> u64 {
        let newest = HistoryRange {
            after: 0,
            limit: 1,
            reverse: true,
        };
        let part = self.handle.read_history(&self.caller, execution, newest);
        let part = part.await.unwrap();
        part.events.first().map_or(0, |event| event.number.0)
    }

    pub(crate) async fn stop(mut self) {
        let engine = self.engine.take().unwrap();
        tokio::task::spawn_blocking(move || engine.shut_down())
            .await
            .unwrap();
    }
}

/// Runs a test on a host of its own.
pub(crate) fn on_host(test: impl AsyncFnOnce(&Host)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let host = Host::start().await;
        test(&host).await;
        host.stop().await;
    });
}
