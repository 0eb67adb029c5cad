//! Data sets: put, get, list, delete. Bodies are streamed both ways.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Json as JsonAnswer;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{AppendHeaders, IntoResponse};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use serde::Deserialize;
use stepwell_engine::{Caller, DataSetDescription, EngineError, EngineHandle};
use tokio::time::timeout;

use crate::app::App;
use crate::error::{ApiError, Code};
use crate::extract::{Query, Segment};
use crate::wire::{DataSet, DataSetList};

/// Lines of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Which data sets to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// What their names begin with; without one, all.
    prefix: Option<String>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Data sets of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

/// Put a data set
///
/// The body is kept as it is, in place of what had the name. Nobody sees it before all of it
/// has arrived. A name `BUCKET/KEY` is what definitions read by bucket and key.
#[utoipa::path(
    put,
    path = "/v1/data/{name}",
    tag = "data",
    params(("name" = String, Path, description = "Name of the data set, as one segment")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "The data set", body = DataSet)),
)]
pub(crate) async fn put_data_set(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    body: Body,
) -> Result<(StatusCode, JsonAnswer<DataSet>), ApiError> {
    let mut upload = app.engine().put_data_set(&caller, &name).await?;
    let mut body = body;
    // The time is for one piece of the body, since all of it may be large.
    let patience = app.config().body_timeout;
    loop {
        let Ok(frame) = timeout(patience, body.frame()).await else {
            let message = "the body did not arrive in time";
            return Err(ApiError::new(Code::BodyTimeout, message));
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| {
            let message = format!("the body ended before it was complete: {error}");
            ApiError::new(Code::BodyTimeout, message)
        })?;
        upload.push(&frame.into_data().unwrap_or_default()).await?;
    }
    upload.finish().await?;
    let put = app.engine().describe_data_set(&caller, &name).await?;
    Ok((StatusCode::CREATED, JsonAnswer(put.into())))
}

/// Get a data set
#[utoipa::path(
    get,
    path = "/v1/data/{name}",
    tag = "data",
    params(("name" = String, Path, description = "Name of the data set, as one segment")),
    responses((
        status = 200, description = "The bytes", body = Vec<u8>,
        content_type = "application/octet-stream",
    )),
)]
pub(crate) async fn get_data_set(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<impl IntoResponse, ApiError> {
    let found = app.engine().describe_data_set(&caller, &name).await?;
    let length = found.bytes.to_string();
    let body = Body::new(Download::of(app.engine().clone(), found));
    Ok((
        AppendHeaders([
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            (CONTENT_LENGTH, length),
        ]),
        body,
    ))
}

/// List data sets
///
/// By name.
#[utoipa::path(
    get,
    path = "/v1/data",
    tag = "data",
    params(ListQuery),
    responses((status = 200, description = "A page", body = DataSetList)),
)]
pub(crate) async fn list_data_sets(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<JsonAnswer<DataSetList>, ApiError> {
    let prefix = query.prefix.unwrap_or_default();
    let limit = query.limit.unwrap_or(PAGE_LIMIT);
    let page = app
        .engine()
        .list_data_sets(&caller, &prefix, query.page_token, limit)
        .await?;
    Ok(JsonAnswer(DataSetList {
        data_sets: page.items.into_iter().map(DataSet::from).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// Delete a data set
#[utoipa::path(
    delete,
    path = "/v1/data/{name}",
    tag = "data",
    params(("name" = String, Path, description = "Name of the data set, as one segment")),
    responses((status = 204, description = "Deleted")),
)]
pub(crate) async fn delete_data_set(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_data_set(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

type Read = Pin<Box<dyn Future<Output = Result<Vec<u8>, EngineError>> + Send>>;

/// The bytes of a data set, a chunk at a time.
struct Download {
    engine: EngineHandle,
    data_set: DataSetDescription,
    offset: u64,
    reading: Option<Read>,
}

impl Download {
    fn of(engine: EngineHandle, data_set: DataSetDescription) -> Self {
        Self {
            engine,
            data_set,
            offset: 0,
            reading: None,
        }
    }

    fn read(&self) -> Read {
        let (engine, data_set) = (self.engine.clone(), self.data_set.clone());
        let offset = self.offset;
        Box::pin(async move { engine.read_data_set(&data_set, offset).await })
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = EngineError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EngineError>>> {
        if self.offset >= self.data_set.bytes {
            return Poll::Ready(None);
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.read(),
        };
        match reading.as_mut().poll(context) {
            Poll::Pending => {
                self.reading = Some(reading);
                Poll::Pending
            }
            read @ Poll::Ready(_) => {
                let read = ready!(read);
                self.offset += read.as_ref().map_or(0, |chunk| chunk.len() as u64);
                Poll::Ready(Some(read.map(|chunk| Frame::data(chunk.into()))))
            }
        }
    }
}
