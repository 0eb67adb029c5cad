//! What a Task state grants to its component: an extension of the language.
//!
//! Everything that is not written here is denied. The host's operator and the tenant's
//! policy narrow it further; nothing widens it.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

/// Most entries of each list of a grant.
pub const GRANT_ENTRIES_MAX: usize = 50;

/// Most characters of a secret's or configuration value's name.
pub const GRANT_NAME_MAX_CHARS: usize = 128;

/// What a state grants to its component (`Grants`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Secrets, each once, in the order of the text.
    pub secrets: Vec<SecretGrant>,
    /// Where HTTP requests may go, in the order of the text.
    pub http: Vec<HttpGrant>,
    /// Names of configuration values, each once, in the order of the text.
    pub config: Vec<String>,
}

/// A secret that a task may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretGrant {
    /// Its name.
    pub name: String,
    /// Whether the task gets the value. If not, it gets a placeholder, which the host
    /// replaces on the way out to where [`HttpGrant::secrets`] lists it.
    pub reveal: bool,
}

/// Where a task may send HTTP requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    /// A name, `*.DOMAIN` for all names below a domain, or an address; in small letters.
    /// An IPv6 address stands in brackets.
    pub host: String,
    /// The port; none for the one that the scheme has by itself.
    pub port: Option<u16>,
    /// `https`, `http`; never empty.
    pub schemes: Vec<&'static str>,
    /// Methods in capitals; never empty.
    pub methods: Vec<&'static str>,
    /// Paths, of which a `*` at the end stands for any rest; never empty.
    pub paths: Vec<String>,
    /// Names of the secrets that are put into requests that this entry allows. All of
    /// them are granted.
    pub secrets: Vec<String>,
}

/// Methods that a grant can name.
pub const GRANT_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Methods of an entry that names none: those that change nothing (RFC 9110, 9.2.1) and
/// fetch something.
pub(crate) const DEFAULT_METHODS: [&str; 2] = ["GET", "HEAD"];

/// Schemes that a grant can name. The first is that of an entry that names none.
pub const GRANT_SCHEMES: [&str; 2] = ["https", "http"];

/// Paths of an entry that names none: all.
pub(crate) const ANY_PATH: &str = "/*";

impl Grants {
    /// Finds the grant of a secret.
    pub fn secret(&self, name: &str) -> Option<&SecretGrant> {
        self.secrets.iter().find(|secret| secret.name == name)
    }

    /// Says whether a configuration value is granted.
    pub fn grants_config(&self, name: &str) -> bool {
        self.config.iter().any(|granted| granted == name)
    }

    /// Returns the grants as definitions write them, with all that is granted by default.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let secrets = self
            .secrets
            .iter()
            .map(|secret| json!({ "Name": secret.name, "Reveal": secret.reveal }));
        let http = self.http.iter().map(|grant| {
            json!({
                "Host": match grant.port {
                    Some(port) => format!("{}:{port}", grant.host),
                    None => grant.host.clone(),
                },
                "Schemes": grant.schemes,
                "Methods": grant.methods,
                "Paths": grant.paths,
                "Secrets": grant.secrets,
            })
        });
        json!({
            "Secrets": secrets.collect::<Vec<_>>(),
            "Http": http.collect::<Vec<_>>(),
            "Config": self.config,
        })
    }

    /// Says whether nothing at all is granted.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.http.is_empty() && self.config.is_empty()
    }
}

/// Says whether a text can name a secret or a configuration value: 1 to
/// [`GRANT_NAME_MAX_CHARS`] letters, digits and `/ _ + = . @ -` of ASCII, as AWS Secrets
/// Manager names its secrets.
pub fn is_grant_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    (1..=GRANT_NAME_MAX_CHARS).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Reads `HOST[:PORT]` of an entry.
///
/// # Errors
/// What is wrong, and what to write.
pub(crate) fn host_and_port(text: &str) -> Result<(String, Option<u16>), (String, &'static str)> {
    const PLAIN: &str = "write the host alone, as in 'api.example.com' or 'api.example.com:8443'; \
                         schemes and paths have fields of their own";
    if text.contains("://") || text.contains(['/', '@', '?', '#', '\\']) {
        return Err((format!("'{text}' is more than a host"), PLAIN));
    }
    let lower = text.to_ascii_lowercase();
    // The colons of an address in brackets are its own.
    let after_brackets = lower.rfind(']').map_or(0, |at| at + 1);
    let port_at = lower[after_brackets..]
        .find(':')
        .map(|at| after_brackets + at);
    let (host, port) = match port_at {
        None => (lower.as_str(), None),
        Some(at) => match lower[at + 1..].parse() {
            Ok(port) if port != 0 => (&lower[..at], Some(port)),
            _ => {
                let message = format!("'{text}' has no port that exists");
                return Err((message, "write a port from 1 to 65535 after the colon"));
            }
        },
    };
    check_host(host).map_err(|hint| (format!("'{text}' is no host"), hint))?;
    Ok((host.to_owned(), port))
}

