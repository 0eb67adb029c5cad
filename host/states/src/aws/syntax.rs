//! Broken JSON, in the words of the JSON library that Step Functions uses.

use crate::parse;
use crate::parse::json::{Expected, SyntaxError};
use crate::parse::node::Position;

/// Says what is wrong with the syntax of a JSON text, as Step Functions would: the text of
/// `InvalidExecutionInput`, for example. Nothing if it is JSON.
pub fn syntax_problem(text: &str) -> Option<String> {
    problem(text).map(|(message, _)| message)
}

pub(super) fn problem(text: &str) -> Option<(String, Position)> {
    let error = parse::json_syntax(text).err()?;
    Some((message(&error), error.position))
}

fn message(error: &SyntaxError) -> String {
    let Some(expected) = error.expected else {
        return error.message.clone();
    };
    let Some(first) = error.found.chars().next() else {
        return "Unexpected end-of-input".to_owned();
    };
    let values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    let is_word = first.is_alphanumeric() || matches!(first, '_' | '$');
    if expected == Expected::Value && is_word {
        return format!(
            "Unrecognized token '{}': was expecting {values}",
            error.found
        );
    }
    let wanted = match expected {
        Expected::Value => format!("expected a valid value {values}"),
        Expected::FieldName => "was expecting double-quote to start field name".to_owned(),
        Expected::Colon => "was expecting a colon to separate field name and value".to_owned(),
        Expected::ObjectComma => "was expecting comma to separate Object entries".to_owned(),
        Expected::ArrayComma => "was expecting comma to separate Array entries".to_owned(),
    };
    let code = u32::from(first);
    format!("Unexpected character ('{first}' (code {code})): {wanted}")
}
