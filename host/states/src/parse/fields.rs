//! Reads the fields of an object and reports those that are wrong.

use serde_json::Number;

use super::node::{Fields, Node, NodeKind};
use super::report::{Place, Report};
use crate::number;

/// Largest number of seconds, attempts and the like.
pub(crate) const NUMBER_MAX: u64 = 99_999_999;

/// An object of a definition.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) place: Place,
}

impl<'a> Object<'a> {
    /// Takes a node as an object; reports it if it is none.
    pub(crate) fn of(node: &'a Node, place: Place, report: &mut Report) -> Option<Self> {
        match node.as_object() {
            Some(fields) => Some(Self { fields, place }),
            None => {
                report.schema(&place, "Expected value of type [OBJECT]");
                None
            }
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Returns a field and its place.
    pub(crate) fn get(&self, name: &str) -> Option<(&'a Node, Place)> {
        let field = self.fields.get(name)?;
        Some((&field.value, self.place.field(name, &field.value)))
    }

    /// Returns the place of a field, or the object's own.
    pub(crate) fn place_of(&self, name: &str) -> Place {
        self.get(name)
            .map_or_else(|| self.place.clone(), |(_, place)| place)
    }

    pub(crate) fn string(&self, name: &str, report: &mut Report) -> Option<&'a str> {
        let (node, place) = self.get(name)?;
        let text = node.as_str();
        if text.is_none() {
            report.schema(&place, "Expected value of type [STRING]");
        }
        text
    }

    pub(crate) fn owned_string(&self, name: &str, report: &mut Report) -> Option<String> {
        self.string(name, report).map(str::to_owned)
    }

    pub(crate) fn boolean(&self, name: &str, report: &mut Report) -> Option<bool> {
        let (node, place) = self.get(name)?;
        match node.kind {
            NodeKind::Bool(value) => Some(value),
            _ => {
                report.schema(&place, "Expected value of type [BOOLEAN]");
                None
            }
        }
    }

    /// Reads an integer between two bounds.
    pub(crate) fn integer(
        &self,
        name: &str,
        min: u64,
        max: u64,
        report: &mut Report,
    ) -> Option<u64> {
        let (value, place) = self.bounded(name, "Integer", min, max, report)?;
        let integer = value.as_u64();
        if integer.is_none() {
            report.schema(&place, "Expected value of type Integer");
        }
        integer
    }

    /// Reads a number between two bounds.
    pub(crate) fn number(
        &self,
        name: &str,
        min: u64,
        max: u64,
        report: &mut Report,
    ) -> Option<f64> {
        let (value, _) = self.bounded(name, "Number", min, max, report)?;
        Some(number::as_f64(value))
    }

    fn bounded(
        &self,
        name: &str,
        wanted: &str,
        min: u64,
        max: u64,
        report: &mut Report,
    ) -> Option<(&'a Number, Place)> {
        let (node, place) = self.get(name)?;
        let NodeKind::Number(value) = &node.kind else {
            report.schema(&place, format!("Expected value of type {wanted}"));
            return None;
        };
        if number::compare(value, &Number::from(min)).is_lt() {
            report.schema(&place, format!("Minimum value is {min}"));
            return None;
        }
        if number::compare(value, &Number::from(max)).is_gt() {
            report.schema(&place, format!("Maximum value is {max}"));
            return None;
        }
        Some((value, place))
    }

    pub(crate) fn array(&self, name: &str, report: &mut Report) -> Option<(&'a [Node], Place)> {
        let (node, place) = self.get(name)?;
        match node.as_array() {
            Some(elements) => Some((elements, place)),
            None => {
                report.schema(&place, "Expected value of type [ARRAY]");
                None
            }
        }
    }

    /// Reads an array that has to hold something.
    pub(crate) fn filled_array(
        &self,
        name: &str,
        report: &mut Report,
    ) -> Option<(&'a [Node], Place)> {
        let (elements, place) = self.array(name, report)?;
        if elements.is_empty() {
            report.schema(&place, "Value cannot be empty");
        }
        Some((elements, place))
    }

    /// Reads a field that holds an object.
    pub(crate) fn object(&self, name: &str, report: &mut Report) -> Option<Self> {
        let (node, place) = self.get(name)?;
        Self::of(node, place, report)
    }

    /// Reads one of a few words.
    pub(crate) fn word(
        &self,
        name: &str,
        words: &[&'static str],
        report: &mut Report,
    ) -> Option<&'static str> {
        let text = self.string(name, report)?;
        let word = words.iter().find(|word| **word == text).copied();
        if word.is_none() {
            let place = self.place_of(name);
            let list = words.join(", ");
            report.schema(
                &place,
                format!("Value should be one of the following: [{list}]"),
            );
        }
        word
    }

    /// Reports fields that have to be there and are not.
    pub(crate) fn require(&self, names: &[&str], report: &mut Report) {
        let missing: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !self.has(name))
            .collect();
        if !missing.is_empty() {
            let list = missing.join(", ");
            report.schema(&self.place, format!("These fields are required: [{list}]"));
        }
    }

    /// Reports fields that exclude each other.
    pub(crate) fn at_most_one_of(&self, names: &[&str], report: &mut Report) {
        if names.iter().filter(|name| self.has(name)).count() > 1 {
            let list = names.join(", ");
            report.schema(
                &self.place,
                format!("There should only be one of the following fields: [{list}]"),
            );
        }
    }

    /// Reports fields of which there has to be one.
    pub(crate) fn exactly_one_of(&self, names: &[&str], report: &mut Report) {
        if names.iter().any(|name| self.has(name)) {
            self.at_most_one_of(names, report);
        } else {
            let list = names.join(", ");
            report.schema(
                &self.place,
                format!("This object should have only one of the following fields: [{list}]"),
            );
        }
    }

    /// Reports fields that are not in the list.
    pub(crate) fn only(&self, allowed: &[&str], report: &mut Report) {
        for (name, field) in self.fields {
            if allowed.contains(&name.as_str()) {
                continue;
            }
            let place = self.place.at(field.position);
            let message = format!("Field '{name}' is not supported");
            let same = |other: &&&str| other.eq_ignore_ascii_case(name);
            match allowed.iter().find(same) {
                Some(meant) => report.schema_hint(
                    &place,
                    message,
                    format!("upper and lower case matter: write '{meant}'"),
                ),
                None => report.schema(&place, message),
            }
        }
    }
}
