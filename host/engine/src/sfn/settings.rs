//! Settings of a state machine: logging, tracing, encryption.
//!
//! What a request gives is checked by AWS's rules and filled in, so that what is stored is
//! what is answered.

use serde_json::{Map, Value, json};

use super::fault::{ApiError, ApiFault};
use super::request::Request;
use crate::model::{LogLevel, LoggingConfiguration, MachineSettings};

/// The levels of a log, in AWS's order.
const LEVELS: [&str; 4] = ["ALL", "ERROR", "FATAL", "OFF"];
/// The kinds of encryption, in AWS's order.
const ENCRYPTIONS: [&str; 2] = ["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"];
/// For how many seconds a data key may be used again.
const KEY_REUSE_SECONDS: std::ops::RangeInclusive<u64> = 60..=900;

/// Reads the settings that a request gives.
///
/// # Errors
/// One of them is not as AWS has it.
pub(super) fn read(request: &Request) -> Result<MachineSettings, ApiError> {
    let object = |member: &str| match request.other(member) {
        None => Ok(None),
        Some(Value::Object(given)) => Ok(Some(given)),
        Some(_) => Err(wrong_type(member)),
    };
    let logged = object("loggingConfiguration")?.map(logging);
    let traced = object("tracingConfiguration")?.map(tracing);
    let encrypted = object("encryptionConfiguration")?.map(encryption);
    Ok(MachineSettings {
        logging: logged.transpose()?,
        tracing: traced.transpose()?,
        encryption: encrypted.transpose()?,
    })
}

/// Refuses a key of the customer's, where there is nothing to be encrypted with it.
///
/// # Errors
/// The request asks for one, or its configuration is not as AWS has it.
pub(super) fn refuse_customer_key(request: &Request) -> Result<(), ApiError> {
    let member = "encryptionConfiguration";
    let encryption = match request.other(member) {
        None => return Ok(()),
        Some(Value::Object(given)) => encryption(given)?,
        Some(_) => return Err(wrong_type(member).into()),
    };
    if encryption == owned_key() {
        return Ok(());
    }
    let message = "Invalid Encryption Configuration: 'activities have no key of their own'";
    Err(ApiFault::new("InvalidEncryptionConfiguration", message).into())
}

/// Settings where a machine is made: what is not given is as AWS has it.
pub(super) fn filled(settings: MachineSettings) -> MachineSettings {
    MachineSettings {
        logging: Some(settings.logging.unwrap_or_default()),
        tracing: Some(settings.tracing.unwrap_or_default()),
        encryption: settings.encryption,
    }
}

/// Writes settings into an answer.
pub(super) fn put(answer: &mut Value, settings: &MachineSettings) {
    let logging = settings.logging.clone().unwrap_or_default();
    answer["loggingConfiguration"] = json!(logging);
    answer["tracingConfiguration"] = json!({ "enabled": settings.tracing.unwrap_or_default() });
    // The host's own key is there without anybody's choice, and older tools do not know it.
    if let Some(encryption) = &settings.encryption {
        answer["encryptionConfiguration"] = encryption.clone();
    }
}

fn owned_key() -> Value {
    json!({ "type": "AWS_OWNED_KEY" })
}

fn logging(given: &Map<String, Value>) -> Result<LoggingConfiguration, ApiFault> {
    let member = "loggingConfiguration";
    if let Some(level) = text(given, member, "level")?
        && !LEVELS.contains(&level)
    {
        let place = "loggingConfiguration.level";
        return Err(ApiFault::not_among(level, place, &LEVELS));
    }
    // A member that is null is one that is not given.
    let given = given.iter().filter(|(_, value)| !value.is_null());
    let given: Map<String, Value> = given
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let read = serde_json::from_value(Value::Object(given));
    let read: LoggingConfiguration = read.map_err(|_unreadable| wrong_type(member))?;
    let count = read.destinations.as_ref().map_or(0, Vec::len);
    if count > 1 || (read.level != LogLevel::Off && count == 0) {
        return Err(invalid_logging("Must specify exactly one Log Destination."));
    }
    if read.log_groups().count() < count {
        return Err(invalid_logging("Invalid Log Destination ARN."));
    }
    Ok(read)
}

fn tracing(given: &Map<String, Value>) -> Result<bool, ApiFault> {
    match given.get("enabled") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(enabled)) => Ok(*enabled),
        Some(_) => Err(wrong_type("tracingConfiguration.enabled")),
    }
}

fn encryption(given: &Map<String, Value>) -> Result<Value, ApiFault> {
    let member = "encryptionConfiguration";
    let kind = match text(given, member, "type")? {
        Some(kind) if ENCRYPTIONS.contains(&kind) => kind,
        Some(other) => {
            return Err(ApiFault::not_among(
                other,
                "encryptionConfiguration.type",
                &ENCRYPTIONS,
            ));
        }
        None => {
            let rule = "Member must not be null";
            return Err(ApiFault::constraint(
                "null",
                "encryptionConfiguration.type",
                rule,
            ));
        }
    };
    let key = text(given, member, "kmsKeyId")?;
    let seconds = match given.get("kmsDataKeyReusePeriodSeconds") {
        None | Some(Value::Null) => None,
        Some(given) => Some(
            given
                .as_u64()
                .filter(|seconds| KEY_REUSE_SECONDS.contains(seconds)),
        ),
    };
    let invalid = |reason: &str| {
        let message = format!("Invalid Encryption Configuration: '{reason}'");
        ApiFault::new("InvalidEncryptionConfiguration", message)
    };
    match (kind, key, seconds) {
        (_, _, Some(None)) => Err(invalid(
            "kmsDataKeyReusePeriodSeconds must be between 60 and 900",
        )),
        ("AWS_OWNED_KEY", None, None) => Ok(json!({ "type": kind })),
        ("AWS_OWNED_KEY", _, _) => Err(invalid(
            "kmsKeyId and kmsDataKeyReusePeriodSeconds must be null when type is AWS_OWNED_KEY",
        )),
        (_, None, _) => Err(invalid(
            "kmsKeyId must not be null when type is CUSTOMER_MANAGED_KMS_KEY",
        )),
        (_, Some(key), seconds) => Ok(json!({
            "type": kind,
            "kmsKeyId": key,
            "kmsDataKeyReusePeriodSeconds": seconds.flatten().unwrap_or(300),
        })),
    }
}

fn text<'a>(
    given: &'a Map<String, Value>,
    of: &str,
    member: &str,
) -> Result<Option<&'a str>, ApiFault> {
    match given.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong_type(&format!("{of}.{member}"))),
    }
}

fn wrong_type(member: &str) -> ApiFault {
    let message = format!("the member {member} is of another type");
    ApiFault::new("SerializationException", message)
}

fn invalid_logging(reason: &str) -> ApiFault {
    let message = format!("Invalid Logging Configuration: {reason}");
    ApiFault::new("InvalidLoggingConfiguration", message)
}
