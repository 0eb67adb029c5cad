//! Fields that an approver fills in.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Number, Value};

use crate::payload::Payload;

/// Letters of a text that an approver fills in, at most.
pub const APPROVAL_TEXT_MAX_CHARS: usize = 4_096;
/// Letters of a pattern.
const PATTERN_MAX_CHARS: usize = 1_024;
/// Bytes of a pattern's program: a pattern that repeats a lot stays small.
const PATTERN_MAX_BYTES: usize = 1 << 18;

/// A field that an approver fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalField {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub field_type: ApprovalFieldType,
    /// The author's words for the approver.
    pub description: Option<String>,
    /// Whether it has to be filled in.
    pub required: bool,
    /// What it is if it is not filled in.
    pub default: Option<Payload>,
    /// The values that it may have; none for all.
    pub allowed_values: Vec<Payload>,
    /// What the whole text has to match.
    pub pattern: Option<String>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApprovalFieldType {
    /// A text.
    #[default]
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

impl ApprovalFieldType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::String, Self::Number, Self::Boolean];

    /// Returns the word that definitions have for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// A field that is not filled in as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name.
    pub field: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl ApprovalField {
    /// Checks what fields were filled in with, and adds the defaults of those that were not.
    ///
    /// # Errors
    /// The first field that is not as it has to be.
    pub fn fill_in(
        fields: &[Self],
        given: &Map<String, Value>,
    ) -> Result<Map<String, Value>, FieldProblem> {
        let problem = |field: &str, reason: String| FieldProblem {
            field: field.to_owned(),
            reason,
        };
        for name in given.keys() {
            if !fields.iter().any(|field| field.name == *name) {
                let known: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
                let reason = match known.as_slice() {
                    [] => "is not asked for: the approval asks for no inputs".to_owned(),
                    known => {
                        format!(
                            "is not asked for: the approval asks for {}",
                            known.join(", ")
                        )
                    }
                };
                return Err(problem(name, reason));
            }
        }
        let mut filled = Map::new();
        for field in fields {
            let value = match (given.get(&field.name), &field.default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => default.to_value(),
                (None, None) if field.required => {
                    let reason = format!("is missing: give a {}", field.field_type.as_str());
                    return Err(problem(&field.name, reason));
                }
                (None, None) => continue,
            };
            field
                .check(&value)
                .map_err(|reason| problem(&field.name, reason))?;
            // As the definition writes it: who approves with 10 and with 10.0 approve the same.
            let mut allowed = field.allowed_values.iter().map(Payload::to_value);
            let value = allowed
                .find(|known| is_same(known, &value))
                .unwrap_or(value);
            filled.insert(field.name.clone(), value);
        }
        Ok(filled)
    }

    /// Checks one value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        let fits = match self.field_type {
            ApprovalFieldType::String => value.is_string(),
            ApprovalFieldType::Number => value.is_number(),
            ApprovalFieldType::Boolean => value.is_boolean(),
        };
        if !fits {
            return Err(format!("is no {}", self.field_type.as_str()));
        }
        if let Some(text) = value.as_str() {
            if text.chars().count() > APPROVAL_TEXT_MAX_CHARS {
                return Err(format!(
                    "has more than {APPROVAL_TEXT_MAX_CHARS} characters"
                ));
            }
            if let Some(pattern) = &self.pattern
                && !compiled(pattern)?.is_match(text)
            {
                return Err(format!("does not match the pattern {pattern}"));
            }
        }
        let allowed = self.allowed_values.iter().map(Payload::to_value);
        if !self.allowed_values.is_empty() && !allowed.clone().any(|known| is_same(&known, value)) {
            let known: Vec<String> = allowed.map(|known| known.to_string()).collect();
            return Err(format!("is none of {}", known.join(", ")));
        }
        Ok(())
    }
}

/// Whether two values are the same: numbers are, however they are written.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => decimal(left) == decimal(right),
        _ => left == right,
    }
}

/// A number as its sign, its digits without zeros around them, and the power of ten behind
/// them: one form for each value, however large or fine it is.
fn decimal(number: &Number) -> (bool, String, i128) {
    let text = number.to_string();
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, &*text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let small = exponent.starts_with('-');
    let limit = if small { i128::MIN / 2 } else { i128::MAX / 2 };
    let exponent = exponent.parse().unwrap_or(limit);
    let places = |count: usize| i128::try_from(count).unwrap_or(0);
    let shift = places(digits.len() - significant.len()) - places(fraction.len());
    let exponent = i128::saturating_add(exponent, shift);
    (negative, significant.to_owned(), exponent)
}

/// Compiles a pattern that a whole text has to match. The time that a match takes grows with
/// the text alone, whatever the pattern is.
///
/// # Errors
/// Why it is no pattern.
pub(super) fn compiled(pattern: &str) -> Result<Regex, String> {
    if pattern.chars().count() > PATTERN_MAX_CHARS {
        return Err(format!(
            "the pattern has more than {PATTERN_MAX_CHARS} characters"
        ));
    }
    // By itself first: what is put around it must not make it one.
    let by_itself = builder(pattern).build().map(drop);
    let whole = by_itself.and_then(|()| builder(&format!("^(?:{pattern})$")).build());
    whole.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern repeats too much".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!(
                "the pattern cannot be read: {}",
                last.trim_start_matches("error: ")
            )
        }
    })
}

fn builder(pattern: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(pattern);
    builder
        .size_limit(PATTERN_MAX_BYTES)
        .dfa_size_limit(PATTERN_MAX_BYTES)
        .nest_limit(32);
    builder
}
