//! State machines: deploy, list, describe, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use serde::Deserialize;
use stepwell_engine::{Caller, Format};
use stepwell_states::diagram::{self, Marks};

use crate::app::App;
use crate::error::{ApiError, Code};
use crate::extract::{Definition, DefinitionBody, Query, Segment};
use crate::wire::{
    DeployRequest, Deployed, StateMachine, StateMachineList, StateMachineSummary, StateMachineType,
};

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
    /// Kind of its executions, where the body is the definition itself.
    #[serde(rename = "type")]
    machine_type: Option<StateMachineType>,
    /// ARN of a role, where the body is the definition itself.
    role_arn: Option<String>,
    /// Whether an integration that no component is bound to refuses the deployment, where
    /// the body is the definition itself.
    #[serde(default)]
    refuse_unbound: bool,
}

impl DeployQuery {
    /// Puts the request together from query and body.
    fn complete(self, body: DefinitionBody) -> Result<DeployRequest, ApiError> {
        match body.read(self.raw)? {
            Definition::Text(definition, format) => Ok(DeployRequest {
                name: self.name,
                definition,
                format: Some(format),
                machine_type: self.machine_type,
                role_arn: self.role_arn,
                refuse_unbound: self.refuse_unbound,
            }),
            Definition::Wrapped(request) => {
                let in_body = "give it in the body, beside 'definition'";
                if self.name.is_some() {
                    return Err(ApiError::invalid("name", in_body));
                }
                if self.machine_type.is_some() {
                    return Err(ApiError::invalid("type", in_body));
                }
                if self.role_arn.is_some() {
                    return Err(ApiError::invalid("roleArn", in_body));
                }
                if self.refuse_unbound {
                    return Err(ApiError::invalid("refuseUnbound", in_body));
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

/// What a definition is drawn as.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PictureFormat {
    /// A picture, for light and dark pages.
    #[default]
    Svg,
    /// A Mermaid flowchart.
    Mermaid,
}

/// What to draw.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GraphQuery {
    /// As what; without it, as SVG.
    #[serde(default)]
    #[param(inline)]
    format: PictureFormat,
}

/// A drawing, with headers that keep a browser from taking it for anything else.
type Picture = ([(HeaderName, &'static str); 3], String);

/// Draw a state machine
///
/// The current revision, as SVG or as a Mermaid flowchart. Definitions beyond a thousand
/// states are not drawn as SVG.
#[utoipa::path(
    get,
    path = "/v1/state-machines/{stateMachine}/graph",
    tag = "state machines",
    params(("stateMachine" = String, Path, description = "Name or ARN"), GraphQuery),
    responses((
        status = 200,
        description = "The drawing",
        content((String = "image/svg+xml"), (String = "text/plain")),
    )),
)]
pub(crate) async fn draw_state_machine(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
    Query(query): Query<GraphQuery>,
) -> Result<Picture, ApiError> {
    let machine = app
        .engine()
        .describe_state_machine(&caller, &state_machine)
        .await?;
    // Large definitions take a while: other requests need the thread.
    let drawn = tokio::task::spawn_blocking(move || draw(&machine.asl, query.format)).await;
    drawn.unwrap_or_else(|_| Err(ApiError::new(Code::Internal, "the drawing failed")))
}

fn draw(asl: &str, format: PictureFormat) -> Result<Picture, ApiError> {
    let (machine, _) = stepwell_states::parse(asl, Some(Format::Json)).map_err(|_problems| {
        // It was deployed by a version that took what this one does not.
        ApiError::new(
            Code::InvalidDefinition,
            "the definition has errors: deploy it again",
        )
    })?;
    let (content_type, text) = match format {
        PictureFormat::Mermaid => (
            "text/plain; charset=utf-8",
            diagram::mermaid(&machine, &Marks::new()),
        ),
        PictureFormat::Svg => (
            "image/svg+xml",
            diagram::svg(&machine, &Marks::new())
                .map_err(|error| ApiError::invalid("format", error.to_string()))?,
        ),
    };
    let headers = [
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ),
    ];
    Ok((headers, text))
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
