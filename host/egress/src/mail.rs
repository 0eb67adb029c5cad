//! Sends mails through the operator's relay, to whom the operator allows it.
//!
//! The relay is the operator's own choice, so its address is not held against the rules of
//! tenants' requests. Whom mails go to is: nobody, unless a pattern allows them.

use std::fmt;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, Message, SmtpTransport, Transport as _};
use ureq::http::Uri;

use crate::permit::port_of;

/// How long the relay may take for a step of the conversation.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of a subject, at most: longer ones are cut.
const SUBJECT_MAX_CHARS: usize = 200;

/// Where mails go, and from whom they are.
#[derive(Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// The relay: `smtps://[USER@]HOST[:465]` for TLS from the start,
    /// `smtp://[USER@]HOST[:587]` for STARTTLS, which is demanded, or
    /// `smtp://HOST[:25]?tls=none` for a relay on the host's own network.
    pub url: String,
    /// The password of the URL's user.
    pub password: Option<String>,
    /// From whom: `Stepwell <stepwell@example.com>`.
    pub from: String,
    /// To whom: an address, `*@DOMAIN`, or `any`.
    pub allow: Vec<String>,
}

impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailSettings")
            .field("url", &self.url)
            .field("from", &self.from)
            .field("allow", &self.allow)
            .finish_non_exhaustive()
    }
}

/// Why there is no mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The settings are none.
    #[error("{option}: {reason}")]
    Settings {
        /// Which of them: `url`, `password`, `from`, `allow`.
        option: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// It is no address.
    #[error("{0:?} is no mail address; write it as name@example.com")]
    NoAddress(String),
    /// The operator does not allow the recipient.
    #[error(
        "mails to {0} are not allowed; whoever runs the host allows them with --smtp-allow '{1}'"
    )]
    Denied(String, String),
    /// The relay did not take it.
    #[error("{reason}")]
    Failed {
        /// What it said, or what went wrong.
        reason: String,
        /// Whether it will say the same again.
        permanent: bool,
    },
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id, the same each time it is sent: letters, digits and `_`.
    pub id: String,
    /// To whom.
    pub to: Vec<String>,
    /// The subject; characters that would end its line are replaced.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Whom mails may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Recipients {
    Any,
    Domain(String),
    Exactly(String),
}

/// Sends mails.
#[derive(Clone)]
pub struct Mailer {
    transport: SmtpTransport,
    from: Mailbox,
    allow: Vec<Recipients>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer")
            .field("from", &self.from.to_string())
            .field("allow", &self.allow)
            .finish_non_exhaustive()
    }
}

impl Mailer {
    /// Makes a sender. Connects to nothing yet.
    ///
    /// # Errors
    /// [`MailError::Settings`].
    pub fn new(settings: &MailSettings) -> Result<Self, MailError> {
        let from = settings.from.parse().map_err(|_none| {
            let reason = format!(
                "{:?} is no sender; write it as 'Stepwell <stepwell@example.com>'",
                settings.from
            );
            refused("from", reason)
        })?;
        let allow = settings.allow.iter().map(|pattern| recipients(pattern));
        Ok(Self {
            transport: transport(settings)?,
            from,
            allow: allow.collect::<Result<_, _>>()?,
        })
    }

    /// Says whether a mail may go to an address.
    ///
    /// # Errors
    /// [`MailError::NoAddress`], [`MailError::Denied`].
    pub fn check_recipient(&self, address: &str) -> Result<(), MailError> {
        let known: Address = address
            .parse()
            .map_err(|_none| MailError::NoAddress(address.to_owned()))?;
        let domain = known.domain().to_ascii_lowercase();
        let allowed = self.allow.iter().any(|allowed| match allowed {
            Recipients::Any => true,
            Recipients::Domain(wanted) => domain == *wanted && !is_routed(known.user()),
            Recipients::Exactly(wanted) => address.eq_ignore_ascii_case(wanted),
        });
        if allowed {
            return Ok(());
        }
        Err(MailError::Denied(address.to_owned(), format!("*@{domain}")))
    }

