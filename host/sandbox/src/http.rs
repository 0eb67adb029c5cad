//! An outbound HTTP request of a guest, as the caller of the sandbox sees it.
//!
//! The sandbox bounds what a guest hands over and what comes back; whether a request may be
//! sent, and where to, is for [`TaskHost::http`](crate::TaskHost::http) to say. Bodies cross
//! whole: their bounds make that cheap, and a host that keeps secrets out of answers has to
//! see all of one.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Limits of the outbound HTTP requests of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Most requests that the call makes.
    pub requests_max: u32,
    /// Most bytes of a request's body.
    pub request_max_bytes: usize,
    /// Most bytes of an answer's body.
    pub response_max_bytes: usize,
    /// Most header fields of a request.
    pub fields_max: usize,
    /// Most bytes of a set of header fields, as it is kept in memory.
    pub fields_max_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            requests_max: 100,
            request_max_bytes: 1 << 20,
            response_max_bytes: 1 << 20,
            fields_max: 100,
            fields_max_bytes: 64 << 10,
        }
    }
}

/// A request that a guest wants to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, as the guest wrote it.
    pub method: String,
    /// The whole URI; nobody has looked at where it leads.
    pub uri: String,
    /// Names, in small letters, and values. Without `Host` and `Content-Length`, which are
    /// for whoever sends it to set.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
    /// How long the guest wants to wait for the answer, where it says.
    pub timeout: Option<Duration>,
}

/// The answer to a request, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a request has no answer. Each is an `error-code` of `wasi:http` for the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpFailure {
    /// It may not be sent. The guest is not told what stopped it.
    Denied,
    /// Too many requests, by this call or by others of its tenant.
    TooMany,
    /// The URI names no place of HTTP.
    InvalidUri,
    /// It is no message that can be sent: its method, a field.
    InvalidRequest,
    /// Nobody answers there.
    Unreachable,
    /// There was no whole answer in time.
    TimedOut,
    /// The answer is larger than the limits allow.
    AnswerTooLarge,
    /// The host cannot send it now.
    Unavailable,
}

/// An exchange under way. Dropped when the call ends, whatever its state.
pub type HttpExchange = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpFailure>> + Send>>;

/// A limit of the call that a request went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpLimit {
    /// [`HttpLimits::requests_max`].
    Requests,
    /// [`HttpLimits::request_max_bytes`].
    RequestBytes,
    /// [`HttpLimits::fields_max`].
    Fields,
}
