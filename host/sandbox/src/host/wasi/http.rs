//! `wasi:http`: outbound requests, which the caller of the sandbox sends or denies.
//!
//! `outgoing-handler` and the types that it needs are linked. What a guest hands over is
//! bounded here; nothing in this crate connects to anything.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::{LinkOptions, http as wasi_http};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::guest_log::GuestLog;
use crate::http::{HttpFailure, HttpLimit, HttpLimits, HttpRequest, HttpResponse};
use crate::task::TaskHost;
use crate::task_state::TaskState;

/// Bytes of a request's body that wait to be taken over, at most.
const CHUNK_BYTES: usize = 64 << 10;

pub(super) fn add_to_linker(l: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    let options = (&LinkOptions::default()).into();
    wasi_http::outgoing_handler::add_to_linker::<_, WasiHttp>(l, |s| s.enter().http())?;
    wasi_http::types::add_to_linker::<_, WasiHttp>(l, &options, |s| s.enter().http())
}

/// What a call needs for its requests. Lives and dies with the call's store, and so does
/// every exchange that is under way.
pub(crate) struct HttpState {
    ctx: WasiHttpCtx,
    way_out: WayOut,
}

impl HttpState {
    pub(crate) fn new(log: &Arc<GuestLog>, limits: HttpLimits) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(limits.fields_max_bytes);
        Self {
            ctx,
            way_out: WayOut {
                log: Arc::clone(log),
                limits,
                sent: 0,
            },
        }
    }
}

impl WasiHttpView for TaskState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (log, limits) = (&self.log, self.http_limits);
        let state = self
            .http
            .get_or_insert_with(|| Box::new(HttpState::new(log, limits)));
        WasiHttpCtxView {
            hooks: &mut state.way_out,
            table: &mut self.table,
            ctx: &mut state.ctx,
        }
    }
}

/// The way of a call's requests to its host.
struct WayOut {
    log: Arc<GuestLog>,
    limits: HttpLimits,
    sent: u32,
}

type Exchange = Result<(http::Response<WasiBody>, Worker), Error>;
/// What goes on behind a response: nothing, since it is whole.
type Worker = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for WayOut {
    fn set_host_header(&mut self) -> bool {
        // Whoever sends the request makes it of the URI that was checked.
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Exchange> + Send> {
        let limits = self.limits;
        let host = Arc::clone(self.log.host_handle());
        let target = format!("{} {}", request.method(), request.uri());
        if self.sent >= limits.requests_max {
            host.http_limited(&target, HttpLimit::Requests);
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        }
        self.sent += 1;
        if request.headers().len() > limits.fields_max {
            host.http_limited(&target, HttpLimit::Fields);
            return Box::new(async { Err(Error::HttpRequestHeaderSectionSize(None)) });
        }
        Box::new(async move {
            let request = whole(request, options, limits, &*host, &target).await?;
            let answer = host.http(request).await.map_err(error_of)?;
            let response = response(answer, limits)?;
            Ok((response, Box::new(async { Ok(()) }) as Worker))
        })
    }
}

/// Waits for the whole request.
async fn whole(
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
    limits: HttpLimits,
    host: &dyn TaskHost,
    target: &str,
) -> Result<HttpRequest, Error> {
    let (head, body) = request.into_parts();
    let max_bytes = limits.request_max_bytes;
    let body = Limited::new(body, max_bytes).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            host.http_limited(target, HttpLimit::RequestBytes);
            return Error::HttpRequestBodySize(u64::try_from(max_bytes).ok());
        }
        Error::HttpProtocolError
    })?;
    // A body has trailers only where the receiver asks for them, which hosts do not.
    let body = body.to_bytes().to_vec();
    let is_framing = |name: &HeaderName| matches!(*name, header::HOST | header::CONTENT_LENGTH);
    let headers = head.headers.iter().filter(|(name, _)| !is_framing(name));
    Ok(HttpRequest {
        method: head.method.as_str().to_owned(),
        uri: head.uri.to_string(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body,
        timeout: options.and_then(|options| options.first_byte_timeout),
    })
}

/// Gives an answer to the guest.
fn response(answer: HttpResponse, limits: HttpLimits) -> Result<http::Response<WasiBody>, Error> {
    let bytes = answer.body.len();
    if bytes > limits.response_max_bytes {
        return Err(Error::HttpResponseBodySize(u64::try_from(bytes).ok()));
    }
    let mut fields = HeaderMap::new();
    let mut fields_bytes = 0;
    for (name, value) in answer.headers {
        fields_bytes += name.len() + value.len();
        if fields_bytes > limits.fields_max_bytes {
            return Err(Error::HttpResponseHeaderSectionSize(None));
        }
        let name = HeaderName::try_from(name).map_err(|_bad| Error::HttpProtocolError)?;
        let value = HeaderValue::try_from(value).map_err(|_bad| Error::HttpProtocolError)?;
        fields
            .try_append(name, value)
            .map_err(|_full| Error::HttpResponseHeaderSectionSize(None))?;
    }
    let body = Full::new(Bytes::from(answer.body)).map_err(Error::from);
    let mut response = http::Response::new(body.boxed_unsync());
    *response.status_mut() =
        StatusCode::from_u16(answer.status).map_err(|_bad| Error::HttpProtocolError)?;
    *response.headers_mut() = fields;
    Ok(response)
}

/// What the guest is told of a request without an answer.
fn error_of(failure: HttpFailure) -> Error {
    match failure {
        HttpFailure::Denied => Error::HttpRequestDenied,
        HttpFailure::TooMany => Error::ConnectionLimitReached,
        HttpFailure::InvalidUri => Error::HttpRequestUriInvalid,
        HttpFailure::InvalidRequest => Error::HttpProtocolError,
        HttpFailure::Unreachable => Error::DestinationUnavailable,
        HttpFailure::TimedOut => Error::HttpResponseTimeout,
        HttpFailure::AnswerTooLarge => Error::HttpResponseBodySize(None),
        HttpFailure::Unavailable => {
            Error::InternalError(Some("the host cannot send requests now".to_owned()))
        }
    }
}
