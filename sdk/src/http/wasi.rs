//! Sends requests through `wasi:http`.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

use super::{HttpError, Request, Response};

/// Bytes that one call writes, at most: what `blocking-write-and-flush` takes.
const WRITTEN_BYTES: usize = 4_096;
/// Bytes that one call reads, at most.
const READ_BYTES: u64 = 64 << 10;

/// Sends a request and waits for its answer.
pub(crate) fn send(request: Request) -> Result<Response, HttpError> {
    let options = options(&request)?;
    let outgoing = outgoing(&request)?;
    let body = outgoing
        .body()
        .map_err(|()| invalid("its Content-Length is none"))?;
    let exchange = outgoing_handler::handle(outgoing, options).map_err(error_of)?;
    if write(&body, &request.body) {
        OutgoingBody::finish(body, None).map_err(error_of)?;
    }
    exchange.subscribe().block();
    match exchange.get() {
        Some(Ok(Ok(answer))) => read(&answer),
        Some(Ok(Err(code))) => Err(error_of(code)),
        Some(Err(())) | None => Err(HttpError::HttpUnreachable("it was lost".to_owned())),
    }
}

fn invalid(reason: &str) -> HttpError {
    HttpError::HttpInvalid(reason.to_owned())
}

fn options(request: &Request) -> Result<Option<RequestOptions>, HttpError> {
    let Some(timeout) = request.timeout else {
        return Ok(None);
    };
    let options = RequestOptions::new();
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    options
        .set_first_byte_timeout(Some(nanos))
        .map_err(|()| invalid("the host takes no timeout"))?;
    Ok(Some(options))
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, HttpError> {
    let (scheme, rest) = request
        .url
        .split_once("://")
        .ok_or_else(|| invalid("the URL has no scheme"))?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let path = if path.starts_with('?') {
        format!("/{path}")
    } else {
        path.to_owned()
    };
    let fields: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let fields = Fields::from_list(&fields)
        .map_err(|error| HttpError::HttpInvalid(format!("a header: {error}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };
    outgoing
        .set_method(&method(&request.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&path)))
        .map_err(|()| invalid("its method or URL is none"))?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// Hands the body over. Returns whether all of it was taken: if not, the answer says why.
fn write(body: &OutgoingBody, bytes: &[u8]) -> bool {
    let Ok(stream) = body.write() else {
        return false;
    };
    bytes
        .chunks(WRITTEN_BYTES)
        .all(|chunk| stream.blocking_write_and_flush(chunk).is_ok())
}

fn read(answer: &IncomingResponse) -> Result<Response, HttpError> {
    let mut response = Response::new(answer.status());
    for (name, value) in answer.headers().entries() {
        let value = String::from_utf8_lossy(&value).into_owned();
        response.headers.push((name, value));
    }
    let lost = || HttpError::HttpUnreachable("the answer was cut off".to_owned());
    let body: IncomingBody = answer.consume().map_err(|()| lost())?;
    let stream = body.stream().map_err(|()| lost())?;
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => response.body.extend(bytes),
            Err(StreamError::Closed) => return Ok(response),
            Err(StreamError::LastOperationFailed(_)) => return Err(lost()),
        }
    }
}

fn error_of(code: ErrorCode) -> HttpError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => HttpError::HttpDenied,
        ErrorCode::ConnectionLimitReached => HttpError::HttpTooMany,
        ErrorCode::HttpResponseTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::DnsTimeout => HttpError::HttpTimedOut,
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_) => HttpError::HttpTooLarge,
        ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpProtocolError => HttpError::HttpInvalid(format!("{code}")),
        other => HttpError::HttpUnreachable(format!("{other}")),
    }
}
