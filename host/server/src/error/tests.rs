//! Statuses and codes of refusals.

use axum::body::to_bytes;
use serde_json::{Value, json};
use stepwell_engine::{Diagnostic, Severity};

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/api-errors.md");

async fn answer(error: impl Into<ApiError>) -> (StatusCode, Value) {
    let response = error.into().into_response();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn the_document_has_every_code_with_its_status_and_no_other() {
    let documented: Vec<(&str, u16)> = DOCUMENT
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let code = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
            Some((code, cells.next()?.parse().ok()?))
        })
        .collect();
    let known: Vec<_> = Code::ALL
        .iter()
        .map(|code| code.parts())
        .map(|(code, status)| (code, status.as_u16()))
        .collect();
    assert_eq!(documented, known);
}

#[tokio::test]
async fn engine_errors_have_their_status_code_and_field() {
    let name = || "x".to_owned();
    let cases = [
        (
            EngineError::Invalid {
                field: "limit",
                reason: name(),
            },
            (400, "InvalidField", Some("limit")),
        ),
        (
            EngineError::ComponentRefused {
                code: "ForbiddenImport",
                message: name(),
            },
            (422, "ForbiddenImport", None),
        ),
        (
            EngineError::NotFound {
                kind: "execution",
                name: name(),
            },
            (404, "NotFound", None),
        ),
        (
            EngineError::NameTaken { name: name() },
            (409, "NameTaken", Some("name")),
        ),
        (
            EngineError::TypeNotSupported {
                machine_type: "STANDARD",
                advice: "do otherwise",
            },
            (409, "TypeNotSupported", Some("stateMachine")),
        ),
        (EngineError::Throttled, (429, "Throttled", None)),
        (EngineError::InboxFull, (429, "InboxFull", None)),
        (EngineError::ExecutionEnded, (409, "ExecutionEnded", None)),
        (
            EngineError::NotRedrivable {
                reason: "Execution is RUNNING and cannot be redriven".to_owned(),
            },
            (409, "ExecutionNotRedrivable", None),
        ),
        (
            EngineError::InvalidToken,
            (400, "InvalidTaskToken", Some("taskToken")),
        ),
        (EngineError::TaskTimedOut, (409, "TaskTimedOut", None)),
        (
            EngineError::TooLarge {
                field: "input",
                bytes: 2,
                max_bytes: 1,
            },
            (413, "PayloadTooLarge", Some("input")),
        ),
        (EngineError::Unavailable(name()), (503, "Unavailable", None)),
        (EngineError::ShuttingDown, (503, "ShuttingDown", None)),
        (EngineError::Internal(name()), (500, "Internal", None)),
    ];
    for (error, (status, code, field)) in cases {
        let shown = format!("{error:?}");
        let (found_status, body) = answer(error).await;
        assert_eq!(found_status.as_u16(), status, "{shown}");
        assert_eq!(body["error"]["code"], code, "{shown}");
        assert_eq!(body["error"]["field"].as_str(), field, "{shown}");
    }
}

#[tokio::test]
async fn a_refused_definition_brings_all_its_problems() {
    let problem = |line| Diagnostic {
        severity: Severity::Error,
        code: "MISSING_TRANSITION_TARGET".to_owned(),
        message: "there is no state 'B'".to_owned(),
        pointer: "/States/A/Next".to_owned(),
        location: "/States/A".to_owned(),
        line,
        column: 3,
        hint: None,
    };
    let warning = Diagnostic {
        severity: Severity::Warning,
        ..problem(3)
    };
    let found = vec![problem(1), problem(2), warning];
    let (status, body) = answer(EngineError::InvalidDefinition(found)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["error"]["diagnostics"].as_array().unwrap().len(), 3);
    // A warning is no reason to refuse it.
    let message = "the definition has 2 errors, and 1 warning beside";
    assert_eq!(body["error"]["message"], message);
    assert_eq!(
        body["error"]["diagnostics"][1],
        json!({
            "severity": "ERROR",
            "code": "MISSING_TRANSITION_TARGET",
            "message": "there is no state 'B'",
            "pointer": "/States/A/Next",
            "location": "/States/A",
            "line": 2,
            "column": 3,
        })
    );
}

#[tokio::test]
async fn what_is_for_the_log_is_not_in_the_answer() {
    for error in [
        EngineError::Internal("secret-detail".to_owned()),
        EngineError::Unavailable("secret-detail".to_owned()),
    ] {
        let (_, body) = answer(error).await;
        assert!(!body.to_string().contains("secret-detail"), "{body}");
    }
}

#[test]
fn a_refusal_tells_clients_when_to_come_back_and_how_to_authenticate() {
    let headers = |code| ApiError::new(code, "x").into_response().headers().clone();
    assert_eq!(headers(Code::Unavailable)[RETRY_AFTER], "1");
    assert_eq!(headers(Code::Unauthenticated)[WWW_AUTHENTICATE], "Bearer");
    assert!(!headers(Code::NotFound).contains_key(RETRY_AFTER));
}

#[tokio::test]
async fn an_answer_repeats_little_of_a_long_request() {
    let (_, body) = answer(ApiError::invalid("ä".repeat(5_000), "is not known")).await;
    let longest = MESSAGE_MAX_CHARS + 1;
    assert_eq!(
        body["error"]["message"].as_str().unwrap().chars().count(),
        longest
    );
    assert_eq!(
        body["error"]["field"].as_str().unwrap().chars().count(),
        longest
    );
}