/// Expects a name, `*.DOMAIN`, or an address in the one form that all programs read alike.
fn check_host(host: &str) -> Result<(), &'static str> {
    if let Some(bracketed) = host.strip_prefix('[') {
        let address = bracketed.strip_suffix(']').map(str::parse::<Ipv6Addr>);
        return match address {
            Some(Ok(_)) => Ok(()),
            _ => Err("write an IPv6 address in brackets, as in '[2001:db8::1]'"),
        };
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |label: &&str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_letter)
    };
    if name.len() > 253 || !labels.iter().all(is_label) {
        return Err(
            "write a name such as 'api.example.com', '*.example.com' for all names \
                    below it, or an address",
        );
    }
    // What ends like a number is read as an address by some programs, whatever it is.
    let ends_as_number = labels.last().is_some_and(|last| {
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")
    });
    if ends_as_number && host.parse::<Ipv4Addr>().is_err() {
        return Err("write an IPv4 address as four decimal numbers, as in '192.0.2.1'");
    }
    Ok(())
}

/// Expects a path that means one thing to everybody: from the root, and without parts
/// that a server may take out of it.
///
/// # Errors
/// What to write.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("begin it with '/', as in '/v1/orders' or '/v1/*'");
    }
    let stem = path.strip_suffix('*').unwrap_or(path);
    if stem.contains('*') {
        return Err("'*' stands at the end alone");
    }
    if stem.contains(['?', '#']) {
        return Err("a grant has no query: it allows any");
    }
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if !stem.bytes().all(is_plain) {
        return Err("percent-encode what is no printable ASCII, and '\\'");
    }
    if is_ambiguous(stem) {
        return Err(
            "leave out '.', '..', empty parts and their encoded forms: servers read \
                    them in different ways",
        );
    }
    Ok(())
}

/// Says whether servers may read a path as another one.
fn is_ambiguous(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let has_encoded = ["%2e", "%2f", "%5c", "%00"]
        .iter()
        .any(|encoded| lower.contains(encoded));
    has_encoded || lower.contains("//") || lower.split('/').any(|part| matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_wildcards_and_addresses() {
        for (text, host, port) in [
            ("api.example.com", "api.example.com", None),
            ("API.Example.COM:8443", "api.example.com", Some(8443)),
            ("*.example.com", "*.example.com", None),
            ("localhost:80", "localhost", Some(80)),
            ("192.0.2.1:9", "192.0.2.1", Some(9)),
            ("[2001:DB8::1]", "[2001:db8::1]", None),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("1.example.com", "1.example.com", None),
        ] {
            let found = host_and_port(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(found, (host.to_owned(), port), "{text}");
        }
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = format!("{}example", "a.".repeat(130));
        for text in [
            "",
            "*",
            "*.",
            "a.*.example.com",
            "*example.com",
            "api.example.com.",
            "a..example.com",
            "https://api.example.com",
            "api.example.com/v1",
            "user@api.example.com",
            "api.example.com:",
            "api.example.com:0",
            "api.example.com:65536",
            "api.example.com:https",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "*.1",
            "*.192.0.2.1",
            "{% $host %}",
            "bücher.example",
            &long_label,
            &long_name,
        ] {
            assert!(host_and_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_mean_one_thing() {
        for path in ["/", "/*", "/v1/orders", "/v1/*", "/v1*", "/a%20b/~c"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for path in [
            "",
            "v1",
            "*",
            "/v*/x",
            "/**",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/..",
            "/%2E%2e/b",
            "/a%2fb",
            "/a\\b",
            "/a%5Cb",
            "/a?b=c",
            "/a#b",
            "/a b",
            "/ä",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn names_have_the_letters_of_secrets() {
        for name in ["a", "prod/stripe-key", "A.b_c+d=e@f", &"n".repeat(128)] {
            assert!(is_grant_name(name), "{name}");
        }
        for name in ["", "a b", "a:b", "$.a", "{% $a %}", "ä", &"n".repeat(129)] {
            assert!(!is_grant_name(name), "{name}");
        }
    }
}
