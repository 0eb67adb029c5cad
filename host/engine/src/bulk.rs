//! Carries bulk operations out: part by part, in turn, at a bounded pace.
//!
//! ```text
//!   order ─> row ─> [ next part of what the filter lets pass ] ─> shards: stop, redrive
//!                        ▲                                           │ each counted in its commit
//!                        └──── position moves on <── all answered <──┘
//! ```
//!
//! The truth is in the rows: the next start of the host goes on where this one was. An
//! execution is noted as changed in the transaction of its change, so that a part that a crash
//! broke off changes nothing twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stepwell_decider::{Failure, Input, Redrive};
use stepwell_store::{
    AuditDetails, BulkKey, BulkPart, BulkRow, ExecutionFilter, ExecutionKey, ExecutionRow,
    ExecutionsOf, Store, StoreError,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::audit::{Origin, action};
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, Inner, filter_within, machine_in_arn, narrowed};
use crate::model::{BulkAction, Caller, ExecutionQuery};
use crate::names::{self, Qualifier};
use crate::permissions::WORKFLOW;
use crate::shard::{Asker, Message};

/// Executions of a part: so many are changed at once.
const PART: usize = 50;
/// A part takes this long at least: 1,000 executions a second at most, whatever the operations.
const PACE: Duration = Duration::from_millis(50);
/// Executions whose problem an operation keeps, at most.
const PROBLEMS_MAX: usize = 100;

/// A way to whoever carries them out.
#[derive(Debug, Default)]
pub(crate) struct Bulk(Arc<Notify>);

/// What the audit log is told of the request that ordered an operation.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredOrigin {
    request: Option<Arc<str>>,
    source: Option<Arc<str>>,
    trace: Option<Arc<str>>,
}

/// Why an execution was not changed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredProblem {
    pub(crate) execution: String,
    pub(crate) reason: String,
}

impl StoredOrigin {
    pub(crate) fn of(origin: Option<&Origin>) -> Self {
        let Some(origin) = origin else {
            return Self::default();
        };
        Self {
            request: origin.request_id.clone(),
            source: origin.source.clone(),
            trace: origin.traceparent.clone(),
        }
    }
}

impl Bulk {
    /// Tells of a new operation.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }

