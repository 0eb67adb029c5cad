//! What handlers take from a request, with refusals in the API's own shape.

#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::RequestPartsExt;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stepwell_engine::{Caller, SECRET_MAX_BYTES, SecretValue};
use tokio::time::timeout;

use crate::app::App;
use crate::bodies::Room;
use crate::error::{ApiError, Code};
use crate::wire::{BETWEEN, DefinitionFormat, path_segment};

/// How long a refused body is read on.
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// The one parameter of a route's path, percent-decoded.
#[derive(Debug)]
pub(crate) struct Segment(pub(crate) String);

impl FromRequestParts<App> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let path = parts.extract::<Path<String>>().await;
        let Path(text) = path.map_err(|refused| ApiError::invalid("path", refused.body_text()))?;
        Ok(Self(text))
    }
}

/// Two parameters of a route's path, percent-decoded.
#[derive(Debug)]
pub(crate) struct Segments(pub(crate) String, pub(crate) String);

impl FromRequestParts<App> for Segments {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let path = parts.extract::<Path<(String, String)>>().await;
        let path = path.map_err(|refused| ApiError::invalid("path", refused.body_text()))?;
        let Path((first, second)) = path;
        Ok(Self(first, second))
    }
}

/// The parameters of a query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        parse_query(&parts.uri).map(Self)
    }
}

/// A query some of whose parameters may be given several times.
pub(crate) trait Repeats: DeserializeOwned {
    /// Their names.
    const REPEATED: &[&str];
}

/// The parameters of a query of which some may be given several times.
#[derive(Debug)]
pub(crate) struct RepeatingQuery<T>(pub(crate) T);

impl<T: Repeats> FromRequestParts<App> for RepeatingQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> = parse_query(&parts.uri)?;
        let mut joined: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            let known = joined.iter_mut().find(|(known, _)| *known == name);
            match known.filter(|_| T::REPEATED.contains(&name.as_str())) {
                Some((_, values)) => {
                    values.push(BETWEEN);
                    values.push_str(&value);
                }
                None => joined.push((name, value)),
            }
        }
        let pairs = joined
            .iter()
            .map(|(name, value)| format!("{}={}", path_segment(name), path_segment(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let uri = Uri::try_from(format!("/?{query}"))
            .map_err(|error| ApiError::invalid("query", error.to_string()))?;
        parse_query(&uri).map(Self)
    }
}

fn parse_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    match axum::extract::Query::try_from_uri(uri) {
        Ok(axum::extract::Query(query)) => Ok(query),
        Err(rejection) => {
            let text = rejection.body_text();
            // axum's own introduction comes first.
            let words = text
                .split_once(": ")
                .map_or(text.as_str(), |(_, words)| words);
            Err(refused_parameter(words))
        }
    }
}

/// A JSON object as the body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        if !is_json(&media_type(&parts.headers)) {
            return Err(unsupported("application/json"));
        }
        let max_bytes = app.config().body_max_bytes;
        let (bytes, _room) = read_body(&parts, body, max_bytes, app).await?;
        parse_json(&bytes).map(Self)
    }
}

/// A JSON object as the body, or no body at all.
#[derive(Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let max_bytes = app.config().body_max_bytes;
        let (bytes, _room) = read_body(&parts, body, max_bytes, app).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json(&media_type(&parts.headers)) {
            return Err(unsupported("application/json"));
        }
        parse_json(&bytes).map(Self)
    }
}

/// No body where a route takes none, or an object without members: what nobody would look at is
/// refused, not ignored.
#[derive(Debug)]
pub(crate) struct NoBody;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoMembers {}

impl FromRequest<App> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let read = OptionalJson::<NoMembers>::from_request(request, app).await;
        read.map(|_nothing| Self)
    }
}

/// A component's bytes as the body, and the room that they take.
#[derive(Debug)]
pub(crate) struct Wasm {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Given back when the component is compiled.
    pub(crate) _room: Room,
}

impl FromRequest<App> for Wasm {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let media_type = media_type(&parts.headers);
        if !matches!(
            media_type.as_str(),
            "application/wasm" | "application/octet-stream"
        ) {
            return Err(unsupported("application/wasm"));
        }
        let max_bytes = app.engine().body_max_bytes();
        let (bytes, room) = read_body(&parts, body, max_bytes, app).await?;
        Ok(Self {
            bytes: bytes.into(),
            _room: room,
        })
    }
}

/// The value of a secret as the body, whatever its content type.
pub(crate) struct SecretBody(pub(crate) SecretValue);

impl FromRequest<App> for SecretBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let (bytes, _room) = read_body(&parts, body, SECRET_MAX_BYTES, app).await?;
        SecretValue::from_bytes(bytes.into())
            .map(Self)
            .map_err(|refused| ApiError::invalid("value", refused))
    }
}

/// A definition as the body: its text, or a JSON object around it.
#[derive(Debug)]
pub(crate) struct DefinitionBody {
    format: DefinitionFormat,
    bytes: Bytes,
}

/// What a [`DefinitionBody`] is.
#[derive(Debug, PartialEq)]
pub(crate) enum Definition<T> {
    /// A JSON object around the text.
    Wrapped(T),
    /// The text itself.
    Text(String, DefinitionFormat),
}

