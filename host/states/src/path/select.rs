//! What a path finds in a value.

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Number, Value};

use super::{Function, Path, Step, canonical};
use crate::number;

/// Values that one path may look at. `$..*..*` over a large value would otherwise
/// take for ever.
const VISITS_MAX: u32 = 1_000_000;

/// What a path found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found<'v> {
    /// The one value of a definite path.
    One(Cow<'v, Value>),
    /// The values of any other path.
    Many(Vec<&'v Value>),
}

/// A path found nothing although it has to; says where it stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFound(pub(crate) String);

/// Counts the values that a path looked at.
pub(super) struct Budget(Cell<u32>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Cell::new(VISITS_MAX))
    }

    /// Counts visits down; once there are none left, every path that shares the
    /// budget fails.
    pub(super) fn spend(&self, visits: usize) -> Result<(), NotFound> {
        let left = u32::try_from(visits)
            .ok()
            .and_then(|visits| self.0.get().checked_sub(visits));
        match left {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => {
                self.0.set(0);
                Err(NotFound(format!(
                    "the path looks at more than {VISITS_MAX} values"
                )))
            }
        }
    }
}

impl Found<'_> {
    /// Returns the one value, or the list of values.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::One(value) => value.into_owned(),
            Self::Many(values) => values.into_iter().cloned().collect(),
        }
    }
}

impl Path {
    /// Applies the path to the value that it starts from.
    ///
    /// # Errors
    /// A field or element that a definite part of the path names is not there.
    pub(crate) fn select<'v>(&self, start: &'v Value) -> Result<Found<'v>, NotFound> {
        walk(&self.steps, start, start, &Budget::new())
    }

    /// Words a failure as Step Functions does for `InputPath` and its like.
    pub(crate) fn invalid_path(&self, problem: &NotFound) -> String {
        format!("Invalid path '{self}' : {}", problem.0)
    }

    /// What stands for the path where a variable is missing.
    pub(crate) fn no_results(&self) -> NotFound {
        NotFound(format!(
            "No results for path: {}",
            self.canonical(usize::MAX)
        ))
    }
}

/// Applies steps to a value; `whole` is what `$` means inside filters.
pub(super) fn walk<'v>(
    steps: &[Step],
    start: &'v Value,
    whole: &'v Value,
    budget: &Budget,
) -> Result<Found<'v>, NotFound> {
    let mut nodes = vec![start];
    let mut definite = true;
    for (position, step) in steps.iter().enumerate() {
        budget.spend(nodes.len())?;
        let is_last = position + 1 == steps.len();
        if let Step::Function(function) = step {
            let value = call(*function, &nodes, definite);
            return value
                .map(|value| Found::One(Cow::Owned(value)))
                .ok_or_else(|| NotFound(format!("No results for path: {}", canonical(steps))));
        }
        if let (Step::Children(names), true, true) = (step, is_last, definite) {
            return merge(names, nodes.first().copied(), steps);
        }
        let mut next = Vec::new();
        let strict = Strict {
            definite,
            is_last,
            steps,
            position,
        };
        for node in nodes {
            take(step, node, whole, budget, &strict, &mut next)?;
        }
        definite &= matches!(step, Step::Child(_) | Step::Index(_));
        nodes = next;
    }
    budget.spend(nodes.len())?;
    if !definite {
        return Ok(Found::Many(nodes));
    }
    match nodes.first() {
        Some(value) => Ok(Found::One(Cow::Borrowed(value))),
        None => Err(NotFound(format!(
            "No results for path: {}",
            canonical(steps)
        ))),
    }
}

/// Whether a missing value is an error, and how it is told.
struct Strict<'s> {
    definite: bool,
    is_last: bool,
    steps: &'s [Step],
    position: usize,
}

impl Strict<'_> {
    /// Fails if the path so far is definite; else there is just nothing to take.
    fn missing(&self, message: impl FnOnce(&str) -> String) -> Result<(), NotFound> {
        if !self.definite {
            return Ok(());
        }
        let through = self.steps.get(..=self.position).unwrap_or(self.steps);
        Err(NotFound(message(&canonical(through))))
    }

    fn missing_field(&self) -> Result<(), NotFound> {
        self.missing(|path| {
            if self.is_last {
                format!("No results for path: {path}")
            } else {
                format!("Missing property in path {path}")
            }
        })
    }
}

/// Applies one step to one value.
fn take<'v>(
    step: &Step,
    node: &'v Value,
    whole: &'v Value,
    budget: &Budget,
    strict: &Strict<'_>,
    next: &mut Vec<&'v Value>,
) -> Result<(), NotFound> {
    match step {
        Step::Child(name) => match node {
            Value::Object(fields) => match fields.get(name) {
                Some(value) => next.push(value),
                None => strict.missing_field()?,
            },
            other => strict.missing(|path| {
                format!(
                    "Expected to find an object with property ['{name}'] in path {path} but \
                     found a {}",
                    type_name(other)
                )
            })?,
        },
        Step::Children(names) => {
            let fields = node.as_object();
            next.extend(
                names
                    .iter()
                    .filter_map(|name| fields.and_then(|f| f.get(name))),
            );
        }
        Step::Index(_) | Step::Indexes(_) | Step::Slice { .. } => match node {
            Value::Array(elements) => elements_at(step, elements, strict, next)?,
            other => strict.missing(|path| {
                format!("{path} can only be applied to arrays. Current context is: {other}")
            })?,
        },
        Step::Wildcard => match node {
            Value::Object(fields) => next.extend(fields.values()),
            Value::Array(elements) => next.extend(elements),
            _ => {}
        },
        Step::Descend => descend(node, budget, next)?,
        Step::Filter(filter) => match node {
            Value::Array(elements) => {
                budget.spend(elements.len())?;
                next.extend(
                    elements
                        .iter()
                        .filter(|each| filter.accepts(each, whole, budget)),
                );
                // Fails if the filter spent the budget, since it then let nothing pass.
                budget.spend(1)?;
            }
            Value::Object(_) => {
                next.extend(filter.accepts(node, whole, budget).then_some(node));
            }
            _ => {
                strict
                    .missing(|path| format!("Filter: {path} can not be applied to primitives"))?;
            }
        },
        // Taken care of by the caller, because it looks at all values together.
        Step::Function(_) => {}
    }
    Ok(())
}

