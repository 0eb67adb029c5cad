//! Filters: `?(@.price > 10 && @.tag in ['a', 'b'])`.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};

use super::parse::{Reader, steps};
use super::select::{Budget, Found, walk};
use super::{PathSyntaxError, Step};
use crate::number;

/// Largest compiled form of a regular expression, in bytes.
const REGEX_SIZE_MAX: usize = 1 << 20;

/// A condition on one element.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// `@.path`: from the element.
    Element(Vec<Step>),
    /// `$.path`: from the whole value.
    Whole(Vec<Step>),
    Literal(Value),
    Pattern(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
    AllOf,
}

/// Longest spelling first, so that `<=` is not read as `<`.
const SYMBOLS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("=~", Operator::Matches),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

const WORDS: [(&str, Operator); 10] = [
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("sizeof", Operator::Size),
    ("empty", Operator::Empty),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("all", Operator::AllOf),
];

/// Reads a filter from its `(` to its `)`.
pub(super) fn parse(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    if !reader.eat('(') {
        return Err(reader.error("expected '('"));
    }
    let filter = any(reader, depth)?;
    reader.skip_space();
    if !reader.eat(')') {
        return Err(reader.error("expected ')', '&&' or '||'"));
    }
    Ok(filter)
}

fn any(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    let mut alternatives = vec![all(reader, depth)?];
    loop {
        reader.skip_space();
        if !reader.eat_text("||") {
            break;
        }
        alternatives.push(all(reader, depth)?);
    }
    Ok(match alternatives.len() {
        1 => alternatives.swap_remove(0),
        _ => Filter::Any(alternatives),
    })
}

fn all(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    let mut conditions = vec![condition(reader, depth)?];
    loop {
        reader.skip_space();
        if !reader.eat_text("&&") {
            break;
        }
        conditions.push(condition(reader, depth)?);
    }
    Ok(match conditions.len() {
        1 => conditions.swap_remove(0),
        _ => Filter::All(conditions),
    })
}

fn condition(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    if depth > 32 {
        return Err(reader.error("the filter nests too deep: at most 32 levels"));
    }
    reader.skip_space();
    match reader.peek() {
        Some('!') => {
            reader.next();
            Ok(Filter::Not(Box::new(condition(reader, depth + 1)?)))
        }
        Some('(') => parse(reader, depth + 1),
        _ => comparison(reader, depth),
    }
}

fn comparison(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    let left = operand(reader, depth)?;
    reader.skip_space();
    let Some(operator) = operator(reader)? else {
        return match left {
            Operand::Element(_) | Operand::Whole(_) => Ok(Filter::Exists(left)),
            Operand::Literal(_) | Operand::Pattern(_) => {
                Err(reader.error("a condition looks at '@' or '$'"))
            }
        };
    };
    let right = operand(reader, depth)?;
    if (operator == Operator::Matches) != matches!(right, Operand::Pattern(_)) {
        return Err(reader.error("'=~' goes with a pattern between slashes"));
    }
    Ok(Filter::Compare(left, operator, right))
}

fn operator(reader: &mut Reader<'_>) -> Result<Option<Operator>, PathSyntaxError> {
    for (symbol, operator) in SYMBOLS {
        if reader.eat_text(symbol) {
            return Ok(Some(operator));
        }
    }
    if !reader.peek().is_some_and(char::is_alphabetic) {
        return Ok(None);
    }
    let word = reader.take_while(char::is_alphabetic).to_lowercase();
    match WORDS.iter().find(|(name, _)| *name == word) {
        Some((_, operator)) => Ok(Some(*operator)),
        None => Err(reader.error(&format!("'{word}' is no operator of filters"))),
    }
}

fn operand(reader: &mut Reader<'_>, depth: usize) -> Result<Operand, PathSyntaxError> {
    reader.skip_space();
    match reader.peek() {
        Some('@') => {
            reader.next();
            Ok(Operand::Element(steps(reader, depth)?))
        }
        Some('$') => {
            reader.next();
            Ok(Operand::Whole(steps(reader, depth)?))
        }
        Some('/') => pattern(reader),
        _ => literal(reader, depth).map(Operand::Literal),
    }
}

fn literal(reader: &mut Reader<'_>, depth: usize) -> Result<Value, PathSyntaxError> {
    match reader.peek() {
        Some('\'' | '"') => reader.quoted().map(Value::String),
        Some('[') => {
            if depth > 32 {
                return Err(reader.error("the list nests too deep: at most 32 levels"));
            }
            reader.next();
            list(reader, depth + 1)
        }
        _ => {
            let word =
                reader.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            match word.as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "null" => Ok(Value::Null),
                word => serde_json::from_str::<Number>(word)
                    .map(Value::Number)
                    .map_err(|_problem| {
                        reader.error("expected a path, text, number, true, false or null")
                    }),
            }
        }
    }
}

/// Reads the rest of `[a, b]`.
fn list(reader: &mut Reader<'_>, depth: usize) -> Result<Value, PathSyntaxError> {
    let mut elements = Vec::new();
    loop {
        reader.skip_space();
        if elements.is_empty() && reader.eat(']') {
            break;
        }
        elements.push(literal(reader, depth)?);
        reader.skip_space();
        if reader.eat(']') {
            break;
        }
        if !reader.eat(',') {
            return Err(reader.error("expected ',' or ']'"));
        }
    }
    Ok(Value::Array(elements))
}

