//! Redrives: an execution that did not succeed goes on from where it stopped.
//!
//! The history goes on in the same list, and nothing of it is rewritten. What the execution
//! kept of its states when it ended ([`evolve()`](crate::evolve())) is taken up again: states
//! that were not left run again with the input that they were entered with, what had
//! succeeded keeps its results.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_states::{Payload, Timestamp};

use crate::approval::ApprovedElsewhere;
use crate::event::{EventNumber, FrameId};
use crate::execution::{Execution, Status};
use crate::failure::DATA_LIMIT;
use crate::people::People;
use crate::redefine::{NewDefinition, Redefined};
use crate::target::Target;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// For how long after its end an execution may be redriven, as at AWS.
const PERIOD_MS: u64 = 14 * DAY_MS;
/// For how long after its start an execution may be open, as at AWS.
const OPEN_MAX_MS: u64 = 365 * DAY_MS;
/// Events that a redrive needs room for: its own, and another one.
const ROOM_EVENTS: u64 = 2;
/// Tokens of callers that are remembered, as at AWS.
const TOKENS_MAX: usize = 10;
/// For how long they are, as at AWS.
const TOKENS_MS: u64 = 15 * MINUTE_MS;

/// An order to redrive an execution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redrive {
    /// The caller's own name of the order: the same one is carried out once.
    pub client_token: Option<Arc<str>>,
    /// Who asks, as the server knows them.
    pub principal: Option<Arc<str>>,
    /// Whether the Map Run asks whose child the execution is; nobody else may.
    pub by_map_run: bool,
    /// Other inputs of states that run again.
    pub inputs: Vec<NewInput>,
    /// The definition to go on with, if it is another one.
    pub definition: Option<Box<NewDefinition>>,
    /// The people whom the caller acts for, where it is an execution; none if that is not known.
    pub acting_for: Option<People>,
    /// Approvals that stand against other inputs or another definition.
    pub approved: Box<ApprovedElsewhere>,
}

/// Another input of a state that runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInput {
    /// The state.
    pub target: Target,
    /// Its input from now on.
    pub input: Payload,
}

/// Details of `ExecutionRedriven`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRedriven {
    /// How often the execution has been redriven, with this time.
    pub count: u32,
    /// When the execution times out: its time is counted anew.
    pub deadline: Option<Timestamp>,
    /// The caller's own name of the order.
    pub client_token: Option<Arc<str>>,
    /// Who asked, as the server knows them.
    pub principal: Option<Arc<str>>,
    /// States that run again with other inputs than they were entered with.
    #[serde(default)]
    pub inputs: Vec<EditedInput>,
    /// The definition that the execution goes on with, if it is another one.
    #[serde(default)]
    pub definition: Option<Redefined>,
    /// The people whom the caller acts for, where it is an execution.
    #[serde(default)]
    pub acting_for: Option<People>,
}

impl ExecutionRedriven {
    /// Returns the inputs that states were given, to be replaced.
    pub fn inputs_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        self.inputs.iter_mut().map(|edited| &mut edited.input)
    }
}

/// A state that runs again with another input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditedInput {
    /// The frame that is in it.
    pub frame: FrameId,
    /// Its name.
    pub state: Arc<str>,
    /// Id of the event that entered it, as histories show it.
    pub event: u64,
    /// SHA-256 of the input that it had, in hexadecimal digits.
    pub before: Arc<str>,
    /// SHA-256 of the input from now on.
    pub after: Arc<str>,
    /// The input from now on.
    pub input: Payload,
}

/// Details of `MapRunRedriven`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRunRedriven {
    /// The `MapRunStarted` event.
    pub run: EventNumber,
    /// ARN of the Map Run.
    pub arn: Arc<str>,
    /// How often the Map Run has been redriven, with this time.
    pub count: u32,
}

/// A redrive that has been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// The `ExecutionRedriven` event.
    pub number: EventNumber,
    /// When.
    pub at: Timestamp,
    /// When the execution times out from then on.
    pub deadline: Option<Timestamp>,
    /// The caller's own name of the order.
    pub client_token: Option<Arc<str>>,
    /// Who asked, as the server knows them.
    #[serde(default)]
    pub principal: Option<Arc<str>>,
    /// The people whom the caller acts for, where it is an execution.
    #[serde(default)]
    pub acting_for: Option<People>,
}

/// Why an execution cannot be redriven. The texts are AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRedrivable {
    /// It has not ended.
    #[error("Execution is RUNNING and cannot be redriven")]
    Running,
    /// It did what it was to do.
    #[error("Execution is SUCCEEDED and cannot be redriven")]
    Succeeded,
    /// There is no room for more events.
    #[error("Execution history event limit exceeded")]
    HistoryLimit,
    /// It started too long ago.
    #[error("Execution has exceeded the max execution time")]
    OpenTooLong,
    /// It ended too long ago.
    #[error("Execution redrivable period exceeded")]
    PeriodOver,
    /// It is redriven with the Map Run whose child it is.
    #[error("Execution was started by a Map Run and is redriven with it")]
    ByMapRun,
}

impl Execution {
    /// Returns the redrives so far, oldest first.
    #[must_use]
    pub fn redrives(&self) -> &[Redriven] {
        &self.redrives
    }

    /// Returns how often it has been redriven.
    #[must_use]
    pub fn redrive_count(&self) -> u32 {
        u32::try_from(self.redrives.len()).unwrap_or(u32::MAX)
    }

    /// Returns when the execution times out.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.redrives.last() {
            _ if self.moved_deadline.is_some() => self.moved_deadline,
            Some(redriven) => redriven.deadline,
            None => self.started.as_ref().and_then(|started| started.deadline),
        }
    }

    /// Returns the redrive that a caller's order named so has led to, as long as such names
    /// are remembered.
    #[must_use]
    pub fn redriven_as(&self, client_token: &str, now: Timestamp) -> Option<&Redriven> {
        let latest = self.redrives.iter().rev().take(TOKENS_MAX);
        latest
            .take_while(|redriven| redriven.at.plus_ms(TOKENS_MS) >= now)
            .find(|redriven| redriven.client_token.as_deref() == Some(client_token))
    }

    /// Checks whether the execution may be redriven at `now`, by whoever may do so.
    ///
    /// # Errors
    /// Why not.
    pub fn check_redrivable(&self, now: Timestamp) -> Result<(), NotRedrivable> {
        let ended_at = match &self.end {
            None => return Err(NotRedrivable::Running),
            Some(end) if end.status == Status::Succeeded => return Err(NotRedrivable::Succeeded),
            Some(end) => end.at,
        };
        let limit = self
            .started
            .as_ref()
            .and_then(|started| started.history_events_max);
        if limit.is_some_and(|max| self.last_id + ROOM_EVENTS > max) {
            return Err(NotRedrivable::HistoryLimit);
        }
        if self.started_at.plus_ms(OPEN_MAX_MS) < now {
            return Err(NotRedrivable::OpenTooLong);
        }
        if ended_at.plus_ms(PERIOD_MS) < now {
            return Err(NotRedrivable::PeriodOver);
        }
        Ok(())
    }

    /// Whether it ended since data was too large.
    pub(crate) fn was_too_large(&self) -> bool {
        let failure = self.end.as_ref().and_then(|end| end.failure.as_ref());
        failure.is_some_and(|failure| failure.error_name() == DATA_LIMIT)
    }

    /// Returns how many redrives there had been before an event.
    pub(crate) fn redrives_before(&self, event: EventNumber) -> &[Redriven] {
        let count = self
            .redrives
            .partition_point(|redriven| redriven.number < event);
        &self.redrives[..count]
    }
}