/// Takes single elements or a slice.
fn elements_at<'v>(
    step: &Step,
    elements: &'v [Value],
    strict: &Strict<'_>,
    next: &mut Vec<&'v Value>,
) -> Result<(), NotFound> {
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let at = |index: i64| {
        let index = if index < 0 {
            index.saturating_add(length)
        } else {
            index
        };
        usize::try_from(index)
            .ok()
            .and_then(|index| elements.get(index))
    };
    match step {
        Step::Index(index) => match at(*index) {
            Some(value) => next.push(value),
            None => strict.missing_field()?,
        },
        Step::Indexes(indexes) => next.extend(indexes.iter().filter_map(|index| at(*index))),
        Step::Slice { from, to, by } => {
            let clamp = |bound: Option<i64>, default: i64| {
                let bound = bound.unwrap_or(default);
                let bound = if bound < 0 {
                    bound.saturating_add(length)
                } else {
                    bound
                };
                usize::try_from(bound.clamp(0, length)).unwrap_or(0)
            };
            let (from, to) = (clamp(*from, 0), clamp(*to, length));
            let by = usize::try_from(*by).unwrap_or(1).max(1);
            next.extend(elements.get(from..to).unwrap_or(&[]).iter().step_by(by));
        }
        _ => {}
    }
    Ok(())
}

/// Adds a value and all objects and arrays below it, in the order of the text.
fn descend<'v>(
    node: &'v Value,
    budget: &Budget,
    next: &mut Vec<&'v Value>,
) -> Result<(), NotFound> {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        budget.spend(1)?;
        match node {
            Value::Object(fields) => {
                next.push(node);
                open.extend(fields.values().rev());
            }
            Value::Array(elements) => {
                next.push(node);
                open.extend(elements.iter().rev());
            }
            _ => {}
        }
    }
    Ok(())
}

/// `$['a','b']` at the end of a definite path is an object of those fields.
fn merge<'v>(
    names: &[String],
    node: Option<&'v Value>,
    steps: &[Step],
) -> Result<Found<'v>, NotFound> {
    let Some(Value::Object(fields)) = node else {
        return Err(NotFound(format!(
            "No results for path: {}",
            canonical(steps)
        )));
    };
    let picked = names
        .iter()
        .filter_map(|name| Some((name.clone(), fields.get(name)?.clone())));
    Ok(Found::One(Cow::Owned(Value::Object(picked.collect()))))
}

/// Applies a function to the one value, or to the list of values.
fn call(function: Function, nodes: &[&Value], definite: bool) -> Option<Value> {
    let elements: Vec<&Value> = match nodes {
        [Value::Array(elements)] if definite => elements.iter().collect(),
        [Value::Object(fields)] if definite => {
            return match function {
                Function::Length => Some(fields.len().into()),
                Function::Keys => Some(fields.keys().cloned().collect()),
                _ => None,
            };
        }
        [Value::String(text)] if definite && function == Function::Length => {
            return Some(text.chars().count().into());
        }
        [_] if definite => return None,
        nodes => nodes.to_vec(),
    };
    let at = |index: i64| {
        let length = i64::try_from(elements.len()).ok()?;
        let index = if index < 0 {
            index.saturating_add(length)
        } else {
            index
        };
        elements
            .get(usize::try_from(index).ok()?)
            .map(|value| (*value).clone())
    };
    match function {
        Function::Length => Some(elements.len().into()),
        Function::Keys => None,
        Function::First => at(0),
        Function::Last => at(-1),
        Function::Index(index) => at(index),
        Function::Min | Function::Max | Function::Avg | Function::Sum | Function::Stddev => {
            statistic(function, &elements)
        }
    }
}

/// Computes over the numbers of a list; other values are passed over.
fn statistic(function: Function, elements: &[&Value]) -> Option<Value> {
    let numbers: Vec<&Number> = elements
        .iter()
        .filter_map(|value| value.as_number())
        .collect();
    let extreme = match function {
        Function::Min => numbers.iter().min_by(|a, b| number::compare(a, b)),
        Function::Max => numbers.iter().max_by(|a, b| number::compare(a, b)),
        _ => None,
    };
    if let Some(extreme) = extreme {
        return Some(Value::Number((*extreme).clone()));
    }
    if numbers.is_empty() {
        return None;
    }
    let doubles: Vec<f64> = numbers.iter().map(|each| number::as_f64(each)).collect();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a list holds far fewer than 2^52 numbers"
    )]
    let count = doubles.len() as f64;
    let sum: f64 = doubles.iter().sum();
    let mean = sum / count;
    let result = match function {
        Function::Sum => sum,
        Function::Avg => mean,
        _ => (doubles
            .iter()
            .map(|each| (each - mean).powi(2))
            .sum::<f64>()
            / count)
            .sqrt(),
    };
    number::from_f64(result).map(Value::Number)
}

/// Names a value's type in messages.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
