//! Map Runs: describe, list, update.

use std::sync::Arc;

use stepwell_decider::{EventKind, EventNumber, MapRunStarted};
use stepwell_store::{
    AuditDetails, ExecutionFilter, ExecutionKey, ExecutionRow, ExecutionsOf, ListPosition,
    MapCounts, MapRunKey, MapRunRow, Store, StoreError,
};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::executions::summary_of;
use crate::handle::search::check_limit;
use crate::handle::{EngineHandle, blocking};
use crate::map_runs::{MapRunNews, results};
use crate::model::{
    Caller, ExecutionSummary, MapRunCounts, MapRunDescription, MapRunSettings, PageOf, UpdateMapRun,
};
use crate::names;
use crate::sfn::SealedList;

/// Lines of a list's page, at most.
const PAGE_MAX: u32 = 1_000;

impl EngineHandle {
    /// Describes a Map Run by its ARN.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_map_run(
        &self,
        caller: &Caller,
        map_run: &str,
    ) -> Result<MapRunDescription, EngineError> {
        let (row, order, execution_arn) = self.find_map_run(caller, map_run).await?;
        Ok(described(&row, &order, execution_arn))
    }

    /// Lists the Map Runs of an execution, newest first.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] for a page token or limit that
    /// cannot be, or trouble of the host's own.
    pub async fn list_map_runs(
        &self,
        caller: &Caller,
        execution: &str,
        page_token: Option<&str>,
        limit: u32,
    ) -> Result<PageOf<MapRunDescription>, EngineError> {
        if limit == 0 || limit > PAGE_MAX {
            let reason = format!("is {limit}; give 1 to {PAGE_MAX}");
            return Err(EngineError::Invalid {
                field: "limit",
                reason,
            });
        }
        let before = page_token
            .map(|token| token.parse().map(EventNumber))
            .transpose()
            .map_err(|_refused| EngineError::Invalid {
                field: "pageToken",
                reason: "is none that this host has given".to_owned(),
            })?;
        let row = self.find(caller, execution).await?;
        let execution_arn = self.arn_of_row(caller, &row).await?;
        let limit = limit as usize;
        let mut found = self
            .read(move |store| {
                let rows = store.map_runs_of(row.key, before, limit + 1)?;
                rows.into_iter()
                    .map(|run| order_of(store, &run).map(|order| (run, order)))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|(run, _)| run.number.to_string());
        Ok(PageOf {
            next_page_token: last.filter(|_| more),
            items: found
                .iter()
                .map(|(run, order)| described(run, order, execution_arn.clone()))
                .collect(),
        })
    }

    /// Lists the child executions of a Map Run, newest first; express ones leave no trace.
    ///
    /// # Errors
    ///
    /// As [`EngineHandle::list_map_runs`].
    pub async fn list_map_run_executions(
        &self,
        caller: &Caller,
        map_run: &str,
        list: crate::model::ListExecutions,
    ) -> Result<PageOf<ExecutionSummary>, EngineError> {
        let question = serde_json::to_string(&(&list.query, list.pending_redrive))
            .map_err(|error| EngineError::Internal(format!("a filter: {error}")))?;
        let parts = [Some(map_run), Some(question.as_str())];
        let sealed = SealedList::named(self, caller, "map run executions", &parts).await?;
        let list = crate::model::ListExecutions {
            page_token: sealed.position(list.page_token.as_deref())?,
            ..list
        };
        let page = self.map_run_executions_page(caller, map_run, list).await?;
        Ok(PageOf {
            next_page_token: page.next_page_token.map(|position| sealed.seal(&position)),
            ..page
        })
    }

    /// The same, with positions in the place of tokens, for doors that seal them themselves.
    pub(crate) async fn map_run_executions_page(
        &self,
        caller: &Caller,
        map_run: &str,
        list: crate::model::ListExecutions,
    ) -> Result<PageOf<ExecutionSummary>, EngineError> {
        let (run, order, _) = self.find_map_run(caller, map_run).await?;
        check_limit(&list)?;
        let before = list.page_token.as_deref().map(read_child).transpose()?;
        let limit = list.limit as usize;
        let waits = run.redriving || run.to_redrive;
        let statuses = list.query.statuses.iter();
        let statuses = statuses.map(|status| crate::shard::store_status(*status));
        let filter = ExecutionFilter {
            statuses: statuses.collect(),
            redriven: list.query.redriven,
            paused: list.query.paused,
            ..ExecutionFilter::all(ExecutionsOf::MapRun(run.key))
        };
        let mut found = self
            .read(move |store| {
                let rows = if list.pending_redrive && !waits {
                    Vec::new()
                } else if list.pending_redrive {
                    pending(store, run.key, before, limit + 1)?
                } else {
                    // Their numbers are their order.
                    let after = before.map(|key| ListPosition {
                        started_at: run.started_at,
                        key,
                    });
                    store.list_executions(&filter, after, limit + 1)?
                };
                rows.into_iter()
                    .map(|row| item_count(store, row.key).map(|items| (row, items)))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let more = found.len() > limit;
        found.truncate(limit);
        // `…:mapRun:MACHINE/LABEL:UUID`.
        let machine = order.arn.rsplit(':').nth(1).unwrap_or_default();
        let last = found.last().map(|(row, _)| row.key.0.to_string());
        Ok(PageOf {
            next_page_token: last.filter(|_| more),
            items: found
                .iter()
                .map(|(row, items)| ExecutionSummary {
                    item_count: *items,
                    ..summary_of(caller, row, machine)
                })
                .collect(),
        })
    }

    /// Changes the settings of a Map Run that runs.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] for a value that cannot be,
    /// [`EngineError::MapRunEnded`], or trouble of the host's own.
    pub async fn update_map_run(
        &self,
        caller: &Caller,
        map_run: &str,
        update: UpdateMapRun,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        if let Some(given) = update.tolerated_failure_percentage
            && !(0.0..=100.0).contains(&given)
        {
            return Err(EngineError::Invalid {
                field: "toleratedFailurePercentage",
                reason: format!("is {given}; give 0 to 100"),
            });
        }
        let (row, _, _) = self.find_map_run(caller, map_run).await?;
        let before = row.settings;
        let settings = stepwell_store::MapRunSettings {
            max_concurrency: update.max_concurrency.unwrap_or(before.max_concurrency),
            tolerated_count: update
                .tolerated_failure_count
                .unwrap_or(before.tolerated_count),
            tolerated_percentage: update
                .tolerated_failure_percentage
                .unwrap_or(before.tolerated_percentage),
        };
        let details = AuditDetails::default()
            .number("max_concurrency", settings.max_concurrency)
            .number("tolerated_failure_count", settings.tolerated_count)
            .text(
                "tolerated_failure_percentage",
                settings.tolerated_percentage.to_string(),
            );
        let entry = self.entry(caller, action::MAP_RUN_UPDATE, map_run, Some(details));
        let (store, key) = (self.0.store.clone(), row.key);
        let updated = blocking(move || store.change(entry).update_map_run(key, settings))
            .await?
            .map_err(from_store)?;
        if !updated {
            return Err(EngineError::MapRunEnded);
        }
        self.0.map_runs.tell(row.execution, MapRunNews::Moved(key));
        Ok(())
    }

    /// Finds a Map Run of the caller's: its row, its order, and ARN of its execution.
    async fn find_map_run(
        &self,
        caller: &Caller,
        given: &str,
    ) -> Result<(MapRunRow, Arc<MapRunStarted>, String), EngineError> {
        let not_found = || EngineError::NotFound {
            kind: "map run",
            name: given.to_owned(),
        };
        let uuid = names::map_run_id(&caller.tenant, given)
            .ok_or_else(not_found)?
            .to_owned();
        let found = self
            .read(move |store| {
                let Some(run) = store.find_map_run_by_uuid(&uuid)? else {
                    return Ok(None);
                };
                let parent = store.load_execution_row(run.execution)?;
                let order = order_of(store, &run)?;
                Ok(parent.map(|parent| (run, order, parent)))
            })
            .await?;
        let (run, order, parent) = found.ok_or_else(not_found)?;
        if parent.tenant.0 != caller.tenant.id || *order.arn != *given {
            return Err(not_found());
        }
        let execution_arn = self.arn_of_row(caller, &parent).await?;
        Ok((run, order, execution_arn))
    }
}

/// Reads the number of the child that the page before ended with.
fn read_child(token: &str) -> Result<ExecutionKey, EngineError> {
    let key = token.parse().map(ExecutionKey);
    key.map_err(|_unreadable| EngineError::Invalid {
        field: "pageToken",
        reason: "is not one that a list has given".to_owned(),
    })
}

/// Reads children that wait to be redriven, in the order in which they will be.
fn pending(
    store: &Store,
    run: MapRunKey,
    after: Option<ExecutionKey>,
    limit: usize,
) -> Result<Vec<ExecutionRow>, StoreError> {
    let keys = store.pending_map_children(run, after, limit)?;
    keys.into_iter()
        .filter_map(|(key, _)| store.load_execution_row(key).transpose())
        .collect()
}

/// Reads how many items a child was given.
fn item_count(store: &Store, child: ExecutionKey) -> Result<Option<u32>, StoreError> {
    let first = store.events_after(child, EventNumber(0), 1)?;
    Ok(first.events.first().and_then(|event| match &event.kind {
        EventKind::ExecutionStarted(started) => started.map_child.as_ref().map(|child| child.items),
        _ => None,
    }))
}

/// Reads what a run was begun with.
fn order_of(store: &Store, run: &MapRunRow) -> Result<Arc<MapRunStarted>, StoreError> {
    let before = EventNumber(run.number.0.saturating_sub(1));
    let slice = store.events_after(run.execution, before, 1)?;
    match slice.events.into_iter().next().map(|event| event.kind) {
        Some(EventKind::MapRunStarted(order)) => Ok(order),
        _ => Err(StoreError::Corrupt {
            what: format!("{} has no beginning in its execution's history", run.key),
        }),
    }
}

fn described(row: &MapRunRow, order: &MapRunStarted, execution_arn: String) -> MapRunDescription {
    let written = results::form(order.writer.as_ref()).written && row.stopped_at.is_some();
    let waiting = row.stopped_at.is_none();
    MapRunDescription {
        arn: order.arn.to_string(),
        execution_arn,
        state_machine_arn: order
            .arn
            .rsplit_once(':')
            .map_or(&*order.arn, |(machine, _)| machine)
            .replacen(":mapRun:", ":stateMachine:", 1),
        status: crate::shard::decider_status(row.status),
        started_at: row.started_at,
        stopped_at: row.stopped_at,
        redrive_count: row.redrive_count,
        redriven_at: row.redriven_at,
        settings: MapRunSettings {
            max_concurrency: row.settings.max_concurrency,
            tolerated_failure_count: row.settings.tolerated_count,
            tolerated_failure_percentage: row.settings.tolerated_percentage,
        },
        items: MapRunCounts {
            failures_not_redrivable: row.not_redrivable.1,
            ..counts(
                &row.tally.items,
                &row.pending.items,
                row.items_total,
                waiting,
                written,
            )
        },
        executions: MapRunCounts {
            failures_not_redrivable: row.not_redrivable.0,
            ..counts(
                &row.tally.children,
                &row.pending.children,
                None,
                waiting,
                written,
            )
        },
    }
}

/// What was never started counts as pending while the run runs, and as aborted when it ended
/// before.
fn counts(
    counts: &MapCounts,
    pending: &MapCounts,
    total: Option<u64>,
    waiting: bool,
    written: bool,
) -> MapRunCounts {
    let total = total.unwrap_or(counts.started).max(counts.started);
    let rest = total - counts.started;
    MapRunCounts {
        pending: if waiting { rest } else { 0 },
        running: counts.running(),
        succeeded: counts.succeeded,
        failed: counts.failed.saturating_sub(pending.failed),
        timed_out: counts.timed_out.saturating_sub(pending.timed_out),
        aborted: counts.aborted.saturating_sub(pending.aborted) + if waiting { 0 } else { rest },
        total,
        results_written: if written { counts.ended() } else { 0 },
        failures_not_redrivable: 0,
        pending_redrive: pending.unsuccessful(),
    }
}
