//! Whether a request may be sent, and to which addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use ureq::http::Uri;

use crate::address::is_public;
use crate::client::Limits;
use crate::rule::Rule;

/// Addresses of a name that are looked at, at most.
const ADDRESSES_MAX: usize = 16;

/// Looks names up.
pub trait Lookup: Send + Sync + fmt::Debug + 'static {
    /// Returns the addresses of a name, or of a text that is an address. May block.
    ///
    /// # Errors
    /// There are none, or nobody can say.
    fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// Looks names up as the system does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        // The port is none of a lookup's business.
        let found = (host, 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why a request was not sent, or got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The request cannot be understood.
    #[error("{0}")]
    Invalid(String),
    /// The operator's rules do not allow it.
    #[error("{0}")]
    Denied(String),
    /// There was no answer in time, or the connection failed.
    #[error("{0}")]
    Failed(String),
    /// The answer has too many bytes.
    #[error("{0}")]
    TooLarge(String),
}

/// Where requests may go.
#[derive(Debug, Clone)]
pub struct Egress {
    rules: Arc<[Rule]>,
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) limits: Limits,
}

impl Default for Egress {
    /// Nowhere.
    fn default() -> Self {
        Self::new(Vec::new(), Arc::new(SystemLookup), Limits::default())
    }
}

impl Egress {
    /// Makes the way out that the rules allow.
    #[must_use]
    pub fn new(rules: Vec<Rule>, lookup: Arc<dyn Lookup>, limits: Limits) -> Self {
        Self {
            rules: rules.into(),
            lookup,
            limits,
        }
    }

    /// Asks whether a request may be sent.
    ///
    /// # Errors
    /// [`EgressError::Invalid`] for what is no URL of HTTP, [`EgressError::Denied`] if no
    /// rule allows it.
    pub fn permit(&self, method: &str, url: &str) -> Result<Permit, EgressError> {
        let uri: Uri = url
            .parse()
            .map_err(|_unreadable| EgressError::Invalid(format!("{url:?} is no URL")))?;
        let own_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => {
                let reason = format!("the URL {url:?} must begin with http:// or https://");
                return Err(EgressError::Invalid(reason));
            }
        };
        let authority = uri.authority().map(ureq::http::uri::Authority::as_str);
        if authority.is_none_or(|authority| authority.contains('@')) {
            let reason = format!("the URL {url:?} must name a host, and no user");
            return Err(EgressError::Invalid(reason));
        }
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_suffix('.').unwrap_or(host).to_owned();
        let port = uri.port_u16().unwrap_or(own_port);
        let rules = self.rules.iter();
        let allowing: Vec<Rule> = rules
            .filter(|rule| rule.allows(method, &uri, &host, port))
            .cloned()
            .collect();
        if host.is_empty() || allowing.is_empty() {
            return Err(EgressError::Denied(format!(
                "requests to {method} {}://{host}:{port}{} are not allowed; the operator of the \
                 host allows them with --allow-http",
                uri.scheme_str().unwrap_or_default(),
                uri.path()
            )));
        }
        Ok(Permit {
            uri,
            host,
            port,
            rules: allowing,
        })
    }
}

/// A request that the rules allow; its address is still to be checked.
#[derive(Debug, Clone)]
pub struct Permit {
    pub(crate) uri: Uri,
    host: String,
    port: u16,
    rules: Vec<Rule>,
}

impl Permit {
    /// Looks the host up, and returns the addresses that may be connected to. Connect to
    /// one of these, and do not look the name up again: the next answer may be another.
    ///
    /// # Errors
    /// [`EgressError::Failed`] if the name has no address, [`EgressError::Denied`] if it
    /// has one that is not public: who mixes both kinds has nothing good in mind.
    pub fn addresses(&self, lookup: &dyn Lookup) -> Result<Vec<SocketAddr>, EgressError> {
        let host = &self.host;
        let found = match host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => lookup.addresses(host),
        };
        let found = found
            .map_err(|error| EgressError::Failed(format!("{host} cannot be looked up: {error}")))?;
        if found.is_empty() {
            return Err(EgressError::Failed(format!("{host} has no address")));
        }
        for address in &found {
            let known = self.rules.iter().any(|rule| rule.allows_private(*address));
            if !is_public(*address) && !known {
                return Err(EgressError::Denied(format!(
                    "{host} has the address {address}, which is not public; the operator of \
                     the host allows that with a rule that says 'private'"
                )));
            }
        }
        let addresses = found.into_iter().take(ADDRESSES_MAX);
        Ok(addresses
            .map(|address| SocketAddr::new(address, self.port))
            .collect())
    }
}
