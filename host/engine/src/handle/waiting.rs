//! Waiting for an execution's end.

use std::time::Duration;

use stepwell_store::ExecutionKey;
use tokio::time::{Instant, timeout_at};

use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::handle::executions::has_ended;
use crate::handle::starting::NewStart;
use crate::model::{Caller, ExecutionDescription, StartExecution, StartedExecution};
use crate::wakeup::Watch;

/// Sees the end of an execution that was started with it, however early that comes.
pub struct EndWatch {
    key: ExecutionKey,
    watch: Watch,
}

impl std::fmt::Debug for EndWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EndWatch").field(&self.key).finish()
    }
}

impl EngineHandle {
    /// Starts an execution whose end is to be waited for. There is no watch where it was
    /// started before, and for an express one: [`wait_for_end`](Self::wait_for_end) finds it.
    ///
    /// # Errors
    ///
    /// Those of [`start_execution`](Self::start_execution).
    pub async fn start_and_watch(
        &self,
        caller: &Caller,
        order: StartExecution,
    ) -> Result<(StartedExecution, Option<EndWatch>), EngineError> {
        self.require_running()?;
        let start = NewStart::by(caller, order);
        let mut watched = None;
        let watch = |key: ExecutionKey| {
            let watch = self.0.watchers.watch(key.0);
            watched = Some(EndWatch { key, watch });
        };
        let started = self.0.starter.start(&caller.tenant, start, watch).await?;
        let watched = watched.filter(|_| !started.existed);
        Ok((started, watched))
    }

    /// Waits for the end of an execution that was started with a watch, as
    /// [`wait_for_end`](Self::wait_for_end) does, without a look for it before.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn wait_for_end_of(
        &self,
        caller: &Caller,
        begun: &EndWatch,
        timeout: Duration,
    ) -> Result<ExecutionDescription, EngineError> {
        let deadline = Instant::now() + timeout;
        let has_ended = async || Ok(begun.watch.has_seen_end());
        self.ended(&begun.watch, deadline, has_ended).await?;
        self.describe(caller, begun.key).await
    }

    /// Waits until an execution has ended, or `timeout` is over; then describes it.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn wait_for_end(
        &self,
        caller: &Caller,
        execution: &str,
        timeout: Duration,
    ) -> Result<ExecutionDescription, EngineError> {
        let deadline = Instant::now() + timeout;
        let row = self.find(caller, execution).await?;
        let key = row.key;
        if has_ended(&row) {
            return self.describe(caller, key).await;
        }
        let watch = self.0.watchers.watch(key.0);
        // Watched before looked at again: an end between the two is not missed.
        let has_ended = async || {
            let row = self
                .read(move |store| store.load_execution_row(key))
                .await?;
            Ok(row.is_none_or(|row| has_ended(&row)))
        };
        self.ended(&watch, deadline, has_ended).await?;
        self.describe(caller, key).await
    }

    /// Waits until an execution ends, unless it has already, as `has_ended` tells; or until
    /// the deadline, or the engine's end: the description tells which.
    async fn ended(
        &self,
        watch: &Watch,
        deadline: Instant,
        has_ended: impl AsyncFnOnce() -> Result<bool, EngineError>,
    ) -> Result<(), EngineError> {
        let ended = watch.ended();
        tokio::pin!(ended);
        ended.as_mut().enable();
        if has_ended().await? {
            return Ok(());
        }
        let mut stop = self.shutting_down();
        tokio::select! {
            _ = timeout_at(deadline, ended) => {}
            _ = stop.wait_for(|stopping| *stopping) => {}
        }
        Ok(())
    }
}
