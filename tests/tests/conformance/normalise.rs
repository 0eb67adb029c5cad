//! Makes two answers comparable: what differs from run to run becomes a placeholder, and
//! texts that are JSON are compared as JSON.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::values::Values;

/// A date and time with its offset, wherever in a text.
static ISO_8601: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})",
    )
    .unwrap()
});
static REQUEST_ID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("Request ID: {UUID}")).unwrap());

/// Members of an SDK's answer that tell of its transport: ids, lengths, dates.
const METADATA: [&str; 2] = ["SdkHttpMetadata", "SdkResponseMetadata"];
/// What the recorder put behind a name so that it names nothing.
static RANDOM_PART: LazyLock<Regex> = LazyLock::new(|| Regex::new("NoSuchArn[0-9a-f]{8}").unwrap());

/// What ids look like that differ from run to run.
pub(crate) const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// What a case adds to the common rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    by_path: Vec<(String, String)>,
    by_pattern: Vec<(Regex, String)>,
    /// Members whose lists have no order.
    unordered: Vec<String>,
}

/// Replaces what differs from run to run.
struct Normaliser<'a> {
    rules: &'a Rules,
    /// Our values and their placeholders; none for what was recorded.
    values: &'a [(String, String)],
}

impl Rules {
    /// Reads a case's own rules.
    pub(crate) fn read(rules: Option<&Value>) -> Self {
        let mut read = Self::default();
        for rule in rules.and_then(Value::as_array).into_iter().flatten() {
            let replacement = rule["replacement"].as_str().unwrap_or_default().to_owned();
            if let Some(path) = rule["jsonpath"].as_str() {
                read.by_path.push((path.to_owned(), replacement));
            } else if let Some(pattern) = rule["regex"].as_str() {
                // A placeholder's `<` and the rest of a replacement are meant as they are.
                let pattern = Regex::new(pattern).unwrap();
                read.by_pattern.push((pattern, replacement));
            } else if let Some(lists) = rule["unordered"].as_str() {
                let member = lists.trim_start_matches("the lists in ");
                read.unordered.push(member.to_owned());
            }
        }
        read
    }

    /// A text that the case's own rules call by this placeholder.
    pub(crate) fn literal(&self, is_wanted: impl Fn(&str) -> bool) -> Option<&str> {
        let patterns = self.by_pattern.iter();
        let mut literals = patterns.map(|(pattern, _)| pattern.as_str());
        literals.find(|literal| regex::escape(literal) == **literal && is_wanted(literal))
    }

    /// Normalises what was recorded.
    pub(crate) fn recorded(&self, value: Value) -> Value {
        self.apply(value, &[])
    }

    /// Normalises what is ours.
    pub(crate) fn ours(&self, value: Value, values: &Values) -> Value {
        self.apply(value, &values.in_answers())
    }

    fn apply(&self, mut value: Value, values: &[(String, String)]) -> Value {
        let normaliser = Normaliser {
            rules: self,
            values,
        };
        normaliser.walk(&mut value);
        for (path, replacement) in &self.by_path {
            let names: Vec<&str> = path
                .trim_start_matches('$')
                .split("..")
                .filter(|name| !name.is_empty())
                .flat_map(|part| part.split('.'))
                .filter(|name| !name.is_empty())
                .collect();
            replace_at(&mut value, &names, replacement);
        }
        value
    }
}

impl Normaliser<'_> {
    fn walk(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(parsed) = parsed(text) {
                    *value = parsed;
                    return self.walk(value);
                }
                *text = self.text(text);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item)),
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if name.to_lowercase().contains("timestamp") {
                        *field = Value::from("timestamp");
                    } else if METADATA.contains(&name.as_str()) {
                        *field = Value::from("metadata");
                    } else {
                        self.walk(field);
                        if self.rules.unordered.contains(name) {
                            sort_lists(field);
                        }
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.replace("sfn_role_arn", "snf_role_arn");
        for (ours, placeholder) in self.values {
            text = text.replace(ours, placeholder);
        }
        for (pattern, placeholder) in &self.rules.by_pattern {
            text = pattern.replace_all(&text, placeholder).into_owned();
        }
        let text = ISO_8601.replace_all(&text, "date");
        let text = REQUEST_ID.replace_all(&text, "Request ID: <request_id>");
        let text = RANDOM_PART.replace_all(&text, "<random_arn_part>");
        text.into_owned()
    }
}

/// A text that is an object or a list of JSON.
fn parsed(text: &str) -> Option<Value> {
    let looks_like_json = text.starts_with('{') || text.starts_with('[');
    looks_like_json.then(|| serde_json::from_str(text).ok())?
}

/// Replaces what the last name stands for, wherever the names before it lead to it.
fn replace_at(value: &mut Value, names: &[&str], replacement: &str) {
    let Some((first, rest)) = names.split_first() else {
        return;
    };
    match value {
        Value::Array(items) => {
            for item in items {
                replace_at(item, names, replacement);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if name != first {
                    replace_at(field, names, replacement);
                } else if rest.is_empty() {
                    *field = Value::from(replacement);
                } else {
                    replace_at(field, rest, replacement);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Sorts every list of a member's value.
fn sort_lists(value: &mut Value) {
    match value {
        Value::Array(items) => items.sort_by_key(ToString::to_string),
        Value::Object(fields) => fields.values_mut().for_each(sort_lists),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
