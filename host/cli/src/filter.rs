//! What executions are asked for by, on the command line.

use std::time::Duration;

use clap::{Args, ValueEnum};
use stepwell_engine::Timestamp;
use stepwell_server::wire::{ExecutionFilter, ExecutionStatus, Time};

use crate::render::units;

/// The options that say which executions are meant. All that is given has to hold.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which executions: all that is given has to hold")]
pub(crate) struct FilterArgs {
    /// Those of this state machine: its name or ARN, or MACHINE:VERSION or MACHINE:ALIAS
    #[arg(help_heading = "Arguments")]
    pub(crate) state_machine: Option<String>,
    /// Those in this status; given several times, in one of them
    #[arg(long, value_enum, value_delimiter = ',')]
    status: Vec<StatusFilter>,
    /// Those of this name
    #[arg(long)]
    name: Option<String>,
    /// Those whose names begin so
    #[arg(long, value_name = "TEXT", conflicts_with = "name")]
    name_prefix: Option<String>,
    /// Those that started then or later: 2026-11-21T10:00:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    started_from: Option<Moment>,
    /// Those that started before
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    started_before: Option<Moment>,
    /// Those that ended then or later
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    stopped_from: Option<Moment>,
    /// Those that ended before
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    stopped_before: Option<Moment>,
    /// Those that ended with the error of this name
    #[arg(long, value_name = "NAME")]
    error: Option<String>,
    /// Those with this tag; given several times, with all of them
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_tag)]
    tag: Vec<(String, String)>,
    /// Those whose state machine has this tag
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_tag)]
    machine_tag: Vec<(String, String)>,
    /// Those of this trace: its id, or a whole traceparent
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
}

/// A status as the command line writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusFilter {
    Running,
    Paused,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl From<StatusFilter> for ExecutionStatus {
    fn from(status: StatusFilter) -> Self {
        match status {
            StatusFilter::Running => Self::Running,
            StatusFilter::Paused => Self::Paused,
            StatusFilter::Succeeded => Self::Succeeded,
            StatusFilter::Failed => Self::Failed,
            StatusFilter::TimedOut => Self::TimedOut,
            StatusFilter::Aborted => Self::Aborted,
        }
    }
}

/// A point in time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl Moment {
    fn since(self, now: Timestamp) -> Time {
        Time(match self {
            Self::At(at) => at,
            Self::Ago(ago) => {
                let ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_ms(now.as_ms().saturating_sub(ms))
            }
        })
    }
}

impl FilterArgs {
    /// What the API is asked for. Times ago are counted from `now`.
    pub(crate) fn filter(&self, now: Timestamp) -> ExecutionFilter {
        let time = |moment: Option<Moment>| moment.map(|moment| moment.since(now));
        ExecutionFilter {
            state_machine: self.state_machine.clone(),
            status: self.status.iter().copied().map(Into::into).collect(),
            name: self.name.clone(),
            name_prefix: self.name_prefix.clone(),
            started_from: time(self.started_from),
            started_before: time(self.started_before),
            stopped_from: time(self.stopped_from),
            stopped_before: time(self.stopped_before),
            error: self.error.clone(),
            tags: self.tag.iter().cloned().collect(),
            machine_tags: self.machine_tag.iter().cloned().collect(),
            trace_id: self.trace.clone(),
            redriven: None,
        }
    }
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        return Ok(Moment::At(at));
    }
    let ago = units::parse_duration(text).map_err(|_no_duration| {
        "write a time as 2026-11-21T10:00:00Z, or as 2h for two hours ago".to_owned()
    })?;
    Ok(Moment::Ago(ago))
}

/// Reads a tag.
///
/// # Errors
/// How to write one.
pub(crate) fn parse_tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        let now = Timestamp::parse_rfc3339("2026-11-21T10:00:00Z").unwrap();
        let at = |text: &str| parse_moment(text).unwrap().since(now).to_string();
        assert_eq!(at("2h"), "2026-11-21T08:00:00.000Z");
        assert_eq!(at("2026-11-01T01:00:00+01:00"), "2026-11-01T00:00:00.000Z");
        for bad in ["yesterday", "2026-11-21", "2 hours"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
    }
}
