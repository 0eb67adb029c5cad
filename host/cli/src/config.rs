//! Where the host is, where its data are, and what proves who asks.

use std::env;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::exit::CliError;

/// Where `serve` listens, and commands call, unless they are told.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:7400";

/// Variable that names the data folder.
const DATA_VARIABLE: &str = "STEPWELL_DATA";

/// File of the admin's token in the data folder, readable by its owner alone.
pub(crate) const ADMIN_TOKEN_FILE: &str = "admin-token";

/// File with the address of the running host in the data folder.
pub(crate) const ADDRESS_FILE: &str = "address";

/// A secret that opens the API. It has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps a secret; blanks around it, such as a file's last line end, are no part of it.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The secret itself, for the request that it is meant for.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The base address of a host's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    base: String,
    host: String,
}

impl ServerUrl {
    /// Reads a URL, such as `http://127.0.0.1:7400` or `https://flows.example.com/stepwell`.
    ///
    /// # Errors
    /// If it is no HTTP URL of a host, or holds a name and password or a query.
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let wrong = |reason: &str| {
            CliError::usage(format!("the server {text:?} {reason}"))
                .hint("write it as http://127.0.0.1:7400, in --server or STEPWELL_SERVER")
        };
        let base = text.trim().trim_end_matches('/');
        let uri: ureq::http::Uri = base
            .parse()
            .map_err(|error| wrong(&format!("is no URL ({error})")))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong("does not begin with http:// or https://"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong(
                "may hold a host, a port and a path, and nothing else",
            ));
        }
        Ok(Self {
            base: base.to_owned(),
            host: authority.host().to_owned(),
        })
    }

    /// The URL of a path that begins with a slash.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// The folder that holds all of a host's data: the one that is given, else the one that
/// `STEPWELL_DATA` names, else `stepwell` in the user's data folder, which does not depend
/// on where a command is given.
///
/// # Errors
/// If nothing says where, and the user has no home.
pub(crate) fn data_folder(given: Option<&Path>) -> Result<PathBuf, CliError> {
    let named = || env::var_os(DATA_VARIABLE).filter(|name| !name.is_empty());
    if let Some(folder) = given
        .map(Path::to_owned)
        .or_else(|| named().map(PathBuf::from))
    {
        return Ok(folder);
    }
    platform_data_folder(&|name| env::var_os(name).map(PathBuf::from)).ok_or_else(|| {
        CliError::usage("there is no folder for the data: HOME is not set")
            .hint("name one with --data DIR or STEPWELL_DATA")
    })
}

/// The convention of the platform, for an environment.
fn platform_data_folder(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // A relative path in these is invalid by their specification, and is ignored.
    let folder = |name| variable(name).filter(|path| path.is_absolute());
    let base = if cfg!(target_os = "macos") {
        folder("HOME")?.join("Library/Application Support")
    } else if cfg!(windows) {
        folder("LOCALAPPDATA")?
    } else {
        folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")))?
    };
    Some(base.join("stepwell"))
}

/// The token that a command shows: the one it was given, else, for a host on this machine,
/// the admin's token in the data folder. That file is never sent anywhere else.
///
/// # Errors
/// If the token that was given is empty, or the file is there but cannot be read.
pub(crate) fn find_token(
    given: Option<&Secret>,
    server: &ServerUrl,
    data: Option<&Path>,
) -> Result<Option<Secret>, CliError> {
    if let Some(token) = given {
        // Whoever meant somebody's token must not become somebody else.
        if token.0.is_empty() {
            return Err(CliError::usage("the token is empty")
                .hint("STEPWELL_TOKEN or --token is set to nothing: give a token, or unset it"));
        }
        return Ok(Some(token.clone()));
    }
    if !server.is_loopback() {
        return Ok(None);
    }
    let Ok(folder) = data_folder(data) else {
        return Ok(None);
    };
    let file = folder.join(ADMIN_TOKEN_FILE);
    match std::fs::read_to_string(&file) {
        Ok(token) => Ok(Some(Secret::new(&token))),
        // A folder that is another user's is no data folder of ours.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(CliError::usage(format!(
            "cannot read {}: {error}",
            file.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_http_url_of_a_host() {
        let server = ServerUrl::parse("https://flows.example.com/stepwell/").unwrap();
        assert_eq!(
            server.join("/v1/executions"),
            "https://flows.example.com/stepwell/v1/executions"
        );
        for wrong in [
            "",
            "127.0.0.1:7400",
            "ftp://host",
            "http://",
            "http://a:b@host",
            "http://host/?q=1",
        ] {
            assert!(ServerUrl::parse(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn the_admins_token_on_disk_goes_to_this_machine_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ADMIN_TOKEN_FILE), "stw_abc\n").unwrap();
        let token_for = |url: &str| {
            find_token(None, &ServerUrl::parse(url).unwrap(), Some(folder.path())).unwrap()
        };
        for url in [
            "http://127.0.0.1:7400",
            "http://localhost:1",
            "http://[::1]:7400",
        ] {
            assert_eq!(token_for(url), Some(Secret::new("stw_abc")), "{url}");
        }
        for url in [
            "http://192.0.2.1:7400",
            "http://localhost.example.com",
            "https://127.0.0.1.example.com",
        ] {
            assert_eq!(token_for(url), None, "{url}");
        }
    }

    #[test]
    fn an_empty_token_is_no_token_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ADMIN_TOKEN_FILE), "stw_abc\n").unwrap();
        let server = ServerUrl::parse("http://127.0.0.1:7400").unwrap();
        let empty = find_token(Some(&Secret::new(" ")), &server, Some(folder.path()));
        assert_eq!(empty.unwrap_err().message(), "the token is empty");
    }

    #[test]
    fn a_token_that_is_given_wins_and_no_file_is_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let server = ServerUrl::parse("http://127.0.0.1:7400").unwrap();
        let given = Secret::new("given");
        assert_eq!(
            find_token(Some(&given), &server, None).unwrap(),
            Some(given)
        );
        assert_eq!(
            find_token(None, &server, Some(folder.path())).unwrap(),
            None
        );
        assert_eq!(format!("{:?}", Secret::new("abc")), "Secret(…)");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_data_folder_follows_the_platform() {
        let of = |xdg: Option<&str>, home: Option<&str>| {
            platform_data_folder(&|name| match name {
                "XDG_DATA_HOME" => xdg.map(PathBuf::from),
                "HOME" => home.map(PathBuf::from),
                _ => None,
            })
        };
        assert_eq!(of(Some("/x"), Some("/h")), Some("/x/stepwell".into()));
        assert_eq!(
            of(Some("relative"), Some("/h")),
            Some("/h/.local/share/stepwell".into())
        );
        assert_eq!(of(None, None), None);
    }
}
