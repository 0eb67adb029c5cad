//! The audit log: entries by page, and whole chains as JSON lines.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Json as JsonAnswer;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use hyper::body::Frame;
use serde::Deserialize;
use stepwell_engine::audit::{AuditLines, AuditOutcome, AuditQuery, ErasureOrder};
use stepwell_engine::{Caller, EngineError, Permission};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::wire::{AuditEraseRequest, AuditErased, AuditKey, AuditList, Time};

/// Entries of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Which entries to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// The host's own chain, for those who run the host.
    #[serde(default)]
    host: bool,
    /// Oldest first; without it newest first.
    #[serde(default)]
    forward: bool,
    /// Entries behind this number only.
    after: Option<u64>,
    /// Who did it: `ci`, or with their kind `token:ci`.
    principal: Option<String>,
    /// What was done: `execution:start`, or all of a kind: `execution:`.
    action: Option<String>,
    /// A text that the resource has in it.
    resource: Option<String>,
    /// `allowed`, `denied` or `failed`.
    outcome: Option<String>,
    /// Not before this time.
    from: Option<Time>,
    /// Before this time.
    until: Option<Time>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Entries of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

/// List entries of the audit log
///
/// Those of the caller's tenant, newest first. A page may hold fewer entries than its limit,
/// or none, and still name a next one: then it had looked at many.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    params(ListQuery),
    responses((status = 200, description = "A page", body = AuditList)),
)]
pub(crate) async fn list_audit(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<JsonAnswer<AuditList>, ApiError> {
    let named = |word: String| {
        AuditOutcome::named(&word)
            .ok_or_else(|| ApiError::invalid("outcome", "give allowed, denied or failed"))
    };
    let query = AuditQuery {
        host: query.host,
        forward: query.forward,
        after: query.after,
        principal: query.principal,
        action: query.action,
        resource: query.resource,
        outcome: query.outcome.map(named).transpose()?,
        from: query.from.map(|at| at.0),
        until: query.until.map(|at| at.0),
        limit: query.limit.unwrap_or(PAGE_LIMIT),
        page_token: query.page_token,
    };
    let page = app.engine().list_audit(&caller, query).await?;
    Ok(JsonAnswer(page.into()))
}

/// What to export.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// The host's own chain, for those who run the host.
    #[serde(default)]
    host: bool,
    /// Entries behind this number only; without it, all.
    #[serde(default)]
    after: u64,
}

/// Export the audit log as JSON lines
///
/// Entries and checkpoints, as docs/audit.md describes them: who has them needs nothing else
/// to verify them.
#[utoipa::path(
    get,
    path = "/v1/audit/export",
    tag = "audit",
    params(ExportQuery),
    responses((
        status = 200, description = "The lines", body = String,
        content_type = "application/jsonl",
    )),
)]
pub(crate) async fn export_audit(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ExportQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let export = app.engine().export_audit(&caller, query.host, query.after);
    let lines = Lines {
        reading: read(export.await?),
    };
    Ok(([(CONTENT_TYPE, "application/jsonl")], Body::new(lines)))
}

/// Erase details of entries of the audit log
///
/// The entries and their hashes stay, and entries `audit:erase` say whose details are gone.
/// It cannot be undone; with `preview` it is only counted.
#[utoipa::path(
    post,
    path = "/v1/audit/erase",
    tag = "audit",
    request_body = AuditEraseRequest,
    responses((status = 200, description = "What was erased", body = AuditErased)),
)]
pub(crate) async fn erase_audit(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<AuditEraseRequest>,
) -> Result<JsonAnswer<AuditErased>, ApiError> {
    let order = ErasureOrder {
        host: request.host,
        first: request.first,
        last: request.last,
        before: request.before.map(|at| at.0),
        principal: request.principal,
        preview: request.preview,
    };
    let erased = app.engine().erase_audit(&caller, order).await?;
    Ok(JsonAnswer(erased.into()))
}

/// Tell with which key the audit log's checkpoints are verified
#[utoipa::path(
    get,
    path = "/v1/audit/key",
    tag = "audit",
    responses((status = 200, description = "The public key", body = AuditKey)),
)]
pub(crate) async fn audit_key(
    State(app): State<App>,
    caller: Caller,
) -> Result<JsonAnswer<AuditKey>, ApiError> {
    caller.require(Permission::ReadAudit)?;
    let key = app.engine().audit_key();
    let public_key = key.map(|key| key.to_string());
    Ok(JsonAnswer(AuditKey { public_key }))
}

type Read = Pin<Box<dyn Future<Output = (Result<Option<String>, EngineError>, AuditLines)> + Send>>;

/// The lines of an export, a part at a time.
struct Lines {
    reading: Read,
}

fn read(mut lines: AuditLines) -> Read {
    Box::pin(async move { (lines.next_part().await, lines) })
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = EngineError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EngineError>>> {
        let (part, lines) = ready!(self.reading.as_mut().poll(context));
        self.reading = read(lines);
        Poll::Ready(
            part.map(|part| part.map(|part| Frame::data(part.into())))
                .transpose(),
        )
    }
}