    /// Sends a mail. Blocks until the relay has taken it.
    ///
    /// # Errors
    /// Those of [`Mailer::check_recipient`], [`MailError::Failed`].
    pub fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut to = Mailboxes::new();
        for address in &mail.to {
            self.check_recipient(address)?;
            let known = address
                .parse()
                .map_err(|_none| MailError::NoAddress(address.clone()))?;
            to.push(Mailbox::new(None, known));
        }
        let (envelope, bytes) = self.message(to, mail)?;
        let sent = self.transport.send_raw(&envelope, &bytes);
        sent.map(|_taken| ()).map_err(|error| {
            let said = std::error::Error::source(&error).map(ToString::to_string);
            let reason = match said {
                Some(said) => format!("the mail relay did not take it: {error}: {said}"),
                None => format!("the mail relay did not take it: {error}"),
            };
            MailError::Failed {
                reason: one_line(&reason),
                permanent: error.is_permanent(),
            }
        })
    }

    fn message(&self, to: Mailboxes, mail: &Mail) -> Result<(Envelope, Vec<u8>), MailError> {
        let host = self.from.email.domain();
        let subject: String = one_line(&mail.subject)
            .chars()
            .take(SUBJECT_MAX_CHARS)
            .collect();
        let message = Message::builder()
            .from(self.from.clone())
            .mailbox(lettre::message::header::To::from(to))
            .subject(subject)
            .message_id(Some(format!("<{}@{host}>", one_line(&mail.id))))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| MailError::Failed {
                reason: format!("the mail cannot be written: {error}"),
                permanent: true,
            })?;
        Ok((message.envelope().clone(), message.formatted()))
    }
}

/// Whether the name before the `@` is an address itself, which old relays send the mail on to:
/// `a%elsewhere.org`, `elsewhere.org!a`, `a@elsewhere.org` in quotes.
fn is_routed(user: &str) -> bool {
    user.contains(['%', '!', '@', ':'])
}

/// Puts blanks in the place of what would end a header's line, and of all else that is not
/// shown.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

fn refused(option: &'static str, reason: String) -> MailError {
    MailError::Settings { option, reason }
}

fn recipients(pattern: &str) -> Result<Recipients, MailError> {
    if pattern == "any" {
        return Ok(Recipients::Any);
    }
    if let Some(domain) = pattern.strip_prefix("*@") {
        let is_domain = format!("a@{domain}").parse::<Address>().is_ok();
        if is_domain {
            return Ok(Recipients::Domain(domain.to_ascii_lowercase()));
        }
    } else if pattern.parse::<Address>().is_ok() {
        return Ok(Recipients::Exactly(pattern.to_owned()));
    }
    let reason = format!("{pattern:?} is neither an address, nor '*@example.com', nor 'any'");
    Err(refused("allow", reason))
}

