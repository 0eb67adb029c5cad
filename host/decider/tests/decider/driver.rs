//! Drives an execution to its end by a policy that depends on nothing but its history.

use std::sync::Arc;

use stepwell_decider::{
    Effect, EventKind, Execution, ExecutionStarted, Failure, HistoryEvent, Input, PendingWork,
    Seed, decide, outstanding_effects,
};
use stepwell_states::{Diagnostic, Payload, ScopeId, Severity, StateMachine, Timestamp, parse};

pub(crate) const START: Timestamp = Timestamp::from_ms(1_800_000_000_000);
/// Decisions after which an execution counts as endless.
const DECISIONS_MAX: usize = 400;

pub(crate) fn machine(text: &str) -> StateMachine {
    match parse(text, None) {
        Ok((machine, _)) => machine,
        Err(problems) => {
            let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
            let errors: Vec<&Diagnostic> = problems.iter().filter(is_error).collect();
            panic!("{errors:#?} in {text}")
        }
    }
}

pub(crate) fn started(input: &str) -> Arc<ExecutionStarted> {
    Arc::new(ExecutionStarted {
        key: 7,
        input: Payload::parse(input).unwrap(),
        tenant: "dev".into(),
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
        execution_name: "e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        state_machine_name: "m".into(),
        version_arn: None,
        alias_arn: None,
        role_arn: "".into(),
        region: "us-east-1".into(),
        seed: Seed([3; 32]),
        deadline: None,
        parent: None,
        traceparent: None,
        principal: None,
        payload_max_bytes: 262_144,
        history_events_max: None,
        scope: ScopeId(0),
        map_child: None,
        tracestate: None,
        acting_for: None,
    })
}

/// How a task ends, by its order.
pub(crate) type Policy = fn(&PendingWork) -> Result<Payload, Failure>;

/// An execution on its way, with all that was recorded.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) execution: Execution,
    pub(crate) events: Vec<HistoryEvent>,
    pub(crate) now: Timestamp,
    /// How long the history was after each decision, and when that was: only what was
    /// decided together is committed together, and can be found after a crash.
    pub(crate) commits: Vec<(usize, Timestamp)>,
}

impl Run {
    pub(crate) fn start(definition: &StateMachine, input: &str) -> Self {
        Self::start_as(definition, started(input))
    }

    /// Starts an execution that is described in full.
    pub(crate) fn start_as(definition: &StateMachine, started: Arc<ExecutionStarted>) -> Self {
        let mut run = Self {
            execution: Execution::default(),
            events: Vec::new(),
            now: START,
            commits: Vec::new(),
        };
        run.tell(definition, Input::Start(started));
        run
    }

    /// Goes on from a history at a time.
    pub(crate) fn resume(events: &[HistoryEvent], now: Timestamp) -> Self {
        Self {
            execution: Execution::replay(events),
            events: events.to_vec(),
            now,
            commits: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, definition: &StateMachine, input: Input) {
        let before = self.execution.clone();
        let decision = decide(definition, &mut self.execution, input.clone(), self.now).unwrap();
        let mut again = before;
        let repeated = decide(definition, &mut again, input, self.now).unwrap();
        assert_eq!(
            decision, repeated,
            "the same arguments give the same decision"
        );
        self.events.extend(decision.events);
        self.commits.push((self.events.len(), self.now));
        assert_eq!(
            Execution::replay(&self.events),
            self.execution,
            "replay gives what was lived through"
        );
    }

    /// What to tell next; none at the end, or where only somebody outside can go on.
    pub(crate) fn next_input(&mut self, policy: Policy) -> Option<Input> {
        if self.execution.end().is_some() {
            return None;
        }
        if self.execution.is_unfinished() {
            return Some(Input::Continue);
        }
        for effect in outstanding_effects(&self.execution) {
            // A worker takes what is offered, and is never heard of again.
            if let Effect::OfferToWorkers { work, .. } = effect {
                return Some(Input::TaskTaken {
                    scheduled: work.scheduled,
                    worker: None,
                    principal: None,
                });
            }
        }
        let work =
            outstanding_effects(&self.execution)
                .into_iter()
                .find_map(|effect| match effect {
                    Effect::DoWork(work) => Some(work),
                    _ => None,
                });
        if let Some(work) = work {
            return Some(Input::TaskFinished {
                scheduled: work.scheduled,
                started_at: self.now,
                result: policy(&work),
                usage: None,
            });
        }
        self.now = self.execution.next_due()?.max(self.now);
        Some(Input::TimersDue)
    }

    /// Goes on as far as another history goes, or to the end; false if there is none in sight.
    pub(crate) fn finish_within(
        &mut self,
        definition: &StateMachine,
        policy: Policy,
        other: &[HistoryEvent],
    ) -> bool {
        for _ in 0..DECISIONS_MAX {
            let next = other.get(self.events.len()).map(|event| &event.kind);
            if next.is_none_or(|kind| matches!(kind, EventKind::ExecutionAborted { .. })) {
                return true;
            }
            let Some(input) = self.next_input(policy) else {
                return true;
            };
            self.tell(definition, input);
        }
        false
    }

    /// Goes on to the end; false if there is none in sight.
    pub(crate) fn finish(&mut self, definition: &StateMachine, policy: Policy) -> bool {
        for _ in 0..DECISIONS_MAX {
            let Some(input) = self.next_input(policy) else {
                return true;
            };
            self.tell(definition, input);
        }
        false
    }
}
