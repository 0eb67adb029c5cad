//! Tags: put on, taken off, listed.

use serde_json::{Value, json};

use super::fault::{ApiError, ApiFault, fault_of, fault_of_storing};
use super::request::Request;
use crate::handle::EngineHandle;
use crate::handle::tags::{KEY_MAX_CHARS, VALUE_MAX_CHARS};
use crate::model::{Caller, Tag};

pub(super) async fn put(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.arn("resourceArn")?;
    let tags = read(request.other("tags"))?;
    let put = engine.tag(caller, named, tags).await;
    put.map_err(|error| fault_of_storing(error, named, "TooManyTags"))?;
    Ok(json!({}))
}

pub(super) async fn take(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.arn("resourceArn")?;
    let wrong_type = || ApiFault::new("SerializationException", "tagKeys must be a list of texts");
    let keys = request.other("tagKeys").and_then(Value::as_array);
    let keys = keys.ok_or_else(wrong_type)?.iter();
    let keys: Option<Vec<String>> = keys.map(|key| Some(key.as_str()?.to_owned())).collect();
    let taken = engine.untag(caller, named, keys.ok_or_else(wrong_type)?);
    taken.await.map_err(|error| fault_of(error, named))?;
    Ok(json!({}))
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.arn("resourceArn")?;
    let tags = engine.list_tags(caller, named).await;
    let tags = tags.map_err(|error| fault_of(error, named))?;
    let tags = tags.iter();
    let lines = tags.map(|tag| json!({ "key": tag.key, "value": tag.value }));
    Ok(json!({ "tags": lines.collect::<Vec<_>>() }))
}

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
