//! Tags as requests give them.

use serde_json::Value;

use super::fault::{ApiError, ApiFault};
use crate::model::Tag;

/// Characters of a tag's key, at most.
const KEY_MAX_CHARS: usize = 128;
/// Characters of a tag's value, at most.
const VALUE_MAX_CHARS: usize = 256;

/// Reads a list of tags; of two with one key, the last one is meant.
pub(super) fn read(given: Option<&Value>) -> Result<Vec<Tag>, ApiError> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let wrong_type = || ApiFault::new("SerializationException", "tags must be a list of tags");
    let list = given.as_array().ok_or_else(wrong_type)?;
    let mut tags = Vec::with_capacity(list.len());
    for (place, tag) in (1..).zip(list) {
        let member = |name: &str, min: usize, max: usize| {
            let text = match tag.get(name) {
                None | Some(Value::Null) => "",
                Some(Value::String(text)) => text,
                Some(_) => return Err(wrong_type()),
            };
            let count = text.chars().count();
            if (min..=max).contains(&count) {
                return Ok(text.to_owned());
            }
            let rule = if count < min {
                format!("Member must have length greater than or equal to {min}")
            } else {
                format!("Member must have length less than or equal to {max}")
            };
            let at = format!("tags.{place}.member.{name}");
            Err(ApiFault::constraint(&format!("'{text}'"), &at, &rule))
        };
        if !tag.is_object() {
            return Err(wrong_type().into());
        }
        tags.push(Tag {
            key: member("key", 1, KEY_MAX_CHARS)?,
            value: member("value", 0, VALUE_MAX_CHARS)?,
        });
    }
    Ok(tags)
}