fn transport(settings: &MailSettings) -> Result<SmtpTransport, MailError> {
    let invalid = |reason: &str| {
        let form = "write smtps://[USER@]HOST[:PORT], smtp://[USER@]HOST[:PORT] or \
                    smtp://HOST[:PORT]?tls=none";
        refused("url", format!("{reason}; {form}"))
    };
    let uri: Uri = settings
        .url
        .parse()
        .map_err(|_none| invalid("it is no URL"))?;
    let host = uri.host().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| invalid("it names no host"))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    if user.is_some_and(|user| user.contains(':')) {
        return Err(invalid(
            "it holds a password, which others can see: give it in a file",
        ));
    }
    let parameters = || {
        let made = TlsParameters::new(host.to_owned());
        made.map_err(|error| invalid(&format!("TLS cannot be set up: {error}")))
    };
    let (tls, port) = match (uri.scheme_str(), uri.query()) {
        (Some("smtps"), None) => (Tls::Wrapper(parameters()?), 465),
        (Some("smtp"), None) => (Tls::Required(parameters()?), 587),
        (Some("smtp"), Some("tls=none")) => (Tls::None, 25),
        _ => return Err(invalid("its scheme or its parameters are not known")),
    };
    let in_the_clear = matches!(tls, Tls::None);
    let mut builder = SmtpTransport::builder_dangerous(host)
        .port(
            port_of(&uri)
                .map_err(|reason| invalid(&reason))?
                .unwrap_or(port),
        )
        .tls(tls)
        .timeout(Some(TIMEOUT));
    match (user, &settings.password) {
        (None, None) => {}
        (Some(_), Some(_)) if in_the_clear => {
            return Err(invalid("a password would be sent in the clear"));
        }
        (Some(user), Some(password)) => {
            let user = user.replace("%40", "@");
            builder = builder.credentials(Credentials::new(user, password.clone()));
        }
        (Some(user), None) => {
            let reason = format!("the URL names the user {user:?}, whose password is not given");
            return Err(refused("password", reason));
        }
        (None, Some(_)) => {
            let reason = "the URL names no user for it".to_owned();
            return Err(refused("password", reason));
        }
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> MailSettings {
        MailSettings {
            url: url.to_owned(),
            password: None,
            from: "Stepwell <stepwell@example.com>".to_owned(),
            allow: vec!["*@example.com".to_owned(), "eve@example.net".to_owned()],
        }
    }

    fn mailer() -> Mailer {
        Mailer::new(&settings("smtp://relay.example.com:25?tls=none")).unwrap()
    }

    #[test]
    fn relays_are_told_apart_by_their_urls() {
        for url in [
            "smtps://relay.example.com",
            "smtp://relay.example.com:2525",
            "smtp://127.0.0.1:25?tls=none",
        ] {
            assert!(Mailer::new(&settings(url)).is_ok(), "{url}");
        }
        for (url, said) in [
            ("relay.example.com", "not known"),
            ("http://relay.example.com", "not known"),
            ("smtp://relay.example.com?tls=maybe", "not known"),
            ("smtps://ada:pass@relay.example.com", "holds a password"),
            ("smtps://ada@relay.example.com", "password is not given"),
        ] {
            let error = Mailer::new(&settings(url)).unwrap_err().to_string();
            assert!(error.contains(said), "{url}: {error}");
            assert!(!error.contains("ada:pass"), "{error}");
        }
        let mut clear = settings("smtp://ada@relay.example.com?tls=none");
        clear.password = Some("pass".to_owned());
        let error = Mailer::new(&clear).unwrap_err().to_string();
        assert!(error.contains("in the clear"), "{error}");
        assert!(!format!("{clear:?}").contains("pass\""), "{clear:?}");
    }

    #[test]
    fn mails_go_to_whom_the_operator_allows() {
        let mailer = mailer();
        for address in ["ada@example.com", "ada@EXAMPLE.com", "Eve@example.net"] {
            assert_eq!(mailer.check_recipient(address), Ok(()));
        }
        for address in [
            "ada@example.net",
            "ada@sub.example.com",
            "ada@example.com.evil",
            "evil%x.org@example.com",
            "x.org!a@example.com",
        ] {
            let denied = mailer.check_recipient(address).unwrap_err();
            assert!(matches!(denied, MailError::Denied(..)), "{denied:?}");
            let said = denied.to_string();
            assert!(said.contains("whoever runs the host allows them"), "{said}");
        }
        for address in [
            "ada",
            "",
            "a@b@example.com",
            "Ada <ada@example.com>",
            "ada@example.com\r\nBcc: eve@example.org",
            "ada@example.com, eve@example.org",
        ] {
            let none = mailer.check_recipient(address);
            assert!(matches!(none, Err(MailError::NoAddress(_))), "{none:?}");
        }
        let port = Mailer::new(&settings("smtps://relay.example.com:73097"));
        assert!(port.unwrap_err().to_string().contains("no port"));
        let mut wrong = settings("smtps://relay.example.com");
        wrong.allow = vec!["example.com".to_owned()];
        assert!(
            Mailer::new(&wrong)
                .unwrap_err()
                .to_string()
                .contains("allow")
        );
    }

    #[test]
    fn no_text_adds_a_header() {
        let mail = Mail {
            id: "msg_1".to_owned(),
            to: vec!["ada@example.com".to_owned()],
            subject: "order\r\nBcc: eve@example.org\r\n\r\nfailed: ä\u{2028}".to_owned(),
            text: "first\n.\n<b onclick='x()'>last</b>\r\nBcc: eve@example.org".to_owned(),
        };
        let mut to = Mailboxes::new();
        to.push("ada@example.com".parse().unwrap());
        let (envelope, bytes) = mailer().message(to, &mail).unwrap();
        assert_eq!(envelope.to().len(), 1);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split(':').next())
            .collect();
        let expected = [
            "From",
            "To",
            "Subject",
            "Message-ID",
            "Auto-Submitted",
            "Content-Type",
            "Content-Transfer-Encoding",
            "Date",
        ];
        let mut names = names;
        names.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected, "{head}");
        assert!(head.contains("Message-ID: <msg_1@example.com>"), "{head}");
        // What a text has of HTML is text, and what looks like a header is in the body.
        assert!(
            head.contains("Content-Type: text/plain; charset=utf-8"),
            "{head}"
        );
        assert!(body.contains("first"), "{body}");
        assert!(body.contains("<b onclick='x()'>last</b>"), "{body}");
        assert!(body.contains("Bcc: eve@example.org"), "{body}");
    }
}
