//! What a component says of itself.

use serde::{Deserialize, Serialize};

use crate::bindings::describe;
use crate::json;
use crate::text::clean;

/// Longest name, version, error name, in bytes.
const WORD_MAX_BYTES: usize = 256;
/// Longest summary, in bytes.
const SUMMARY_MAX_BYTES: usize = 4 << 10;

/// What a component says of itself: the WIT record `description`. Its texts are free of
/// control characters, its schemas are JSON texts; nobody has checked that they are true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The task's name.
    pub name: String,
    /// The task's version.
    pub version: String,
    /// One or two sentences for people.
    pub summary: String,
    /// JSON Schema of the input, a JSON text.
    pub input_schema: String,
    /// JSON Schema of the output, a JSON text.
    pub output_schema: String,
    /// Names of the errors that `run` may return.
    pub errors: Vec<String>,
}

impl Description {
    /// Takes a guest's answer.
    ///
    /// # Errors
    ///
    /// Returns which schema is no JSON text, and why.
    pub(crate) fn from_guest(answer: describe::Description) -> Result<Self, String> {
        for (schema, which) in [
            (&answer.input_schema, "input"),
            (&answer.output_schema, "output"),
        ] {
            json::check(schema).map_err(|reason| format!("the {which} schema: {reason}"))?;
        }
        let word = |text| clean(text, WORD_MAX_BYTES).0;
        Ok(Self {
            name: word(answer.name),
            version: word(answer.version),
            summary: clean(answer.summary, SUMMARY_MAX_BYTES).0,
            input_schema: answer.input_schema,
            output_schema: answer.output_schema,
            errors: answer.errors.into_iter().map(word).collect(),
        })
    }
}
