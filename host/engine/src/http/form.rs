//! Writes the fields of an object as a form, or as the query of a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// What RFC 3986 leaves unreserved; everything else is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How lists are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArrayFormat {
    /// `a[0]=x&a[1]=y`.
    Indices,
    /// `a=x&a=y`.
    Repeat,
    /// `a=x,y`.
    Commas,
    /// `a[]=x&a[]=y`.
    Brackets,
}

impl ArrayFormat {
    /// Reads AWS's word; none for an unknown one.
    pub(super) fn parse(word: Option<&str>) -> Option<Self> {
        match word {
            None | Some("INDICES") => Some(Self::Indices),
            Some("REPEAT") => Some(Self::Repeat),
            Some("COMMAS") => Some(Self::Commas),
            Some("BRACKETS") => Some(Self::Brackets),
            Some(_) => None,
        }
    }
}

/// Writes an object. Objects within it become `outer[inner]=…`.
pub(super) fn encode(fields: &Map<String, Value>, lists: ArrayFormat) -> String {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        collect(encoded(name), value, lists, &mut pairs);
    }
    pairs.join("&")
}

/// How deep this goes is bounded by the depth that a payload may have.
fn collect(name: String, value: &Value, lists: ArrayFormat, pairs: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (inner, value) in fields {
                collect(format!("{name}[{}]", encoded(inner)), value, lists, pairs);
            }
        }
        Value::Array(items) if lists == ArrayFormat::Commas => {
            let texts: Vec<String> = items.iter().map(text).collect();
            pairs.push(format!("{name}={}", texts.join(",")));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = match lists {
                    ArrayFormat::Indices => format!("{name}[{index}]"),
                    ArrayFormat::Brackets => format!("{name}[]"),
                    ArrayFormat::Repeat | ArrayFormat::Commas => name.clone(),
                };
                collect(name, item, lists, pairs);
            }
        }
        other => pairs.push(format!("{name}={}", text(other))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => encoded(text),
        Value::Null => String::new(),
        other => encoded(&other.to_string()),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_written_as_asked_for() {
        let fields = json!({"a": ["x", "y z"], "b": null, "ü": 1});
        let fields = fields.as_object().unwrap();
        for (word, expected) in [
            ("INDICES", "a[0]=x&a[1]=y%20z&b=&%C3%BC=1"),
            ("REPEAT", "a=x&a=y%20z&b=&%C3%BC=1"),
            ("COMMAS", "a=x,y%20z&b=&%C3%BC=1"),
            ("BRACKETS", "a[]=x&a[]=y%20z&b=&%C3%BC=1"),
        ] {
            let format = ArrayFormat::parse(Some(word)).unwrap();
            assert_eq!(encode(fields, format), expected, "{word}");
        }
        assert_eq!(ArrayFormat::parse(Some("NONE")), None);
    }
}
