//! Gets an issuer's documents over HTTP, within limits. Blocks.

use std::fmt;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{ACCEPT, CACHE_CONTROL};
use ureq::tls::{RootCerts, TlsConfig};

/// How long a document may take, from the look-up of the name to its last byte.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of a document: ten times what the largest providers publish.
const DOCUMENT_MAX_BYTES: u64 = 512 * 1_024;

/// Bytes of the headers of an answer.
const HEADERS_MAX_BYTES: usize = 32 * 1_024;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// Its bytes.
    pub(super) body: Vec<u8>,
    /// How long it may be kept, in seconds, if its server says so.
    pub(super) max_age_seconds: Option<u64>,
}

/// A way to documents.
pub(super) trait Fetch: fmt::Debug + Send + Sync {
    /// Gets one. Blocks, for a bounded time.
    ///
    /// # Errors
    /// In words for the log.
    fn get(&self, url: &str) -> Result<Document, String>;
}

/// The way over HTTP. Redirects are not followed: the configuration names where documents
/// are. The environment's proxies are not used.
#[derive(Debug)]
pub(super) struct HttpFetch(Agent);

impl HttpFetch {
    pub(super) fn new() -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(TIME_MAX))
            .max_response_header_size(HEADERS_MAX_BYTES)
            // Documents are hours apart.
            .max_idle_connections(0)
            .user_agent(concat!("stepwell/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }
}

impl Fetch for HttpFetch {
    fn get(&self, url: &str) -> Result<Document, String> {
        let failed = |error: ureq::Error| format!("{url}: {error}");
        let asked = self.0.get(url).header(ACCEPT, "application/json");
        let mut answer = asked.call().map_err(failed)?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(format!("{url} answered with status {status}"));
        }
        let control = answer.headers().get(CACHE_CONTROL);
        let max_age_seconds = control.and_then(|value| max_age(value.to_str().ok()?));
        let body = answer.body_mut().with_config().limit(DOCUMENT_MAX_BYTES);
        Ok(Document {
            body: body.read_to_vec().map_err(failed)?,
            max_age_seconds,
        })
    }
}

/// Reads how long a `Cache-Control` lets a document be kept (RFC 9111, section 5.2.2).
fn max_age(control: &str) -> Option<u64> {
    let mut directives = control.split(',').map(str::trim);
    let is = |directive: &str, name: &str| directive.eq_ignore_ascii_case(name);
    if directives
        .clone()
        .any(|each| is(each, "no-store") || is(each, "no-cache"))
    {
        return Some(0);
    }
    directives.find_map(|each| {
        let (name, value) = each.split_once('=')?;
        is(name.trim(), "max-age").then(|| value.trim().trim_matches('"').parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::max_age;

    #[test]
    fn a_document_is_kept_as_long_as_its_server_says() {
        for (control, seconds) in [
            ("public, max-age=600", Some(600)),
            ("Max-Age=\"60\"", Some(60)),
            ("max-age=600, no-cache", Some(0)),
            ("no-store", Some(0)),
            ("private", None),
            ("max-age=soon", None),
            ("", None),
        ] {
            assert_eq!(max_age(control), seconds, "{control:?}");
        }
    }
}
