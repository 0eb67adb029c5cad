//! One text for one JSON value, so that a hash of it says that the value is the same.

use std::collections::BTreeMap;

use serde_json::Value;

/// Writes a value without blanks, the members of objects in the order of their names' bytes.
///
/// Texts are escaped as in RFC 8785. Numbers are written as they came: `1.0` and `1` are
/// two values, since whoever is shown one of them has not seen the other.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(element, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            let sorted: BTreeMap<&str, &Value> = members
                .iter()
                .map(|(name, value)| (name.as_str(), value))
                .collect();
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}
