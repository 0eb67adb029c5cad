//! A decision in the making: each event is applied as soon as it is decided, so that
//! what follows is decided from where the execution then stands.

use std::cell::Cell;
use std::sync::Arc;

use stepwell_states::{
    Completion, Env, EvalFailure, Payload, QueryLanguage, State, StateKind, StateMachine, StateRef,
    Timestamp,
};

use crate::context;
use crate::evaluation::{Moment, evaluate};
use crate::event::{EventKind, EventNumber, FrameId, HistoryEvent, StateExited, StateType};
use crate::evolve::evolve;
use crate::execution::{Active, Execution, Frame};
use crate::failure::{DATA_LIMIT, Failure};
use crate::steps;
use crate::trial::Surroundings;

/// Bytes of all variables that an execution holds at a time, as Step Functions bounds them.
const VARIABLES_MAX_BYTES: u64 = 10 << 20;

pub(crate) struct Draft<'a> {
    pub(crate) definition: &'a StateMachine,
    pub(crate) execution: &'a mut Execution,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<HistoryEvent>,
    /// How often fields in JSONata were evaluated: what takes long in a decision.
    pub(crate) evaluated: Cell<u32>,
    /// Who caused the next event that is recorded. What follows it follows of itself, unless a
    /// step says that it is theirs, too.
    pub(crate) reported_by: Option<Arc<str>>,
    /// The definition that a redrive may go on with.
    pub(crate) replacing: Option<&'a StateMachine>,
    /// The surroundings of a state that is only tried.
    pub(crate) trial: Option<&'a Surroundings<'a>>,
}

/// The frame left the state that a step is about: the caller has nothing more to do.
pub(crate) struct Left;

impl<'a> Draft<'a> {
    /// Records a fact of a frame, after the frame's last one.
    pub(crate) fn emit(&mut self, frame: FrameId, kind: EventKind) -> EventNumber {
        let previous_id = self
            .execution
            .frames
            .get(&frame)
            .map_or(0, |held| held.cursor);
        self.emit_after(frame, previous_id, kind)
    }

    /// Records a fact of a frame, after the event with that wire id.
    pub(crate) fn emit_after(
        &mut self,
        frame: FrameId,
        previous_id: u64,
        kind: EventKind,
    ) -> EventNumber {
        self.record(frame, previous_id, self.now, kind)
    }

    /// Records a fact of a frame that happened earlier than now.
    pub(crate) fn emit_at(&mut self, frame: FrameId, at: Timestamp, kind: EventKind) {
        let previous_id = self
            .execution
            .frames
            .get(&frame)
            .map_or(0, |held| held.cursor);
        self.record(frame, previous_id, at.min(self.now), kind);
    }

    fn record(
        &mut self,
        frame: FrameId,
        previous_id: u64,
        at: Timestamp,
        kind: EventKind,
    ) -> EventNumber {
        let number = EventNumber(self.execution.version.0 + 1);
        let id = if kind.is_hidden() {
            0
        } else {
            self.execution.last_id + 1
        };
        // The times of a history never go back, even if the clock was set back.
        let at = at.max(self.execution.last_at);
        let event = HistoryEvent {
            number,
            id,
            previous_id,
            at,
            frame,
            kind,
            reported_by: self.reported_by.take(),
        };
        evolve(self.execution, &event);
        self.events.push(event);
        number
    }

    pub(crate) fn frame(&self, frame: FrameId) -> &Frame {
        self.execution
            .frames
            .get(&frame)
            .expect("a step is only taken in a frame that exists")
    }

    /// The state that a frame is in.
    pub(crate) fn active(&self, frame: FrameId) -> &Active {
        self.frame(frame)
            .active
            .as_ref()
            .expect("a step is only taken in a frame within a state")
    }