impl FromRequest<App> for DefinitionBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let format = match media_type(&parts.headers).as_str() {
            "application/json" => DefinitionFormat::Json,
            "application/yaml" | "application/x-yaml" | "text/yaml" => DefinitionFormat::Yaml,
            _ => return Err(unsupported("application/json or application/yaml")),
        };
        let max_bytes = app.config().body_max_bytes;
        let (bytes, _room) = read_body(&parts, body, max_bytes, app).await?;
        Ok(Self { format, bytes })
    }
}

impl DefinitionBody {
    /// Reads the body: YAML is the text itself, and so is JSON if `raw`.
    ///
    /// # Errors
    /// The text is not in UTF-8, or the object around it is not as it must be.
    pub(crate) fn read<T: DeserializeOwned>(self, raw: bool) -> Result<Definition<T>, ApiError> {
        if self.format == DefinitionFormat::Json && !raw {
            return parse_json(&self.bytes).map(Definition::Wrapped);
        }
        let text = String::from_utf8(self.bytes.into());
        let text = text.map_err(|error| ApiError::invalid("definition", error))?;
        Ok(Definition::Text(text, self.format))
    }
}

/// Returns the content type without its parameters, in small letters; empty if there is
/// none.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
}

fn unsupported(wanted: &str) -> ApiError {
    let message = format!("send the body with the content type {wanted}");
    ApiError::new(Code::UnsupportedMediaType, message)
}

/// Reads the body of a request that the gate let in, as [`read_body_of`] does.
async fn read_body(
    parts: &Parts,
    body: Body,
    max_bytes: usize,
    app: &App,
) -> Result<(Bytes, Room), ApiError> {
    let caller = parts.extensions.get::<Caller>();
    let caller = caller.ok_or_else(|| {
        let message = "a route that anybody may call takes no body";
        ApiError::new(Code::Internal, message)
    })?;
    read_body_of(caller, &parts.headers, body, max_bytes, app).await
}

/// Reads a body that has `max_bytes` at most and arrives in time; returns it with the
/// room that it takes among its caller's.
pub(crate) async fn read_body_of(
    caller: &Caller,
    headers: &HeaderMap,
    mut body: Body,
    max_bytes: usize,
    app: &App,
) -> Result<(Bytes, Room), ApiError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    let length = announced.unwrap_or(max_bytes);
    let read = async {
        if length > max_bytes {
            return Ok::<_, ApiError>(None);
        }
        let room = app.room_for(caller, length).await;
        let bytes = collect(&mut body, max_bytes).await?;
        Ok(bytes.map(|bytes| (bytes, room)))
    };
    let Ok(read) = timeout(app.config().body_timeout, read).await else {
        let message = "the body did not arrive in time";
        return Err(ApiError::new(Code::BodyTimeout, message));
    };
    match read? {
        Some(read) => Ok(read),
        None => {
            discard(body).await;
            let message = format!("the body may have {max_bytes} bytes at most");
            Err(ApiError::new(Code::BodyTooLarge, message))
        }
    }
}

/// Collects a body; returns nothing if it has more than `max_bytes`.
async fn collect(body: &mut Body, max_bytes: usize) -> Result<Option<Bytes>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let message = format!("the body ended before it was complete: {error}");
            ApiError::new(Code::BodyTimeout, message)
        })?;
        let data = frame.into_data().unwrap_or_default();
        if data.len() > max_bytes.saturating_sub(bytes.len()) {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes.into()))
}

/// Reads the rest of a refused body for a moment, since most clients read the answer
/// only when they have sent everything.
async fn discard(mut body: Body) {
    let drain = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whether it was all or the moment is over: the answer is the same.
    let _ = timeout(DISCARD_TIME, drain).await;
}

/// Reads a JSON object as a request.
fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A list of the fields' values in their order would be taken for a request, too.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|first| *first == b'[') {
        return Err(ApiError::new(
            Code::InvalidJson,
            "the body must be a JSON object",
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            refused_field_at(&error.to_string(), &path)
        } else {
            invalid_json(&error)
        }
    })?;
    deserializer.end().map_err(|error| invalid_json(&error))?;
    Ok(parsed)
}

fn invalid_json(error: &serde_json::Error) -> ApiError {
    ApiError::new(Code::InvalidJson, format!("the body is no JSON: {error}"))
}

/// Turns serde's words about the fields of a request into a refusal.
fn refused_field_at(message: &str, path: &str) -> ApiError {
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next();
    if let Some(field) = named("unknown field `") {
        return ApiError::new(Code::UnknownField, message).about(field);
    }
    if let Some(field) = named("missing field `") {
        return ApiError::new(Code::MissingField, message).about(field);
    }
    if let Some(field) = named("duplicate field `") {
        return ApiError::new(Code::InvalidField, message).about(field);
    }
    if path == "." {
        return ApiError::new(Code::InvalidJson, "the body must be a JSON object");
    }
    ApiError::invalid(path, message)
}

/// Turns serde's words about the parameters of a query into a refusal.
fn refused_parameter(message: &str) -> ApiError {
    match message.split_once(": ") {
        Some((field, reason)) => refused_field_at(reason, field),
        None => refused_field_at(message, "query"),
    }
}
