//! Functions that [`guard`](super::guard) puts in, which measure before they make
//! anything.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::functions::string as texts;
use jsonata_core::value::{JArray, JValue};

use super::convert::from_library;
use super::functions::{Answer, argument, error, integer, mismatch, to_usize, too_large};
use super::guard;
use crate::number;

/// Longest text that an operation may make, in bytes.
const TEXT_MAX_BYTES: usize = 1 << 22;

/// What one evaluation may make of texts in all, in bytes.
const TEXTS_MAX_BYTES: usize = 1 << 28;

/// What the ranges of one evaluation may have of elements in all.
const ELEMENTS_MAX: f64 = 2_000_000.0;

/// What the language lets one range have of elements.
const RANGE_MAX: f64 = 10_000_000.0;

/// What an evaluation has made so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    text_bytes: Cell<usize>,
    elements: Cell<f64>,
    /// Where the ranges start whose ends are not evaluated yet.
    starts: RefCell<Vec<JValue>>,
    /// The array weighed last, and what was left then.
    weighed: RefCell<Option<(JArray, usize)>>,
}

impl Budget {
    fn take_text(&self, bytes: usize) -> Result<(), EvaluatorError> {
        let taken = self.text_bytes.get().saturating_add(bytes);
        self.text_bytes.set(taken);
        if bytes > TEXT_MAX_BYTES || taken > TEXTS_MAX_BYTES {
            return Err(too_large());
        }
        Ok(())
    }

    pub(super) fn take_elements(&self, count: f64) -> Result<(), EvaluatorError> {
        let taken = self.elements.get() + count.max(0.0);
        self.elements.set(taken);
        if taken > ELEMENTS_MAX {
            return Err(too_large());
        }
        Ok(())
    }
}

/// Registers the functions.
pub(super) fn register(
    evaluator: &mut Evaluator,
    budget: &Rc<Budget>,
) -> Result<(), EvaluatorError> {
    let mut add = |name: &str, function: fn(&[JValue], &Budget) -> Answer| {
        let budget = Rc::clone(budget);
        evaluator.register_fn(name, move |args: &[JValue]| function(args, &budget))
    };
    add(guard::CONCAT, concat)?;
    add(guard::JOIN, join)?;
    add(guard::DISTINCT, distinct)?;
    add(guard::WIDTH, width)?;
    add(guard::PAD, pad)?;
    add(guard::STRING, string)?;
    add(guard::WEIGHED, weighed)?;
    add(guard::IS_FUNCTION, is_function)?;
    add(guard::REPLACED, replaced)?;
    add(guard::PART, part)?;
    add(guard::REPLACE, replace)?;
    add(guard::FROM, from)?;
    add(guard::TO, to)
}

/// How large the parts of a value may be in all: what a result is worth at most.
const VALUE_MAX_BYTES: usize = 1 << 24;

/// How deep values are looked into.
const DEPTH_MAX: usize = 1_000;

/// Least length of an array that is worth remembering.
const REMEMBERED_LEN: usize = 32;

impl Budget {
    /// Checks that a value is no larger than any result may be, with everything that
    /// it holds more than once counted each time.
    ///
    /// Loops often append to an array: what it held the last time is not looked at
    /// again.
    fn weigh(&self, value: &JValue) -> Result<(), EvaluatorError> {
        let elements = match value {
            JValue::Array(elements) if elements.len() >= REMEMBERED_LEN => elements,
            other => {
                return weigh(other, &mut VALUE_MAX_BYTES.clone(), DEPTH_MAX).ok_or_else(too_large);
            }
        };
        let mut left = VALUE_MAX_BYTES;
        let mut rest = elements.as_slice();
        if let Some((known, left_then)) = &*self.weighed.borrow()
            && let Some((start, new)) = elements.split_at_checked(known.len())
            && start.iter().zip(known.iter()).all(|(a, b)| is_same(a, b))
        {
            left = *left_then;
            rest = new;
        }
        rest.iter()
            .try_for_each(|element| weigh(element, &mut left, DEPTH_MAX))
            .ok_or_else(too_large)?;
        self.weighed.replace(Some((elements.clone(), left)));
        Ok(())
    }
}

