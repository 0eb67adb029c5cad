//! Executions: list them by what is known of them.

use std::collections::BTreeMap;

use stepwell_decider::TraceId;
use stepwell_states::{ExecutionType, Timestamp};
use stepwell_store::{
    ExecutionFilter, ExecutionKey, ExecutionRow, ExecutionsOf, ListPosition, MachineId, NameFilter,
    Store, StoreError, TenantId, TimeRange,
};

use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::handle::executions::summary_of;
use crate::handle::tags;
use crate::model::{Caller, ExecutionQuery, ExecutionSummary, ListExecutions, PageOf};
use crate::names::{self, Qualifier};
use crate::sfn::SealedList;

/// Lines of a list's page, at most.
const PAGE_MAX: u32 = 1_000;
/// Tags that a list may be asked for by, at most.
const TAGS_MAX: usize = 10;
/// Bytes of a text that a list may be asked for by, at most.
const TEXT_MAX_BYTES: usize = 256;

impl EngineHandle {
    /// Lists executions, newest first. A page's token is good for a day, on the next host too,
    /// and for the same question alone.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] if there is no such state machine,
    /// [`EngineError::Invalid`] for a page token, a limit or a filter that cannot be, or trouble
    /// of the host's own.
    pub async fn list_executions(
        &self,
        caller: &Caller,
        list: ListExecutions,
    ) -> Result<PageOf<ExecutionSummary>, EngineError> {
        let question = serde_json::to_string(&list.query)
            .map_err(|error| EngineError::Internal(format!("a filter: {error}")))?;
        let sealed = SealedList::named(self, caller, "executions", &[Some(&question)]).await?;
        let given = list.page_token.as_deref();
        let position = given
            .map(|token| sealed.read(token).ok_or_else(unknown_token))
            .transpose()?;
        let page = self
            .executions_page(caller, list, position.as_deref())
            .await?;
        Ok(PageOf {
            next_page_token: page.next_page_token.map(|position| sealed.seal(&position)),
            ..page
        })
    }

    /// The same, with positions in the place of tokens, for doors that seal them themselves.
    pub(crate) async fn executions_page(
        &self,
        caller: &Caller,
        list: ListExecutions,
        position: Option<&str>,
    ) -> Result<PageOf<ExecutionSummary>, EngineError> {
        check_limit(&list)?;
        let after = position.map(read_position).transpose()?;
        let filter = self.filter_of(caller, &list.query).await?;
        let limit = list.limit as usize;
        let (rows, names) = self
            .read(move |store| {
                let rows = store.list_executions(&filter, after, limit + 1)?;
                let names = machine_names(store, rows.iter().map(|row| row.machine))?;
                Ok((rows, names))
            })
            .await?;
        let last = rows.get(limit.saturating_sub(1));
        let next_page_token = last.filter(|_| rows.len() > limit).map(write_position);
        let items = rows.iter().take(limit).map(|row| {
            let machine = names.get(&row.machine).map_or("", String::as_str);
            summary_of(caller, row, machine)
        });
        Ok(PageOf {
            items: items.collect(),
            next_page_token,
        })
    }

    /// Turns a question into the store's filter: within the caller's tenant.
    ///
    /// # Errors
    ///
    /// As [`EngineHandle::list_executions`].
    pub(crate) async fn filter_of(
        &self,
        caller: &Caller,
        query: &ExecutionQuery,
    ) -> Result<ExecutionFilter, EngineError> {
        let of = match &query.state_machine {
            None => ExecutionsOf::Tenant(TenantId(caller.tenant.id)),
            Some(given) => self.executions_of(caller, given).await?,
        };
        filter_within(of, query)
    }

    /// Whose executions a name or ARN stands for: those of a machine, a version or an alias.
    async fn executions_of(
        &self,
        caller: &Caller,
        given: &str,
    ) -> Result<ExecutionsOf, EngineError> {
        let reference = names::machine_reference(&caller.tenant, given);
        let named = reference.filter(|reference| reference.label.is_none());
        let named = named.map_or(given, |reference| reference.name);
        let machine = self.find_machine(caller, named).await?;
        if machine.machine_type == ExecutionType::Express.as_str() {
            return Err(EngineError::TypeNotSupported {
                machine_type: ExecutionType::Express.as_str(),
                advice: "what its executions did stands in the log that its logging configuration \
                         names",
            });
        }
        let machine = machine.id;
        Ok(match reference.and_then(|reference| reference.qualifier) {
            None => ExecutionsOf::Machine(machine),
            Some(Qualifier::Version(version)) => ExecutionsOf::Version(machine, version),
            Some(Qualifier::Alias(alias)) => ExecutionsOf::Alias(machine, alias.to_owned()),
        })
    }
}

