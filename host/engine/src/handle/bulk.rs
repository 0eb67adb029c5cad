//! Bulk operations: look what a filter lets pass, order a change to all of it, follow it.

use std::collections::BTreeMap;

use stepwell_decider::Status;
use stepwell_states::Timestamp;
use stepwell_store::{
    AuditDetails, BulkKey, BulkRow, ExecutionFilter, ExecutionKey, ExecutionsOf, MachineId,
    NewBulkOperation, StoreError, TenantId, TimeRange,
};

use crate::audit::action;
use crate::bulk::{StoredOrigin, StoredProblem, parse};
use crate::error::{EngineError, from_store};
use crate::handle::failures::given_failure;
use crate::handle::search::machine_names;
use crate::handle::starting::new_uuid;
use crate::handle::{EngineHandle, blocking};
use crate::model::{
    BulkAction, BulkCount, BulkDescription, BulkOrder, BulkPreview, BulkStatus, Caller,
    ExecutionQuery, PageOf,
};
use crate::sfn::SealedList;

/// Operations of a tenant that go on at once, at most.
const OPEN_MAX: usize = 10;
/// Names that a preview shows.
const SAMPLE: usize = 10;
/// Lines of a list's page, at most.
const PAGE_MAX: u32 = 1_000;

impl EngineHandle {
    /// Tells what an order would change, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a filter that cannot be, or that lets everything pass
    /// without the order saying so; [`EngineError::NotFound`] if there is no such state machine;
    /// or trouble of the host's own.
    pub async fn preview_bulk(
        &self,
        caller: &Caller,
        order: &BulkOrder,
    ) -> Result<BulkPreview, EngineError> {
        check(order)?;
        let at = self.now();
        let filter = self.bulk_filter(caller, order, at).await?;
        let (counted, sample) = self
            .read(move |store| {
                let counted = store.count_matching(&filter)?;
                let sample = store.list_executions(&filter, None, SAMPLE)?;
                let machines = counted.iter().map(|count| count.machine);
                let machines = machines.chain(sample.iter().map(|row| row.machine));
                let names = machine_names(store, machines)?;
                let name = |machine: MachineId| names.get(&machine).cloned().unwrap_or_default();
                let counted = counted.iter().map(|count| BulkCount {
                    state_machine: name(count.machine),
                    status: crate::shard::decider_status(count.status),
                    count: count.count,
                });
                let counted: Vec<BulkCount> = counted.collect();
                let sample = sample.iter();
                let sample = sample.map(|row| format!("{}/{}", name(row.machine), row.name));
                Ok((counted, sample.collect()))
            })
            .await?;
        Ok(BulkPreview {
            at,
            matching: counted.iter().map(|count| count.count).sum(),
            counts: summed(counted),
            sample,
        })
    }

    /// Orders a change to all executions that there are now and that a filter lets pass. When
    /// this returns the order is durable; it is carried out by the host, at its own pace.
    ///
    /// # Errors
    ///
    /// As [`EngineHandle::preview_bulk`]; [`EngineError::Invalid`] if nothing would be changed,
    /// [`EngineError::TooMany`] if too many operations go on.
    pub async fn order_bulk(
        &self,
        caller: &Caller,
        order: BulkOrder,
    ) -> Result<BulkDescription, EngineError> {
        self.require_running()?;
        check(&order)?;
        let at = self.now();
        let mut filter = self.bulk_filter(caller, &order, at).await?;
        let machine = machine_of(&filter.of);
        let (matching, last) = self
            .read(move |store| {
                let last = store.max_execution_key()?;
                // Exactly those are counted that the operation will look for.
                filter.up_to = last;
                let counted = store.count_matching(&filter)?;
                let matching: u64 = counted.iter().map(|count| count.count).sum();
                Ok((matching, last))
            })
            .await?;
        if matching == 0 {
            let what = order.action.past();
            let reason =
                format!("lets no execution pass that could be {what}: nothing was ordered");
            return Err(invalid("filter", reason));
        }
        let uuid = new_uuid()?;
        let new = NewBulkOperation {
            uuid: uuid.clone(),
            tenant: TenantId(caller.tenant.id),
            action: order.action.stored(),
            query: written(&order.query)?,
            machine,
            error: order.error.clone(),
            cause: order.cause.clone(),
            up_to: last.unwrap_or(ExecutionKey(0)),
            matching,
            ordered_at: at,
            ordered_by: caller.principal.to_string(),
            origin: written(&StoredOrigin::of(caller.origin.as_deref()))?,
        };
        let details = AuditDetails::default()
            .text("action", order.action.word())
            .text("filter", &new.query)
            .number("matching", matching)
            .maybe("error", order.error.as_deref());
        let entry = self.entry(caller, action::BULK_ORDER, uuid.as_str(), Some(details));
        let store = self.0.store.clone();
        let ordered = blocking(move || store.change(entry).order_bulk(new, OPEN_MAX)).await?;
        ordered.map_err(too_many)?;
        self.0.bulk.wake();
        self.describe_bulk(caller, &uuid).await
    }

