//! Functions beside the library's: Step Functions' own, those that must not read the
//! machine's clock or dice, and those that [`guard`](super::guard) puts in.

use std::collections::BTreeSet;
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::functions::string;
use jsonata_core::value::JValue;

use super::convert::{from_library, to_library};
use super::guard;
use crate::data_flow::evaluation::Draws;
use crate::intrinsic::{digest, string_to_json};
use crate::number;
use crate::timestamp::Timestamp;

/// Longest text that an operation may make, in bytes.
const TEXT_MAX_BYTES: usize = 1 << 22;

/// Most elements of a `$range`, as in Step Functions.
const RANGE_MAX: f64 = 360_145.0;

type Answer = Result<JValue, EvaluatorError>;

/// Registers all functions. `draws` is there if the expression draws random values.
pub(super) fn register(
    evaluator: &mut Evaluator,
    now: Timestamp,
    draws: Option<Rc<Draws>>,
) -> Result<(), EvaluatorError> {
    evaluator.register_fn("partition", partition)?;
    evaluator.register_fn("range", range)?;
    evaluator.register_fn("hash", hash)?;
    evaluator.register_fn("parse", parse)?;
    evaluator.register_fn(guard::CONCAT, concat)?;
    evaluator.register_fn(guard::JOIN, join)?;
    evaluator.register_fn(guard::DISTINCT, distinct)?;
    evaluator.register_fn(guard::WIDTH, width)?;
    evaluator.register_fn(guard::PAD, pad)?;
    evaluator.register_fn(guard::REPLACED, replaced)?;
    evaluator.register_fn(guard::REPLACE, replace)?;
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

fn error(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

/// The error of an argument of the wrong type.
fn mismatch(function: &str, argument: usize) -> EvaluatorError {
    error(format!(
        "T0410: Argument {argument} of function \"{function}\" does not match function \
                   signature"
    ))
}

fn too_large() -> EvaluatorError {
    error("Expression evaluation memory limit exceeded")
}

fn argument(args: &[JValue], index: usize) -> &JValue {
    args.get(index).unwrap_or(&JValue::Undefined)
}

/// Reads a number, cut towards zero.
fn integer(args: &[JValue], index: usize, function: &str) -> Result<Option<f64>, EvaluatorError> {
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
fn range(args: &[JValue]) -> Answer {
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
fn to_usize(number: f64) -> usize {
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

/// `left & right`.
fn concat(args: &[JValue]) -> Answer {
    let mut text = String::new();
    for arg in args {
        match arg {
            JValue::Undefined => {}
            JValue::String(part) => push(&mut text, part)?,
            other => match string::string(other, None)? {
                JValue::String(part) => push(&mut text, &part)?,
                _ => return Err(mismatch("string", 1)),
            },
        }
    }
    Ok(JValue::string(text))
}

fn push(text: &mut String, part: &str) -> Result<(), EvaluatorError> {
    if text.len() + part.len() > TEXT_MAX_BYTES {
        return Err(too_large());
    }
    text.push_str(part);
    Ok(())
}

/// `$join(array, separator)`.
fn join(args: &[JValue]) -> Answer {
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
    Ok(JValue::string(text))
}

/// `$distinct(array)`: the first of equal elements, in their order.
fn distinct(args: &[JValue]) -> Answer {
    let JValue::Array(elements) = argument(args, 0) else {
        return Ok(argument(args, 0).clone());
    };
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
fn width(args: &[JValue]) -> Answer {
    #[expect(clippy::cast_precision_loss, reason = "the bound is far below 2^52")]
    const MAX: f64 = TEXT_MAX_BYTES as f64;
    match argument(args, 0) {
        JValue::Number(width) if width.abs() > MAX => Err(too_large()),
        other => Ok(other.clone()),
    }
}

/// `$pad` where it is passed on as a value.
fn pad(args: &[JValue]) -> Answer {
    let (text, width) = match (argument(args, 0), argument(args, 1)) {
        (JValue::Undefined, _) => return Ok(JValue::Undefined),
        (JValue::String(text), JValue::Number(width)) => (text, *width),
        (JValue::String(_), _) => return Err(mismatch("pad", 2)),
        _ => return Err(mismatch("pad", 1)),
    };
    self::width(&[JValue::Number(width)])?;
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
fn replaced(args: &[JValue]) -> Answer {
    let subject = argument(args, 0);
    let (text, replacement) = match (subject, argument(args, 2)) {
        (JValue::String(text), JValue::String(replacement)) => (text, replacement),
        (_, JValue::Number(_)) => return Err(mismatch("replace", 3)),
        _ => return Ok(subject.clone()),
    };
    let matches = match argument(args, 1) {
        JValue::String(pattern) if !pattern.is_empty() => text.matches(&**pattern).count(),
        JValue::Regex { pattern, flags } => {
            string::build_regex(pattern, flags)?.find_iter(text).count()
        }
        _ => 0,
    };
    // A replacement may name groups, each at most as long as the subject.
    let groups = replacement.matches('$').count();
    let longest = replacement.len() + groups * text.len();
    if matches.saturating_mul(longest) > TEXT_MAX_BYTES {
        return Err(too_large());
    }
    Ok(subject.clone())
}

/// `$replace` where it is passed on as a value: with texts only.
fn replace(args: &[JValue]) -> Answer {
    let parts = (argument(args, 0), argument(args, 1), argument(args, 2));
    let (JValue::String(text), JValue::String(pattern), JValue::String(replacement)) = parts else {
        return match parts.0 {
            JValue::Undefined => Ok(JValue::Undefined),
            _ => Err(mismatch("replace", 2)),
        };
    };
    replaced(args)?;
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