    /// Begins with what an earlier run of the host has left.
    pub(crate) fn start(&self, runtime: &Handle, engine: Weak<Inner>) {
        let news = Arc::clone(&self.0);
        runtime.spawn(async move {
            // What cannot be read waits for the next start of the host.
            let mut aside = BTreeSet::new();
            while let Some(inner) = engine.upgrade() {
                let engine = EngineHandle(inner);
                let went = engine.bulk_round(&mut aside).await;
                let pause = engine.0.starter.config.retry_delay.max(PACE);
                let mut stopping = engine.shutting_down();
                // Nothing of the engine is held while there is nothing to do.
                drop(engine);
                match went {
                    Ok(true) => {}
                    Ok(false) => {
                        tokio::select! {
                            () = news.notified() => {}
                            _ = stopping.wait_for(|stopping| *stopping) => return,
                        }
                    }
                    Err(EngineError::ShuttingDown) => return,
                    // There is no room for more: that is no trouble.
                    Err(EngineError::QuotaExceeded { .. }) => tokio::time::sleep(pause).await,
                    Err(error) => {
                        tracing::warn!(%error, "bulk operations go on later");
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        });
    }
}

/// What became of an execution.
enum Became {
    Changed,
    Skipped(String),
    Failed(String),
}

impl EngineHandle {
    /// Takes each operation one part on; returns whether there is any that goes on.
    async fn bulk_round(&self, aside: &mut BTreeSet<BulkKey>) -> Result<bool, EngineError> {
        let mut open = self.read(Store::open_bulk_operations).await?;
        open.retain(|row| !aside.contains(&row.key));
        let mut trouble = None;
        for row in &open {
            let began = Instant::now();
            if *self.shutting_down().borrow() {
                return Err(EngineError::ShuttingDown);
            }
            match self.bulk_part(row).await {
                Ok(()) => {}
                Err(error @ EngineError::ShuttingDown) => return Err(error),
                // The others are not kept waiting by one that cannot go on now.
                Err(error @ (EngineError::Unavailable(_) | EngineError::QuotaExceeded { .. })) => {
                    trouble = Some(error);
                }
                Err(error) => {
                    let operation = &row.order.uuid;
                    tracing::error!(operation, %error, "a bulk operation is set aside until the next start");
                    aside.insert(row.key);
                }
            }
            tokio::time::sleep(PACE.saturating_sub(began.elapsed())).await;
        }
        trouble.map_or(Ok(!open.is_empty()), Err)
    }

    async fn bulk_part(&self, row: &BulkRow) -> Result<(), EngineError> {
        let caller = self.bulk_caller(row).await?;
        let action = BulkAction::of(row.order.action);
        let filter = bulk_filter(row, &caller, action)?;
        let (operation, position) = (row.key, row.position);
        let definitions = Arc::clone(&self.0.definitions);
        let tenant = Arc::clone(&caller.tenant);
        let part = self
            .read(move |store| {
                let rows = store.list_executions(&filter, position, PART)?;
                let changed = store.changed_by_bulk(operation)?;
                let changed: BTreeSet<ExecutionKey> = changed.into_iter().collect();
                let rows = rows.into_iter().map(|row| {
                    let revision = definitions.revision(store, row.machine, row.revision)?;
                    let machine = machine_in_arn(store, &revision.name, &row)?;
                    let orphan =
                        action == BulkAction::Redrive && crate::handle::is_orphan(store, &row)?;
                    Ok(Member {
                        arn: names::execution_arn(&tenant, &machine, &row.name),
                        was_changed: changed.contains(&row.key),
                        orphan,
                        row,
                    })
                });
                rows.collect::<Result<Vec<Member>, StoreError>>()
            })
            .await?;
        match part.last() {
            None => self.complete_bulk(row, &caller).await,
            Some(_) => {
                let mut became = self.change_all(row, &caller, &part).await?;
                self.correct(row.key, &part, &mut became).await?;
                let told = part_of(row, &part, became)?;
                let store = self.0.store.clone();
                let advanced = crate::handle::blocking(move || store.advance_bulk(told)).await?;
                advanced.map_err(from_store)
            }
        }
    }

    /// Changes the executions of a part at once, and waits until each change is durable. Where
    /// the tenant may have no more executions that run, the part ends there.
    async fn change_all(
        &self,
        row: &BulkRow,
        caller: &Caller,
        part: &[Member],
    ) -> Result<Vec<Became>, EngineError> {
        let mut under_way = Vec::with_capacity(part.len());
        for member in part {
            if member.was_changed {
                under_way.push(Turn::Over(Became::Changed));
                continue;
            }
            if member.orphan {
                let reason = "its state machine is deleted".to_owned();
                under_way.push(Turn::Over(Became::Failed(reason)));
                continue;
            }
            let place = match BulkAction::of(row.order.action) {
                BulkAction::Stop => None,
                BulkAction::Redrive => {
                    match self.0.starter.ledgers.of(caller.tenant.id).admit_again() {
                        Ok(place) => Some(place),
                        Err(full) if under_way.is_empty() => return Err(full.into()),
                        Err(_) => break,
                    }
                }
            };
            let answer = self.send_change(row, caller, member);
            under_way.push(Turn::Taken(answer, place));
        }
        let mut became = Vec::with_capacity(under_way.len());
        for turn in under_way {
            became.push(match turn {
                Turn::Over(became) => Ok(became),
                Turn::Taken(answer, place) => {
                    let answer = answer.await;
                    // The place is held until the store counts it.
                    drop(place);
                    answer.map_or(Err(EngineError::ShuttingDown), judged)
                }
            });
        }
        // Not before all have answered: what is under way is not told a second time.
        became.into_iter().collect()
    }

    /// Whoever was told twice, since nobody knew what became of the first time, may have been
    /// changed by the first: they are counted already.
    async fn correct(
        &self,
        operation: BulkKey,
        part: &[Member],
        became: &mut [Became],
    ) -> Result<(), EngineError> {
        if became.iter().all(|one| matches!(one, Became::Changed)) {
            return Ok(());
        }
        let changed = self.read(move |store| store.changed_by_bulk(operation));
        let changed: BTreeSet<ExecutionKey> = changed.await?.into_iter().collect();
        for (member, became) in part.iter().zip(became) {
            if changed.contains(&member.row.key) {
                *became = Became::Changed;
            }
        }
        Ok(())
    }

    fn send_change(
        &self,
        row: &BulkRow,
        caller: &Caller,
        member: &Member,
    ) -> oneshot::Receiver<Result<(), EngineError>> {
        let (reply, answer) = oneshot::channel();
        let (input, action) = bulk_input(row, caller);
        let details = AuditDetails::default()
            .text("bulk_operation", &row.order.uuid)
            .maybe("error", row.order.error.as_deref());
        let entry = self.entry(caller, action, member.arn.as_str(), Some(details));
        let message = Message::Input {
            key: member.row.key,
            input,
            told_child: None,
            asked: Some(Asker {
                reply,
                entry: Some(entry),
                revision: None,
                bulk: Some(row.key),
            }),
        };
        self.0.starter.shards.of(member.row.key).send(message);
        answer
    }

    async fn complete_bulk(&self, row: &BulkRow, caller: &Caller) -> Result<(), EngineError> {
        let total = row.total();
        let details = AuditDetails::default()
            .number("done", row.counts.done)
            .number("skipped", total.skipped)
            .number("failed", row.counts.failed);
        let id = row.order.uuid.as_str();
        let entry = self.entry(caller, action::BULK_END, id, Some(details));
        let (store, key, at) = (self.0.store.clone(), row.key, self.now());
        let ended =
            crate::handle::blocking(move || store.change(entry).complete_bulk(key, at, total));
        ended.await?.map(drop).map_err(from_store)
    }

    /// Whoever ordered it, as the server knew them then. What they may do was looked at when
    /// they did.
    async fn bulk_caller(&self, row: &BulkRow) -> Result<Caller, EngineError> {
        let (definitions, tenant) = (Arc::clone(&self.0.definitions), row.order.tenant);
        let tenant = self
            .read(move |store| definitions.tenant(store, tenant))
            .await?;
        let origin: StoredOrigin = parse(&row.order.origin).map_err(from_store)?;
        Ok(Caller {
            tenant,
            principal: row.order.ordered_by.as_str().into(),
            name: None,
            role: WORKFLOW.name.into(),
            groups: Arc::default(),
            permissions: WORKFLOW.permissions,
            acting_for: Some(Arc::default()),
            until: None,
            outgoing: false,
            origin: Some(Arc::new(Origin {
                request_id: origin.request,
                source: origin.source,
                traceparent: origin.trace,
            })),
        })
    }
}

/// How an execution of a part stands.
enum Turn<P> {
    Over(Became),
    /// It was told; with the place that it takes among what runs.
    Taken(oneshot::Receiver<Result<(), EngineError>>, Option<P>),
}

/// An execution of a part.
struct Member {
    row: ExecutionRow,
    arn: String,
    /// Before a crash.
    was_changed: bool,
    /// Whether its state machine is gone.
    orphan: bool,
}

/// What an execution is told, and what the audit log is told of it.
fn bulk_input(row: &BulkRow, caller: &Caller) -> (Input, &'static str) {
    let principal = Some(Arc::clone(&caller.principal));
    match BulkAction::of(row.order.action) {
        BulkAction::Stop => {
            let (error, cause) = (row.order.error.as_deref(), row.order.cause.as_deref());
            let failure = Failure::from_parts(error, cause);
            (Input::Stop { failure, principal }, action::EXECUTION_STOP)
        }
        BulkAction::Redrive => {
            let order = Redrive {
                principal,
                acting_for: caller.acting_for.clone(),
                ..Redrive::default()
            };
            (Input::Redrive(Box::new(order)), action::EXECUTION_REDRIVE)
        }
    }
}

/// What an answer says of an execution; an error if it is not known what became of it.
fn judged(answer: Result<(), EngineError>) -> Result<Became, EngineError> {
    Ok(match answer {
        Ok(()) => Became::Changed,
        Err(EngineError::ExecutionEnded) => Became::Skipped("it had ended meanwhile".to_owned()),
        Err(EngineError::NotFound { .. }) => Became::Skipped("it is gone".to_owned()),
        Err(EngineError::NotRedrivable { reason }) => Became::Failed(reason),
        Err(error @ (EngineError::ShuttingDown | EngineError::Unavailable(_))) => {
            return Err(error);
        }
        Err(error) => Became::Failed(error.to_string()),
    })
}

fn part_of(row: &BulkRow, part: &[Member], became: Vec<Became>) -> Result<BulkPart, EngineError> {
    let last = part.get(became.len().saturating_sub(1));
    let position = last.map(|last| last.row.position());
    let position = position
        .ok_or_else(|| EngineError::Internal("a part of a bulk operation is empty".to_owned()))?;
    let mut problems: Vec<StoredProblem> = parse(&row.problems).map_err(from_store)?;
    let (mut skipped, mut failed) = (0, 0);
    for (member, became) in part.iter().zip(became) {
        let reason = match became {
            Became::Changed => continue,
            Became::Skipped(reason) => {
                skipped += 1;
                reason
            }
            Became::Failed(reason) => {
                failed += 1;
                reason
            }
        };
        if problems.len() < PROBLEMS_MAX {
            problems.push(StoredProblem {
                execution: member.arn.clone(),
                reason,
            });
        }
    }
    Ok(BulkPart {
        operation: row.key,
        position,
        skipped,
        failed,
        problems: serde_json::to_string(&problems)
            .map_err(|error| EngineError::Internal(format!("a bulk operation: {error}")))?,
    })
}

/// The executions that an operation means: as of its order, whatever has become of names since.
fn bulk_filter(
    row: &BulkRow,
    caller: &Caller,
    action: BulkAction,
) -> Result<ExecutionFilter, EngineError> {
    let query: ExecutionQuery = parse(&row.order.query).map_err(from_store)?;
    let given = query.state_machine.as_deref();
    let reference = given.and_then(|given| names::machine_reference(&caller.tenant, given));
    let of = match row.order.machine {
        None => ExecutionsOf::Tenant(row.order.tenant),
        Some(machine) => match reference.and_then(|reference| reference.qualifier) {
            None => ExecutionsOf::Machine(machine),
            Some(Qualifier::Version(version)) => ExecutionsOf::Version(machine, version),
            Some(Qualifier::Alias(alias)) => ExecutionsOf::Alias(machine, alias.to_owned()),
        },
    };
    let mut filter = narrowed(filter_within(of, &query)?, action, row.order.ordered_at)?;
    filter.up_to = Some(row.order.up_to);
    Ok(filter)
}

/// Reads what an operation's row holds.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt {
        what: format!("a bulk operation: {error}"),
    })
}
