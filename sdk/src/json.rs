//! JSON text in and out of typed values, with errors that say where.
//!
//! The typed road is open to every serde type with a schema; [`RawJson`] is for
//! a task that hands text on without reading it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::place::path_at;
use crate::failure::TaskFailure;

mod place;

/// Name of the failure of an input that the task's type does not take.
pub const INVALID_INPUT: &str = "Stepwell.InvalidInput";

/// Name of the failure of an output that cannot be written as JSON, for example
/// a map whose keys are not texts.
pub const INVALID_OUTPUT: &str = "Stepwell.InvalidOutput";

/// What a task can take: every type with `serde::Deserialize` and
/// `schemars::JsonSchema`, and [`RawJson`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the input of a task",
    label = "not readable from JSON, or without a schema",
    note = "write `#[derive(serde::Deserialize, schemars::JsonSchema)]` on it, or take `RawJson`"
)]
pub trait TaskInput: Sized {
    /// Names of the failures that reading the input can end in.
    const ERRORS: &'static [&'static str];

    /// Reads the value from a JSON text.
    ///
    /// # Errors
    ///
    /// [`INVALID_INPUT`], with a cause that names the path and what was expected.
    fn from_json(text: String) -> Result<Self, TaskFailure>;

    /// Returns the JSON Schema (draft 2020-12) of the texts that can be read.
    fn schema() -> String;
}

/// What a task can return: every type with `serde::Serialize` and
/// `schemars::JsonSchema`, and [`RawJson`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of a task",
    label = "not writable as JSON, or without a schema",
    note = "write `#[derive(serde::Serialize, schemars::JsonSchema)]` on it, or return `RawJson`",
    note = "a task that can fail returns a type that is spelled `Result<_, _>`"
)]
pub trait TaskOutput {
    /// Writes the value as a JSON text.
    ///
    /// # Errors
    ///
    /// [`INVALID_OUTPUT`] where the value has no form in JSON.
    fn into_json(self) -> Result<String, TaskFailure>;

    /// Returns the JSON Schema (draft 2020-12) of the texts that can be written.
    fn schema() -> String;
}

impl<T: DeserializeOwned + JsonSchema> TaskInput for T {
    const ERRORS: &'static [&'static str] = &[INVALID_INPUT];

    fn from_json(text: String) -> Result<Self, TaskFailure> {
        parse(&text)
    }

    fn schema() -> String {
        schema_text::<T>(SchemaSettings::draft2020_12().for_deserialize())
    }
}

impl<T: Serialize + JsonSchema> TaskOutput for T {
    fn into_json(self) -> Result<String, TaskFailure> {
        write(&self)
    }

    fn schema() -> String {
        schema_text::<T>(SchemaSettings::draft2020_12().for_serialize())
    }
}

/// A JSON text that is passed on as it is: the cheapest input and output.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// #[stepwell_sdk::task]
/// fn echo(input: RawJson) -> RawJson {
///     input
/// }
/// # fn main() { assert_eq!(echo(RawJson::from_text("1.50")).as_str(), "1.50"); }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawJson(String);

impl RawJson {
    /// Takes a text without looking at it. The host checks what a task returns.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    ///
    /// [`INVALID_OUTPUT`] where the value has no form in JSON.
    pub fn from_value(value: &impl Serialize) -> Result<Self, TaskFailure> {
        write(value).map(Self)
    }

    /// Reads the text as a typed value.
    ///
    /// # Errors
    ///
    /// [`INVALID_INPUT`], with a cause that names the path and what was expected.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, TaskFailure> {
        parse(&self.0)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TaskInput for RawJson {
    const ERRORS: &'static [&'static str] = &[];

    fn from_json(text: String) -> Result<Self, TaskFailure> {
        Ok(Self(text))
    }

    fn schema() -> String {
        "true".to_owned()
    }
}

impl TaskOutput for RawJson {
    fn into_json(self) -> Result<String, TaskFailure> {
        Ok(self.0)
    }

    fn schema() -> String {
        "true".to_owned()
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, TaskFailure> {
    guest_json::from_str(text).map_err(|error| {
        let place = path_at(text, error.line(), error.column());
        TaskFailure::new(INVALID_INPUT, format_args!("at {place}: {error}"))
    })
}

fn write(value: &impl Serialize) -> Result<String, TaskFailure> {
    guest_json::to_string(value).map_err(|error| TaskFailure::new(INVALID_OUTPUT, error))
}

fn schema_text<T: JsonSchema>(settings: SchemaSettings) -> String {
    let schema = settings.into_generator().into_root_schema_for::<T>();
    schema.as_value().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Line {
        sku: String,
        quantity: u32,
    }

    fn cause_of<T: TaskInput + std::fmt::Debug>(text: &str) -> String {
        let failure = T::from_json(text.to_owned()).unwrap_err();
        assert_eq!(failure.error(), "Stepwell.InvalidInput");
        failure.cause().to_owned()
    }

    #[test]
    fn a_wrong_type_is_found_by_its_path() {
        assert_eq!(
            cause_of::<Order>(
                r#"{"lines":[{"sku":"A","quantity":1},{"sku":"B","quantity":"two"}]}"#
            ),
            "at $.lines[1].quantity: invalid type: string \"two\", expected u32 at line 1 column 62"
        );
    }

    #[test]
    fn a_missing_field_is_found_by_its_parent() {
        assert_eq!(
            cause_of::<Order>(r#"{"lines":[{"sku":"A"}]}"#),
            "at $.lines[0]: missing field `quantity` at line 1 column 21"
        );
        assert_eq!(
            cause_of::<Vec<Line>>(r#"[{"sku":"A"}]"#),
            "at $[0]: missing field `quantity` at line 1 column 12"
        );
    }

    #[test]
    fn text_after_the_value_is_refused() {
        assert_eq!(
            cause_of::<u32>("1 2"),
            "at $: trailing characters at line 1 column 3"
        );
    }

    #[test]
    fn a_map_with_keys_that_are_no_texts_is_a_named_failure() {
        let failure = BTreeMap::from([(vec![1], 2)]).into_json().unwrap_err();
        assert_eq!(
            failure,
            TaskFailure::new("Stepwell.InvalidOutput", "key must be a string")
        );
    }

    #[test]
    fn raw_text_passes_unread_and_can_be_read_later() {
        let raw = RawJson::from_json("[1.10, 1e400]".to_owned()).unwrap();
        assert_eq!(raw.clone().into_json().unwrap(), "[1.10, 1e400]");
        assert_eq!(
            raw.parse::<Vec<f64>>().unwrap_err().error(),
            "Stepwell.InvalidInput"
        );
        assert_eq!(<RawJson as TaskInput>::schema(), "true");
    }

    #[test]
    fn the_schema_of_the_input_names_what_is_required() {
        let schema: guest_json::Value = guest_json::from_str(&Line::schema()).unwrap();
        assert_eq!(schema["required"], guest_json::json!(["sku", "quantity"]));
        assert_eq!(schema["properties"]["quantity"]["format"], "uint32");
    }
}
