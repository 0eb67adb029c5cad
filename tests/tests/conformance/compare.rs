//! Names every place where two answers differ.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Number, Value};

use crate::normalise::UUID;

static NUMBERED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^<(?:uuid|name):\d+>$").unwrap());
static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!("^{UUID}$")).unwrap());

/// Lists the differences: a place, what was recorded, what came.
pub(crate) fn differences(recorded: &Value, ours: &Value) -> Vec<String> {
    let mut comparison = Comparison::default();
    comparison.compare("", Some(recorded), Some(ours));
    comparison.found
}

#[derive(Default)]
struct Comparison {
    found: Vec<String>,
    /// What each numbered placeholder stands for: the same number is the same value.
    known: BTreeMap<String, String>,
}

impl Comparison {
    fn compare(&mut self, place: &str, recorded: Option<&Value>, ours: Option<&Value>) {
        match (recorded, ours) {
            (Some(Value::Object(theirs)), Some(Value::Object(ours))) => {
                for (name, field) in theirs {
                    self.compare(&format!("{place}/{name}"), Some(field), ours.get(name));
                }
                for (name, field) in ours {
                    if !theirs.contains_key(name) {
                        self.compare(&format!("{place}/{name}"), None, Some(field));
                    }
                }
            }
            (Some(Value::Array(theirs)), Some(Value::Array(ours))) => {
                for index in 0..theirs.len().max(ours.len()) {
                    let place = format!("{place}/{index}");
                    self.compare(&place, theirs.get(index), ours.get(index));
                }
            }
            (Some(Value::Number(theirs)), Some(Value::Number(ours))) if is_same(theirs, ours) => {}
            (Some(Value::String(theirs)), Some(Value::String(ours)))
                if self.stands_for(theirs, ours) => {}
            (theirs, ours) if theirs == ours => {}
            (theirs, ours) => {
                let (theirs, ours) = (shown(theirs), shown(ours));
                self.found
                    .push(format!("{place}: recorded {theirs}, ours {ours}"));
            }
        }
    }

    /// Whether a placeholder with a number can stand for an id of ours.
    fn stands_for(&mut self, placeholder: &str, id: &str) -> bool {
        if !NUMBERED.is_match(placeholder) || !ID.is_match(id) {
            return false;
        }
        let known = self.known.entry(placeholder.to_owned());
        known.or_insert_with(|| id.to_owned()) == id
    }
}

/// JSON knows no difference between 1 and 1.0.
fn is_same(a: &Number, b: &Number) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

fn shown(value: Option<&Value>) -> String {
    const MAX_CHARS: usize = 600;
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