    pub(crate) fn state(&self, frame: FrameId) -> &'a State {
        self.definition.state(self.active(frame).state)
    }

    /// Evaluates fields of the state that a frame is in.
    pub(crate) fn evaluate<R>(
        &self,
        frame: FrameId,
        evaluation: impl FnOnce(&State, &Env<'_>) -> Result<R, EvalFailure>,
    ) -> Result<R, EvalFailure> {
        self.evaluate_for(frame, None, evaluation)
    }

    /// The same, for an item of a Map.
    pub(crate) fn evaluate_for<R>(
        &self,
        frame: FrameId,
        item: Option<context::Item<'_>>,
        evaluation: impl FnOnce(&State, &Env<'_>) -> Result<R, EvalFailure>,
    ) -> Result<R, EvalFailure> {
        if self.state(frame).query_language == QueryLanguage::Jsonata {
            self.evaluated.set(self.evaluated.get().saturating_add(1));
        }
        let event = EventNumber(self.execution.version.0 + 1);
        let moment = Moment {
            now: self.now,
            event,
            item,
            trial: self.trial,
        };
        evaluate(self.definition, self.execution, frame, moment, evaluation)
    }

    /// Evaluates fields; a failure is recorded and fails the state.
    pub(crate) fn evaluate_or_fail<R>(
        &mut self,
        frame: FrameId,
        evaluation: impl FnOnce(&State, &Env<'_>) -> Result<R, EvalFailure>,
    ) -> Result<R, Left> {
        self.evaluate(frame, evaluation)
            .map_err(|failure| self.evaluation_failed(frame, &failure))
    }

    /// Records that a field could not be evaluated, and fails the state with it.
    pub(crate) fn evaluation_failed(&mut self, frame: FrameId, failure: &EvalFailure) -> Left {
        let failed = self.record_evaluation(frame, failure);
        steps::failed(self, frame, &failed);
        Left
    }

    /// Records that a field could not be evaluated, if the language has an event for it.
    pub(crate) fn record_evaluation(&mut self, frame: FrameId, failure: &EvalFailure) -> Failure {
        let active = self.active(frame);
        let cause = failure.full_cause(&active.name, active.entered_id);
        let failed = Failure::new(failure.error, cause);
        if let Some(location) = &failure.location {
            // Before a state did anything, its failed evaluation follows the same event
            // as its entry does: so AWS has it.
            let cursor = self.frame(frame).cursor;
            let previous_id = if cursor == active.entered_id {
                active.entered_previous_id
            } else {
                cursor
            };
            let kind = EventKind::EvaluationFailed {
                failure: failed.clone(),
                location: Some(location.as_str().into()),
                state: active.state,
            };
            self.emit_after(frame, previous_id, kind);
        }
        failed
    }

    /// Leaves a state that did its work, unless the variables that it assigns are more
    /// than an execution may hold.
    pub(crate) fn complete(
        &mut self,
        frame: FrameId,
        completion: Completion,
        next: Option<StateRef>,
    ) -> Left {
        match self.check_variables(frame, &completion) {
            Ok(()) => self.exit(frame, completion, next),
            Err(failure) => {
                steps::failed(self, frame, &failure);
                Left
            }
        }
    }

    /// Whether there is room for the variables that a state assigns.
    pub(crate) fn check_variables(
        &self,
        frame: FrameId,
        completion: &Completion,
    ) -> Result<(), Failure> {
        let held = &self.frame(frame).variables;
        let added: usize = completion
            .assigned
            .iter()
            .map(|(name, value)| {
                let before = held.get(name).map_or(0, Payload::byte_len);
                value.byte_len().saturating_sub(before)
            })
            .sum();
        if added == 0 || self.execution.variables_bytes + added as u64 <= VARIABLES_MAX_BYTES {
            return Ok(());
        }
        let cause = format!(
            "The state '{}' assigned variables that make the execution hold more than \
             {VARIABLES_MAX_BYTES} bytes of them.",
            self.active(frame).name
        );
        Err(Failure::new(DATA_LIMIT, cause))
    }

    /// Leaves a state for the next one, or for the end of its frame.
    pub(crate) fn exit(
        &mut self,
        frame: FrameId,
        completion: Completion,
        next: Option<StateRef>,
    ) -> Left {
        let active = self.active(frame);
        let output = completion.output.clone();
        let exited = StateExited {
            state: active.state,
            state_type: active.state_type,
            name: active.name.clone(),
            output: completion.output,
            assigned: completion.assigned,
            next,
        };
        self.emit(frame, EventKind::StateExited(exited));
        if next.is_none() {
            steps::ended(self, frame, output);
        }
        Left
    }

    /// The most bytes that a payload of this execution may have.
    pub(crate) fn payload_max_bytes(&self) -> usize {
        self.execution
            .started
            .as_ref()
            .map_or(usize::MAX, |started| started.payload_max_bytes as usize)
    }
}

/// The type of a state, for the names of its events.
pub(crate) fn state_type(state: &State) -> StateType {
    match &state.kind {
        StateKind::Task(_) => StateType::Task,
        StateKind::Pass(_) => StateType::Pass,
        StateKind::Choice(_) => StateType::Choice,
        StateKind::Wait(_) => StateType::Wait,
        StateKind::Succeed => StateType::Succeed,
        StateKind::Fail(_) => StateType::Fail,
        StateKind::Parallel(_) => StateType::Parallel,
        StateKind::Map(_) => StateType::Map,
    }
}
