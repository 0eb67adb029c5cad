//! The form in which entries are hashed: JSON after RFC 8785, of objects, texts, whole
//! numbers and lists. Common tools write it: Python's `json.dumps` with sorted keys and
//! without blanks gives the same bytes.

use std::fmt::Write as _;

use serde_json::Value;

/// The largest whole number that every reader of JSON understands.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Appends a text in quotation marks, with the escapes of RFC 8785.
pub(super) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            char if char < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

/// Writes a value in canonical form; none for what never stands in the log.
pub(super) fn render(value: &Value) -> Option<String> {
    let mut out = String::new();
    push(&mut out, value)?;
    Some(out)
}

fn push(out: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Null => return None,
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            let number = number.as_u64().filter(|number| *number <= NUMBER_MAX)?;
            out.push_str(&number.to_string());
        }
        Value::String(text) => push_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push(out, item)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|left, right| left.0.encode_utf16().cmp(right.0.encode_utf16()));
            out.push('{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_text(out, key);
                out.push(':');
                push(out, member)?;
            }
            out.push('}');
        }
    }
    Some(())
}
