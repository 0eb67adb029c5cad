//! What a state machine is, and what an execution runs.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_states::{Format, parse};

use super::fault::{ApiError, ApiFault, fault_of};
use super::request::Request;
use super::settings;
use super::times::TimeForm;
use crate::error::EngineError;
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, MachineSettings};
use crate::names;

/// What an answer may hold, in AWS's order.
const INCLUDED: [&str; 2] = ["ALL_DATA", "METADATA_ONLY"];

pub(super) async fn describe(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.text("stateMachineArn");
    let metadata_only = request.word("includedData", &INCLUDED)? == Some("METADATA_ONLY");
    if !named.starts_with("arn:") {
        // A name is no ARN, even if a machine has it.
        let message = format!("State Machine Does Not Exist: '{named}'");
        return Err(ApiFault::new("StateMachineDoesNotExist", message).into());
    }
    let named = request.machine_arn("stateMachineArn")?;
    let found = engine.describe_state_machine(caller, named).await;
    let found = found.map_err(|error| fault_of(error, named))?;
    let version = found.version.as_ref();
    let status = if found.is_deleting {
        "DELETING"
    } else {
        "ACTIVE"
    };
    let mut answer = json!({
        "stateMachineArn": version.map_or(&found.arn, |version| &version.arn),
        "name": found.name,
        "status": status,
        "roleArn": found.role_arn,
        "type": found.machine_type.as_str(),
        "creationDate": times.write(version.map_or(found.created_at, |version| version.created_at)),
    });
    if let Some(description) = version.and_then(|version| version.description.as_deref()) {
        answer["description"] = description.into();
    }
    settings::put(&mut answer, &found.settings);
    if let Some(revision) = &found.revision_id {
        answer["revisionId"] = revision.as_str().into();
    }
    if metadata_only {
        answer["definition"] = "{}".into();
        return Ok(answer);
    }
    let written = blocking(move || {
        let references = parse(&found.asl, Some(Format::Json))
            .map(|(definition, _warnings)| definition.variable_references());
        (
            written(&found.definition, &found.asl).to_owned(),
            references.unwrap_or_default(),
        )
    });
    let (definition, references) = written.await.map_err(ApiError::Host)?;
    answer["definition"] = definition.into();
    if !references.is_empty() {
        answer["variableReferences"] = json!(references);
    }
    Ok(answer)
}

/// A definition as it was given if that was the States Language in JSON, else in that.
fn written<'a>(given: &'a str, asl: &'a str) -> &'a str {
    let is_asl = match serde_json::from_str(given) {
        Ok(Value::Object(fields)) => {
            fields.contains_key("States") && !fields.contains_key("workflow")
        }
        _ => false,
    };
    if is_asl { given } else { asl }
}

/// What an execution runs: the revision that it was started with, whatever the state
/// machine has become since.
pub(super) async fn describe_for_execution(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.execution_arn()?;
    let metadata_only = request.word("includedData", &INCLUDED)? == Some("METADATA_ONLY");
    let of = |error: EngineError| fault_of(error, named);
    let row = engine.find(caller, named).await.map_err(of)?;
    let definitions = Arc::clone(&engine.0.definitions);
    let child_of = row.map_run;
    let found = engine.read(move |store| {
        let machine = store.load_state_machine(row.machine)?;
        let revision = store.load_revision(row.machine, row.revision)?;
        let parsed = definitions.revision(store, row.machine, row.revision)?;
        let run = match child_of {
            None => None,
            Some(run) => store.load_map_run(run)?,
        };
        Ok((machine.zip(revision), parsed, run))
    });
    let (found, parsed, run) = found.await.map_err(of)?;
    let (machine, revision) = found.ok_or_else(|| {
        let message = format!("the execution {named} has no state machine");
        ApiError::Host(EngineError::Internal(message))
    })?;
    let mut answer = json!({
        "stateMachineArn": names::machine_arn(&caller.tenant, &machine.name),
        "name": machine.name,
        "roleArn": revision.role_arn.unwrap_or_default(),
        "updateDate": times.write(revision.created_at),
    });
    if let Some(run) = &run {
        let machine = format!("{}/{}", machine.name, run.label);
        answer["stateMachineArn"] = names::machine_arn(&caller.tenant, &machine).into();
        answer["mapRunArn"] = names::map_run_arn(&caller.tenant, &machine, &run.uuid).into();
        answer["label"] = run.label.as_str().into();
    }
    settings::put(&mut answer, &MachineSettings::read(&revision.settings));
    if let Some(revision) = revision.uuid {
        answer["revisionId"] = revision.into();
    }
    if metadata_only {
        answer["definition"] = "{}".into();
        return Ok(answer);
    }
    answer["definition"] = written(&revision.definition, &revision.asl).into();
    let references = parsed.definition.variable_references();
    if !references.is_empty() {
        answer["variableReferences"] = json!(references);
    }
    Ok(answer)
}