/// Takes the size of a value off what is left; nothing if that is too little.
fn weigh(value: &JValue, left: &mut usize, levels: usize) -> Option<()> {
    let own = match value {
        JValue::String(text) => 16 + text.len(),
        _ => 16,
    };
    *left = left.checked_sub(own)?;
    match value {
        JValue::Array(elements) => {
            let levels = levels.checked_sub(1)?;
            elements
                .iter()
                .try_for_each(|element| weigh(element, left, levels))
        }
        JValue::Object(fields) => {
            let levels = levels.checked_sub(1)?;
            fields
                .values()
                .try_for_each(|field| weigh(field, left, levels))
        }
        _ => Some(()),
    }
}

/// Says whether two elements are one and the same, or small.
fn is_same(left: &JValue, right: &JValue) -> bool {
    match (left, right) {
        (JValue::Object(left), JValue::Object(right)) => Rc::ptr_eq(left, right),
        (JValue::String(left), JValue::String(right)) => Rc::ptr_eq(left, right),
        (JValue::Array(left), JValue::Array(right)) => {
            std::ptr::eq(left.as_slice(), right.as_slice())
        }
        (JValue::Number(_), JValue::Number(_)) | (JValue::Bool(_), JValue::Bool(_)) => true,
        _ => false,
    }
}

/// Hands a value through if it is not too large to be looked at in full.
fn weighed(args: &[JValue], budget: &Budget) -> Answer {
    let value = argument(args, 0);
    budget.weigh(value)?;
    Ok(value.clone())
}

/// Hands the first number of a range through and keeps it for its last.
fn from(args: &[JValue], budget: &Budget) -> Answer {
    let first = argument(args, 0);
    budget.starts.borrow_mut().push(first.clone());
    Ok(first.clone())
}

/// Hands the last number of a range through if the range has not too many.
fn to(args: &[JValue], budget: &Budget) -> Answer {
    let last = argument(args, 0);
    let first = budget.starts.borrow_mut().pop();
    if let (Some(JValue::Number(first)), JValue::Number(last)) = (first, last) {
        let count = last - first + 1.0;
        // A range that the library refuses with a code of its own is left to it.
        if count <= RANGE_MAX {
            budget.take_elements(count)?;
        }
    }
    Ok(last.clone())
}

/// `left & right`.
fn concat(args: &[JValue], budget: &Budget) -> Answer {
    let mut made = String::new();
    for arg in args {
        match arg {
            JValue::Undefined => {}
            JValue::String(part) => push(&mut made, part)?,
            other => match text(other, None, budget)? {
                JValue::String(part) => push(&mut made, &part)?,
                _ => return Err(mismatch("string", 1)),
            },
        }
    }
    budget.take_text(made.len())?;
    Ok(JValue::string(made))
}

/// `$string(value, prettify)`.
fn string(args: &[JValue], budget: &Budget) -> Answer {
    let prettify = match argument(args, 1) {
        JValue::Undefined => None,
        JValue::Bool(prettify) => Some(*prettify),
        // `$map` hands in the position of the element and the array, too.
        _ if args.len() > 2 => None,
        _ => return Err(mismatch("string", 2)),
    };
    match argument(args, 0) {
        JValue::Undefined => Ok(JValue::Undefined),
        value => text(value, prettify, budget),
    }
}

/// Writes a value that is neither too large nor nests too deep.
fn text(value: &JValue, prettify: Option<bool>, budget: &Budget) -> Answer {
    budget.weigh(value)?;
    let made = texts::string(value, prettify)?;
    budget.take_text(made.as_str().map_or(0, str::len))?;
    Ok(made)
}

fn push(text: &mut String, part: &str) -> Result<(), EvaluatorError> {
    if text.len() + part.len() > TEXT_MAX_BYTES {
        return Err(too_large());
    }
    text.push_str(part);
    Ok(())
}

/// `$join(array, separator)`.
fn join(args: &[JValue], budget: &Budget) -> Answer {
    let not_texts =
        || error("T0412: Argument 1 of function \"join\" must be an array of \"String\"");
    let elements = match argument(args, 0) {
        JValue::Undefined if args.is_empty() => return Err(mismatch("join", 1)),
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::String(text) => vec![JValue::String(Rc::clone(text))],
        JValue::Array(elements) => elements.to_vec(),
        _ => return Err(not_texts()),
    };
    let separator = match argument(args, 1) {
        JValue::Undefined => "",
        JValue::String(separator) => separator,
        _ => return Err(mismatch("join", 2)),
    };
    let mut text = String::new();
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            push(&mut text, separator)?;
        }
        push(&mut text, element.as_str().ok_or_else(not_texts)?)?;
    }
    budget.take_text(text.len())?;
    Ok(JValue::string(text))
}

