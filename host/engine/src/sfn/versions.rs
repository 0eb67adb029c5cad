//! Published versions: publish, list, delete.

use serde_json::{Value, json};

use super::fault::{ApiError, fault_of, fault_of_storing};
use super::machines::check_description;
use super::pages::List;
use super::request::Request;
use super::times::TimeForm;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, PublishVersion, PublishedVersion};

pub(super) async fn publish(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.bare_machine_arn(&caller.tenant, "stateMachineArn")?;
    check_description(request, "description")?;
    let revision = request.optional_text("revisionId");
    let order = PublishVersion {
        state_machine: named.to_owned(),
        revision_id: revision.map(str::to_owned),
        description: request.optional_text("description").map(str::to_owned),
    };
    let published = engine.publish_version(caller, order).await;
    let published = published.map_err(|error| match error {
        EngineError::Moved { .. } => fault_of(error, revision.unwrap_or_default()),
        error => fault_of_storing(error, named, "ServiceQuotaExceededException"),
    })?;
    Ok(line(&published, times))
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.bare_machine_arn(&caller.tenant, "stateMachineArn")?;
    let limit = request.page_size()?;
    let pages = List::of(engine, caller, "ListStateMachineVersions", &[Some(named)]).await?;
    let token = pages.open(request)?;
    let page = engine.list_versions(caller, named, token.as_deref(), limit);
    let page = page.await;
    let page = page.map_err(|error| fault_of(error, named))?;
    let lines = page.items.iter().map(|version| line(version, times));
    let mut answer = json!({ "stateMachineVersions": lines.collect::<Vec<_>>() });
    if let Some(token) = page.next_page_token {
        answer["nextToken"] = pages.seal(&token).into();
    }
    Ok(answer)
}

pub(super) async fn delete(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let member = "stateMachineVersionArn";
    let (machine, version) = request.version_arn(&caller.tenant, member)?;
    match engine.delete_version(caller, &machine, version).await {
        // What is not there is deleted.
        Ok(()) | Err(EngineError::NotFound { .. }) => Ok(json!({})),
        Err(error) => Err(fault_of(error, request.text(member))),
    }
}

fn line(version: &PublishedVersion, times: TimeForm) -> Value {
    json!({
        "stateMachineVersionArn": version.arn,
        "creationDate": times.write(version.created_at),
    })
}
