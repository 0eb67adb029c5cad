//! The intrinsic functions on values. Errors are sentences without the function's
//! name.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Function;
use crate::data_flow::evaluation::{Draws, Evaluation};
use crate::number;
use crate::payload::Payload;

/// Most characters that Base64 and Hash take.
const TEXT_MAX_CHARS: usize = 10_000;

/// Most elements of an `ArrayRange`.
const RANGE_MAX: i128 = 1_000;

/// Most bytes of an array that is partitioned, searched or made unique.
const ARRAY_MAX_BYTES: usize = 262_144;

type Answer = Result<Value, String>;

/// Calls a function. The number of arguments has been checked.
pub(super) fn call(function: Function, values: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let null = Value::Null;
    let first = values.first().unwrap_or(&null);
    let second = values.get(1).unwrap_or(&null);
    let third = values.get(2);
    match function {
        Function::Format => format(text(first)?, values.get(1..).unwrap_or(&[])),
        Function::StringToJson => string_to_json(text(first)?),
        Function::JsonToString => Ok(Value::String(first.to_string())),
        Function::Array => Ok(Value::Array(values.to_vec())),
        Function::ArrayPartition => partition(array(first)?, second),
        Function::ArrayContains => {
            let found = array(first)?
                .iter()
                .any(|element| number::equal(element, second));
            Ok(Value::Bool(found))
        }
        Function::ArrayRange => range(first, second, third.unwrap_or(&null)),
        Function::ArrayGetItem => get_item(array(first)?, second),
        Function::ArrayLength => Ok(array(first)?.len().into()),
        Function::ArrayUnique => Ok(unique(array(first)?)),
        Function::Base64Encode => Ok(Value::String(STANDARD.encode(short_text(first)?))),
        Function::Base64Decode => base64_decode(short_text(first)?),
        Function::Hash => hash(first, text(second)?),
        Function::JsonMerge => merge(first, second, third.unwrap_or(&null)),
        Function::MathRandom => random(first, second, third, evaluation),
        Function::MathAdd => add(first, second),
        Function::StringSplit => Ok(split(text(first)?, text(second)?)),
        Function::Uuid => Ok(Value::String(evaluation.draws().uuid())),
    }
}

/// Fills `{}` in turn. A backslash takes the meaning from the next character.
fn format(template: &str, values: &[Value]) -> Answer {
    let mut output = String::with_capacity(template.len());
    let mut values = values.iter();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\'' | '{' | '}' | '\\')) => output.push(escaped),
                _ => return Err("the template holds a backslash that escapes nothing".to_owned()),
            },
            '{' if chars.peek() == Some(&'}') => {
                chars.next();
                match values.next() {
                    Some(Value::String(text)) => output.push_str(text),
                    Some(Value::Array(_) | Value::Object(_)) => {
                        return Err(
                            "an argument is an array or object, which has no text form: \
                                    use States.JsonToString"
                                .to_owned(),
                        );
                    }
                    Some(scalar) => output.push_str(&scalar.to_string()),
                    None => return Err("the template has more '{}' than arguments".to_owned()),
                }
            }
            c => output.push(c),
        }
    }
    match values.next() {
        None => Ok(Value::String(output)),
        Some(_) => Err("the template has fewer '{}' than arguments".to_owned()),
    }
}

/// Reads JSON from a text; a blank text is `null`.
pub(crate) fn string_to_json(text: &str) -> Answer {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let payload = Payload::parse(text).map_err(|error| format!("the text is no JSON: {error}"))?;
    Ok(match payload.to_value() {
        Value::Number(number) if number.to_string() == "-0" => Value::from(0),
        value => value,
    })
}

fn partition(elements: &[Value], size: &Value) -> Answer {
    let size = integer(size)?;
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let Some(size) = size else {
        return Err("the chunk size is a positive integer".to_owned());
    };
    Ok(elements
        .chunks(size)
        .map(|chunk| Value::Array(chunk.to_vec()))
        .collect())
}

fn range(first: &Value, last: &Value, step: &Value) -> Answer {
    let (first, last, step) = (integer(first)?, integer(last)?, integer(step)?);
    if step == 0 {
        return Err("the step is not zero".to_owned());
    }
    let span = (last - first) / step;
    if (last - first).signum() * step.signum() < 0 {
        return Ok(Value::Array(Vec::new()));
    }
    if span >= RANGE_MAX {
        return Err(format!("a range has at most {RANGE_MAX} elements"));
    }
    Ok((0..=span)
        .map(|index| Value::Number(number::from_i128(first + index * step)))
        .collect())
}

