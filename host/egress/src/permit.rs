//! Whether a request may be sent, and to which addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use ureq::http::Uri;

use crate::address::is_public;
use crate::client::Limits;
use crate::control::{Control, Denial};
use crate::rule::Rule;
use crate::scope::Scope;

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
    /// A control stopped it; nothing was sent.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The connection failed.
    #[error("{0}")]
    Failed(String),
    /// The name leads inside: to an address that is not public. Nothing was sent. What it says is
    /// what is said of a name that leads nowhere, so that nobody learns the names within the
    /// host's network; the denial is for the operator alone.
    #[error("{}", nowhere(.host))]
    Inside {
        /// The name.
        host: String,
        /// What stopped it.
        denial: Denial,
    },
    /// There was no whole answer in time.
    #[error("{0}")]
    TimedOut(String),
    /// The answer has too many bytes.
    #[error("{0}")]
    TooLarge(String),
}

/// Where requests may go.
#[derive(Debug, Clone)]
pub struct Egress {
    /// The widest first: the operator's.
    scopes: Vec<Scope>,
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
            scopes: vec![Scope::of(Control::Operator, rules)],
            lookup,
            limits,
        }
    }

    /// Returns a way out that a scope narrows further.
    #[must_use]
    pub fn within(&self, scope: Scope) -> Self {
        let mut narrowed = self.clone();
        narrowed.scopes.push(scope);
        narrowed
    }

    /// Returns the same way out with other limits.
    #[must_use]
    pub fn limited(&self, limits: Limits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    /// What an exchange may cost.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns the controls that do not allow all that a rule describes, the widest first.
    #[must_use]
    pub fn missing(&self, wanted: &Rule) -> Vec<Control> {
        let scopes = self.scopes.iter();
        scopes
            .filter(|scope| !scope.covers(wanted))
            .map(Scope::control)
            .collect()
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
        let port = port_of(&uri)
            .map_err(EgressError::Invalid)?
            .unwrap_or(own_port);
        let mut rules = Vec::new();
        // The narrowest first: what a state does not grant is nobody else's to allow.
        for scope in self.scopes.iter().rev() {
            let found = scope.allowing(method, &uri, &host, port);
            let Some(allowing) = found.filter(|_| !host.is_empty()) else {
                let request = format!(
                    "{method} {}://{host}:{port}{}",
                    uri.scheme_str().unwrap_or_default(),
                    uri.path()
                );
                return Err(denied(scope.control(), &request).into());
            };
            if scope.control() == Control::Operator {
                rules = allowing;
            }
        }
        Ok(Permit {
            method: method.to_owned(),
            uri,
            host,
            port,
            rules,
        })
    }
}

/// What is said of a name without an address that requests may be sent to.
fn nowhere(host: &str) -> String {
    format!("{host} has no address that a request may be sent to")
}

/// Returns the port that a URL names, if it names one.
///
/// # Errors
/// It is none: says so. It must not be taken for the scheme's own.
pub(crate) fn port_of(uri: &Uri) -> Result<Option<u16>, String> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let named = place
        .strip_prefix(uri.host().unwrap_or_default())
        .and_then(|rest| rest.strip_prefix(':'))
        .filter(|named| !named.is_empty());
    let Some(named) = named else { return Ok(None) };
    match uri.port_u16() {
        Some(port) if port > 0 => Ok(Some(port)),
        _ => Err(format!("{named:?} is no port: give 1 to 65535")),
    }
}

/// Says which control does not allow a request, and who could change that.
fn denied(control: Control, request: &str) -> Denial {
    let reason = match control {
        Control::StateGrant => format!(
            "the state does not grant {request}; its 'Grants' say what it may send in 'Http'"
        ),
        Control::TenantPolicy => format!(
            "the policy of the tenant does not allow {request}; whoever runs the host can \
             change it"
        ),
        _ => format!(
            "requests to {request} are not allowed; whoever runs the host allows them with \
             --allow-http"
        ),
    };
    Denial { control, reason }
}

/// A request that the rules allow; its address is still to be checked.
#[derive(Debug, Clone)]
pub struct Permit {
    method: String,
    pub(crate) uri: Uri,
    host: String,
    port: u16,
    /// Those of the operator that allow the request.
    rules: Vec<Rule>,
}

impl Permit {
    /// Returns whether one of these rules allows the request, too.
    #[must_use]
    pub fn is_allowed_by(&self, rules: &[Rule]) -> bool {
        rules
            .iter()
            .any(|rule| rule.allows(&self.method, &self.uri, &self.host, self.port))
    }

    /// Looks the host up, and returns the addresses that may be connected to. Connect to
    /// one of these, and do not look the name up again: the next answer may be another.
    ///
    /// # Errors
    /// [`EgressError::Failed`] if the name has no address, [`EgressError::Inside`] if it has
    /// one that is not public: who mixes both kinds has nothing good in mind.
    pub fn addresses(&self, lookup: &dyn Lookup) -> Result<Vec<SocketAddr>, EgressError> {
        let host = &self.host;
        let found = match host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => lookup.addresses(host),
        };
        // Why a name leads nowhere is for the operator, who can look it up.
        let found = found.unwrap_or_default();
        if found.is_empty() {
            return Err(EgressError::Failed(nowhere(host)));
        }
        for address in &found {
            let known = self.rules.iter().any(|rule| rule.allows_private(*address));
            if !is_public(*address) && !known {
                let reason = format!(
                    "{host} has the address {address}, which is not public; the operator of \
                     the host allows that with a rule that says 'private'"
                );
                let control = Control::Address;
                let (host, denial) = (host.clone(), Denial { control, reason });
                return Err(EgressError::Inside { host, denial });
            }
        }
        let addresses = found.into_iter().take(ADDRESSES_MAX);
        Ok(addresses
            .map(|address| SocketAddr::new(address, self.port))
            .collect())
    }
}
