//! Functions beside the library's: Step Functions' own, and those that must not read
//! the machine's clock or dice.

use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;

use super::convert::to_library;
use super::measured::{self, Budget};
use super::{dates, guard};
use crate::data_flow::evaluation::Draws;
use crate::intrinsic::{digest, string_to_json};
use crate::timestamp::Timestamp;

/// Most elements of a `$range`, as in Step Functions.
const RANGE_MAX: f64 = 360_145.0;

pub(super) type Answer = Result<JValue, EvaluatorError>;

/// Registers all functions. `draws` is there if the expression draws random values.
pub(super) fn register(
    evaluator: &mut Evaluator,
    now: Timestamp,
    draws: Option<Rc<Draws>>,
) -> Result<(), EvaluatorError> {
    let budget = Rc::new(Budget::default());
    evaluator.register_fn("partition", partition)?;
    let spent = Rc::clone(&budget);
    evaluator.register_fn("range", move |args: &[JValue]| range(args, &spent))?;
    evaluator.register_fn("hash", hash)?;
    evaluator.register_fn("parse", parse)?;
    measured::register(evaluator, &budget)?;
    evaluator.register_fn(guard::DATED, move |args: &[JValue]| dates::dated(args, now))?;
    evaluator.register_fn(guard::DATING, dates::dating)?;
    let ms = now.as_ms();
    evaluator.register_fn_override("millis", move |_: &[JValue]| Ok(JValue::from_i64(ms)))?;
    evaluator.register_fn_override("now", move |_: &[JValue]| {
        Ok(JValue::string(now.to_string()))
    })?;
    if let Some(draws) = draws {
        let source = Rc::clone(&draws);
        evaluator.register_fn("uuid", move |_: &[JValue]| {
            Ok(JValue::string(source.uuid()))
        })?;
        let source = Rc::clone(&draws);
        evaluator.register_fn_override("random", move |args: &[JValue]| random(args, &source))?;
        evaluator.register_fn_override("shuffle", move |args: &[JValue]| shuffle(args, &draws))?;
    }
    Ok(())
}

pub(super) fn error(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

/// The error of an argument of the wrong type.
pub(super) fn mismatch(function: &str, argument: usize) -> EvaluatorError {
    error(format!(
        "T0410: Argument {argument} of function \"{function}\" does not match function \
                   signature"
    ))
}

pub(super) fn too_large() -> EvaluatorError {
    error("Expression evaluation memory limit exceeded")
}

pub(super) fn argument(args: &[JValue], index: usize) -> &JValue {
    args.get(index).unwrap_or(&JValue::Undefined)
}

/// Reads a number, cut towards zero.
pub(super) fn integer(
    args: &[JValue],
    index: usize,
    function: &str,
) -> Result<Option<f64>, EvaluatorError> {
    match argument(args, index) {
        JValue::Undefined => Ok(None),
        JValue::Number(number) if number.is_finite() => Ok(Some(number.trunc())),
        _ => Err(mismatch(function, index + 1)),
    }
}

/// `$partition(array, size)`: the array in chunks.
fn partition(args: &[JValue]) -> Answer {
    let elements = match argument(args, 0) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::Array(elements) => elements.to_vec(),
        single => vec![single.clone()],
    };
    let size = match integer(args, 1, "partition")? {
        Some(size) if size >= 1.0 => to_usize(size),
        _ => return Ok(JValue::Undefined),
    };
    if elements.is_empty() {
        return Ok(JValue::Undefined);
    }
    Ok(JValue::array(
        elements
            .chunks(size)
            .map(|chunk| JValue::array(chunk.to_vec()))
            .collect(),
    ))
}

/// `$range(first, last, step)`: one element is that element.
fn range(args: &[JValue], budget: &Budget) -> Answer {
    let bounds = (
        integer(args, 0, "range")?,
        integer(args, 1, "range")?,
        integer(args, 2, "range")?,
    );
    let (Some(first), Some(last), Some(step)) = bounds else {
        return Ok(JValue::Undefined);
    };
    let steps = (last - first) / step;
    if step == 0.0 || steps < 0.0 {
        return Ok(JValue::Undefined);
    }
    let count = steps.floor() + 1.0;
    if count > RANGE_MAX {
        return Err(too_large());
    }
    budget.take_elements(count)?;
    let elements = (0..to_usize(count)).scan(first, |next, _| {
        let element = *next;
        *next += step;
        Some(JValue::Number(element))
    });
    Ok(JValue::sequence(elements.collect()))
}

/// Takes a small non-negative integer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers hand in integers of at least 0; larger ones saturate"
)]
pub(super) fn to_usize(number: f64) -> usize {
    number as usize
}

/// `$hash(text, algorithm)`.
fn hash(args: &[JValue]) -> Answer {
    match (argument(args, 0), argument(args, 1)) {
        (JValue::Undefined, _) | (_, JValue::Undefined) => Ok(JValue::Undefined),
        (JValue::String(text), JValue::String(algorithm)) => digest(text.as_bytes(), algorithm)
            .map(JValue::string)
            .ok_or_else(|| error(format!("The algorithm '{algorithm}' is not supported"))),
        (JValue::String(_), _) => Err(mismatch("hash", 2)),
        _ => Err(mismatch("hash", 1)),
    }
}

/// `$parse(json)`.
fn parse(args: &[JValue]) -> Answer {
    match argument(args, 0) {
        JValue::Undefined => Ok(JValue::Undefined),
        JValue::String(text) => string_to_json(text)
            .map(|value| to_library(&value))
            .map_err(error),
        _ => Err(mismatch("parse", 1)),
    }
}

/// `$random(seed)`: a number from 0 up to, but without, 1.
fn random(args: &[JValue], draws: &Draws) -> Answer {
    let bytes = match integer(args, 0, "random")? {
        Some(seed) => Draws::seeded(&seed.to_be_bytes()),
        None => draws.draw(),
    };
    Ok(JValue::Number(fraction(bytes)))
}

/// Makes a number in [0, 1) of random bytes.
fn fraction(bytes: [u8; 32]) -> f64 {
    let [a, b, c, d, ..] = bytes;
    let [_, _, _, _, e, f, g, h, ..] = bytes;
    let high = f64::from(u32::from_be_bytes([a, b, c, d]) >> 5);
    let low = f64::from(u32::from_be_bytes([e, f, g, h]) >> 6);
    // 27 and 26 bits make up the 53 of a double.
    (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
}

fn shuffle(args: &[JValue], draws: &Draws) -> Answer {
    let JValue::Array(elements) = argument(args, 0) else {
        return Ok(argument(args, 0).clone());
    };
    let mut shuffled = elements.to_vec();
    for last in (1..shuffled.len()).rev() {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a list has far fewer than 2^52 elements"
        )]
        let other = to_usize(fraction(draws.draw()) * (last + 1) as f64);
        shuffled.swap(last, other.min(last));
    }
    Ok(JValue::Array(elements.with_items(shuffled)))
}
