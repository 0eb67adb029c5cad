//! Calls the API of a host: one request, one answer, one kind of error.

mod access;
mod approvals;
mod audit;
mod backups;
mod notifications;
mod operating;
mod refusal;
mod retention;
mod routes;
mod search;
mod secrets;

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stepwell_server::DEVELOPMENT;
use ureq::Agent;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{Method, Request, Response, request};
use ureq::tls::{RootCerts, TlsConfig};

use crate::config::{Secret, ServerUrl};
use crate::exit::{CliError, Exit};

pub(crate) use approvals::ApprovalsQuery;
pub(crate) use refusal::Refusal;
pub(crate) use routes::WAIT_MAX;

/// The header that says which tenant is meant.
const TENANT: &str = "stepwell-tenant";

/// The header that says which trace a request belongs to.
const TRACEPARENT: &str = "traceparent";

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take, beyond the time that the host was asked to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the bytes of a data set may take.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3_600);

/// The largest answer that is read: a page of 1,000 events with payloads of 256 KiB.
const ANSWER_MAX_BYTES: u64 = 512 << 20;

/// An answer: its text as it came, for `--json`, and what it says.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// What it says.
    pub(crate) value: T,
    text: String,
}

impl<T> Answer<T> {
    /// The answer as JSON, with every digit and in the host's order.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

/// Why a call gave no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The host answered that it will not, or cannot.
    Refused(Box<Refusal>),
    /// There was no answer, or none of a Stepwell host.
    Failed(CliError),
}

/// A way to a host.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    server: ServerUrl,
    token: Option<Secret>,
    tenant: Option<String>,
    traceparent: Option<String>,
}

