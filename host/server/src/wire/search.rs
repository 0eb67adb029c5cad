//! What executions are asked for by.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use stepwell_engine::{ExecutionQuery, Status, Tag};
use utoipa::ToSchema;

use super::{ExecutionStatus, Time};

/// What stands between the values of a parameter that was given several times.
pub(crate) const BETWEEN: char = '\u{1f}';

/// What executions are asked for by: all that is given has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExecutionFilter {
    /// Name or ARN of a state machine, or of a version or an alias of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_machine: Option<String>,
    /// In one of these statuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<ExecutionStatus>,
    /// Of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// With a name that begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Started then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_from: Option<Time>,
    /// Started before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_before: Option<Time>,
    /// Ended then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_from: Option<Time>,
    /// Ended before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_before: Option<Time>,
    /// Ended with the error of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// With all of these tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Of a state machine with all of these tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub machine_tags: BTreeMap<String, String>,
    /// Of this trace: its id, or a whole `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Redriven at least once, or never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redriven: Option<bool>,
}

/// What statuses on the wire mean: a paused execution is one that runs.
pub(crate) fn statuses_of(given: &[ExecutionStatus]) -> (Vec<Status>, Option<bool>) {
    let has = |status| given.contains(&status);
    let paused = match (has(ExecutionStatus::Running), has(ExecutionStatus::Paused)) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    };
    (given.iter().copied().map(Status::from).collect(), paused)
}

impl From<ExecutionFilter> for ExecutionQuery {
    fn from(filter: ExecutionFilter) -> Self {
        let (statuses, paused) = statuses_of(&filter.status);
        Self {
            state_machine: filter.state_machine,
            statuses,
            paused,
            redriven: filter.redriven,
            name: filter.name,
            name_prefix: filter.name_prefix,
            started_from: filter.started_from.map(|at| at.0),
            started_before: filter.started_before.map(|at| at.0),
            stopped_from: filter.stopped_from.map(|at| at.0),
            stopped_before: filter.stopped_before.map(|at| at.0),
            error: filter.error,
            tags: list_of(filter.tags),
            machine_tags: list_of(filter.machine_tags),
            trace_id: filter.trace_id,
        }
    }
}

impl From<ExecutionQuery> for ExecutionFilter {
    fn from(query: ExecutionQuery) -> Self {
        let mut status: Vec<ExecutionStatus> = Vec::new();
        for wanted in query.statuses {
            let shown = match (wanted, query.paused) {
                (Status::Running, Some(true)) => ExecutionStatus::Paused,
                (wanted, _) => wanted.into(),
            };
            // Two of them may have been one on the wire.
            let is_both = wanted == Status::Running && query.paused.is_none();
            let is_second = is_both && status.contains(&ExecutionStatus::Running);
            status.push(if is_second {
                ExecutionStatus::Paused
            } else {
                shown
            });
        }
        Self {
            state_machine: query.state_machine,
            status,
            redriven: query.redriven,
            name: query.name,
            name_prefix: query.name_prefix,
            started_from: query.started_from.map(Time),
            started_before: query.started_before.map(Time),
            stopped_from: query.stopped_from.map(Time),
            stopped_before: query.stopped_before.map(Time),
            error: query.error,
            tags: map_of(query.tags),
            machine_tags: map_of(query.machine_tags),
            trace_id: query.trace_id,
        }
    }
}

/// Turns tags by their keys into a list.
pub(crate) fn list_of(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag { key, value })
        .collect()
}

/// The way back.
pub(crate) fn map_of(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// A parameter of a query that may be given several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Many<T>(pub(crate) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: for<'v> Deserialize<'v>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts<T>(PhantomData<T>);

        impl<T: for<'v> Deserialize<'v>> Visitor<'_> for Texts<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Many<T>, E> {
                let each = text.split(BETWEEN).map(|text| {
                    let text: StrDeserializer<'_, E> = StrDeserializer::new(text);
                    T::deserialize(text)
                });
                each.collect::<Result<_, _>>().map(Many)
            }
        }

        deserializer.deserialize_str(Texts(PhantomData))
    }
}

/// A tag as a query writes it: `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagText(pub(crate) Tag);

impl<'de> Deserialize<'de> for TagText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| de::Error::custom("write a tag as key=value"))?;
        Ok(Self(Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_as_it_is_written() {
        let text = r#"{"stateMachine":"m","status":["FAILED","TIMED_OUT"],"namePrefix":"p",
            "startedFrom":"2026-01-01T00:00:00.000Z","error":"E","tags":{"a":"b"},
            "machineTags":{"c":"d"},"traceId":"t","redriven":false}"#;
        let filter: ExecutionFilter = serde_json::from_str(text).unwrap();
        let query = ExecutionQuery::from(filter.clone());
        assert!(!query.is_everything());
        assert_eq!(ExecutionFilter::from(query), filter);
        assert!(ExecutionQuery::from(ExecutionFilter::default()).is_everything());
    }
    #[test]
    fn a_paused_execution_is_one_that_runs() {
        for (given, paused) in [
            (&[ExecutionStatus::Paused][..], Some(true)),
            (&[ExecutionStatus::Running], Some(false)),
            (&[ExecutionStatus::Running, ExecutionStatus::Paused], None),
            (
                &[ExecutionStatus::Failed, ExecutionStatus::Paused],
                Some(true),
            ),
            (&[ExecutionStatus::Failed], None),
        ] {
            let filter = ExecutionFilter {
                status: given.to_vec(),
                ..ExecutionFilter::default()
            };
            let query = ExecutionQuery::from(filter.clone());
            assert_eq!(query.paused, paused, "{given:?}");
            assert_eq!(ExecutionFilter::from(query), filter);
        }
    }
}