/// `$distinct(array)`: the first of equal elements, in their order.
fn distinct(args: &[JValue], budget: &Budget) -> Answer {
    let JValue::Array(elements) = argument(args, 0) else {
        return Ok(argument(args, 0).clone());
    };
    budget.weigh(argument(args, 0))?;
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for element in elements {
        // What has no JSON form, such as a function, equals nothing else.
        let is_new = match from_library(element) {
            Ok(value) => seen.insert(number::canonical(&value)),
            Err(_) => true,
        };
        if is_new {
            kept.push(element.clone());
        }
    }
    Ok(JValue::Array(elements.with_items(kept)))
}

/// Hands an argument of `$pad` through if it is no width beyond the bound.
fn width(args: &[JValue], budget: &Budget) -> Answer {
    if let JValue::Number(width) = argument(args, 0) {
        budget.take_text(to_usize(width.abs()))?;
    }
    Ok(argument(args, 0).clone())
}

/// `$pad` where it is passed on as a value.
fn pad(args: &[JValue], budget: &Budget) -> Answer {
    let (text, width) = match (argument(args, 0), argument(args, 1)) {
        (JValue::Undefined, _) => return Ok(JValue::Undefined),
        (JValue::String(text), JValue::Number(width)) => (text, *width),
        (JValue::String(_), _) => return Err(mismatch("pad", 2)),
        _ => return Err(mismatch("pad", 1)),
    };
    budget.take_text(to_usize(width.abs()))?;
    let filler = argument(args, 2)
        .as_str()
        .filter(|filler| !filler.is_empty())
        .unwrap_or(" ");
    let missing = to_usize(width.abs().trunc()).saturating_sub(text.chars().count());
    let filling: String = filler.chars().cycle().take(missing).collect();
    Ok(JValue::string(if width < 0.0 {
        filling + text
    } else {
        text.to_string() + &filling
    }))
}

/// Hands the subject of `$replace` through if the result stays within the bound.
fn replaced(args: &[JValue], budget: &Budget) -> Answer {
    let subject = argument(args, 0);
    let (text, replacement) = match (subject, argument(args, 2)) {
        (JValue::String(text), JValue::String(replacement)) => (text, replacement),
        (_, JValue::Number(_)) => return Err(mismatch("replace", 3)),
        _ => return Ok(subject.clone()),
    };
    let matches = match argument(args, 1) {
        JValue::String(pattern) if !pattern.is_empty() => text.matches(&**pattern).count(),
        JValue::Regex { pattern, flags } => {
            texts::build_regex(pattern, flags)?.find_iter(text).count()
        }
        _ => 0,
    };
    // A group that the replacement names holds each part of the subject once at most.
    let groups = replacement.matches('$').count();
    let copies = (groups + 1).saturating_mul(text.len());
    budget.take_text(
        matches
            .saturating_mul(replacement.len())
            .saturating_add(copies),
    )?;
    Ok(subject.clone())
}

/// Says whether a function replaces the matches of `$replace`.
fn is_function(args: &[JValue], _budget: &Budget) -> Answer {
    Ok(JValue::Bool(matches!(
        argument(args, 0),
        JValue::Lambda(_) | JValue::Builtin { .. }
    )))
}

/// Hands through what a function makes of one match.
fn part(args: &[JValue], budget: &Budget) -> Answer {
    let part = argument(args, 0);
    budget.take_text(part.as_str().map_or(0, str::len))?;
    Ok(part.clone())
}

/// `$replace` where it is passed on as a value: with texts only.
fn replace(args: &[JValue], budget: &Budget) -> Answer {
    let parts = (argument(args, 0), argument(args, 1), argument(args, 2));
    let (JValue::String(text), JValue::String(pattern), JValue::String(replacement)) = parts else {
        return match parts.0 {
            JValue::Undefined => Ok(JValue::Undefined),
            _ => Err(mismatch("replace", 2)),
        };
    };
    replaced(args, budget)?;
    let limit = integer(args, 3, "replace")?.map_or(usize::MAX, |limit| to_usize(limit.max(0.0)));
    if pattern.is_empty() {
        return Err(error(
            "D3010: Second argument of replace function cannot be an empty string",
        ));
    }
    Ok(JValue::string(text.replacen(
        &**pattern,
        replacement,
        limit,
    )))
}
