//! Names every place where two answers differ.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Number, Value};

use crate::normalise::UUID;
use crate::values::{PLACEHOLDER, Values};

/// What ids look like that differ from run to run.
pub(crate) static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!("^{UUID}$")).unwrap());

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// The differences: a place, what was recorded, what came.
    pub(crate) found: Vec<String>,
    /// What placeholders stand for that nothing stood for before.
    pub(crate) bound: BTreeMap<String, String>,
}

/// Compares what was recorded with what came; both normalised.
pub(crate) fn compare(recorded: &Value, ours: &Value, values: &Values) -> Comparison {
    let mut comparer = Comparer {
        values,
        result: Comparison::default(),
    };
    comparer.compare("", Some(recorded), Some(ours));
    comparer.result
}

struct Comparer<'a> {
    values: &'a Values,
    result: Comparison,
}

impl Comparer<'_> {
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
            (Some(Value::String(theirs)), Some(Value::Number(_))) if theirs == "datetime" => {}
            (Some(Value::String(theirs)), Some(Value::String(ours)))
                if theirs == ours || self.stands_for(place, theirs, ours) => {}
            (theirs, ours) if theirs == ours => {}
            (theirs, ours) => {
                let (theirs, ours) = (shown(theirs), shown(ours));
                self.result
                    .found
                    .push(format!("{place}: recorded {theirs}, ours {ours}"));
            }
        }
    }

    /// Whether placeholders without a value can stand for what is ours in their places.
    fn stands_for(&mut self, place: &str, recorded: &str, ours: &str) -> bool {
        // An ARN of which nothing but that it is one was kept.
        let is_arn = place.ends_with("Arn") && ours.starts_with("arn:");
        if is_arn && !recorded.contains([':', '<']) {
            return self.bind(recorded, ours);
        }
        let mut pattern = String::from("^(?s)");
        let (mut names, mut end) = (Vec::new(), 0);
        for found in PLACEHOLDER.find_iter(recorded) {
            pattern += &regex::escape(&recorded[end..found.start()]);
            pattern += "(.+?)";
            names.push(found.as_str());
            end = found.end();
        }
        pattern += &format!("{}$", regex::escape(&recorded[end..]));
        let captures = Regex::new(&pattern).unwrap().captures(ours);
        let Some(captures) = captures.filter(|_| !names.is_empty()) else {
            return false;
        };
        let pairs = names.iter().zip(captures.iter().skip(1).flatten());
        let pairs: Vec<_> = pairs.map(|(name, found)| (*name, found.as_str())).collect();
        pairs
            .into_iter()
            .all(|(name, found)| self.bind(name, found))
    }

    /// Whether a placeholder stands for a value: always for the same, and no other does.
    fn bind(&mut self, placeholder: &str, ours: &str) -> bool {
        let is_id = placeholder.starts_with("<uuid:");
        if placeholder == ours {
            return true;
        }
        if self.values.is_known(placeholder) || (is_id && !ID.is_match(ours)) {
            return false;
        }
        if let Some(bound) = self.result.bound.get(placeholder) {
            return bound == ours;
        }
        if self.result.bound.values().any(|taken| taken == ours) {
            return false;
        }
        let (placeholder, ours) = (placeholder.to_owned(), ours.to_owned());
        self.result.bound.insert(placeholder, ours);
        true
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
