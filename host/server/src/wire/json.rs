//! A JSON value that is handed on as its text.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use stepwell_engine::Payload;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::ApiError;

/// Any JSON value, kept as the bytes that came: no digit of a number is lost, no key
/// changes its place.
#[derive(Clone)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// Takes the text of one JSON value.
    ///
    /// # Errors
    /// The text is no JSON, or holds more than one value.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Checks the value as the engine wants it: nested 100 levels deep at most, no key
    /// named twice in one object.
    ///
    /// # Errors
    /// It is not so; the error names `field` and the place within it.
    pub(crate) fn to_payload(&self, field: &'static str) -> Result<Payload, ApiError> {
        Payload::parse(self.as_str()).map_err(|error| ApiError::invalid(field, error.to_string()))
    }
}

impl From<&Payload> for JsonText {
    fn from(payload: &Payload) -> Self {
        let text = payload.as_str().to_owned();
        // Payloads are checked when they are made, so nothing is replaced here.
        Self(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

/// Reads a member that is present, so that `null` is a value and not its absence.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<JsonText>, D::Error> {
    JsonText::deserialize(deserializer).map(Some)
}

impl PartialEq for JsonText {
    /// Compares the texts.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl std::fmt::Debug for JsonText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("JsonText").field(&self.as_str()).finish()
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl PartialSchema for JsonText {
    fn schema() -> RefOr<Schema> {
        <serde_json::Value as PartialSchema>::schema()
    }
}

impl ToSchema for JsonText {}