    /// Tells how an operation stands.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_bulk(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<BulkDescription, EngineError> {
        let row = self.find_bulk(caller, id).await?;
        described(&row)
    }

    /// Lists the tenant's operations, newest first.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a page token or limit that cannot be, or trouble of the
    /// host's own.
    pub async fn list_bulk(
        &self,
        caller: &Caller,
        page_token: Option<&str>,
        limit: u32,
    ) -> Result<PageOf<BulkDescription>, EngineError> {
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(invalid(
                "limit",
                format!("is {limit}; give 1 to {PAGE_MAX}"),
            ));
        }
        let sealed = SealedList::named(self, caller, "bulk operations", &[]).await?;
        let before = sealed.position(page_token)?.map(BulkKey);
        let (tenant, limit) = (TenantId(caller.tenant.id), limit as usize);
        let mut rows = self
            .read(move |store| store.list_bulk_operations(tenant, before, limit + 1))
            .await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().map(|row| sealed.seal(&row.key.0.to_string()));
        Ok(PageOf {
            next_page_token: last.filter(|_| more),
            items: rows.iter().map(described).collect::<Result<_, _>>()?,
        })
    }

    /// Ends an operation before it is through. What it has changed stays changed, and what is
    /// being changed at this moment will be.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::BulkEnded`], or trouble of the host's own.
    pub async fn cancel_bulk(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<BulkDescription, EngineError> {
        self.require_running()?;
        let row = self.find_bulk(caller, id).await?;
        let (at, by) = (self.now(), caller.principal.to_string());
        if row.status != stepwell_store::BulkStatus::Running {
            return Err(EngineError::BulkEnded);
        }
        let details = AuditDetails::default().number("done", row.counts.done);
        let entry = self.entry(caller, action::BULK_CANCEL, id, Some(details));
        let store = self.0.store.clone();
        let ended = blocking(move || store.change(entry).cancel_bulk(row.key, at, by)).await?;
        if !ended.map_err(from_store)? {
            return Err(EngineError::BulkEnded);
        }
        self.describe_bulk(caller, id).await
    }

    async fn find_bulk(&self, caller: &Caller, id: &str) -> Result<BulkRow, EngineError> {
        let (tenant, uuid) = (TenantId(caller.tenant.id), id.to_owned());
        let row = self.read(move |store| store.find_bulk_operation(tenant, &uuid));
        row.await?.ok_or_else(|| EngineError::NotFound {
            kind: "bulk operation",
            name: id.to_owned(),
        })
    }

    async fn bulk_filter(
        &self,
        caller: &Caller,
        order: &BulkOrder,
        at: Timestamp,
    ) -> Result<ExecutionFilter, EngineError> {
        let filter = self.filter_of(caller, &order.query).await?;
        narrowed(filter, order.action, at)
    }
}

