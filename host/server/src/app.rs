//! What all handlers share.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stepwell_engine::{Caller, EngineHandle};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::auth::oidc::Oidc;
use crate::bodies::{Bodies, Room};
use crate::config::ServerConfig;
use crate::error::{ApiError, Code};
use crate::metrics::HttpMetrics;
use crate::shares::{Share, Shares};
use crate::split::Holder;

/// What all handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: EngineHandle,
    config: ServerConfig,
    oidc: Option<Oidc>,
    metrics: HttpMetrics,
    /// Before it is known who asks.
    requests: Semaphore,
    /// The same places, from when it is known.
    known: Shares,
    waits: Shares,
    bodies: Bodies,
    draining: watch::Sender<bool>,
}

impl App {
    /// Makes the shared state of one server.
    pub(crate) fn new(engine: EngineHandle, config: ServerConfig) -> Self {
        Self(Arc::new(Shared {
            engine,
            oidc: config.oidc.as_ref().map(Oidc::new),
            metrics: HttpMetrics::default(),
            requests: Semaphore::new(config.requests_max),
            known: Shares::new(config.requests_max),
            waits: Shares::new(config.waits_max),
            bodies: Bodies::new(config.bodies_max_bytes),
            draining: watch::Sender::new(false),
            config,
        }))
    }

    /// Returns the way into the engine.
    pub(crate) fn engine(&self) -> &EngineHandle {
        &self.0.engine
    }

    /// Returns the settings.
    pub(crate) fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    /// Returns the identity providers whose tokens are taken, if there are any.
    pub(crate) fn oidc(&self) -> Option<&Oidc> {
        self.0.oidc.as_ref()
    }

    /// Returns the counts of requests.
    pub(crate) fn metrics(&self) -> &HttpMetrics {
        &self.0.metrics
    }

    /// Takes a place among the requests that are handled at once.
    ///
    /// # Errors
    /// All places are taken.
    pub(crate) fn admit(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let place = self.0.requests.try_acquire();
        place.map_err(|full| overloaded(&full.to_string(), "try again"))
    }

    /// Takes the caller's place among these requests.
    ///
    /// # Errors
    /// The caller or their tenant has more than their share of them.
    pub(crate) fn share(&self, caller: &Caller) -> Result<Share<'_>, ApiError> {
        let place = self.0.known.take(Holder::of(caller));
        place.ok_or_else(|| overloaded("of a caller", "try again"))
    }

    /// Waits for room for a body of a caller's, and takes it.
    pub(crate) async fn room_for(&self, caller: &Caller, bytes: usize) -> Room {
        self.0.bodies.room_for(&Holder::of(caller), bytes).await
    }

    /// Takes a place among the requests that wait for something to happen, if the
    /// caller asked for that.
    ///
    /// # Errors
    /// All places are taken, or the caller or their tenant has more than their share of them.
    pub(crate) fn patience(
        &self,
        caller: &Caller,
        seconds: Option<u64>,
    ) -> Result<Option<Patience<'_>>, ApiError> {
        let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else {
            return Ok(None);
        };
        let place = self.0.waits.take(Holder::of(caller));
        let place = place
            .ok_or_else(|| overloaded("that wait, of a caller", "try again, or without 'wait'"))?;
        Ok(Some(Patience {
            time: Duration::from_secs(seconds).min(self.0.config.wait_max),
            draining: self.0.draining.subscribe(),
            engine_stopping: self.0.engine.shutting_down(),
            _place: place,
        }))
    }

    /// Ends all waiting early, from now on.
    pub(crate) fn drain(&self) {
        self.0.draining.send_replace(true);
    }
}

/// How long a request may wait for something to happen, and its place among those.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    time: Duration,
    draining: watch::Receiver<bool>,
    engine_stopping: watch::Receiver<bool>,
    _place: Share<'a>,
}

impl Patience<'_> {
    /// Returns how long to wait.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// Waits for `happening`; returns nothing if the server or the engine shuts down
    /// before that.
    pub(crate) async fn wait<T>(mut self, happening: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            happened = happening => Some(happened),
            _ = self.draining.wait_for(|draining| *draining) => None,
            _ = self.engine_stopping.wait_for(|stopping| *stopping) => None,
        }
    }
}

fn overloaded(full: &str, advice: &str) -> ApiError {
    tracing::warn!(full, "refused a request: too many at once");
    ApiError::new(
        Code::Overloaded,
        format!("too many requests at once: {advice}"),
    )
}
