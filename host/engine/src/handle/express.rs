//! Starts express executions: so that somebody waits for the end, or durably.

use std::sync::Arc;

use stepwell_decider::{EventKind, ExecutionStarted};
use stepwell_states::ExecutionType;
use stepwell_store::{ExecutionKey, ExpressStartRow, StoreError};
use tokio::sync::oneshot;

use crate::audit::action;
use crate::error::EngineError;
use crate::express::{LASTS_MAX_MS, Waits};
use crate::handle::EngineHandle;
use crate::handle::starting::{NewStart, Prepared, Starter, uuid_for};
use crate::model::{Caller, StartExecution, StartedExecution, SyncExecution, Tenant};
use crate::names;
use crate::shard::Message;
use crate::shard::express::{ExpressOrder, remove_start};

/// Starts that are read at a time after a crash.
const BATCH: usize = 64;

impl EngineHandle {
    /// Starts an execution of an express state machine and waits for its end, five minutes
    /// at most. It runs at most once: a host that stops meanwhile has forgotten it. It runs
    /// on when nobody waits any more.
    ///
    /// # Errors
    ///
    /// Those of [`start_execution`](Self::start_execution), and
    /// [`EngineError::TypeNotSupported`] for a standard state machine. An execution that
    /// fails is no error.
    pub async fn start_sync_execution(
        &self,
        caller: &Caller,
        order: StartExecution,
    ) -> Result<SyncExecution, EngineError> {
        self.require_running()?;
        let start = NewStart::by(caller, order);
        self.0.starter.run_sync(&caller.tenant, start).await
    }

    /// Returns how many express executions run, for `/metrics`.
    pub(crate) fn express_running(&self) -> u64 {
        self.0.starter.express.running() as u64
    }
}

impl Starter {
    async fn run_sync(
        &self,
        tenant: &Arc<Tenant>,
        start: NewStart,
    ) -> Result<SyncExecution, EngineError> {
        let prepared = self.prepare(tenant, start).await?;
        if prepared.revision.machine_type != ExecutionType::Express {
            return Err(EngineError::TypeNotSupported {
                machine_type: ExecutionType::Standard.as_str(),
                advice: "start it, and wait for its end",
            });
        }
        let (told, answer) = oneshot::channel();
        let action = action::EXECUTION_START_SYNC;
        self.send_express(tenant, prepared, action, Waits::ForEnd(told))?;
        answer.await.map_err(|_closed| EngineError::ShuttingDown)?
    }

    /// Starts an execution that nobody waits for. When this returns its start is durable,
    /// and it runs at least once: again, if the host crashes before its end.
    pub(super) async fn start_express(
        &self,
        tenant: &Arc<Tenant>,
        prepared: Prepared,
    ) -> Result<StartedExecution, EngineError> {
        if prepared.start.parent.is_some() {
            return Err(EngineError::TypeNotSupported {
                machine_type: ExecutionType::Express.as_str(),
                advice: "leave out .sync, or call aws-sdk:sfn:startSyncExecution",
            });
        }
        let (reply, answer) = oneshot::channel();
        let started_at = self.now();
        let action = action::EXECUTION_START;
        let started = self.send_express(tenant, prepared, action, Waits::ForStart(reply))?;
        answer
            .await
            .map_err(|_closed| EngineError::ShuttingDown)??;
        Ok(StartedExecution {
            arn: started.execution_arn.to_string(),
            name: started.execution_name.to_string(),
            started_at,
            existed: false,
            traceparent: Some(started.trace().to_string()),
        })
    }

    fn send_express(
        &self,
        tenant: &Arc<Tenant>,
        prepared: Prepared,
        action: &'static str,
        waits: Waits,
    ) -> Result<Arc<ExecutionStarted>, EngineError> {
        if !prepared.tags.is_empty() {
            return Err(EngineError::Invalid {
                field: "tags",
                reason: "are for executions that are kept: leave them out for an EXPRESS state \
                         machine"
                    .to_owned(),
            });
        }
        let now = self.now();
        let ledger = self.ledgers.of(tenant.id);
        // It is in memory and cannot wait for the next day.
        ledger.check_fuel(now)?;
        let mut place = self.express.admit(prepared.input.byte_len())?;
        place.of_tenant(ledger.admit_start(now)?);
        let mut started = self.described(tenant, &prepared);
        let id = uuid_for(b"express", &prepared.seed);
        let (machine, name) = (&prepared.revision.name, &prepared.name);
        started.execution_arn = names::express_arn(tenant, machine, name, &id).into();
        let longest = self.now().plus_ms(LASTS_MAX_MS);
        started.deadline = Some(
            started
                .deadline
                .map_or(longest, |deadline| deadline.min(longest)),
        );
        let audit = Some(self.entry_of(&prepared, &started.execution_arn, action));
        let started = Arc::new(started);
        let order = ExpressOrder {
            tenant: Arc::clone(tenant),
            revision: prepared.revision,
            started: Arc::clone(&started),
            place,
            audit,
            waits,
        };
        let shard = self.shards.of(ExecutionKey(started.key));
        shard.send(Message::StartExpress(Box::new(order)));
        Ok(started)
    }

    /// Runs again what a host that crashed had not seen the end of, unless its time is over.
    pub(crate) fn take_up_express(&self) -> Result<(), StoreError> {
        let mut after = ExecutionKey(i64::MIN);
        loop {
            let found = self.store.express_starts(after, BATCH)?;
            let is_last = found.len() < BATCH;
            for (key, row) in found {
                after = key;
                match row.and_then(|row| self.take_up(row)) {
                    Ok(()) => {}
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => {
                        tracing::error!(execution = key.0, %error, "an express execution is lost");
                        remove_start(&self.store, key);
                    }
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn take_up(&self, row: ExpressStartRow) -> Result<(), StoreError> {
        let EventKind::ExecutionStarted(started) = row.started.kind else {
            return Err(StoreError::Corrupt {
                what: format!("the start of {}", row.key),
            });
        };
        if started
            .deadline
            .is_none_or(|deadline| deadline <= self.now())
        {
            tracing::warn!(
                execution = &*started.execution_arn,
                "an express execution had not ended when the host stopped, and its time is over"
            );
            remove_start(&self.store, row.key);
            return Ok(());
        }
        let tenant = self.definitions.tenant(&self.store, row.tenant)?;
        let mut place = self.express.readmit(started.input.byte_len());
        place.of_tenant(self.ledgers.of(tenant.id).readmit());
        let revision = self
            .definitions
            .revision(&self.store, row.machine, row.revision)?;
        let order = ExpressOrder {
            tenant,
            revision,
            place,
            started,
            audit: None,
            waits: Waits::AfterCrash,
        };
        let shard = self.shards.of(row.key);
        shard.send(Message::StartExpress(Box::new(order)));
        Ok(())
    }
}