/// Leaves of a filter what an action can change, as of a time.
pub(crate) fn narrowed(
    mut filter: ExecutionFilter,
    action: BulkAction,
    at: Timestamp,
) -> Result<ExecutionFilter, EngineError> {
    let changeable: &[stepwell_store::Status] = match action {
        BulkAction::Stop => &[stepwell_store::Status::Running],
        BulkAction::Redrive => &[
            stepwell_store::Status::Failed,
            stepwell_store::Status::TimedOut,
            stepwell_store::Status::Aborted,
        ],
    };
    if filter.statuses.is_empty() {
        filter.statuses = changeable.to_vec();
    } else {
        filter.statuses.retain(|status| changeable.contains(status));
    }
    if filter.statuses.is_empty() {
        let reason = format!("no execution in this status can be {}", action.past());
        return Err(invalid("status", reason));
    }
    if action == BulkAction::Redrive {
        // What fails after the order was not meant by it, nor what fails again because of it.
        let bound = at.plus_ms(1);
        let before = filter
            .stopped
            .before
            .map_or(bound, |before| before.min(bound));
        filter.stopped = TimeRange {
            before: Some(before),
            ..filter.stopped
        };
    }
    Ok(filter)
}

fn check(order: &BulkOrder) -> Result<(), EngineError> {
    let everything = order.query.is_everything();
    if everything && !order.all {
        let reason = "lets everything pass: narrow it down, or say that all are meant".to_owned();
        return Err(invalid("filter", reason));
    }
    if order.all && !everything {
        let reason = "goes with no filter: leave one of them out".to_owned();
        return Err(invalid("all", reason));
    }
    for (field, text) in [("error", &order.error), ("cause", &order.cause)] {
        if text.is_some() && order.action != BulkAction::Stop {
            return Err(invalid(
                field,
                "is for executions that are stopped".to_owned(),
            ));
        }
    }
    given_failure(order.error.as_deref(), order.cause.as_deref()).map(drop)
}

fn machine_of(of: &ExecutionsOf) -> Option<MachineId> {
    match of {
        ExecutionsOf::Machine(machine)
        | ExecutionsOf::Version(machine, _)
        | ExecutionsOf::Alias(machine, _) => Some(*machine),
        ExecutionsOf::Tenant(_) | ExecutionsOf::MapRun(_) => None,
    }
}

/// Adds up the counts of machines that had one name after the other.
fn summed(counts: Vec<BulkCount>) -> Vec<BulkCount> {
    let mut sums: BTreeMap<(String, Status), u64> = BTreeMap::new();
    for count in counts {
        *sums.entry((count.state_machine, count.status)).or_default() += count.count;
    }
    let sums = sums.into_iter();
    sums.map(|((state_machine, status), count)| BulkCount {
        state_machine,
        status,
        count,
    })
    .collect()
}

fn described(row: &BulkRow) -> Result<BulkDescription, EngineError> {
    let query: ExecutionQuery = parse(&row.order.query).map_err(from_store)?;
    let problems: Vec<StoredProblem> = parse(&row.problems).map_err(from_store)?;
    Ok(BulkDescription {
        id: row.order.uuid.clone(),
        action: BulkAction::of(row.order.action),
        query,
        status: BulkStatus::of(row.status),
        ordered_at: row.order.ordered_at,
        ordered_by: row.order.ordered_by.clone(),
        ended_at: row.ended_at,
        cancelled_by: row.ended_by.clone(),
        matching: row.order.matching,
        done: row.counts.done,
        skipped: row.counts.skipped,
        failed: row.counts.failed,
        problems: problems
            .into_iter()
            .map(|problem| (problem.execution, problem.reason))
            .collect(),
    })
}

fn written(value: &impl serde::Serialize) -> Result<String, EngineError> {
    serde_json::to_string(value)
        .map_err(|error| EngineError::Internal(format!("a bulk operation: {error}")))
}

fn too_many(error: StoreError) -> EngineError {
    match error {
        StoreError::TooMany { what, limit } => EngineError::TooMany { what, limit },
        other => from_store(other),
    }
}

fn invalid(field: &'static str, reason: String) -> EngineError {
    EngineError::Invalid { field, reason }
}
