//! Which state of an execution an operator means: by its name, by the id of one of its
//! events, or as the only one that there is.

use std::fmt;
use std::sync::Arc;

use crate::event::FrameId;
use crate::execution::{Active, Execution, Phase};

/// States that a refusal lists at most.
const LISTED_MAX: usize = 20;

/// How an operator names a state of an execution. Without anything, the only one is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The state's name.
    pub state: Option<Arc<str>>,
    /// Id, as histories show it, of the event that entered the state or scheduled its task.
    pub event: Option<u64>,
}

/// A state that might be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub state: Arc<str>,
    /// Id of the event that entered it.
    pub event: u64,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (event {})", self.state, self.event)
    }
}

/// Why no state was found that an operator means. The texts go on from a field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no state of the kind at all.
    #[error("the execution has no state that {wanted}")]
    None {
        /// What the state has to be.
        wanted: &'static str,
    },
    /// The event is not that of such a state.
    #[error(
        "event {event} neither entered a state that {wanted} nor scheduled its task; there is {}",
        list(candidates)
    )]
    NoSuchEvent {
        /// What the state has to be.
        wanted: &'static str,
        /// The event that was named.
        event: u64,
        /// Those that are.
        candidates: Vec<Candidate>,
    },
    /// No such state has the name.
    #[error("no state {state:?} {wanted}; there is {}", list(candidates))]
    NoSuchState {
        /// What the state has to be.
        wanted: &'static str,
        /// The name.
        state: Arc<str>,
        /// Those that are.
        candidates: Vec<Candidate>,
    },
    /// More than one may be meant.
    #[error("{} states may be meant: name one by its event: {}", candidates.len(), list(candidates))]
    Several {
        /// These.
        candidates: Vec<Candidate>,
    },
}

impl TargetError {
    /// Returns which part of a [`Target`] is to be changed: `state` or `event`; none where
    /// there is nothing that could be named.
    #[must_use]
    pub fn part(&self) -> Option<&'static str> {
        match self {
            Self::None { .. } => None,
            Self::NoSuchEvent { .. } | Self::Several { .. } => Some("event"),
            Self::NoSuchState { .. } => Some("state"),
        }
    }
}

fn list(candidates: &[Candidate]) -> String {
    let shown = candidates.iter().take(LISTED_MAX).map(ToString::to_string);
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if candidates.len() > LISTED_MAX {
        text.push_str(&format!(" and {} more", candidates.len() - LISTED_MAX));
    }
    text
}

impl Target {
    /// Finds the frame whose state is meant, of those whose state is `wanted`.
    pub(crate) fn find(
        &self,
        execution: &Execution,
        wanted: &'static str,
        is_wanted: impl Fn(FrameId, &Active) -> bool,
    ) -> Result<FrameId, TargetError> {
        let all: Vec<(FrameId, &Active)> = execution
            .frames
            .iter()
            .filter_map(|(id, frame)| Some((*id, frame.active.as_ref()?)))
            .filter(|(id, active)| is_wanted(*id, active))
            .collect();
        let candidates = |found: &[(FrameId, &Active)]| {
            let candidate = |(_, active): &(FrameId, &Active)| Candidate {
                state: Arc::clone(&active.name),
                event: active.entered_id,
            };
            found.iter().map(candidate).collect::<Vec<_>>()
        };
        if all.is_empty() {
            return Err(TargetError::None { wanted });
        }
        let mut found = all.clone();
        if let Some(event) = self.event {
            found.retain(|(_, active)| is_of(active, event));
            if found.is_empty() {
                let candidates = candidates(&all);
                return Err(TargetError::NoSuchEvent {
                    wanted,
                    event,
                    candidates,
                });
            }
        }
        if let Some(state) = &self.state {
            found.retain(|(_, active)| active.name == *state);
            if found.is_empty() {
                let (state, candidates) = (Arc::clone(state), candidates(&all));
                return Err(TargetError::NoSuchState {
                    wanted,
                    state,
                    candidates,
                });
            }
        }
        match found.as_slice() {
            [(frame, _)] => Ok(*frame),
            several => Err(TargetError::Several {
                candidates: candidates(several),
            }),
        }
    }
}

/// Whether an event entered a state, or scheduled the task that it waits for.
fn is_of(active: &Active, event: u64) -> bool {
    let scheduled = match &active.phase {
        Phase::Task(task) => Some(task.id),
        _ => None,
    };
    active.entered_id == event || scheduled == Some(event)
}