/// Reads `/pattern/flags`.
fn pattern(reader: &mut Reader<'_>) -> Result<Operand, PathSyntaxError> {
    reader.next();
    let mut source = String::new();
    loop {
        match reader.next() {
            Some('\\') => match reader.next() {
                Some('/') => source.push('/'),
                Some(c) => source.extend(['\\', c]),
                None => return Err(reader.error("the pattern is not closed")),
            },
            Some('/') => break,
            Some(c) => source.push(c),
            None => return Err(reader.error("the pattern is not closed")),
        }
    }
    let flags = reader.take_while(|c| c.is_ascii_alphabetic());
    // Jayway asks whether the whole text matches.
    RegexBuilder::new(&format!("^(?:{source})$"))
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(REGEX_SIZE_MAX)
        .build()
        .map(Operand::Pattern)
        .map_err(|error| {
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or("it cannot be read")
                .trim()
                .to_owned();
            reader.error(&format!("the pattern is no regular expression ({reason})"))
        })
}

impl Filter {
    /// Says whether an element passes.
    pub(super) fn accepts(&self, element: &Value, whole: &Value, budget: &Budget) -> bool {
        match self {
            Self::Any(filters) => filters.iter().any(|f| f.accepts(element, whole, budget)),
            Self::All(filters) => filters.iter().all(|f| f.accepts(element, whole, budget)),
            Self::Not(filter) => !filter.accepts(element, whole, budget),
            Self::Exists(operand) => operand.value(element, whole, budget).is_some(),
            Self::Compare(left, operator, right) => {
                if let Operand::Pattern(pattern) = right {
                    let value = left.value(element, whole, budget);
                    return value.is_some_and(|value| {
                        value.as_str().is_some_and(|text| pattern.is_match(text))
                    });
                }
                let left = left.value(element, whole, budget);
                let right = right.value(element, whole, budget);
                compare(left.as_deref(), *operator, right.as_deref(), budget)
            }
        }
    }
}

impl Operand {
    fn value<'v>(
        &'v self,
        element: &'v Value,
        whole: &'v Value,
        budget: &Budget,
    ) -> Option<Cow<'v, Value>> {
        let found = match self {
            Self::Element(steps) => walk(steps, element, whole, budget),
            Self::Whole(steps) => walk(steps, whole, whole, budget),
            Self::Literal(value) => return Some(Cow::Borrowed(value)),
            Self::Pattern(_) => return None,
        };
        match found.ok()? {
            Found::One(value) => Some(value),
            Found::Many(values) => Some(Cow::Owned(values.into_iter().cloned().collect())),
        }
    }
}

fn compare(
    left: Option<&Value>,
    operator: Operator,
    right: Option<&Value>,
    budget: &Budget,
) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        // What is absent equals only what is absent, too.
        return match operator {
            Operator::Equal => left.is_none() && right.is_none(),
            Operator::NotEqual => left.is_some() || right.is_some(),
            Operator::NotIn | Operator::NoneOf => left.is_none(),
            _ => false,
        };
    };
    let order = |wanted: fn(Ordering) -> bool| ordering(left, right).is_some_and(wanted);
    let has = |list: &Value, value: &Value| {
        list.as_array().is_some_and(|list| {
            // A spent budget fails the path as a whole, whatever comes out here.
            budget.spend(list.len()).is_ok() && list.iter().any(|each| number::equal(each, value))
        })
    };
    let count = |wanted: fn(usize, usize) -> bool| {
        let (Some(left), Value::Array(_)) = (left.as_array(), right) else {
            return false;
        };
        wanted(
            left.iter().filter(|value| has(right, value)).count(),
            left.len(),
        )
    };
    match operator {
        Operator::Equal => number::equal(left, right),
        Operator::NotEqual => !number::equal(left, right),
        Operator::Less => order(Ordering::is_lt),
        Operator::LessOrEqual => order(Ordering::is_le),
        Operator::Greater => order(Ordering::is_gt),
        Operator::GreaterOrEqual => order(Ordering::is_ge),
        Operator::Matches => false,
        Operator::In => has(right, left),
        Operator::NotIn => !has(right, left),
        Operator::Contains => match (left, right) {
            (Value::String(left), Value::String(right)) => left.contains(right.as_str()),
            _ => has(left, right),
        },
        Operator::Size => size(left).is_some_and(|size| right.as_u64() == Some(size)),
        Operator::Empty => size(left).is_some_and(|size| right.as_bool() == Some(size == 0)),
        Operator::SubsetOf => count(|matching, total| matching == total),
        Operator::AnyOf => count(|matching, _| matching > 0),
        Operator::NoneOf => count(|matching, _| matching == 0),
        Operator::AllOf => match right.as_array() {
            Some(wanted) => wanted.iter().all(|value| has(left, value)),
            None => false,
        },
    }
}

fn size(value: &Value) -> Option<u64> {
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(elements) => elements.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    u64::try_from(size).ok()
}

/// Numbers compare with numbers and texts with texts; nothing else has an order.
fn ordering(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(number::compare(left, right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}
