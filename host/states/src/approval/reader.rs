//! Reads the arguments of an approval, and tells all that is wrong with them.

mod form;

use std::fmt;

use serde_json::{Map, Value};

use super::{
    ApprovalTerms, COUNT_MAX, CommentRequired, DESCRIPTION_MAX_CHARS, Deciders, ESCALATIONS_MAX,
    Escalation, NAMES_MAX, TITLE_MAX_CHARS,
};
use crate::jsonata;
use crate::parse::fields::NUMBER_MAX;
use crate::payload::Payload;

/// Which parts of the arguments are expressions, whose values nobody knows yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// None: this is what expressions gave.
    None,
    /// The fields whose names end in `.$`.
    JsonPath,
    /// The texts in `{% … %}`.
    Jsonata,
}

/// Something that is wrong with the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// JSON pointer into the arguments.
    pub(crate) pointer: String,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.pointer.trim_start_matches('/').replace('/', ".");
        if field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{field}: {}", self.message)
    }
}

/// Reads arguments.
pub(crate) struct Reader {
    language: Language,
    pub(crate) problems: Vec<Problem>,
}

/// An object of the arguments, and where it stands.
struct Object<'a> {
    fields: &'a Map<String, Value>,
    pointer: String,
}

impl Object<'_> {
    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }
}

impl Reader {
    pub(crate) fn new(language: Language) -> Self {
        Self {
            language,
            problems: Vec::new(),
        }
    }

    /// Reads all of the arguments. What is wrong, or not known yet, is left out.
    pub(crate) fn terms(&mut self, arguments: &Value) -> ApprovalTerms {
        if self.is_open(arguments) {
            return ApprovalTerms::default();
        }
        const FIELDS: [&str; 12] = [
            "Title",
            "Description",
            "Show",
            "Groups",
            "People",
            "MinimumCount",
            "AllowSelfApproval",
            "Inputs",
            "DeadlineSeconds",
            "Escalation",
            "Supersede",
            "CommentRequired",
        ];
        let Some(object) = self.object(arguments, String::new(), &FIELDS) else {
            return ApprovalTerms::default();
        };
        let deciders = self.deciders(&object);
        let deadline_seconds = self.number(&object, "DeadlineSeconds", NUMBER_MAX);
        let minimum = self.number(&object, "MinimumCount", COUNT_MAX).unwrap_or(1);
        let terms = ApprovalTerms {
            title: self.text(&object, "Title", TITLE_MAX_CHARS),
            description: self.text(&object, "Description", DESCRIPTION_MAX_CHARS),
            show: self.value(&object, "Show").map(Payload::from_value),
            deciders,
            minimum_count: u32::try_from(minimum).unwrap_or(u32::MAX),
            allow_self_approval: self.boolean(&object, "AllowSelfApproval").unwrap_or(false),
            fields: self.fields(&object),
            deadline_seconds,
            escalations: self.escalations(&object, deadline_seconds),
            supersede_key: self.supersede(&object),
            comment_required: self
                .word(
                    &object,
                    "CommentRequired",
                    &CommentRequired::ALL.map(CommentRequired::as_str),
                )
                .map_or(CommentRequired::Never, |index| CommentRequired::ALL[index]),
        };
        self.together(&object, &terms);
        terms
    }

    /// What each field may be, and all together cannot.
    fn together(&mut self, object: &Object<'_>, terms: &ApprovalTerms) {
        let named = ["Groups", "People"].map(|name| object.fields.contains_key(name));
        if !terms.escalations.is_empty() && named == [false, false] && !self.has_open(object) {
            self.refuse(
                object.at("Escalation"),
                "escalates to others, though everybody may decide from the start",
                "name who decides at first in 'Groups' or 'People'",
            );
        }
        let people = terms.deciders.people.len() as u64;
        let only_people = named == [false, true] && !object.fields.contains_key("Escalation");
        if only_people
            && people > 0
            && u64::from(terms.minimum_count) > people
            && !self.has_open(object)
        {
            let message = format!(
                "needs {} approvals, and {people} may decide",
                terms.minimum_count
            );
            self.refuse(
                object.at("MinimumCount"),
                message,
                "name more people, or ask for fewer approvals",
            );
        }
    }

