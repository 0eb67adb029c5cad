//! The door for Step Functions tooling: AWS's JSON protocol, version 1.0, over `POST /`.
//!
//! The header `X-Amz-Target` names the operation, the body holds its members, and a
//! signature ([`signature`]) tells who calls. What the operations do is the engine's
//! ([`stepwell_engine::EngineHandle::call_sfn`]); here they only get their envelope. The
//! host's name does not matter, so requests to `sync-…` come here like all others.

mod answer;
mod signature;
#[cfg(test)]
pub(crate) mod tests;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use stepwell_engine::{ApiCall, ApiError, Caller, TimeForm};

use crate::app::App;
use crate::audit::Asked;
use crate::config::Auth;
use crate::extract::read_body_of;
use crate::observe::RequestId;
use answer::Fault;
use signature::{Signed, SignedRequest, read, verify};

/// What stands before the operation in `X-Amz-Target`.
const TARGET_PREFIX: &str = "AWSStepFunctions.";

/// Id and secret of the key that development mode has from the start.
const DEV_KEY: (&str, &str) = ("test", "test");

/// The header that tells AWS's tools a request's id.
const AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Operations whose answers come when something has happened. They take a place among
/// those that wait, so that they leave places to all others, and end when the server does.
const WAITING: [&str; 3] = ["GetActivityTask", "StartSyncExecution", "TestState"];
/// The longest of them, in seconds: the poll of a worker, as on AWS. Express executions
/// take care of their own five minutes.
const WAITING_SECONDS: u64 = 60;

/// The code of those who may not.
const ACCESS_DENIED: &str = "AccessDeniedException";

/// Whether an operation changes something. Taking a task is a change, and its name is none.
pub(crate) fn changes_something(operation: &str) -> bool {
    const READ_ONLY: [&str; 4] = ["Describe", "List", "Get", "Validate"];
    operation == "GetActivityTask" || !READ_ONLY.iter().any(|verb| operation.starts_with(verb))
}

/// Answers one request.
pub(crate) async fn call(State(app): State<App>, request: Request) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = match answer_to(&app, request).await {
        Ok(members) => answer::success(&members),
        Err(fault) => fault.into_response(),
    };
    if let Some(RequestId(id)) = id {
        response.headers_mut().insert(AMZN_REQUEST_ID, id);
    }
    response
}

async fn answer_to(app: &App, request: Request) -> Result<Value, Fault> {
    let _place = app.admit().map_err(|_full| Fault::throttled())?;
    let (parts, body) = request.into_parts();
    let target = parts.headers.get("x-amz-target");
    let operation = target
        .and_then(|target| target.to_str().ok()?.strip_prefix(TARGET_PREFIX))
        .ok_or_else(Fault::unknown_operation)?
        .to_owned();
    let asked = Asked::new(
        parts.extensions.get(),
        format!("POST / {operation}"),
        changes_something(&operation),
    );
    let refused = |fault: Fault| {
        if fault.is_client() {
            asked.unknown(app, fault.code());
        }
        fault
    };
    // The body is signed, too, and nobody's body is read who does not name a key: what it
    // takes until then is of the key's tenant.
    let claim = claim(app, &parts).await.map_err(refused)?;
    let _share = app
        .share(&claim.caller)
        .map_err(|_full| Fault::throttled())?;
    let max_bytes = app.config().body_max_bytes;
    let read = read_body_of(&claim.caller, &parts.headers, body, max_bytes, app).await;
    let (body, _room) = read.map_err(|refused| Fault::body(&refused))?;
    let mut caller = claim.prove(&parts, &body).map_err(refused)?;
    asked.let_in(app, &mut caller);
    let answered = carry_out(app, &caller, operation, &body).await;
    if let Err(fault) = &answered {
        if fault.code() == ACCESS_DENIED {
            asked.denied(app, &caller, None);
        } else {
            asked.failed(app, &caller, fault.code());
        }
    }
    answered
}

/// Carries out an operation for its caller.
async fn carry_out(
    app: &App,
    caller: &Caller,
    operation: String,
    body: &[u8],
) -> Result<Value, Fault> {
    let request = members(body)?;
    let call = ApiCall {
        operation,
        request,
        times: TimeForm::Seconds,
        repeated: false,
    };
    let patience = app.patience(
        caller,
        WAITING
            .contains(&&*call.operation)
            .then_some(WAITING_SECONDS),
    );
    let answering = app.engine().call_sfn(caller, call);
    let answered = match patience.map_err(|_full| Fault::throttled())? {
        Some(patience) => patience.wait(answering).await.ok_or_else(Fault::stopping)?,
        None => answering.await,
    };
    match answered {
        Ok(members) => Ok(members),
        Err(ApiError::Fault(fault)) => Err(Fault::of(&fault)),
        Err(ApiError::NotSupported(operation)) => Err(Fault::not_supported(&operation)),
        Err(ApiError::Host(error)) => Err(Fault::host(&error)),
    }
}

/// Who a request says has signed it.
struct Claim {
    signed: Signed,
    caller: Caller,
    secret: String,
}

/// Finds out whose key a request names.
async fn claim(app: &App, parts: &Parts) -> Result<Claim, Fault> {
    let signed = read(&parts.headers, app.engine().now())?;
    let (caller, secret) = match &app.config().auth {
        Auth::Dev { caller } if signed.key_id == DEV_KEY.0 => {
            (caller.clone(), DEV_KEY.1.to_owned())
        }
        _ => {
            let found = app.engine().find_access_key(&signed.key_id).await;
            let found = found.map_err(|error| Fault::host(&error))?;
            found.ok_or_else(Fault::unknown_key)?
        }
    };
    Ok(Claim {
        signed,
        caller,
        secret,
    })
}

impl Claim {
    /// Returns who has signed the request, if it is signed with that key.
    fn prove(self, parts: &Parts, body: &Bytes) -> Result<Caller, Fault> {
        let request = SignedRequest {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            body,
        };
        verify(&self.signed, &self.secret, request)?;
        Ok(self.caller)
    }
}

/// Reads the members of a request; an empty body has none.
fn members(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(Value::Object(members)),
        Ok(_) | Err(_) => Err(Fault::serialization()),
    }
}
