//! State machines: deploy, list, describe, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Definition, DefinitionBody, Query, Segment};
use crate::wire::{DeployRequest, Deployed, StateMachine, StateMachineList, StateMachineSummary};

/// How to read the body, and what a definition's text alone does not say.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeployQuery {
    /// Whether a body of the type `application/json` is the definition itself, and no
    /// object around its text.
    #[serde(default)]
    raw: bool,
    /// Name of the state machine, where the body is the definition itself.
    name: Option<String>,
    /// ARN of a role, where the body is the definition itself.
    role_arn: Option<String>,
}

impl DeployQuery {
    /// Puts the request together from query and body.
    fn complete(self, body: DefinitionBody) -> Result<DeployRequest, ApiError> {
        match body.read(self.raw)? {
            Definition::Text(definition, format) => Ok(DeployRequest {
                name: self.name,
                definition,
                format: Some(format),
                role_arn: self.role_arn,
            }),
            Definition::Wrapped(request) => {
                let in_body = "give it in the body, beside 'definition'";
                if self.name.is_some() {
                    return Err(ApiError::invalid("name", in_body));
                }
                if self.role_arn.is_some() {
                    return Err(ApiError::invalid("roleArn", in_body));
                }
                Ok(request)
            }
        }
    }
}

/// Deploy a definition
///
/// Creates the state machine, or gives it a new revision; the same text again does
/// neither. The body is a JSON object around the text; or the text itself, as YAML, or as
/// JSON with `raw=true`, with the name in the query.
#[utoipa::path(
    post,
    path = "/v1/state-machines",
    tag = "state machines",
    params(DeployQuery),
    request_body(content(
        (DeployRequest = "application/json"),
        (String = "application/yaml"),
    )),
    responses(
        (status = 201, description = "A new revision", body = Deployed),
        (status = 200, description = "The current revision has this text already", body = Deployed),
    ),
)]
pub(crate) async fn deploy_state_machine(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<DeployQuery>,
    body: DefinitionBody,
) -> Result<(StatusCode, Json<Deployed>), ApiError> {
    let order = query.complete(body)?.into();
    let deployed = app.engine().deploy_state_machine(&caller, order).await?;
    let status = if deployed.changed {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(deployed.into())))
}

/// List state machines
#[utoipa::path(
    get,
    path = "/v1/state-machines",
    tag = "state machines",
    responses((status = 200, description = "All state machines, by name", body = StateMachineList)),
)]
pub(crate) async fn list_state_machines(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<StateMachineList>, ApiError> {
    let machines = app.engine().list_state_machines(&caller).await?;
    Ok(Json(StateMachineList {
        state_machines: machines
            .into_iter()
            .map(StateMachineSummary::from)
            .collect(),
    }))
}

/// Describe a state machine
#[utoipa::path(
    get,
    path = "/v1/state-machines/{stateMachine}",
    tag = "state machines",
    params(("stateMachine" = String, Path, description = "Name or ARN")),
    responses((status = 200, description = "The current revision", body = StateMachine)),
)]
pub(crate) async fn describe_state_machine(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
) -> Result<Json<StateMachine>, ApiError> {
    let machine = app
        .engine()
        .describe_state_machine(&caller, &state_machine)
        .await?;
    Ok(Json(machine.into()))
}

/// Delete a state machine
///
/// Refused while it has a running execution.
#[utoipa::path(
    delete,
    path = "/v1/state-machines/{stateMachine}",
    tag = "state machines",
    params(("stateMachine" = String, Path, description = "Name or ARN")),
    responses((status = 204, description = "It is deleted")),
)]
pub(crate) async fn delete_state_machine(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine()
        .delete_state_machine(&caller, &state_machine)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
