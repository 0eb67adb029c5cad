//! Definitions that are not deployed: validation.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stepwell_engine::{Caller, ExecutionType, Format};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Definition, DefinitionBody, Query};
use crate::wire::{StateMachineType, ValidateRequest, ValidationReport};

/// How to read the body.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ValidateQuery {
    /// Whether a body of the type `application/json` is the definition itself, and no
    /// object around its text.
    #[serde(default)]
    raw: bool,
    /// Type of the state machine that it is for, where the body is the definition itself.
    #[serde(rename = "type")]
    machine_type: Option<StateMachineType>,
}

/// Validate a definition
///
/// Finds all problems at once, also those with the tenant's components, and deploys
/// nothing. The body is a JSON object around the text; or the text itself, as YAML, or
/// as JSON with `raw=true`.
#[utoipa::path(
    post,
    path = "/v1/definitions/validate",
    tag = "definitions",
    params(ValidateQuery),
    request_body(content(
        (ValidateRequest = "application/json"),
        (String = "application/yaml"),
    )),
    responses((status = 200, description = "What the validator found, be it good or bad", body = ValidationReport)),
)]
pub(crate) async fn validate_definition(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ValidateQuery>,
    body: DefinitionBody,
) -> Result<Json<ValidationReport>, ApiError> {
    let request = match body.read(query.raw)? {
        Definition::Wrapped(request) if query.machine_type.is_none() => request,
        Definition::Wrapped(_) => {
            let in_body = "give it in the body, beside 'definition'";
            return Err(ApiError::invalid("type", in_body));
        }
        Definition::Text(definition, format) => ValidateRequest {
            definition,
            format: Some(format),
            machine_type: query.machine_type,
        },
    };
    let format = request.format.map(Format::from);
    let machine_type = request.machine_type.map(ExecutionType::from);
    let report = app.engine().validate_definition(
        &caller,
        request.definition,
        format,
        machine_type.unwrap_or_default(),
    );
    Ok(Json(report.await?.into()))
}
