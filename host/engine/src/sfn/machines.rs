//! State machines: create, update, list, delete, validate.

use serde_json::{Value, json};
use stepwell_states::Severity;
use stepwell_store::{MachineRow, TenantId};

use super::definitions::{diagnose, kind_of, refused, require_valid};
use super::fault::{ApiError, ApiFault, fault_of};
use super::pages::List;
use super::request::Request;
use super::settings;
use super::tags;
use super::times::TimeForm;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, NewStateMachine, Publication, UpdateStateMachine};
use crate::names;

/// The types of a machine, in AWS's order.
const TYPES: [&str; 2] = ["STANDARD", "EXPRESS"];
/// Diagnostics that a validation lists, at most.
const VALIDATION_MAX: u64 = 100;
/// Characters of an ARN, at most.
const ARN_MAX_CHARS: usize = 256;
/// Characters of a description, at most.
const DESCRIPTION_MAX_CHARS: usize = 256;

pub(super) async fn create(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let (name, definition) = (request.text("name"), request.text("definition"));
    let of = |error: EngineError| fault_of(error, name);
    names::check("name", name).map_err(of)?;
    let role_arn = role_arn(request)?;
    let machine_type = kind_of(request.word("type", &TYPES)?);
    let publish = publication(request)?;
    let tags = tags::read(request.other("tags"))?;
    let settings = settings::filled(settings::read(request)?);
    require_valid(engine, caller, definition, machine_type).await?;
    let new = NewStateMachine {
        name: name.to_owned(),
        definition: definition.to_owned(),
        machine_type,
        role_arn,
        settings,
        publish,
        tags,
    };
    let arn = names::machine_arn(&caller.tenant, name);
    let made = engine.create_state_machine(caller, new).await;
    let limit = "StateMachineLimitExceeded";
    let made = made.map_err(|error| refused(error, &arn, definition, limit))?;
    let mut answer = json!({
        "stateMachineArn": made.arn,
        "creationDate": times.write(made.created_at),
    });
    if let Some(version) = made.version_arn {
        answer["stateMachineVersionArn"] = version.into();
    }
    Ok(answer)
}

pub(super) async fn update(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.bare_machine_arn(&caller.tenant, "stateMachineArn")?;
    let changes = ["definition", "roleArn", "loggingConfiguration"];
    let more = ["tracingConfiguration", "encryptionConfiguration"];
    if !changes
        .iter()
        .chain(&more)
        .any(|member| request.has(member))
    {
        let message = "Either the definition, the role ARN, the LoggingConfiguration, or the \
                       TracingConfiguration must be specified";
        return Err(ApiFault::new("MissingRequiredParameter", message).into());
    }
    let role_arn = role_arn(request)?;
    let publish = publication(request)?;
    let settings = settings::read(request)?;
    let definition = request.optional_text("definition");
    let of = |error: EngineError| fault_of(error, named);
    let found = engine.find_machine(caller, named).await.map_err(of)?;
    if let Some(definition) = definition {
        let kind = kind_of(Some(&found.machine_type));
        require_valid(engine, caller, definition, kind).await?;
    }
    let update = UpdateStateMachine {
        state_machine: named.to_owned(),
        definition: definition.map(str::to_owned),
        role_arn,
        settings,
        publish,
    };
    let updated = engine.update_state_machine(caller, update).await;
    let (given, limit) = (
        definition.unwrap_or_default(),
        "ServiceQuotaExceededException",
    );
    let updated = updated.map_err(|error| refused(error, named, given, limit))?;
    let mut answer = json!({ "updateDate": times.write(updated.updated_at) });
    if let Some(revision) = updated.revision_id {
        answer["revisionId"] = revision.into();
    }
    if let Some(version) = updated.version_arn {
        answer["stateMachineVersionArn"] = version.into();
    }
    Ok(answer)
}

/// Reads the role. It is kept and shown: what a task may do, its grants say.
fn role_arn(request: &Request) -> Result<Option<String>, ApiError> {
    let given = request.bounded("roleArn", ARN_MAX_CHARS)?;
    Ok(given.map(str::to_owned))
}

/// Reads whether a version is published, and what it says of itself.
fn publication(request: &Request) -> Result<Option<Publication>, ApiError> {
    check_description(request, "versionDescription")?;
    let description = request.optional_text("versionDescription");
    let publish = request.flag("publish").unwrap_or_default();
    if !publish && description.is_some() {
        let message = "Version description can only be set when publish is true";
        return Err(ApiFault::new("ValidationException", message).into());
    }
    Ok(publish.then(|| Publication {
        description: description.map(str::to_owned),
    }))
}

/// Expects that a description is not too long.
pub(super) fn check_description(request: &Request, member: &str) -> Result<(), ApiError> {
    let given = request.optional_text(member).unwrap_or_default();
    if given.chars().count() <= DESCRIPTION_MAX_CHARS {
        return Ok(());
    }
    let rule = format!("Member must have length less than or equal to {DESCRIPTION_MAX_CHARS}");
    Err(ApiFault::constraint(&format!("'{given}'"), member, &rule).into())
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let limit = request.page_size()? as usize;
    let pages = List::of(engine, caller, "ListStateMachines", &[]).await?;
    let after = pages.open(request)?;
    let tenant = TenantId(caller.tenant.id);
    let found =
        engine.read(move |store| store.list_state_machines(tenant, after.as_deref(), limit + 1));
    let mut found = found.await.map_err(|error| fault_of(error, ""))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let line = |machine: &MachineRow| {
        json!({
            "stateMachineArn": names::machine_arn(&caller.tenant, &machine.name),
            "name": machine.name,
            "type": machine.machine_type,
            "creationDate": times.write(machine.created_at),
        })
    };
    let mut answer = json!({ "stateMachines": found.iter().map(line).collect::<Vec<_>>() });
    if let Some(last) = found.last().filter(|_| more) {
        answer["nextToken"] = pages.seal(&last.name).into();
    }
    Ok(answer)
}

pub(super) async fn delete(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.bare_machine_arn(&caller.tenant, "stateMachineArn")?;
    match engine.begin_deletion(caller, named).await {
        // What is not there is deleted.
        Ok(()) | Err(EngineError::NotFound { .. }) => Ok(json!({})),
        Err(error) => Err(fault_of(error, named)),
    }
}

pub(super) async fn validate(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let kind = kind_of(request.word("type", &TYPES)?);
    let least = request.word("severity", &["ERROR", "WARNING"])?;
    let limit = match request.number("maxResults", VALIDATION_MAX)? {
        None | Some(0) => VALIDATION_MAX,
        Some(limit) => limit,
    };
    let definition = request.text("definition");
    if definition.is_empty() {
        let rule = "Member must have length greater than or equal to 1";
        return Err(ApiFault::constraint("''", "definition", rule).into());
    }
    let mut found = diagnose(engine, caller, definition, kind).await?;
    let is_error = |severity| severity == Severity::Error;
    let failed = found.iter().any(|found| is_error(found.severity));
    if least != Some("WARNING") {
        found.retain(|found| is_error(found.severity));
    }
    let truncated = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let diagnostics: Result<Vec<Value>, _> = found.iter().map(serde_json::to_value).collect();
    let diagnostics = diagnostics.map_err(|error| {
        let message = format!("diagnostics cannot be written: {error}");
        ApiError::Host(EngineError::Internal(message))
    })?;
    Ok(json!({
        "result": if failed { "FAIL" } else { "OK" },
        "diagnostics": diagnostics,
        "truncated": truncated,
    }))
}