impl Client {
    /// A client of the host at this address. Nothing is sent yet.
    pub(crate) fn new(server: ServerUrl, token: Option<Secret>) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the request, and perhaps the token, elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("stepwell/", env!("CARGO_PKG_VERSION")))
            .tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::PlatformVerifier)
                    .build(),
            );
        if server.is_loopback() {
            // A proxy of the environment has another loopback, and must not see the token.
            config = config.proxy(None);
        }
        let agent = config.build().into();
        Self {
            agent,
            server,
            token,
            tenant: None,
            traceparent: None,
        }
    }

    /// The same client, without its token where the host runs in development mode: there a
    /// token that nobody asks for makes somebody else of the caller, or a stranger.
    pub(crate) fn with_needed_token(mut self) -> Self {
        if self.token.is_some() {
            let asked = self.agent.get(self.server.join("/healthz"));
            let asked = asked
                .config()
                .timeout_per_call(Some(CONNECT_TIMEOUT))
                .build();
            // Where there is no answer, the request itself finds out why.
            if asked
                .call()
                .is_ok_and(|told| told.headers().contains_key(DEVELOPMENT))
            {
                self.token = None;
            }
        }
        self
    }

    /// The same client, for one tenant of those that the caller has roles in.
    pub(crate) fn of_tenant(mut self, tenant: Option<String>) -> Self {
        self.tenant = tenant;
        self
    }

    /// The same client, whose requests belong to a trace.
    pub(crate) fn in_trace(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }

    /// The host's address.
    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Asks for something that the host may take `wait` to answer.
    fn get<T: DeserializeOwned>(&self, path: &str, wait: Duration) -> Result<Answer<T>, CallError> {
        self.json(Method::GET, path, None, wait)
    }

    /// Sends a JSON body.
    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, CallError> {
        self.json(Method::POST, path, Some(encode(body)?), Duration::ZERO)
    }

    /// Sends a JSON body to where the host may take `wait` to answer.
    fn post_waiting<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        wait: Duration,
    ) -> Result<Answer<T>, CallError> {
        self.json(Method::POST, path, Some(encode(body)?), wait)
    }

    /// Sends a JSON body in place of what is there.
    fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, CallError> {
        self.json(Method::PUT, path, Some(encode(body)?), Duration::ZERO)
    }

    /// Sends a JSON body to where nothing is answered.
    fn post_empty(&self, path: &str, body: &impl Serialize) -> Result<(), CallError> {
        self.call(Method::POST, path, Some(encode(body)?), Duration::ZERO)
            .map(drop)
    }

    /// Sends the bytes of a component, which the host may take `wait` to compile.
    fn put_wasm<T: DeserializeOwned>(
        &self,
        path: &str,
        wasm: Vec<u8>,
        wait: Duration,
    ) -> Result<Answer<T>, CallError> {
        let body = Body {
            bytes: wasm,
            media_type: "application/wasm",
        };
        self.json(Method::PUT, path, Some(body), wait)
    }

    /// Sends a JSON body in place of what is there, to where nothing is answered.
    fn put_empty(&self, path: &str, body: &impl Serialize) -> Result<(), CallError> {
        self.call(Method::PUT, path, Some(encode(body)?), Duration::ZERO)
            .map(drop)
    }

    /// Sends bytes in place of what is there.
    fn put_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: Vec<u8>,
    ) -> Result<Answer<T>, CallError> {
        let body = Body {
            bytes,
            media_type: "application/octet-stream",
        };
        self.json(Method::PUT, path, Some(body), Duration::ZERO)
    }

    /// Sends a file, however large, as it is read.
    fn put_file<T: DeserializeOwned>(
        &self,
        path: &str,
        file: File,
    ) -> Result<Answer<T>, CallError> {
        let request = self
            .request(Method::PUT, path)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(file)
            .map_err(|error| CallError::Failed(bad_request(&error)))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_per_call(Some(TRANSFER_TIMEOUT))
            .build();
        let response = self
            .agent
            .run(request)
            .map_err(|error| CallError::Failed(self.unreachable(&error)))?;
        let text = self.answer_text(response)?;
        self.understood(text)
    }

    /// Writes an answer's body to `output`, however large.
    fn download(&self, path: &str, output: &mut dyn Write) -> Result<(), CliError> {
        let request = self
            .request(Method::GET, path)
            .body(())
            .map_err(|error| bad_request(&error))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_per_call(Some(TRANSFER_TIMEOUT))
            .build();
        let response = self
            .agent
            .run(request)
            .map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return self.answer_text(response).map(drop).map_err(CliError::from);
        }
        let mut body = response.into_body().into_reader();
        std::io::copy(&mut body, output).map(drop).map_err(|error| {
            CliError::new(
                Exit::Unavailable,
                format!("the data set was not written to its end: {error}"),
            )
        })
    }

    /// Deletes something.
    fn delete(&self, path: &str) -> Result<(), CallError> {
        self.call(Method::DELETE, path, None, Duration::ZERO)
            .map(drop)
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Body>,
        wait: Duration,
    ) -> Result<Answer<T>, CallError> {
        let text = self.call(method, path, body, wait)?;
        self.understood(text)
    }

    fn understood<T: DeserializeOwned>(&self, text: String) -> Result<Answer<T>, CallError> {
        match serde_json::from_str(&text) {
            Ok(value) => Ok(Answer { value, text }),
            Err(error) => Err(CallError::Failed(
                self.not_stepwell(&format!("its answer is not understood ({error})")),
            )),
        }
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Body>,
        wait: Duration,
    ) -> Result<String, CallError> {
        let mut request = self
            .request(method, path)
            .header(ACCEPT, "application/json");
        if let Some(body) = &body {
            request = request.header(CONTENT_TYPE, body.media_type);
        }
        let request = request
            .body(body.map(|body| body.bytes).unwrap_or_default())
            .map_err(|error| CallError::Failed(bad_request(&error)))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_per_call(Some(ANSWER_TIMEOUT + wait))
            .build();
        let response = self
            .agent
            .run(request)
            .map_err(|error| CallError::Failed(self.unreachable(&error)))?;
        self.answer_text(response)
    }

    fn request(&self, method: Method, path: &str) -> request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(self.server.join(path));
        if let Some(tenant) = &self.tenant {
            request = request.header(TENANT, tenant);
        }
        if let Some(traceparent) = &self.traceparent {
            request = request.header(TRACEPARENT, traceparent);
        }
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {}", token.reveal())),
            None => request,
        }
    }

    /// Reads an answer of a bounded size; a refusal is an error.
    fn answer_text(&self, mut response: Response<ureq::Body>) -> Result<String, CallError> {
        let text = response
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX_BYTES)
            .read_to_string()
            .map_err(|error| CallError::Failed(self.unreachable(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(text);
        }
        if status.is_redirection() {
            let reason = format!("it redirects (status {})", status.as_u16());
            return Err(CallError::Failed(self.not_stepwell(&reason)));
        }
        Err(CallError::Refused(Box::new(Refusal {
            status,
            body: serde_json::from_str(&text).ok(),
            text,
        })))
    }

    fn unreachable(&self, error: &ureq::Error) -> CliError {
        let unreachable = CliError::new(
            Exit::Unavailable,
            format!("cannot reach the host at {}: {error}", self.server),
        );
        if self.server.is_loopback() {
            unreachable.hint("start one with `stepwell serve --dev`, or name another with --server")
        } else {
            unreachable.hint("check --server, or STEPWELL_SERVER")
        }
    }

    fn not_stepwell(&self, reason: &str) -> CliError {
        CliError::new(
            Exit::Unavailable,
            format!(
                "{} does not answer as a Stepwell host: {reason}",
                self.server
            ),
        )
        .hint("check --server, or STEPWELL_SERVER")
    }
}

const JSON: &str = "application/json";

struct Body {
    bytes: Vec<u8>,
    media_type: &'static str,
}

fn encode(body: &impl Serialize) -> Result<Body, CallError> {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        CallError::Failed(CliError::usage(format!(
            "the request cannot be written as JSON: {error}"
        )))
    })?;
    Ok(Body {
        bytes,
        media_type: JSON,
    })
}

fn bad_request(error: &ureq::http::Error) -> CliError {
    CliError::usage(format!("the request cannot be sent: {error}"))
        .hint("the token may hold characters that no token has")
}

impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => Self::from(*refusal),
            CallError::Failed(error) => error,
        }
    }
}

#[cfg(test)]
mod tests;
