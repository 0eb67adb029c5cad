//! One state, tried by itself: what an execution would do there with this input.
//!
//! The state is entered, worked on and left by the very steps that executions take, in
//! surroundings that the caller makes up. Nothing is stored, and nothing after the state is
//! entered. Who wants to know how the data flowed watches through an [`Observer`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_states::{
    MapItem, MapMode, MapPlan, Observer, Payload, StateKind, StateMachine, StateRef, Timestamp,
};

use crate::context::{self, Item};
use crate::draft::Draft;
use crate::event::{EventKind, EventNumber, FrameId, HistoryEvent, StateExited};
use crate::execution::{Execution, PendingWork, Phase};
use crate::failure::Failure;
use crate::map_scope::MapScope;
use crate::started::ExecutionStarted;
use crate::steps::{self, map, map_run, parallel, task, wait};

/// The state to try, and what it is to find around it.
pub struct TrialOrder<'a> {
    /// The state.
    pub state: StateRef,
    /// The execution that it seems to be in, whose input is the state's. Its `scope` is the
    /// state's.
    pub started: Arc<ExecutionStarted>,
    /// Variables that were assigned before.
    pub variables: Vec<(String, Payload)>,
    /// The context object, instead of the one that the execution would show.
    pub context: Option<Value>,
    /// The item of the Map that the state seems to be within, and where that has it from.
    pub item: Option<(MapItem, Option<String>)>,
    /// How often the retrier that takes the state's error was used before.
    pub retry_count: u32,
    /// Who is told how the data flows.
    pub observer: &'a dyn Observer,
}

/// How a state ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialOutcome {
    /// With its output.
    Succeeded,
    /// With an error that one of its catchers took.
    Caught,
    /// With an error after which it would be tried again.
    Retriable,
    /// With an error that nothing took.
    Failed,
}

/// How a state ended, and where it leads.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialEnd {
    /// How.
    pub outcome: TrialOutcome,
    /// Its output, or what its catcher made of the error.
    pub output: Option<Payload>,
    /// The state that comes next.
    pub next: Option<StateRef>,
    /// The error, of anything but a success.
    pub failure: Option<Failure>,
    /// The retrier that matched the error, even if it had no attempt left.
    pub retrier: Option<u32>,
    /// Milliseconds until the next attempt.
    pub retry_delay_ms: Option<u64>,
    /// The catcher that took the error.
    pub catcher: Option<usize>,
    /// All variables as the next state would see them.
    pub variables: BTreeMap<String, Payload>,
}

/// What the steps see of a trial.
pub(crate) struct Surroundings<'a> {
    order: &'a TrialOrder<'a>,
    retrier: Cell<Option<u32>>,
    caught: RefCell<Option<(usize, Failure)>>,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn observer(&self) -> &'a dyn Observer {
        self.order.observer
    }

    /// Builds the context object of the tried state.
    pub(crate) fn context(
        &self,
        definition: &StateMachine,
        execution: &Execution,
        frame: FrameId,
        as_of: EventNumber,
        item: Option<Item<'_>>,
    ) -> Value {
        let around = self.order.item.as_ref().map(|(item, source)| Item {
            index: 0,
            item,
            source: source.as_deref(),
        });
        let Some(given) = &self.order.context else {
            let mut built = context::build(definition, execution, frame, as_of, item.or(around));
            // The execution is an express one, which is never redriven.
            if let Some(shown) = built["Execution"].as_object_mut() {
                shown.remove("RedriveCount");
                shown.retain(|member, value| member != "RoleArn" || value != "");
            }
            if let Some(count) = built.pointer_mut("/State/RetryCount") {
                *count = self.order.retry_count.into();
            }
            return built;
        };
        let mut given = given.clone();
        if let (Some(item), Some(members)) = (item, given.as_object_mut()) {
            let item = context::map_item(item);
            members.insert("Map".to_owned(), json!({ "Item": item }));
        }
        given
    }

    /// A retrier takes the error: returns how often it was used before.
    pub(crate) fn retried_with(&self, retrier: u32) -> u32 {
        self.retrier.set(Some(retrier));
        self.order.retry_count
    }

    /// A catcher takes the error.
    pub(crate) fn caught(&self, catcher: usize, failure: &Failure) {
        self.caught.replace(Some((catcher, failure.clone())));
    }
}

/// A state that is tried.
pub struct Trial<'a> {
    definition: &'a StateMachine,
    surroundings: Surroundings<'a>,
    execution: Execution,
    events: Vec<HistoryEvent>,
    plan: Option<Arc<MapPlan>>,
    now: Timestamp,
}

