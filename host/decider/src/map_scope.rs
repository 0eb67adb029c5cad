//! What a Map Run needs of the execution that it belongs to: the fields of the Map state,
//! evaluated item by item as if the execution did it itself.
//!
//! A copy of a few values, so that the execution may sleep while its items run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use stepwell_states::{
    Batches, Env, EvalFailure, EvalLimits, MapItem, MapPlan, Payload, State, StateMachine,
    Timestamp, Variables, batches, effective_input, map_item_input,
};

use crate::context::{self, Item};
use crate::evaluation::evaluate_plan;
use crate::event::EventNumber;
use crate::execution::Execution;
use crate::failure::Failure;
use crate::map_run::MapRunStarted;
use crate::seed::{Purpose, Seed, uuid};
use crate::started::ExecutionStarted;
use crate::trace::TraceContext;

/// An item of a Map Run, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Numbered<'a> {
    /// Number of the item, counted from 0.
    pub index: u64,
    /// The item.
    pub item: &'a MapItem,
    /// Where it was read from, as the context object shows it.
    pub source: &'a str,
}

/// The surroundings of an open Map Run.
#[derive(Debug, Clone)]
pub struct MapScope {
    run: EventNumber,
    order: Arc<MapRunStarted>,
    started: Arc<ExecutionStarted>,
    name: Arc<str>,
    entered_id: u64,
    entered_at: Timestamp,
    input: Payload,
    context: Value,
    variables: Visible,
    /// The items of the state's input, where they are not read from elsewhere.
    items: Arc<[MapItem]>,
}

impl MapScope {
    /// Copies what a Map Run needs; none if the execution has no such run open.
    #[must_use]
    pub fn of(definition: &StateMachine, execution: &Execution, run: EventNumber) -> Option<Self> {
        let frame = *execution.map_runs.get(&run)?;
        let order = Arc::clone(&execution.map_run_of(frame)?.started);
        let active = execution.frames.get(&frame)?.active.as_ref()?;
        // The same items as when the state began: what failed then would have no run.
        let items = match &order.reader {
            Some(_) => Vec::new(),
            None => {
                evaluate_plan(definition, execution, frame, None)
                    .ok()?
                    .items
            }
        };
        Some(Self {
            run,
            started: Arc::clone(execution.started.as_ref()?),
            name: active.name.clone(),
            entered_id: active.entered_id,
            entered_at: active.entered_at,
            input: active.input.clone(),
            context: context::build(definition, execution, frame, active.entered, None),
            variables: Visible(execution.variables_of(frame)),
            items: items.into(),
            order,
        })
    }

    /// Returns how often an open run was redriven.
    #[must_use]
    pub fn redrives_of(execution: &Execution, run: EventNumber) -> Option<u32> {
        let open = execution.map_run_of(*execution.map_runs.get(&run)?)?;
        Some(open.redrives)
    }

    /// The same for a state that is only tried: what its fields see and give was said of it.
    pub(crate) fn of_trial(self, context: Value, plan: &MapPlan) -> Self {
        Self {
            context,
            items: match &self.order.reader {
                Some(_) => self.items,
                None => plan.items.as_slice().into(),
            },
            ..self
        }
    }

    /// Returns what an open run was begun with, and when that was.
    #[must_use]
    pub fn order_of(
        execution: &Execution,
        run: EventNumber,
    ) -> Option<(Timestamp, &Arc<MapRunStarted>)> {
        let open = execution.map_run_of(*execution.map_runs.get(&run)?)?;
        Some((open.at, &open.started))
    }

    /// Returns what the Map state asked for.
    #[must_use]
    pub fn order(&self) -> &Arc<MapRunStarted> {
        &self.order
    }

    /// Returns the start of the execution that the run belongs to.
    #[must_use]
    pub fn parent(&self) -> &Arc<ExecutionStarted> {
        &self.started
    }

    /// Returns the items of the state's input.
    #[must_use]
    pub fn items(&self) -> &[MapItem] {
        &self.items
    }

    /// Returns how items are to be grouped, if they are.
    ///
    /// # Errors
    /// A field of the `ItemBatcher` cannot be evaluated: the run fails so.
    pub fn batches(&self, definition: &StateMachine) -> Result<Option<Batches>, Failure> {
        self.evaluate(definition, None, |state, env, input| {
            batches(state, env, input)
        })
    }

    /// Evaluates the input that an item gives: `ItemSelector`, or the item itself.
    ///
    /// # Errors
    /// An expression cannot be evaluated: the run fails so.
    pub fn item_input(
        &self,
        definition: &StateMachine,
        item: Numbered<'_>,
    ) -> Result<Payload, Failure> {
        self.evaluate(definition, Some(item), |state, env, input| {
            map_item_input(state, env, input, item.item)
        })
    }

    /// Returns the seed of a child.
    #[must_use]
    pub fn child_seed(&self, index: u64) -> Seed {
        let run = Seed(self.started.seed.derive(Purpose::Child, self.run));
        Seed(run.derive(Purpose::Child, EventNumber(index)))
    }

    /// Returns a child's name: a UUID that begins with the key under which the store has it,
    /// so that it is found by it, and names made one after the other stand side by side.
    #[must_use]
    pub fn child_name(&self, key: i64, index: u64) -> String {
        let mut bits = self.child_seed(index).derive(Purpose::MapRun, self.run);
        let key = key.to_be_bytes();
        // 48 bits before the version, 8 behind it.
        bits[..6].copy_from_slice(&key[1..7]);
        bits[7] = key[7];
        uuid(&bits)
    }

    /// Returns the trace context of what the Map Run starts.
    #[must_use]
    pub fn trace(&self) -> TraceContext {
        self.started.trace_of_task(self.run)
    }

    fn evaluate<R>(
        &self,
        definition: &StateMachine,
        item: Option<Numbered<'_>>,
        evaluation: impl FnOnce(&State, &Env<'_>, &Payload) -> Result<R, EvalFailure>,
    ) -> Result<R, Failure> {
        let state = definition.state(self.order.state);
        let build = || {
            let mut context = self.context.clone();
            if let Some(item) = item {
                let shown = context::map_item(Item {
                    index: item.index,
                    item: item.item,
                    source: Some(item.source),
                });
                context["Map"] = serde_json::json!({ "Item": shown });
            }
            context
        };
        let env = Env {
            input: &self.input,
            context: &build,
            variables: &self.variables,
            seed: self.started.seed.derive(Purpose::Evaluation, self.run),
            now: self.entered_at,
            limits: EvalLimits {
                payload_bytes: self.started.payload_max_bytes as usize,
                ..EvalLimits::default()
            },
            observer: None,
        };
        effective_input(state, &env)
            .and_then(|input| evaluation(state, &env, &input))
            .map_err(|failure| {
                Failure::new(
                    failure.error,
                    failure.full_cause(&self.name, self.entered_id),
                )
            })
    }
}

/// Reads the key of a child execution off its name; none if it is no such name.
#[must_use]
pub fn child_key(name: &str) -> Option<i64> {
    let hex: String = name.chars().filter(|letter| *letter != '-').collect();
    if hex.len() != 32 || name.len() != 36 {
        return None;
    }
    let high = u64::from_str_radix(hex.get(..12)?, 16).ok()?;
    let low = u64::from_str_radix(hex.get(14..16)?, 16).ok()?;
    i64::try_from(high << 8 | low).ok()
}

/// The variables that the Map state can see.
#[derive(Debug, Clone)]
struct Visible(BTreeMap<String, Payload>);

impl Variables for Visible {
    fn variable(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(Payload::to_value)
    }
}