    /// Whether a list of those who decide is not known yet.
    fn has_open(&self, object: &Object<'_>) -> bool {
        let open = |name: &str| {
            object.fields.contains_key(&format!("{name}.$"))
                || object.fields.get(name).is_some_and(|value| {
                    self.is_open(value)
                        || value
                            .as_array()
                            .is_some_and(|names| names.iter().any(|name| self.is_open(name)))
                })
        };
        ["Groups", "People", "Escalation", "MinimumCount"]
            .into_iter()
            .any(open)
    }

    fn deciders(&mut self, object: &Object<'_>) -> Deciders {
        Deciders {
            groups: self.names(object, "Groups", TITLE_MAX_CHARS),
            people: self.names(object, "People", DESCRIPTION_MAX_CHARS),
        }
    }

    fn escalations(&mut self, object: &Object<'_>, deadline: Option<u64>) -> Vec<Escalation> {
        let Some(given) = self.value(object, "Escalation") else {
            return Vec::new();
        };
        let pointer = object.at("Escalation");
        let list: Vec<(&Value, String)> = match given {
            Value::Array(list) => {
                let at = |(index, value)| (value, format!("{pointer}/{index}"));
                list.iter().enumerate().map(at).collect()
            }
            one => vec![(one, pointer.clone())],
        };
        if list.len() > ESCALATIONS_MAX {
            let message = format!("there are more than {ESCALATIONS_MAX} escalations");
            self.refuse(pointer, message, "leave some out");
            return Vec::new();
        }
        let mut found: Vec<Escalation> = Vec::new();
        for (value, pointer) in list {
            if self.is_open(value) {
                continue;
            }
            const FIELDS: [&str; 3] = ["AfterSeconds", "Groups", "People"];
            let Some(one) = self.object(value, pointer, &FIELDS) else {
                continue;
            };
            let deciders = self.deciders(&one);
            if deciders.is_empty() && !self.has_open(&one) {
                self.refuse(
                    one.pointer.clone(),
                    "names nobody",
                    "name others in 'Groups' or 'People'",
                );
            }
            if !one.fields.contains_key("AfterSeconds")
                && !one.fields.contains_key("AfterSeconds.$")
            {
                let hint = "say after how many seconds others are asked";
                self.refuse(
                    one.pointer.clone(),
                    "the field 'AfterSeconds' is missing",
                    hint,
                );
            }
            let Some(after_seconds) = self.number(&one, "AfterSeconds", NUMBER_MAX) else {
                continue;
            };
            if deadline.is_some_and(|deadline| after_seconds >= deadline) {
                self.refuse(
                    one.at("AfterSeconds"),
                    "is not before the deadline",
                    "make it smaller than 'DeadlineSeconds'",
                );
            }
            if found
                .last()
                .is_some_and(|last| last.after_seconds >= after_seconds)
            {
                self.refuse(
                    one.at("AfterSeconds"),
                    "is not after the escalation before",
                    "list escalations in the order of their times",
                );
            }
            found.push(Escalation {
                after_seconds,
                deciders,
            });
        }
        found
    }

    fn supersede(&mut self, object: &Object<'_>) -> Option<String> {
        let value = self.value(object, "Supersede")?;
        match value {
            Value::Bool(true) => Some(String::new()),
            Value::Bool(false) => None,
            other => {
                let one = self.object(other, object.at("Supersede"), &["Key"])?;
                self.text(&one, "Key", TITLE_MAX_CHARS)
            }
        }
    }

    fn refuse(&mut self, pointer: String, message: impl Into<String>, hint: &'static str) {
        self.problems.push(Problem {
            pointer,
            message: message.into(),
            hint,
        });
    }

    /// Whether a value is an expression, whose value is not known yet.
    fn is_open(&self, value: &Value) -> bool {
        self.language == Language::Jsonata && value.as_str().is_some_and(jsonata::is_expression)
    }

    fn is_given_open(&self, object: &Object<'_>, name: &str) -> bool {
        let by_path =
            self.language == Language::JsonPath && object.fields.contains_key(&format!("{name}.$"));
        by_path
            || object
                .fields
                .get(name)
                .is_some_and(|value| self.is_open(value))
    }

