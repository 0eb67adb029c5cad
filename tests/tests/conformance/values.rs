//! What stands for what in one case: the recorder's placeholders, and our values.
//!
//! In requests our values take the places of placeholders; in our answers the placeholders
//! take the places of our values. A placeholder whose value we cannot know before (an id, a
//! token, a generated name) is bound where an answer first shows it ([`crate::compare`]),
//! and from then on stands for that value alone.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::host::{ACCOUNT, REGION};

/// A placeholder, as the recorder writes it.
pub(crate) static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("<[A-Za-z][A-Za-z0-9_:-]*>").unwrap());

/// The region in an ARN of the recorded run, where the recorder put no placeholder.
static OTHER_REGION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("(arn:aws:states:)[a-z0-9-]+(:{ACCOUNT}:)")).unwrap());

/// The machine's role. The recorder spells it in two ways.
const ROLES: [&str; 2] = ["snf_role_arn", "sfn_role_arn"];

/// Which of several values a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The first: texts within a request speak of what was made to be spoken of.
    Oldest,
    /// The last: a request is about what was just made.
    Newest,
}

/// The placeholders of one case whose values are known, the newest last.
#[derive(Debug)]
pub(crate) struct Values {
    known: Vec<(String, String)>,
}

impl Values {
    pub(crate) fn new() -> Self {
        let known = [
            (REGION, "<region>"),
            // Where requests were recorded, which some of them name.
            ("states:us-east-1:", "states:<region>:"),
            ("arn:aws:", "arn:<partition>:"),
            ("aws", "<partition>"),
        ];
        let known = known.map(|(ours, placeholder)| (ours.to_owned(), placeholder.to_owned()));
        Self {
            known: known.to_vec(),
        }
    }

    /// From now on, a placeholder stands for a value of ours, too.
    pub(crate) fn bind(&mut self, ours: impl Into<String>, placeholder: impl Into<String>) {
        let pair = (ours.into(), placeholder.into());
        if !self.known.contains(&pair) {
            self.known.push(pair);
        }
    }

    /// What a placeholder stands for.
    pub(crate) fn ours(&self, placeholder: &str, pick: Pick) -> Option<&str> {
        let mut found = self.known.iter().filter(|(_, name)| name == placeholder);
        let pair = match pick {
            Pick::Oldest => found.next(),
            Pick::Newest => found.next_back(),
        };
        pair.map(|(ours, _)| ours.as_str())
    }

    pub(crate) fn is_known(&self, placeholder: &str) -> bool {
        self.ours(placeholder, Pick::Oldest).is_some()
    }

    /// Puts our values in place of the placeholders of a text.
    pub(crate) fn text_of_ours(&mut self, text: &str, pick: Pick) -> String {
        if ROLES.iter().any(|role| text.starts_with(role)) && !self.is_known(text) {
            self.bind(format!("arn:aws:iam::{ACCOUNT}:role/{text}"), text);
        }
        if let Some(ours) = self.ours(text, pick) {
            return ours.to_owned();
        }
        let replaced = PLACEHOLDER.replace_all(text, |found: &Captures<'_>| {
            let ours = self.ours(&found[0], pick);
            ours.unwrap_or(&found[0]).to_owned()
        });
        let ours = format!("${{1}}{REGION}${{2}}");
        OTHER_REGION.replace_all(&replaced, ours).into_owned()
    }

    /// Puts our values in place of the placeholders of a whole value.
    pub(crate) fn value_of_ours(&mut self, value: &Value, pick: Pick) -> Value {
        match value {
            Value::String(text) => self.text_of_ours(text, pick).into(),
            Value::Array(items) => items
                .iter()
                .map(|item| self.value_of_ours(item, pick))
                .collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), self.value_of_ours(field, pick)))
                .collect(),
            other => other.clone(),
        }
    }

    /// Our values and their placeholders, in the order in which they are to be replaced: a
    /// value that holds another comes before it. Names of the cloud itself stand in ARNs
    /// only.
    pub(crate) fn in_answers(&self) -> Vec<(String, String)> {
        let mut known = self.known.clone();
        known.retain(|(ours, _)| ours != "aws");
        known.sort_by_key(|(ours, _)| std::cmp::Reverse(ours.len()));
        known
    }
}