fn get_item(elements: &[Value], index: &Value) -> Answer {
    let index = integer(index)?;
    let item = usize::try_from(index)
        .ok()
        .and_then(|index| elements.get(index));
    item.cloned()
        .ok_or_else(|| format!("the array has no element {index}"))
}

/// Keeps the first of equal elements.
fn unique(elements: &[Value]) -> Value {
    let mut seen = BTreeSet::new();
    elements
        .iter()
        .filter(|element| seen.insert(number::canonical(element)))
        .cloned()
        .collect()
}

fn base64_decode(encoded: &str) -> Answer {
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_problem| "the text is no Base64".to_owned())?;
    String::from_utf8(bytes)
        .map(Value::String)
        .map_err(|_problem| "the decoded bytes are no UTF-8 text".to_owned())
}

fn hash(data: &Value, algorithm: &str) -> Answer {
    let data = match data {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if data.chars().count() > TEXT_MAX_CHARS {
        return Err(format!(
            "the data is at most {TEXT_MAX_CHARS} characters long"
        ));
    }
    digest(data.as_bytes(), algorithm)
        .map(Value::String)
        .ok_or_else(|| format!("'{algorithm}' is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512"))
}

/// Hashes bytes; nothing if there is no such algorithm. Answers in lower-case hex.
pub(crate) fn digest(data: &[u8], algorithm: &str) -> Option<String> {
    let hash = match algorithm {
        "MD5" => Md5::digest(data).to_vec(),
        "SHA-1" => Sha1::digest(data).to_vec(),
        "SHA-256" => Sha256::digest(data).to_vec(),
        "SHA-384" => Sha384::digest(data).to_vec(),
        "SHA-512" => Sha512::digest(data).to_vec(),
        _ => return None,
    };
    Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn merge(first: &Value, second: &Value, deep: &Value) -> Answer {
    if *deep != Value::Bool(false) {
        return Err("only the shallow merge is supported: the third argument is false".to_owned());
    }
    let (Value::Object(first), Value::Object(second)) = (first, second) else {
        return Err("the first two arguments are objects".to_owned());
    };
    let mut merged: Map<String, Value> = first.clone();
    for (key, value) in second {
        merged.insert(key.clone(), value.clone());
    }
    Ok(Value::Object(merged))
}

/// Draws an integer from the first number up to, but without, the second.
fn random(first: &Value, end: &Value, seed: Option<&Value>, evaluation: &Evaluation<'_>) -> Answer {
    let (first, end) = (integer(first)?, integer(end)?);
    if first >= end {
        return Err("the first number is less than the second".to_owned());
    }
    let bytes = match seed {
        Some(seed) => {
            let seed = integer(seed)?;
            Draws::seeded(&seed.to_be_bytes())
        }
        None => evaluation.draws().draw(),
    };
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    let drawn = i128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    Ok(Value::Number(number::from_i128(
        first + drawn % (end - first),
    )))
}

fn add(first: &Value, second: &Value) -> Answer {
    integer(first)?
        .checked_add(integer(second)?)
        .map(|sum| Value::Number(number::from_i128(sum)))
        .ok_or_else(|| "the sum is too large".to_owned())
}

/// Splits at each character of `separators`; empty parts are left out.
fn split(text: &str, separators: &str) -> Value {
    if separators.is_empty() {
        return Value::Array(vec![text.into()]);
    }
    let parts = text
        .split(|c| separators.contains(c))
        .filter(|part| !part.is_empty());
    parts.map(Value::from).collect()
}

fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("expected a string, but was {value}"))
}

fn short_text(value: &Value) -> Result<&str, String> {
    let text = text(value)?;
    if text.chars().count() > TEXT_MAX_CHARS {
        return Err(format!(
            "the text is at most {TEXT_MAX_CHARS} characters long"
        ));
    }
    Ok(text)
}

fn array(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(elements) if elements.len() * 2 > ARRAY_MAX_BYTES => {
            Err(format!("the array is larger than {ARRAY_MAX_BYTES} bytes"))
        }
        Value::Array(elements) => Ok(elements),
        other => Err(format!("expected an array, but was {other}")),
    }
}

/// Takes a number as an integer, rounded.
fn integer(value: &Value) -> Result<i128, String> {
    let rounded = value.as_number().and_then(number::round);
    // Beyond this, sums and products of a few such numbers could overflow.
    let bounded = rounded.filter(|integer| integer.unsigned_abs() < 1 << 100);
    bounded.ok_or_else(|| format!("expected an integer, but was {value}"))
}