impl<'a> Trial<'a> {
    /// Enters the state and goes as far as it can: to its end, or until the result of its
    /// work is needed. Waits are over at once.
    #[must_use]
    pub fn enter(definition: &'a StateMachine, order: &'a TrialOrder<'a>, now: Timestamp) -> Self {
        let mut trial = Self::arrive(definition, order, now);
        trial.step(work);
        let waits_until = trial.execution.next_due();
        if let (Some(Phase::Waiting), Some(due)) = (trial.phase(), waits_until) {
            trial.now = due;
            trial.step(|draft, _| {
                // How a step ends is all in the events that it recorded.
                let _ = wait::finish(draft, FrameId::ROOT);
            });
        }
        trial
    }

    /// Enters the state and does nothing there yet.
    #[must_use]
    pub fn arrive(definition: &'a StateMachine, order: &'a TrialOrder<'a>, now: Timestamp) -> Self {
        let mut trial = Self {
            definition,
            surroundings: Surroundings {
                order,
                retrier: Cell::new(None),
                caught: RefCell::new(None),
            },
            execution: Execution::default(),
            events: Vec::new(),
            plan: None,
            now,
        };
        trial.step(|draft, _| {
            begin(draft, order);
            steps::arrive(draft, FrameId::ROOT);
        });
        trial
    }

    /// Returns the task whose result is needed, if it is one.
    #[must_use]
    pub fn open_task(&self) -> Option<PendingWork> {
        let Some(Phase::Task(task)) = self.phase() else {
            return None;
        };
        Some(PendingWork {
            scheduled: task.number,
            order: Arc::clone(&task.order),
        })
    }

    /// Returns when the state was entered.
    #[must_use]
    pub fn entered_at(&self) -> Timestamp {
        self.execution.started_at()
    }

    /// Returns the events so far, as an execution would have them.
    #[must_use]
    pub fn events(&self) -> &[HistoryEvent] {
        &self.events
    }

    /// Returns what the Map state is going to do, if it is one and its items were found.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<MapPlan>> {
        self.plan.as_ref()
    }

    /// Returns the surroundings of the Map Run that the state began, if it began one.
    #[must_use]
    pub fn map_scope(&self) -> Option<MapScope> {
        let run = self.execution.open_map_runs().next()?;
        let scope = MapScope::of(self.definition, &self.execution, run)?;
        // Nothing that is only tried was ever redriven.
        let as_of = EventNumber::default();
        let (definition, execution) = (self.definition, &self.execution);
        let context = self
            .surroundings
            .context(definition, execution, FrameId::ROOT, as_of, None);
        Some(scope.of_trial(context, self.plan.as_deref()?))
    }

    /// Returns the input of an iteration of a Map that runs them within the execution; none
    /// if there is no such iteration, or if its input cannot be evaluated, which ends the
    /// state.
    pub fn iteration_input(&mut self, index: u32) -> Option<Payload> {
        let plan = self.plan.clone()?;
        plan.items.get(index as usize)?;
        let mut found = None;
        self.step(|draft, _| {
            found = map::iteration_input(draft, FrameId::ROOT, &plan, index).ok();
        });
        found
    }

    /// The state's work has ended so, whoever did it.
    pub fn finish(&mut self, result: Result<Payload, Failure>, now: Timestamp) {
        self.now = self.now.max(now);
        self.step(|draft, _| give(draft, result));
    }

    /// The state failed with an error that came up within it.
    pub fn fail(&mut self, failure: &Failure) {
        self.step(|draft, _| steps::failed(draft, FrameId::ROOT, failure));
    }

    /// Returns how the state ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<TrialEnd> {
        let caught = self.surroundings.caught.borrow().clone();
        let mut end = TrialEnd {
            outcome: TrialOutcome::Succeeded,
            output: None,
            next: None,
            failure: None,
            retrier: self.surroundings.retrier.get(),
            retry_delay_ms: None,
            catcher: caught.as_ref().map(|(index, _)| *index),
            variables: self.surroundings.order.variables.iter().cloned().collect(),
        };
        let entered = |event: &HistoryEvent| matches!(event.kind, EventKind::StateEntered(_));
        let since = self.events.iter().position(entered)?;
        let how = |event: &HistoryEvent| match &event.kind {
            EventKind::StateExited(exited) => {
                end.output = Some(exited.output.clone());
                end.next = exited.next;
                end.variables.extend(exited.assigned.iter().cloned());
                if let Some((_, failure)) = &caught {
                    end.outcome = TrialOutcome::Caught;
                    end.failure = Some(failure.clone());
                }
                Some(())
            }
            EventKind::RetryScheduled { due, failure, .. } => {
                end.outcome = TrialOutcome::Retriable;
                end.failure = Some(failure.clone());
                let delay_ms = due.as_ms().saturating_sub(event.at.as_ms());
                end.retry_delay_ms = u64::try_from(delay_ms).ok();
                Some(())
            }
            EventKind::ExecutionFailed(failure) => {
                end.outcome = TrialOutcome::Failed;
                end.failure = Some(failure.clone());
                Some(())
            }
            _ => None,
        };
        self.events[since..].iter().find_map(how)?;
        Some(end)
    }

    fn phase(&self) -> Option<&Phase> {
        let frame = self.execution.frames.get(&FrameId::ROOT)?;
        Some(&frame.active.as_ref()?.phase)
    }

    fn step(&mut self, step: impl FnOnce(&mut Draft<'_>, &mut Option<Arc<MapPlan>>)) {
        if self.end().is_some() {
            return;
        }
        let mut draft = Draft {
            definition: self.definition,
            execution: &mut self.execution,
            now: self.now,
            events: Vec::new(),
            evaluated: Cell::new(0),
            reported_by: None,
            replacing: None,
            trial: Some(&self.surroundings),
        };
        step(&mut draft, &mut self.plan);
        let events = std::mem::take(&mut draft.events);
        self.events.extend(events);
    }
}

