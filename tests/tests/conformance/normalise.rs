//! Makes two answers comparable: what differs from run to run becomes a placeholder, and
//! texts that are JSON are compared as JSON.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A date and time with its offset, wherever in a text.
static ISO_8601: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})",
    )
    .unwrap()
});
static REQUEST_ID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("Request ID: {UUID}")).unwrap());
static MAP_RUN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(":mapRun:([^/:]+)/[^/:]+:{UUID}")).unwrap());

/// Members of an SDK's answer that tell of its transport: ids, lengths, dates.
const METADATA: [&str; 2] = ["SdkHttpMetadata", "SdkResponseMetadata"];
/// What the recorder put behind a name so that it names nothing.
static RANDOM_PART: LazyLock<Regex> = LazyLock::new(|| Regex::new("NoSuchArn[0-9a-f]{8}").unwrap());

/// What ids look like that differ from run to run.
pub(crate) const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// What stands for the values of one run, and what a case adds to the common rules.
pub(crate) struct Placeholders {
    texts: Vec<(String, String)>,
    by_path: Vec<(String, String)>,
    by_pattern: Vec<(Regex, String)>,
}

impl Placeholders {
    /// Takes the texts to be replaced, the longest first, and the case's own rules.
    pub(crate) fn new(texts: Vec<(String, String)>, rules: Option<&Value>) -> Self {
        let mut known = Self {
            texts,
            by_path: Vec::new(),
            by_pattern: Vec::new(),
        };
        for rule in rules.and_then(Value::as_array).into_iter().flatten() {
            let replacement = rule["replacement"].as_str().unwrap_or_default().to_owned();
            if let Some(path) = rule["jsonpath"].as_str() {
                known.by_path.push((path.to_owned(), replacement));
            } else if let Some(pattern) = rule["regex"].as_str() {
                let pattern = Regex::new(pattern).unwrap();
                known.by_pattern.push((pattern, replacement));
            }
        }
        known
    }

    /// Normalises one side, ours or theirs.
    pub(crate) fn apply(&self, mut value: Value) -> Value {
        self.walk(&mut value);
        for (path, replacement) in &self.by_path {
            let names: Vec<&str> = path
                .trim_start_matches('$')
                .split("..")
                .filter(|name| !name.is_empty())
                .flat_map(|part| part.split('.'))
                .collect();
            replace_at(&mut value, &names, replacement);
        }
        value
    }

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
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &str) -> String {
        let run = ":mapRun:$1/<MapRunArnPart0_0idx>:<MapRunArnPart1_0idx>";
        let mut text = MAP_RUN.replace_all(text, run).into_owned();
        for (found, placeholder) in &self.texts {
            text = text.replace(found, placeholder);
        }
        for (pattern, placeholder) in &self.by_pattern {
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
