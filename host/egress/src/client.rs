//! Sends a request that is permitted, within limits. Blocks.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::permit::{Egress, EgressError};

/// Headers that are the client's to set: another one would speak of another message.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What an exchange may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take, from the look-up of the name to the last byte.
    pub time: Duration,
    /// How long a connection may take to be there.
    pub connect: Duration,
    /// Bytes of the answer's headers.
    pub headers_max_bytes: usize,
    /// Bytes of the answer's body.
    pub body_max_bytes: usize,
}

impl Default for Limits {
    /// The limits of Step Functions: a minute, and what a payload may hold.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            headers_max_bytes: 32 * 1_024,
            body_max_bytes: 262_144,
        }
    }
}

/// A request. Its `Debug` leaves out what may hold a secret: the query, the values of
/// headers, the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The URL, with its query.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body, if it has one.
    pub body: Option<Vec<u8>>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.split(['?', '#']).next())
            .field("headers", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What the status means: `Not Found`.
    pub reason: &'static str,
    /// Names, in small letters, and values; a name may come more than once.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Egress {
    /// Sends a request and returns the answer, be it good or bad. A redirect is an answer.
    /// Blocks, for `time` or the limit of the egress, whichever is less.
    ///
    /// # Errors
    /// [`EgressError::Invalid`] for what is no request, [`EgressError::Denied`] if it may
    /// not be sent, [`EgressError::Failed`] if nobody answers, [`EgressError::TimedOut`] if no
    /// whole answer came in time, [`EgressError::TooLarge`] if it is too large.
    pub fn send(&self, request: Request, time: Duration) -> Result<Answer, EgressError> {
        let permit = self.permit(&request.method, &request.url)?;
        let addresses = permit.addresses(&*self.lookup)?;
        let agent = Agent::with_parts(
            self.config(time),
            DefaultConnector::default(),
            Checked(addresses),
        );
        let (head, body) = message(request, permit.uri)?;
        let answer = match body {
            Some(body) => agent.run(head.map(|()| body)),
            None => agent.run(head),
        };
        self.read(answer.map_err(failed)?)
    }

    fn config(&self, time: Duration) -> Config {
        let limits = &self.limits;
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .build();
        Agent::config_builder()
            .tls_config(tls)
            // What the environment says of proxies is about other programs: through one, the
            // address that was checked would not be the one that is connected to.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .allow_non_standard_methods(false)
            .user_agent(concat!("stepwell/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(limits.time.min(time)))
            .timeout_connect(Some(limits.connect.min(time)))
            .max_response_header_size(limits.headers_max_bytes)
            // Connections are not kept: each request is checked anew.
            .max_idle_connections(0)
            .build()
    }

    fn read(&self, answer: http::Response<ureq::Body>) -> Result<Answer, EgressError> {
        let (parts, mut body) = answer.into_parts();
        let max_bytes = self.limits.body_max_bytes;
        let body = body
            .with_config()
            .limit(u64::try_from(max_bytes).unwrap_or(u64::MAX))
            .read_to_vec()
            .map_err(|error| match error {
                ureq::Error::BodyExceedsLimit(_) => EgressError::TooLarge(format!(
                    "the answer's body has more than {max_bytes} bytes"
                )),
                other => failed(other),
            })?;
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Ok(Answer {
            status: parts.status.as_u16(),
            reason: parts.status.canonical_reason().unwrap_or_default(),
            headers: headers.collect(),
            body,
        })
    }
}

/// The head of a message, and its body.
type Message = (http::Request<()>, Option<Vec<u8>>);

fn message(request: Request, uri: Uri) -> Result<Message, EgressError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let invalid = |what: &str| EgressError::Invalid(format!("the header {name:?} {what}"));
        let known: HeaderName = name.parse().map_err(|_bad| invalid("is no name of one"))?;
        if OWN_HEADERS.contains(&known.as_str()) {
            return Err(invalid("is not one that a request may set"));
        }
        let value: HeaderValue = value
            .parse()
            .map_err(|_bad| invalid("has no value of one"))?;
        headers.append(known, value);
    }
    let method: http::Method = request
        .method
        .parse()
        .map_err(|_bad| EgressError::Invalid(format!("{:?} is no method", request.method)))?;
    let mut head = http::Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = uri;
    *head.headers_mut() = headers;
    Ok((head, request.body))
}

/// Says what went wrong, in words that name nothing of the host's inside.
fn failed(error: ureq::Error) -> EgressError {
    match error {
        ureq::Error::Timeout(_) => {
            EgressError::TimedOut("there was no whole answer in time".to_owned())
        }
        ureq::Error::LargeResponseHeader(_, max_bytes) => EgressError::TooLarge(format!(
            "the answer's headers have more than {max_bytes} bytes"
        )),
        other => EgressError::Failed(other.to_string()),
    }
}

/// Names lead to the addresses that were checked, whatever is asked.
#[derive(Debug)]
struct Checked(Vec<SocketAddr>);

impl Resolver for Checked {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        for address in &self.0 {
            found.push(*address);
        }
        Ok(found)
    }
}