/// Makes an execution that is about to enter the state, with its variables assigned.
fn begin(draft: &mut Draft<'_>, order: &TrialOrder<'_>) {
    let started = &order.started;
    draft.emit(
        FrameId::ROOT,
        EventKind::ExecutionStarted(Arc::clone(started)),
    );
    let starts_here = draft.definition.scope(order.state.scope).start_at == order.state;
    if starts_here && order.variables.is_empty() {
        return;
    }
    // As if a state before it had assigned them, and led here.
    let state = draft.definition.state(order.state);
    let before = StateExited {
        state: order.state,
        state_type: crate::draft::state_type(state),
        name: state.name.clone(),
        output: started.input.clone(),
        assigned: order.variables.clone(),
        next: Some(order.state),
    };
    draft.emit(FrameId::ROOT, EventKind::StateExited(before));
}

/// Begins the state's work. The iterations of a Map are not started: what they would be
/// given is found out, and what they give is said.
fn work(draft: &mut Draft<'_>, found: &mut Option<Arc<MapPlan>>) {
    let definition = draft.definition;
    let state = definition.state(draft.active(FrameId::ROOT).state);
    let StateKind::Map(map) = &state.kind else {
        return steps::run(draft, FrameId::ROOT);
    };
    // Both begin with the same plan, which is evaluated once.
    let Ok(plan) = map::plan(draft, FrameId::ROOT) else {
        return;
    };
    *found = Some(plan);
    // How a step ends is all in the events that it recorded.
    let _ = match map.mode {
        MapMode::Inline => map::begin(draft, FrameId::ROOT).map(|_length| ()),
        MapMode::Distributed { .. } => map::start(draft, FrameId::ROOT, map),
    };
}

/// Takes the result of the state's work.
fn give(draft: &mut Draft<'_>, result: Result<Payload, Failure>) {
    let frame = FrameId::ROOT;
    let definition = draft.definition;
    let active = draft.active(frame);
    let kind = &definition.state(active.state).kind;
    match (&active.phase, kind, result) {
        (Phase::Task(open), _, result) => {
            let scheduled = open.number;
            task::started(draft, frame, scheduled, None, draft.now);
            match result {
                Ok(output) => task::succeeded(draft, frame, scheduled, output, None),
                Err(failure) => task::lost(draft, frame, scheduled, failure, None),
            }
        }
        (Phase::MapRun(open), _, result) => {
            let run = open.number;
            map_run::finished(draft, frame, run, result);
        }
        (Phase::Children(_), StateKind::Parallel(_), Ok(output)) => {
            // How a step ends is all in the events that it recorded.
            let _ = parallel::finish(draft, frame, &output);
        }
        (Phase::Children(_), _, Ok(output)) => {
            let _ = map::finish(draft, frame, &output);
        }
        (Phase::Children(_), _, Err(failure)) => steps::failed(draft, frame, &failure),
        _ => {}
    }
}
