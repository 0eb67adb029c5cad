//! HTTP requests, as far as the state grants them.
//!
//! A task has no network. What it sends goes to the host, which sends it on only where the
//! state's `Grants`, the tenant's policy and the operator's rules all allow it. A redirect
//! is an answer like any other. Secrets that the state does not reveal come as placeholders;
//! put one into a header or a value of the query, and the host replaces it on the way out,
//! where the state's grant of that host lists it.
//!
//! ```
//! use stepwell_sdk::http::{self, Response};
//! use stepwell_sdk::prelude::*;
//!
//! fn price(ctx: &Context, sku: &str) -> Result<String, TaskFailure> {
//!     let key = ctx.secret("shop/api-key").fail_as("NoKey")?;
//!     let url = format!("https://api.example.com/v1/prices/{sku}");
//!     let answer = http::get(url)
//!         .header("authorization", format!("Bearer {}", key.expose()))
//!         .send(ctx)?;
//!     answer.text().fail_as("BadAnswer")
//! }
//!
//! // Natively a closure answers:
//! let fake = Context::fake()
//!     .secret("shop/api-key", "placeholder")
//!     .http(|request| {
//!         assert_eq!(request.header_value("authorization"), Some("Bearer placeholder"));
//!         Ok(Response::new(200).with_body("12.50"))
//!     })
//!     .build();
//! assert_eq!(price(&fake, "cup").unwrap(), "12.50");
//! ```

#[cfg(target_arch = "wasm32")]
pub(crate) mod wasi;

use std::string::FromUtf8Error;
use std::time::Duration;

use guest_json as serde_json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;

/// A request that is being put together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a request goes out by `send`"]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Why a request has no answer. As a task's error each has the name of its variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, stepwell_sdk_macros::TaskError)]
pub enum HttpError {
    /// The state, the tenant's policy or the host's operator does not allow it. The host's
    /// audit log tells which.
    #[error(
        "the request was denied: the state's grants, the tenant's policy or the host do not allow it"
    )]
    HttpDenied,
    /// This call, or the tenant, sends more requests than it may.
    #[error("too many requests: try again later")]
    HttpTooMany,
    /// It is no request that could be sent.
    #[error("the request cannot be sent: {0}")]
    HttpInvalid(String),
    /// Nobody answers there, or the connection broke.
    #[error("there is no answer: {0}")]
    HttpUnreachable(String),
    /// There was no whole answer in time.
    #[error("there was no whole answer in time")]
    HttpTimedOut,
    /// Request or answer have more bytes than they may.
    #[error("the request or its answer is too large")]
    HttpTooLarge,
}

/// Begins a request that reads.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// Begins a request that sends something.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

/// Begins a request that puts something in its place.
pub fn put(url: impl Into<String>) -> Request {
    Request::new("PUT", url)
}

/// Begins a request that deletes.
pub fn delete(url: impl Into<String>) -> Request {
    Request::new("DELETE", url)
}

impl Request {
    /// Begins a request with any method, in capitals.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
        }
    }

    /// Adds a header. `Host` and `Content-Length` are set by the host.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value as JSON, and the type that says so.
    ///
    /// # Errors
    /// [`HttpError::HttpInvalid`] for a value that JSON cannot have.
    pub fn json(self, value: &impl Serialize) -> Result<Self, HttpError> {
        let body =
            serde_json::to_vec(value).map_err(|error| HttpError::HttpInvalid(error.to_string()))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sets how long to wait for the whole answer; never longer than the task has.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the first header of a name, whatever its case.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// Returns the body.
    #[must_use]
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// [`HttpError`]; a status that is no success is an answer.
    pub fn send(self, ctx: &Context) -> Result<Response, HttpError> {
        ctx.host.http(self)
    }
}

impl Response {
    /// Makes an answer, for tests.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns whether the status is a success: 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the first header of a name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body as text.
    ///
    /// # Errors
    /// It is none.
    pub fn text(self) -> Result<String, FromUtf8Error> {
        String::from_utf8(self.body)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// It is none, or another.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

fn first<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.as_str())
}
