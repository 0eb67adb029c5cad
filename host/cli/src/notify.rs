//! What notifications need of the operator: the mail relay, and what links begin with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use stepwell_engine::{MailError, MailSettings, Mailer, NotificationConfig};

use crate::exit::CliError;

/// Bytes of a file with a password, at most.
const PASSWORD_MAX_BYTES: usize = 4_096;

/// How people are told.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct NotifyArgs {
    /// Mail relay for notifications: `smtps://[USER@]HOST`, `smtp://[USER@]HOST` for STARTTLS,
    /// or `smtp://HOST?tls=none` on a network of your own
    #[arg(
        long,
        env = "STEPWELL_SMTP_URL",
        value_name = "URL",
        requires = "smtp_from"
    )]
    smtp_url: Option<String>,
    /// File of the password of the URL's user
    #[arg(
        long,
        env = "STEPWELL_SMTP_PASSWORD_FILE",
        value_name = "FILE",
        requires = "smtp_url"
    )]
    smtp_password_file: Option<PathBuf>,
    /// From whom mails are: 'Stepwell <stepwell@example.com>'
    #[arg(
        long,
        env = "STEPWELL_SMTP_FROM",
        value_name = "SENDER",
        requires = "smtp_url"
    )]
    smtp_from: Option<String>,
    /// To whom tenants may have mails sent: an address, '*@example.com', or 'any'; may be
    /// given several times. Without it, to nobody
    #[arg(
        long,
        env = "STEPWELL_SMTP_ALLOW",
        value_name = "PATTERN",
        value_delimiter = ',',
        requires = "smtp_url"
    )]
    smtp_allow: Vec<String>,
    /// Where people reach this host, for links in notifications: `https://stepwell.example.com`
    #[arg(long, env = "STEPWELL_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
}

impl NotifyArgs {
    /// Reads the settings.
    ///
    /// # Errors
    /// What is given cannot be; the message names the option.
    pub(crate) fn load(&self) -> Result<NotificationConfig, CliError> {
        if let Some(url) = &self.public_url
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            return Err(CliError::usage(format!(
                "--public-url {url:?} must begin with https:// or http://"
            )));
        }
        let mailer = match (&self.smtp_url, &self.smtp_from) {
            (Some(url), Some(from)) => Some(Arc::new(self.mailer(url, from)?)),
            _ => None,
        };
        if mailer.is_some() && self.smtp_allow.is_empty() {
            tracing::warn!("no mail may go to anybody: allow some with --smtp-allow");
        }
        Ok(NotificationConfig {
            mailer,
            public_url: self.public_url.clone(),
        })
    }

    fn mailer(&self, url: &str, from: &str) -> Result<Mailer, CliError> {
        let file = self.smtp_password_file.as_deref();
        let settings = MailSettings {
            url: url.to_owned(),
            password: file.map(read_password).transpose()?,
            from: from.to_owned(),
            allow: self.smtp_allow.clone(),
        };
        Mailer::new(&settings).map_err(|error| match error {
            MailError::Settings { option, reason } => {
                let option = match option {
                    "password" => "password-file",
                    other => other,
                };
                CliError::usage(format!("--smtp-{option}: {reason}"))
            }
            other => CliError::usage(other.to_string()),
        })
    }
}

/// Reads a password that its owner alone can read; the line's end is none of it.
fn read_password(file: &Path) -> Result<String, CliError> {
    let shown = file.display();
    let failed = |error| CliError::usage(format!("cannot read the password in {shown}: {error}"));
    let mode = fs::metadata(file).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(CliError::usage(format!(
            "others than its owner have permissions on {shown}: chmod 600 it"
        )));
    }
    let text = fs::read_to_string(file).map_err(failed)?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > PASSWORD_MAX_BYTES || password.contains('\n') {
        return Err(CliError::usage(format!(
            "{shown} must hold one line, which is the password"
        )));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: &str) -> NotifyArgs {
        NotifyArgs {
            smtp_url: Some(url.to_owned()),
            smtp_from: Some("stepwell@example.com".to_owned()),
            smtp_allow: vec!["*@example.com".to_owned()],
            ..NotifyArgs::default()
        }
    }

    #[test]
    fn a_password_is_one_line_that_its_owner_alone_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let mut with_user = args("smtps://ada@relay.example.com");
        with_user.smtp_password_file = Some(file.clone());
        fs::write(&file, "hunter2\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = with_user.load().unwrap_err().message().to_owned();
        assert!(refused.contains("chmod 600"), "{refused}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(with_user.load().unwrap().mailer.is_some());
        fs::write(&file, "one\ntwo\n").unwrap();
        assert!(with_user.load().is_err());
    }

    #[test]
    fn what_cannot_be_names_its_option() {
        for (url, said) in [
            ("smtps://ada@relay.example.com", "--smtp-password-file"),
            ("relay.example.com", "--smtp-url"),
        ] {
            let refused = args(url).load().unwrap_err().message().to_owned();
            assert!(refused.contains(said), "{refused}");
        }
        let mut other = args("smtps://relay.example.com");
        other.smtp_allow = vec!["example.com".to_owned()];
        let refused = other.load().unwrap_err().message().to_owned();
        assert!(refused.contains("--smtp-allow"), "{refused}");
        other = NotifyArgs::default();
        other.public_url = Some("stepwell.example.com".to_owned());
        assert!(other.load().is_err());
    }
}
