//! Reads the fields that an approver fills in.

use serde_json::Value;

use super::{Object, Reader};
use crate::approval::fields::{self, ApprovalField, ApprovalFieldType};
use crate::approval::{DESCRIPTION_MAX_CHARS, FIELDS_MAX};
use crate::payload::Payload;

/// Values that a field may have.
const VALUES_MAX: usize = 100;
/// Letters of a field's name.
const FIELD_NAME_MAX_CHARS: usize = 64;

impl Reader {
    pub(super) fn fields(&mut self, object: &Object<'_>) -> Vec<ApprovalField> {
        let mut found: Vec<ApprovalField> = Vec::new();
        for (value, pointer) in self.list(object, "Inputs", FIELDS_MAX) {
            let Some(field) = self.field(value, pointer.clone()) else {
                continue;
            };
            if found.iter().any(|known| known.name == field.name) {
                let message = format!("there is a field '{}' already", field.name);
                self.refuse(format!("{pointer}/Name"), message, "give it another name");
            }
            found.push(field);
        }
        found
    }

    fn field(&mut self, value: &Value, pointer: String) -> Option<ApprovalField> {
        const FIELDS: [&str; 7] = [
            "Name",
            "Type",
            "Description",
            "Required",
            "Default",
            "AllowedValues",
            "Pattern",
        ];
        let object = self.object(value, pointer, &FIELDS)?;
        let types = ApprovalFieldType::ALL.map(ApprovalFieldType::as_str);
        let type_is_open = self.is_given_open(&object, "Type");
        let field_type = self
            .word(&object, "Type", &types)
            .map_or(ApprovalFieldType::String, |index| {
                ApprovalFieldType::ALL[index]
            });
        let pattern = self.text(&object, "Pattern", usize::MAX);
        if let Some(pattern) = &pattern {
            if let Err(message) = fields::compiled(pattern) {
                let hint = "write a regular expression of the Rust crate 'regex'";
                self.refuse(object.at("Pattern"), message, hint);
                return None;
            }
            if field_type != ApprovalFieldType::String && !type_is_open {
                let hint = "leave the pattern out, or make the field a string";
                self.refuse(object.at("Pattern"), "is for strings", hint);
                return None;
            }
        }
        let description = self.text(&object, "Description", DESCRIPTION_MAX_CHARS);
        let required = self.boolean(&object, "Required").unwrap_or(false);
        let name = self.field_name(&object);
        let mut field = ApprovalField {
            name: name.unwrap_or_default(),
            field_type,
            description,
            required,
            default: None,
            allowed_values: Vec::new(),
            pattern,
        };
        let open = type_is_open || self.is_given_open(&object, "Pattern");
        for (value, pointer) in self.list(&object, "AllowedValues", VALUES_MAX) {
            if !self.is_open(value)
                && !open
                && let Err(message) = field.check(value)
            {
                self.refuse(pointer, message, "make it a value that the field can have");
            }
        }
        let allowed = object.fields.get("AllowedValues").and_then(Value::as_array);
        let allowed_open = self.is_given_open(&object, "AllowedValues")
            || allowed.is_some_and(|values| values.iter().any(|value| self.is_open(value)));
        if !allowed_open {
            let values = allowed.into_iter().flatten();
            field.allowed_values = values.map(Payload::from_value).collect();
        }
        if let Some(default) = self.value(&object, "Default") {
            if !open
                && !allowed_open
                && let Err(message) = field.check(default)
            {
                let hint = "make it a value that the field can have";
                self.refuse(object.at("Default"), message, hint);
            }
            field.default = Some(Payload::from_value(default));
        }
        (!field.name.is_empty()).then_some(field)
    }

    fn field_name(&mut self, object: &Object<'_>) -> Option<String> {
        if self.is_given_open(object, "Name") {
            return None;
        }
        let Some(value) = object.fields.get("Name") else {
            let hint = "name what is to be filled in";
            self.refuse(object.pointer.clone(), "the field 'Name' is missing", hint);
            return None;
        };
        let name = value.as_str().unwrap_or_default();
        let is_letter =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        if !(1..=FIELD_NAME_MAX_CHARS).contains(&name.len()) || !name.chars().all(is_letter) {
            let hint = "write 1 to 64 letters, digits, '_' and '-'";
            self.refuse(object.at("Name"), "is no name of a field", hint);
            return None;
        }
        Some(name.to_owned())
    }
}
