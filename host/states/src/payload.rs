//! JSON text that is known to be valid, shared and parsed only on demand.
//!
//! Most payloads are only handed on from state to state. [`Payload`] keeps the
//! text as it came, so handing it on costs a reference count, keeps every digit
//! of every number and every key in its place.

mod scan;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub(crate) use scan::{MAX_DEPTH, RESERVED_KEY_PREFIX};

/// A valid JSON text. Cloning is cheap; equality is equality of the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payload(Arc<str>);

/// Why a text is no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct PayloadError {
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// Line of the problem, from 1.
    pub line: u32,
    /// Column of the problem in characters, from 1.
    pub column: u32,
}

impl Payload {
    /// Checks that `text` is one JSON value and keeps the text as it is.
    ///
    /// # Errors
    /// The text is no JSON, holds more than one value, nests deeper than 100 levels,
    /// names a key twice in one object, or holds an escaped lone surrogate (which
    /// no Unicode text can carry).
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, PayloadError> {
        let text = text.into();
        scan::check(&text)?;
        Ok(Self(text))
    }

    /// Takes a text that the caller knows to be valid, such as one read back from
    /// the store or written by a serialiser.
    ///
    /// A text that is no JSON after all reads as `null` where something looks inside.
    pub fn from_trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Writes a value as compact JSON.
    pub fn from_value(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    /// Parses the text.
    pub fn to_value(&self) -> Value {
        // Depth and keys were checked when the payload was made.
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text, shared.
    pub fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Returns the size of the text in bytes of UTF-8.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// Returns `{}`.
    pub fn empty_object() -> Self {
        Self("{}".into())
    }

    /// Returns `null`.
    pub fn null() -> Self {
        Self("null".into())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({})", self.0)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from_trusted)
    }
}
