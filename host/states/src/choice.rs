//! Choice rules: when a rule holds.

mod pattern;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::data_flow::EvalFailure;
use crate::jsonata::Jsonata;
use crate::number;
use crate::path::Path;
use crate::template::{Reference, Sources};
use crate::timestamp::Timestamp;

pub(crate) use pattern::Pattern;

/// When a choice rule holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(pub(crate) Test);

/// A test of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    /// Compares what `variable` finds.
    Compare {
        variable: Path,
        operator: Operator,
    },
    /// JSONata's `Condition`.
    Jsonata(Jsonata),
    /// A condition given as `true` or `false`.
    Fixed(bool),
}

/// What a test compares with, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operator {
    String(Comparison, Operand<String>),
    Numeric(Comparison, Operand<Number>),
    Timestamp(Comparison, Operand<Timestamp>),
    Boolean(Operand<bool>),
    StringMatches(Pattern),
    Is(Kind, bool),
}

/// Which orders a comparison accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

/// What is compared with: a value of the definition, or one that a path finds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand<T> {
    Value(T),
    Path(Path),
}

/// What an `Is…` operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Present,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

impl Condition {
    /// Says whether the rule holds.
    ///
    /// # Errors
    /// A path finds nothing, or an expression fails or gives no boolean.
    pub(crate) fn holds(&self, sources: &Sources<'_>) -> Result<bool, EvalFailure> {
        self.0.holds(sources)
    }

    /// Goes through all paths and expressions.
    pub(crate) fn visit(&self, visitor: &mut dyn FnMut(Reference<'_>)) {
        self.0.visit(visitor);
    }
}

impl Test {
    fn holds(&self, sources: &Sources<'_>) -> Result<bool, EvalFailure> {
        match self {
            Self::And(tests) => {
                for test in tests {
                    if !test.holds(sources)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(tests) => {
                for test in tests {
                    if test.holds(sources)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(test) => Ok(!test.holds(sources)?),
            Self::Compare { variable, operator } => operator.holds(variable, sources),
            Self::Jsonata(expression) => expression.boolean(sources.evaluation, sources.states),
            Self::Fixed(value) => Ok(*value),
        }
    }

    fn visit(&self, visitor: &mut dyn FnMut(Reference<'_>)) {
        match self {
            Self::And(tests) | Self::Or(tests) => {
                tests.iter().for_each(|test| test.visit(visitor));
            }
            Self::Not(test) => test.visit(visitor),
            Self::Compare { variable, operator } => {
                visitor(Reference::Path(variable));
                if let Some(path) = operator.path() {
                    visitor(Reference::Path(path));
                }
            }
            Self::Jsonata(expression) => visitor(Reference::Jsonata(expression)),
            Self::Fixed(_) => {}
        }
    }
}

/// Applies a path of a rule.
fn find(path: &Path, sources: &Sources<'_>) -> Result<Value, EvalFailure> {
    sources.evaluation.find(path, sources.dollar).map_err(|_problem| {
        EvalFailure::runtime(format!(
            "Invalid path '{path}': The choice state's condition path references an invalid value."
        ))
    })
}

impl Operator {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::String(_, Operand::Path(path))
            | Self::Numeric(_, Operand::Path(path))
            | Self::Timestamp(_, Operand::Path(path))
            | Self::Boolean(Operand::Path(path)) => Some(path),
            _ => None,
        }
    }

    fn holds(&self, variable: &Path, sources: &Sources<'_>) -> Result<bool, EvalFailure> {
        if let Self::Is(Kind::Present, wanted) = self {
            return Ok(find(variable, sources).is_ok() == *wanted);
        }
        let value = find(variable, sources)?;
        let other = self.path().map(|path| find(path, sources)).transpose()?;
        let other = other.as_ref();
        Ok(match self {
            Self::String(comparison, operand) => {
                let other = operand.get(other, Value::as_str, String::as_str);
                ordered(
                    value.as_str(),
                    other,
                    |left, right| left.cmp(right),
                    *comparison,
                )
            }
            Self::Numeric(comparison, operand) => {
                let other = operand.get(other, Value::as_number, |number| number);
                let order = |left: &Number, right: &Number| number::compare(left, right);
                ordered(value.as_number(), other, order, *comparison)
            }
            Self::Timestamp(comparison, operand) => {
                let other = operand.get(other, timestamp, |timestamp| *timestamp);
                ordered(
                    timestamp(&value),
                    other,
                    |left, right| left.cmp(&right),
                    *comparison,
                )
            }
            Self::Boolean(operand) => {
                let other = operand.get(other, Value::as_bool, |value| *value);
                value.as_bool().is_some_and(|value| other == Some(value))
            }
            Self::StringMatches(pattern) => {
                value.as_str().is_some_and(|text| pattern.matches(text))
            }
            Self::Is(kind, wanted) => kind.is(&value) == *wanted,
        })
    }
}

impl<T> Operand<T> {
    /// Returns what is compared with; nothing if the path found another type.
    fn get<'v, O>(
        &'v self,
        found: Option<&'v Value>,
        read: impl Fn(&'v Value) -> Option<O>,
        take: impl Fn(&'v T) -> O,
    ) -> Option<O> {
        match self {
            Self::Value(value) => Some(take(value)),
            Self::Path(_) => found.and_then(read),
        }
    }
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(value.as_str()?).ok()
}

/// Compares two values of one type; another type than asked for compares as false.
fn ordered<T>(
    left: Option<T>,
    right: Option<T>,
    order: impl Fn(T, T) -> Ordering,
    comparison: Comparison,
) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    let order = order(left, right);
    match comparison {
        Comparison::Equals => order.is_eq(),
        Comparison::LessThan => order.is_lt(),
        Comparison::GreaterThan => order.is_gt(),
        Comparison::LessThanEquals => order.is_le(),
        Comparison::GreaterThanEquals => order.is_ge(),
    }
}

impl Kind {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Present => true,
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => timestamp(value).is_some(),
        }
    }
}
