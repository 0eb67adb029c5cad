//! Between JSON values and the library's.

use std::cell::OnceCell;
use std::fmt;

use indexmap::IndexMap;
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

use crate::payload::MAX_DEPTH;

/// Most bytes of a result, counting a value as one at least: the limit of payloads,
/// which comes later, is far below.
const VALUE_MAX_BYTES: usize = 1 << 22;

/// Values already converted: several expressions of a state read the same.
#[derive(Default)]
pub(crate) struct Converted {
    input: OnceCell<JValue>,
    context: OnceCell<JValue>,
    result: OnceCell<JValue>,
}

impl Converted {
    pub(super) fn input<'v>(&self, value: impl FnOnce() -> &'v Value) -> JValue {
        self.input.get_or_init(|| to_library(value())).clone()
    }

    pub(super) fn context<'v>(&self, value: impl FnOnce() -> &'v Value) -> JValue {
        self.context.get_or_init(|| to_library(value())).clone()
    }

    pub(super) fn result(&self, value: &Value) -> JValue {
        self.result.get_or_init(|| to_library(value)).clone()
    }
}

impl fmt::Debug for Converted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Converted")
    }
}

/// Why a result is no JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsupported {
    /// It is, or holds, a function or a regular expression.
    Type,
    /// It nests too deep.
    Depth,
    /// It is far beyond what any result may be.
    Size,
}

impl Unsupported {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Type => "returned an unsupported result type.",
            Self::Depth => "returned a value that nests too deep.",
            Self::Size => {
                "threw an error during evaluation. Expression evaluation memory limit exceeded"
            }
        }
    }
}

/// Converts a JSON value. Numbers become doubles.
pub(super) fn to_library(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(value) => JValue::Bool(*value),
        // A number that is too large for a double is infinite, as it is there.
        Value::Number(number) => JValue::Number(crate::number::as_f64(number)),
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(elements) => JValue::array(elements.iter().map(to_library).collect()),
        Value::Object(fields) => {
            let fields: IndexMap<String, JValue> = fields
                .iter()
                .map(|(name, value)| (name.clone(), to_library(value)))
                .collect();
            JValue::object(fields)
        }
    }
}

/// Converts a result. Numbers are written as JavaScript writes them; those that JSON
/// has no number for, as texts.
pub(super) fn from_library(value: &JValue) -> Result<Value, Unsupported> {
    convert(value, MAX_DEPTH, &mut VALUE_MAX_BYTES.clone())
}

/// Converts a value of at most so many levels and bytes. What a value holds more than
/// once counts each time.
fn convert(value: &JValue, levels: usize, bytes: &mut usize) -> Result<Value, Unsupported> {
    let mut take = |count: usize| {
        *bytes = bytes.checked_sub(count).ok_or(Unsupported::Size)?;
        Ok(())
    };
    take(1)?;
    Ok(match value {
        JValue::Null | JValue::Undefined => Value::Null,
        JValue::Bool(value) => Value::Bool(*value),
        JValue::Number(number) => from_double(*number),
        JValue::String(text) => {
            take(text.len())?;
            Value::String(text.to_string())
        }
        JValue::Array(elements) => {
            let levels = levels.checked_sub(1).ok_or(Unsupported::Depth)?;
            let elements: Result<Vec<Value>, Unsupported> = elements
                .iter()
                .map(|element| convert(element, levels, bytes))
                .collect();
            Value::Array(elements?)
        }
        JValue::Object(fields) => {
            let levels = levels.checked_sub(1).ok_or(Unsupported::Depth)?;
            let mut object = Map::new();
            for (name, value) in fields.iter() {
                object.insert(name.clone(), convert(value, levels, bytes)?);
            }
            Value::Object(object)
        }
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
            return Err(Unsupported::Type);
        }
    })
}

/// Writes a double as JavaScript does: no exponent below 1e21 and above 1e-7.
fn from_double(double: f64) -> Value {
    if double.is_nan() {
        return Value::from("NaN");
    }
    if double.is_infinite() {
        return Value::from(if double > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        });
    }
    if double == 0.0 {
        return Value::from(0);
    }
    let magnitude = double.abs();
    let text = if (1e-6..1e21).contains(&magnitude) {
        double.to_string()
    } else {
        let text = format!("{double:e}");
        if magnitude >= 1.0 {
            text.replacen('e', "e+", 1)
        } else {
            text
        }
    };
    serde_json::from_str::<Number>(&text).map_or(Value::Null, Value::Number)
}
