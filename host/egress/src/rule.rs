//! What the operator allows: one rule, one pattern.
//!
//! ```text
//!   [private] [METHOD[,METHOD…]] SCHEME://HOST[:PORT][/PATH]
//! ```
//!
//! `HOST` may begin with `*.` for every name below a domain, or be an address. `PORT` may be
//! `*`. `PATH` may end with `*`; without one, any path is meant. `private` allows that the
//! name leads to addresses that are not public; an address that is written itself needs no
//! such word.

use std::net::IpAddr;

use ureq::http::Uri;

/// One thing that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    private: bool,
    /// Methods; none for any.
    methods: Vec<String>,
    scheme: String,
    host: Host,
    port: Port,
    path: Path,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// Any name that ends with this, which begins with a dot.
    Below(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Any,
    Exactly(u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Path {
    Any,
    Exactly(String),
    Below(String),
}

/// The text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write [private] [METHOD,…] SCHEME://HOST[:PORT][/PATH], as in 'GET https://*.example.org/v1/*'"
)]
pub struct RuleError(&'static str);

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// The text is none; says what is wrong.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let place = words.pop().ok_or(RuleError("a rule must not be empty"))?;
        let private = words.first() == Some(&"private");
        let methods = match &words[usize::from(private)..] {
            [] => Vec::new(),
            [methods] => methods.split(',').map(str::to_ascii_uppercase).collect(),
            _ => return Err(RuleError("there are too many words")),
        };
        let is_method = |method: &String| method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !methods
            .iter()
            .all(|method| is_method(method) && !method.is_empty())
        {
            return Err(RuleError("a method is a word of letters"));
        }
        let (scheme, rest) = place
            .split_once("://")
            .ok_or(RuleError("the scheme is missing"))?;
        if !matches!(scheme, "http" | "https") {
            return Err(RuleError("the scheme must be http or https"));
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = split_port(authority, scheme)?;
        Ok(Self {
            private,
            methods,
            scheme: scheme.to_owned(),
            host: host_of(host)?,
            port,
            path: path_of(path),
        })
    }

    /// Returns whether the rule allows a request. `host` is in small letters, without
    /// brackets or a dot at its end.
    pub(crate) fn allows(&self, method: &str, uri: &Uri, host: &str, port: u16) -> bool {
        let methods = &self.methods;
        (methods.is_empty() || methods.iter().any(|known| known == method))
            && uri.scheme_str() == Some(&self.scheme)
            && self.host.is(host)
            && self.port.is(port)
            && self.path.is(uri.path())
    }

    /// Returns whether the rule allows all that another one does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let methods = self.methods.is_empty()
            || (!other.methods.is_empty()
                && other
                    .methods
                    .iter()
                    .all(|method| self.methods.contains(method)));
        methods
            && self.scheme == other.scheme
            && self.host.covers(&other.host)
            && (self.port == Port::Any || self.port == other.port)
            && self.path.covers(&other.path)
    }

    /// Returns whether the rule allows a connection to an address that is not public.
    pub(crate) fn allows_private(&self, address: IpAddr) -> bool {
        self.private || self.host == Host::Address(address)
    }
}

impl Host {
    fn is(&self, host: &str) -> bool {
        match self {
            Self::Exactly(known) => known == host,
            Self::Below(domain) => {
                let is_below = host.len() > domain.len() && host.ends_with(domain.as_str());
                // An address has no names below it.
                is_below && host.parse::<IpAddr>().is_err()
            }
            Self::Address(known) => host.parse() == Ok(*known),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Below(domain), Self::Below(below)) => below.ends_with(domain.as_str()),
            (known, Self::Exactly(host)) => known.is(host),
            (known, other) => known == other,
        }
    }
}

impl Port {
    fn is(self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(known) => known == port,
        }
    }
}

impl Path {
    fn is(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(known) => known == path,
            // A server may take dots, also encoded ones, to lead out of the folder.
            Self::Below(folder) => path.starts_with(folder.as_str()) && !has_dots(path),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(folder), Self::Below(path) | Self::Exactly(path)) => {
                path.starts_with(folder.as_str()) && !has_dots(path)
            }
            (known, other) => known == other,
        }
    }
}

fn has_dots(path: &str) -> bool {
    let mut plain = path.to_ascii_lowercase();
    // Some servers decode twice.
    for _ in 0..2 {
        for (encoded, decoded) in [("%2e", "."), ("%2f", "/"), ("%5c", "/"), ("%3b", ";")] {
            plain = plain.replace(encoded, decoded);
        }
        plain = plain.replace('\\', "/").replace("%25", "%");
    }
    // Some take what follows a `;` for parameters of the part.
    let names = plain.split('/').map(|part| part.split(';').next());
    names.flatten().any(|name| matches!(name, "." | ".."))
}

fn split_port<'a>(authority: &'a str, scheme: &str) -> Result<(&'a str, Port), RuleError> {
    let own = Port::Exactly(if scheme == "https" { 443 } else { 80 });
    // The colons of an address in brackets are its own.
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(at) = authority[after_brackets..].rfind(':') else {
        return Ok((authority, own));
    };
    let (host, port) = authority.split_at(after_brackets + at);
    match &port[1..] {
        "*" => Ok((host, Port::Any)),
        number => match number.parse() {
            Ok(number) => Ok((host, Port::Exactly(number))),
            Err(_) => Err(RuleError("a port is a number, or *")),
        },
    }
}

