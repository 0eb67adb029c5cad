//! What of a commit is news for somebody, and the rows that will tell them.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value, json};
use stepwell_decider::{EventKind, EventNumber, Failure, HistoryEvent, TaskScheduled, Work};
use stepwell_states::Timestamp;

use crate::error::StoreError;
use crate::ids::ExecutionKey;

/// Characters of an error and a cause that are told, at most.
const ERROR_MAX_CHARS: usize = 256;
const CAUSE_MAX_CHARS: usize = 2_048;

/// A kind of news, by the name that definitions of notifications use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NewsKind {
    /// An execution failed.
    ExecutionFailed,
    /// An execution's time was up.
    ExecutionTimedOut,
    /// Somebody stopped an execution.
    ExecutionAborted,
    /// People are asked to decide, or asked anew since what they are shown has changed.
    ApprovalRequested,
    /// Others may decide too from now on.
    ApprovalEscalated,
    /// A task waits for somebody to report its end by its token, or to post an event.
    TaskWaiting,
}

impl NewsKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::ExecutionFailed,
        Self::ExecutionTimedOut,
        Self::ExecutionAborted,
        Self::ApprovalRequested,
        Self::ApprovalEscalated,
        Self::TaskWaiting,
    ];

    /// Returns its name: `execution.failed`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ExecutionFailed => "execution.failed",
            Self::ExecutionTimedOut => "execution.timed_out",
            Self::ExecutionAborted => "execution.aborted",
            Self::ApprovalRequested => "approval.requested",
            Self::ApprovalEscalated => "approval.escalated",
            Self::TaskWaiting => "task.waiting",
        }
    }

    /// Finds a kind by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it tells of an execution's end. That of a Map Run's child is told of by the
    /// execution that it belongs to.
    fn is_end(self) -> bool {
        matches!(
            self,
            Self::ExecutionFailed | Self::ExecutionTimedOut | Self::ExecutionAborted
        )
    }
}

/// Something that somebody may want to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    kind: NewsKind,
    at: Timestamp,
    facts: Value,
    /// The task whose approval it is about.
    approval: Option<EventNumber>,
}

/// Finds the news among events. Almost always there is none, and finding that out is a look
/// at each event's kind.
pub(crate) fn news_of(events: &[HistoryEvent]) -> Vec<News> {
    events.iter().filter_map(of_event).collect()
}

fn of_event(event: &HistoryEvent) -> Option<News> {
    let ended = |kind, failure: &Failure, principal: Option<&str>| {
        let facts = json!({
            "error": failure.error.as_deref().map(|text| cut(text, ERROR_MAX_CHARS)),
            "cause": failure.cause.as_deref().map(|text| cut(text, CAUSE_MAX_CHARS)),
            "principal": principal,
        });
        Some((kind, facts))
    };
    let (kind, mut facts) = match &event.kind {
        EventKind::ExecutionFailed(failure) => ended(NewsKind::ExecutionFailed, failure, None),
        EventKind::ExecutionTimedOut(failure) => ended(NewsKind::ExecutionTimedOut, failure, None),
        EventKind::ExecutionAborted { failure, principal } => {
            ended(NewsKind::ExecutionAborted, failure, principal.as_deref())
        }
        EventKind::TaskScheduled(order) => waiting(order),
        EventKind::ApprovalRequested(_) => Some((NewsKind::ApprovalRequested, json!({}))),
        EventKind::ApprovalEscalated { escalation, .. } => Some((
            NewsKind::ApprovalEscalated,
            json!({ "escalation": escalation }),
        )),
        _ => None,
    }?;
    if let Some(facts) = facts.as_object_mut() {
        facts.retain(|_, value| !value.is_null());
        facts.insert("event".to_owned(), json!(event.number.0));
    }
    Some(News {
        kind,
        at: event.at,
        facts,
        approval: match &event.kind {
            EventKind::ApprovalRequested(asked) => Some(asked.scheduled),
            EventKind::ApprovalEscalated { scheduled, .. } => Some(*scheduled),
            _ => None,
        },
    })
}

/// Tasks that only somebody outside ends. Workers ask for the tasks of activities by
/// themselves, and the end of another execution is reported by the host.
fn waiting(order: &TaskScheduled) -> Option<(NewsKind, Value)> {
    if !order.waits_for_report {
        return None;
    }
    let posted = match &order.work {
        Work::AwaitEvent(name) => Some(&**name),
        Work::AwaitWorker(_) | Work::StartExecution | Work::AskApproval => return None,
        Work::RunComponent { .. }
        | Work::InvokeFunction { .. }
        | Work::CallOwnApi(_)
        | Work::CallHttp
        | Work::RunBound { .. } => None,
    };
    let facts = json!({
        "state": &*order.state_name,
        "waitsFor": if posted.is_some() { "event" } else { "token" },
        "eventName": posted.filter(|name| !name.is_empty()),
        "timeoutSeconds": order.timeout_seconds,
    });
    Some((NewsKind::TaskWaiting, facts))
}

fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Whose news it is.
struct Place {
    tenant: i64,
    machine: String,
    execution: String,
    /// Label of the Map Run whose child it is.
    map_run: Option<String>,
}

/// Writes a row for each notification that is to tell of the news.
pub(crate) fn write_news(
    connection: &Connection,
    key: ExecutionKey,
    news: &[News],
) -> Result<(), StoreError> {
    if news.is_empty() {
        return Ok(());
    }
    let Some(place) = place(connection, key)? else {
        return Ok(());
    };
    for wanting in wanting(connection, place.tenant)? {
        for news in news {
            if wanting.wants(news, &place) {
                insert(connection, wanting.id, news, (key, &place))?;
            }
        }
    }
    Ok(())
}

/// None where the tenant wants to be told of nothing.
fn place(connection: &Connection, key: ExecutionKey) -> Result<Option<Place>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT e.tenant, m.name, e.name, r.label
         FROM executions e JOIN state_machines m ON m.id = e.machine
         LEFT JOIN map_runs r ON r.id = e.map_run
         WHERE e.id = ?1 AND EXISTS (SELECT 1 FROM notifications WHERE tenant = e.tenant)",
    )?;
    let found = statement.query_row([key], |row| {
        Ok(Place {
            tenant: row.get(0)?,
            machine: row.get(1)?,
            execution: row.get(2)?,
            map_run: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// A notification, as far as it says what it tells of.
struct Wanting {
    id: i64,
    events: Vec<String>,
    machines: Vec<String>,
}

impl Wanting {
    fn wants(&self, news: &News, place: &Place) -> bool {
        let is_of_machine = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => place.machine.starts_with(beginning),
            None => place.machine == *pattern,
        };
        !(place.map_run.is_some() && news.kind.is_end())
            && self.events.iter().any(|event| event == news.kind.name())
            && (self.machines.is_empty() || self.machines.iter().any(is_of_machine))
    }
}

fn wanting(connection: &Connection, tenant: i64) -> Result<Vec<Wanting>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, events_json, machines_json FROM notifications
         WHERE tenant = ?1 AND enabled = 1",
    )?;
    let rows = statement.query_map([tenant], |row| {
        let list = |index| {
            let text: String = row.get(index)?;
            // Written by this host: what cannot be read wants nothing.
            Ok::<_, rusqlite::Error>(serde_json::from_str(&text).unwrap_or_default())
        };
        Ok(Wanting {
            id: row.get(0)?,
            events: list(1)?,
            machines: list(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn insert(
    connection: &Connection,
    notification: i64,
    news: &News,
    (key, place): (ExecutionKey, &Place),
) -> Result<(), StoreError> {
    let mut facts = news.facts.clone();
    if let Some(facts) = facts.as_object_mut() {
        if let Some(scheduled) = news.approval {
            tell_approval(connection, (key, scheduled), facts)?;
        }
        facts.insert("stateMachine".to_owned(), json!(place.machine));
        facts.insert("execution".to_owned(), json!(place.execution));
        if let Some(label) = &place.map_run {
            facts.insert("mapRunLabel".to_owned(), json!(label));
        }
    }
    super::deliveries::insert(
        connection,
        notification,
        (news.kind.name(), &facts.to_string()),
        news.at,
    )?;
    Ok(())
}

/// Adds what people are asked, from the row that was written with the event.
fn tell_approval(
    connection: &Connection,
    (execution, scheduled): (ExecutionKey, EventNumber),
    facts: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, state, due_at, summary_json FROM approvals
         WHERE execution = ?1 AND scheduled = ?2",
    )?;
    let found = statement.query_row(params![execution, scheduled.0.cast_signed()], |row| {
        let due_at: Option<i64> = row.get(2)?;
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            due_at.map(Timestamp::from_ms),
            row.get::<_, String>(3)?,
        ))
    });
    // One that was decided in the same commit has a row, too.
    let Some((id, state, due_at, summary)) = found.optional()? else {
        return Ok(());
    };
    let summary: Value = serde_json::from_str(&summary).unwrap_or_default();
    facts.insert("approval".to_owned(), json!(id));
    facts.insert("state".to_owned(), json!(state));
    if let Some(due_at) = due_at {
        facts.insert("deadline".to_owned(), json!(due_at.to_string()));
    }
    if let Some(title) = summary["title"].as_str() {
        facts.insert("title".to_owned(), json!(cut(title, ERROR_MAX_CHARS)));
    }
    for member in ["groups", "people"] {
        if summary[member]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        {
            facts.insert(member.to_owned(), summary[member].clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names() {
        for kind in NewsKind::ALL {
            assert_eq!(NewsKind::named(kind.name()), Some(kind));
        }
        assert_eq!(NewsKind::named("execution.started"), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü", 2), "äö…");
    }
}
