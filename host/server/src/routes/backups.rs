//! Backups of the host, for those who run it.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::NoBody;
use crate::wire::{BackupList, RunningBackup};

/// Begin a backup
///
/// Of all tenants, while the host works on, into the folder that whoever runs it has named;
/// docs/backup.md says what is in it. The answer comes at once: `GET /v1/backups` tells how
/// far it has come, and how it ended. One is made at a time.
#[utoipa::path(
    post,
    path = "/v1/backups",
    tag = "backups",
    responses((status = 202, description = "It is begun", body = RunningBackup)),
)]
pub(crate) async fn begin_backup(
    State(app): State<App>,
    caller: Caller,
    _: NoBody,
) -> Result<(StatusCode, JsonAnswer<RunningBackup>), ApiError> {
    let running = app.engine().begin_backup(&caller).await?;
    Ok((StatusCode::ACCEPTED, JsonAnswer(running.into())))
}

/// List the backups
///
/// Those in the folder, the one that is being made, and how the last one ended.
#[utoipa::path(
    get,
    path = "/v1/backups",
    tag = "backups",
    responses((status = 200, description = "The backups", body = BackupList)),
)]
pub(crate) async fn list_backups(
    State(app): State<App>,
    caller: Caller,
) -> Result<JsonAnswer<BackupList>, ApiError> {
    let list = app.engine().list_backups(&caller).await?;
    Ok(JsonAnswer(list.into()))
}