    fn object<'a>(
        &mut self,
        value: &'a Value,
        pointer: String,
        known: &[&str],
    ) -> Option<Object<'a>> {
        let Value::Object(fields) = value else {
            self.refuse(pointer, "is no object", "write an object");
            return None;
        };
        let object = Object { fields, pointer };
        for name in fields.keys() {
            let stem = match self.language {
                Language::JsonPath => name.strip_suffix(".$").unwrap_or(name),
                _ => name,
            };
            if !known.contains(&stem) {
                let message = format!("is not known; there are {}", known.join(", "));
                let hint = "remove the field, or correct its name";
                self.refuse(object.at(name), message, hint);
            }
        }
        Some(object)
    }

    /// A field's value, if it is given and known.
    fn value<'a>(&self, object: &Object<'a>, name: &str) -> Option<&'a Value> {
        let value = object.fields.get(name)?;
        (!self.is_open(value)).then_some(value)
    }

    fn text(&mut self, object: &Object<'_>, name: &str, chars_max: usize) -> Option<String> {
        let value = self.value(object, name)?;
        match value.as_str() {
            Some("") | None => self.refuse(object.at(name), "is no text", "write a text"),
            Some(text) if text.chars().count() > chars_max => {
                let message = format!("has more than {chars_max} characters");
                self.refuse(object.at(name), message, "make it shorter");
            }
            Some(text) => return Some(text.to_owned()),
        }
        None
    }

    fn boolean(&mut self, object: &Object<'_>, name: &str) -> Option<bool> {
        let value = self.value(object, name)?;
        if value.as_bool().is_none() {
            self.refuse(
                object.at(name),
                "is neither true nor false",
                "write true or false",
            );
        }
        value.as_bool()
    }

    fn number(&mut self, object: &Object<'_>, name: &str, max: u64) -> Option<u64> {
        let value = self.value(object, name)?;
        match value.as_u64() {
            Some(number) if (1..=max).contains(&number) => Some(number),
            _ => {
                let message = format!("is no whole number from 1 to {max}");
                self.refuse(object.at(name), message, "write such a number");
                None
            }
        }
    }

    /// Reads one of some words; returns which.
    fn word(&mut self, object: &Object<'_>, name: &str, words: &[&str]) -> Option<usize> {
        let value = self.value(object, name)?;
        let found = words.iter().position(|word| value.as_str() == Some(*word));
        if found.is_none() {
            let message = format!("is none of {}", words.join(", "));
            self.refuse(object.at(name), message, "write one of these words");
        }
        found
    }

    fn list<'a>(
        &mut self,
        object: &Object<'a>,
        name: &str,
        count_max: usize,
    ) -> Vec<(&'a Value, String)> {
        let Some(value) = self.value(object, name) else {
            return Vec::new();
        };
        let pointer = object.at(name);
        match value.as_array() {
            Some(list) if list.is_empty() => {
                self.refuse(pointer, "is empty", "leave the field out, or fill the list");
                Vec::new()
            }
            Some(list) if list.len() <= count_max => {
                let at = |(index, value)| (value, format!("{pointer}/{index}"));
                list.iter().enumerate().map(at).collect()
            }
            Some(_) => {
                let message = format!("has more than {count_max} entries");
                self.refuse(pointer, message, "leave some out");
                Vec::new()
            }
            None => {
                self.refuse(pointer, "is no list", "write a list");
                Vec::new()
            }
        }
    }

    fn names(&mut self, object: &Object<'_>, name: &str, chars_max: usize) -> Vec<String> {
        let mut found = Vec::new();
        for (value, pointer) in self.list(object, name, NAMES_MAX) {
            if self.is_open(value) {
                continue;
            }
            match value.as_str() {
                Some(text) if !text.is_empty() && text.chars().count() <= chars_max => {
                    if found.iter().any(|known| known == text) {
                        self.refuse(pointer, "stands twice", "leave it out");
                    } else {
                        found.push(text.to_owned());
                    }
                }
                _ => self.refuse(pointer, "is no name", "write a name"),
            }
        }
        found
    }
}