/// Names of state machines, also of those that were deleted.
pub(super) fn machine_names(
    store: &Store,
    machines: impl Iterator<Item = MachineId>,
) -> Result<BTreeMap<MachineId, String>, StoreError> {
    let mut names = BTreeMap::new();
    for machine in machines {
        if !names.contains_key(&machine)
            && let Some(found) = store.load_state_machine(machine)?
        {
            names.insert(machine, found.name);
        }
    }
    Ok(names)
}

/// Checks how long a page is to be.
pub(super) fn check_limit(list: &ListExecutions) -> Result<(), EngineError> {
    if (1..=PAGE_MAX).contains(&list.limit) {
        return Ok(());
    }
    let reason = format!("is {}; give 1 to {PAGE_MAX}", list.limit);
    Err(invalid("limit", reason))
}

/// Turns a question into a filter of somebody's executions.
///
/// # Errors
///
/// [`EngineError::Invalid`] for what cannot be asked.
pub(crate) fn filter_within(
    of: ExecutionsOf,
    query: &ExecutionQuery,
) -> Result<ExecutionFilter, EngineError> {
    let texts = [
        ("name", &query.name),
        ("namePrefix", &query.name_prefix),
        ("error", &query.error),
    ];
    for (field, text) in texts {
        let bytes = text.as_ref().map_or(1, String::len);
        if !(1..=TEXT_MAX_BYTES).contains(&bytes) {
            return Err(invalid(field, format!("give 1 to {TEXT_MAX_BYTES} bytes")));
        }
    }
    let name = match (&query.name, &query.name_prefix) {
        (None, None) => None,
        (Some(name), None) => Some(NameFilter::Is(name.clone())),
        (None, Some(prefix)) => Some(NameFilter::Prefix(prefix.clone())),
        (Some(_), Some(_)) => {
            let reason = "give a name, or how it begins, not both".to_owned();
            return Err(invalid("namePrefix", reason));
        }
    };
    let trace = query.trace_id.as_deref().map(str::parse::<TraceId>);
    let trace = trace.transpose();
    let tags = |field: &'static str, tags: &[crate::model::Tag]| {
        tags::check(tags)?;
        if tags.len() > TAGS_MAX {
            return Err(invalid(field, format!("give {TAGS_MAX} at most")));
        }
        Ok(tags
            .iter()
            .cloned()
            .map(stepwell_store::Tag::from)
            .collect())
    };
    Ok(ExecutionFilter {
        statuses: query
            .statuses
            .iter()
            .map(|status| crate::shard::store_status(*status))
            .collect(),
        redriven: query.redriven,
        paused: query.paused,
        name,
        started: range("startedBefore", query.started_from, query.started_before)?,
        stopped: range("stoppedBefore", query.stopped_from, query.stopped_before)?,
        error: query.error.clone(),
        tags: tags("tag", &query.tags)?,
        machine_tags: tags("machineTag", &query.machine_tags)?,
        trace: trace.map_err(|problem| invalid("traceId", problem.to_string()))?,
        ..ExecutionFilter::all(of)
    })
}

fn range(
    field: &'static str,
    from: Option<Timestamp>,
    before: Option<Timestamp>,
) -> Result<TimeRange, EngineError> {
    if from
        .zip(before)
        .is_some_and(|(from, before)| from >= before)
    {
        let reason = "is not later than the beginning of the range: nothing could pass".to_owned();
        return Err(invalid(field, reason));
    }
    Ok(TimeRange { from, before })
}

fn invalid(field: &'static str, reason: String) -> EngineError {
    EngineError::Invalid { field, reason }
}

/// Writes where the next page begins.
fn write_position(row: &ExecutionRow) -> String {
    format!("{}.{}", row.started_at.as_ms(), row.key.0)
}

fn read_position(text: &str) -> Result<ListPosition, EngineError> {
    let parts = text.split_once('.').and_then(|(started_at, key)| {
        Some(ListPosition {
            started_at: Timestamp::from_ms(started_at.parse().ok()?),
            key: ExecutionKey(key.parse().ok()?),
        })
    });
    parts.ok_or_else(unknown_token)
}

fn unknown_token() -> EngineError {
    let reason =
        "is not one that this list has given; tokens are good for a day, and for the same \
                  filters"
            .to_owned();
    invalid("pageToken", reason)
}