fn host_of(text: &str) -> Result<Host, RuleError> {
    let text = text.to_ascii_lowercase();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(Host::Address(address));
    }
    let (name, host) = match text.strip_prefix("*.") {
        Some(domain) => (domain, Host::Below(format!(".{domain}"))),
        None => (text.as_str(), Host::Exactly(text.clone())),
    };
    let is_letter =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    if name.is_empty() || !name.chars().all(is_letter) {
        return Err(RuleError("the host is a name, *.DOMAIN, or an address"));
    }
    Ok(host)
}

fn path_of(text: &str) -> Path {
    match text.strip_suffix('*') {
        _ if text.is_empty() => Path::Any,
        Some(folder) => Path::Below(folder.to_owned()),
        None => Path::Exactly(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, method: &str, url: &str) -> bool {
        let uri: Uri = url.parse().unwrap();
        let host = uri
            .host()
            .unwrap()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        let own = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(own);
        Rule::parse(rule).unwrap().allows(method, &uri, &host, port)
    }

    #[test]
    fn a_rule_allows_what_it_says() {
        for (rule, url) in [
            ("https://api.example.org", "https://api.example.org/any?q=1"),
            ("https://API.example.org", "https://api.EXAMPLE.org/"),
            ("https://*.example.org", "https://a.b.example.org/"),
            ("https://api.example.org:*", "https://api.example.org:8443/"),
            (
                "GET,post https://api.example.org",
                "https://api.example.org/",
            ),
            ("private http://intranet:8080", "http://intranet:8080/x"),
            (
                "https://api.example.org/v1/*",
                "https://api.example.org/v1/a/b",
            ),
            (
                "https://api.example.org/v1",
                "https://api.example.org/v1?q=1",
            ),
            ("http://127.0.0.1:9", "http://127.0.0.1:9/"),
            ("http://[::1]:9", "http://[::1]:9/"),
        ] {
            assert!(allows(rule, "GET", url), "{rule} must allow {url}");
        }
    }

    #[test]
    fn a_rule_allows_nothing_else() {
        for (rule, url) in [
            ("https://api.example.org", "http://api.example.org/"),
            ("https://api.example.org", "https://api.example.org:8443/"),
            (
                "https://api.example.org",
                "https://api.example.org.evil.net/",
            ),
            ("https://*.example.org", "https://example.org/"),
            ("https://*.example.org", "https://badexample.org/"),
            ("POST https://api.example.org", "https://api.example.org/"),
            ("https://api.example.org/v1/*", "https://api.example.org/v2"),
            (
                "https://api.example.org/v1/*",
                "https://api.example.org/v1/../admin",
            ),
            (
                "https://api.example.org/v1/*",
                "https://api.example.org/v1/%2E%2e/admin",
            ),
            (
                "https://api.example.org/v1/*",
                "https://api.example.org/v1/..%2Fadmin",
            ),
            (
                "https://api.example.org/v1/*",
                "https://api.example.org/v1/%252e%252e/admin",
            ),
            (
                "https://api.example.org/v1/*",
                "https://api.example.org/v1/..;a=b/admin",
            ),
            (
                "https://api.example.org/v1/*",
                "https://api.example.org//v1/a",
            ),
            ("https://api.example.org/v1", "https://api.example.org/v1/x"),
            ("http://127.0.0.1:9", "http://127.0.0.2:9/"),
        ] {
            assert!(!allows(rule, "GET", url), "{rule} must not allow {url}");
        }
    }

    #[test]
    fn a_rule_covers_what_it_would_allow() {
        let covers = |wide: &str, narrow: &str| {
            Rule::parse(wide)
                .unwrap()
                .covers(&Rule::parse(narrow).unwrap())
        };
        for (wide, narrow) in [
            ("https://a.example.org", "GET https://a.example.org/v1/*"),
            (
                "GET,POST https://*.example.org",
                "GET https://*.a.example.org/x",
            ),
            (
                "https://*.example.org:*/v1/*",
                "https://b.example.org:8443/v1/x/*",
            ),
            ("https://a.example.org/x", "https://a.example.org/x"),
            ("http://[::1]:9", "http://[::1]:9/x"),
        ] {
            assert!(covers(wide, narrow), "{wide} must cover {narrow}");
        }
        for (wide, narrow) in [
            ("GET https://a.example.org", "https://a.example.org"),
            ("GET https://a.example.org", "GET,PUT https://a.example.org"),
            ("https://a.example.org", "http://a.example.org"),
            ("https://a.example.org", "https://*.example.org"),
            ("https://*.a.example.org", "https://*.example.org"),
            ("https://a.example.org", "https://a.example.org:8443"),
            ("https://a.example.org:8443", "https://a.example.org:*"),
            ("https://a.example.org/v1/*", "https://a.example.org/v2/*"),
            ("https://a.example.org/v1/*", "https://a.example.org"),
            ("https://a.example.org/v1", "https://a.example.org/v1*"),
            ("https://*.0.0.1", "https://127.0.0.1"),
        ] {
            assert!(!covers(wide, narrow), "{wide} must not cover {narrow}");
        }
    }

    #[test]
    fn other_texts_are_no_rules() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https://*",
            "https://a*b.org",
            "https://user@example.org",
            "https://example.org:http",
            "private GET please https://example.org",
            "GET, https://example.org",
        ] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }
}
