//! What every request gets: an id, a span, a place in the metrics, headers of the answer.

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use stepwell_engine::{Origin, TraceContext};
use tracing::{Instrument, field};

use crate::app::App;
use crate::audit::{CameFrom, Peer};

/// The header that carries a request's id, in and out.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that carries W3C's trace context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header that goes with it.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The longest id that is taken from a request.
const REQUEST_ID_MAX_CHARS: usize = 64;

/// The trace that a request belongs to, as its headers say.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceHeaders {
    /// The trace context, if it is a valid one.
    pub(crate) parent: Option<String>,
    /// What goes with it.
    pub(crate) state: Option<String>,
}

impl TraceHeaders {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let parent = traceparent(headers).map(|context| context.to_string());
        // Several headers are one list.
        let states = headers.get_all(TRACESTATE).iter();
        let states: Vec<&str> = states.filter_map(|value| value.to_str().ok()).collect();
        let state = Some(states.join(",")).filter(|state| parent.is_some() && !state.is_empty());
        Self { parent, state }
    }
}

/// Tells in an answer which trace it belongs to.
pub(crate) fn put_traceparent(headers: &mut HeaderMap, traceparent: Option<&str>) {
    if let Some(value) = traceparent.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

/// A request's id, for handlers that answer with it in a header of their own.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) HeaderValue);

/// Runs a request in its span, counts it, and completes its answer.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = method_label(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let request_id = request_id(request.headers());
    let trace = traceparent(request.headers());
    let span = tracing::info_span!(
        "http_request",
        method,
        route,
        request_id = request_id.to_str().unwrap_or_default(),
        trace_id = trace.map(|trace| field::display(trace.trace_id())),
        status = field::Empty,
    );
    let peer = request.extensions().get::<Peer>();
    let origin = Origin {
        request_id: request_id.to_str().ok().map(Arc::from),
        source: peer.map(|Peer(address)| address.ip().to_string().into()),
        traceparent: trace.map(|trace| trace.to_string().into()),
    };
    request.extensions_mut().insert(CameFrom(Arc::new(origin)));
    let id = RequestId(request_id.clone());
    request.extensions_mut().insert(id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let time = started.elapsed();
    span.record("status", status);
    span.in_scope(|| tracing::debug!(time_us = time.as_micros(), "answered"));
    app.metrics().record(method, route, status, time);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, request_id);
    if !headers.contains_key(TRACEPARENT) {
        put_traceparent(headers, trace.map(|trace| trace.to_string()).as_deref());
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Returns the caller's id of the request if it is a decent one, or else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_decent = |value: &&HeaderValue| {
        (1..=REQUEST_ID_MAX_CHARS).contains(&value.len())
            && value
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    match headers.get(REQUEST_ID).filter(is_decent) {
        Some(id) => id.clone(),
        None => new_request_id(),
    }
}

/// Returns an id that this process gives once, and another process hardly.
fn new_request_id() -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    HeaderValue::try_from(format!("{:016x}-{count}", *PROCESS))
        .unwrap_or(HeaderValue::from_static("none"))
}

/// Returns the W3C trace context of a request, if it has one, and that is valid.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<TraceContext> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let header = given.next().filter(|_| given.next().is_none())?;
    TraceContext::parse(header.to_str().ok()?)
}

/// Returns the method as a label; those that no route has are one.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}
