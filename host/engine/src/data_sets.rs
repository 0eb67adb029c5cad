//! How data sets are named.

use serde_json::Value;

use crate::error::EngineError;

/// Bytes of a name, at most: those of a bucket's and a key's.
const NAME_MAX_BYTES: usize = 1_100;

/// Finds the data set that a reader's or writer's arguments name: `DataSet`, or `Bucket` and
/// `Key`, which is the data set `BUCKET/KEY`.
pub(crate) fn data_set_name(arguments: &Value) -> Option<String> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    match (text("DataSet"), text("Bucket"), text("Key")) {
        (Some(name), _, _) => Some(plain(name).to_owned()),
        (None, Some(bucket), Some(key)) => Some(format!("{bucket}/{key}")),
        _ => None,
    }
}

/// A name without the `s3://` that may stand before it.
pub(crate) fn plain(name: &str) -> &str {
    name.strip_prefix("s3://").unwrap_or(name)
}

/// Checks a name that a request wants to give.
pub(crate) fn check_name(name: &str) -> Result<(), EngineError> {
    let invalid = |reason: String| {
        Err(EngineError::Invalid {
            field: "name",
            reason,
        })
    };
    if name.is_empty() || name.len() > NAME_MAX_BYTES {
        return invalid(format!(
            "has {} bytes; give 1 to {NAME_MAX_BYTES}",
            name.len()
        ));
    }
    match name.chars().find(|letter| letter.is_control()) {
        Some(letter) => invalid(format!("must not contain {letter:?}")),
        None => Ok(()),
    }
}
