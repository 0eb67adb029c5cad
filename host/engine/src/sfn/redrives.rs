//! `RedriveExecution`, and what answers tell of redrives.

use serde_json::{Map, Value, json};

use super::fault::{ApiError, ApiFault, fault_of};
use super::request::Request;
use super::times::TimeForm;
use crate::handle::EngineHandle;
use crate::model::{Caller, ExecutionSummary, Redrivable};

/// The longest client token, in characters.
const TOKEN_MAX_CHARS: usize = 64;

pub(super) async fn redrive(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let execution = request.arn("executionArn")?;
    let token = request.optional_text("clientToken");
    if let Some(token) = token {
        check_token(token)?;
    }
    let redriven = engine
        .redrive_execution(caller, execution, token.map(str::to_owned))
        .await;
    let redriven_at = redriven.map_err(|error| fault_of(error, execution))?;
    Ok(json!({ "redriveDate": times.write(redriven_at) }))
}

/// The rules of the service model for a client token.
fn check_token(token: &str) -> Result<(), ApiFault> {
    let broken = |rule: &str| ApiFault::constraint(&format!("'{token}'"), "clientToken", rule);
    if token.is_empty() {
        return Err(broken("Member must have length greater than or equal to 1"));
    }
    if token.chars().count() > TOKEN_MAX_CHARS {
        return Err(broken("Member must have length less than or equal to 64"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(broken(
            "Member must satisfy regular expression pattern: [!-~]+",
        ));
    }
    Ok(())
}

/// Adds how often an execution was redriven, and when that was last.
pub(super) fn add_count(
    shown: &mut Map<String, Value>,
    summary: &ExecutionSummary,
    times: TimeForm,
) {
    shown.insert("redriveCount".to_owned(), summary.redrive_count.into());
    if let Some(at) = summary.redriven_at {
        shown.insert("redriveDate".to_owned(), times.write(at));
    }
}

/// Adds whether an execution may be redriven.
pub(super) fn add_status(shown: &mut Map<String, Value>, redrivable: &Redrivable) {
    let status = match redrivable {
        Redrivable::Yes => "REDRIVABLE",
        Redrivable::ByMapRun => "REDRIVABLE_BY_MAP_RUN",
        Redrivable::No(reason) => {
            shown.insert("redriveStatusReason".to_owned(), reason.as_str().into());
            "NOT_REDRIVABLE"
        }
    };
    shown.insert("redriveStatus".to_owned(), status.into());
}
