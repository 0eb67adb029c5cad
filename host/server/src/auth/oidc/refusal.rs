//! Why a token of an identity provider is not taken: one reason, in two voices.
//!
//! `Display` is for the operator's log and names what the token says; it is made of text
//! that anybody may have sent, so it is cut and escaped. [`Refusal::public`] is for the
//! caller, and names nothing.

use std::borrow::Cow;

use std::fmt;

use stepwell_engine::Timestamp;

/// Characters of a token's texts that a log line repeats.
const TOLD_MAX_CHARS: usize = 200;

/// A text out of a token or of a provider, fit for a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told(String);

impl Told {
    /// Cuts it.
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().take(TOLD_MAX_CHARS).collect())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It has more bytes than any token that people use.
    #[error("the token has more than {0} bytes")]
    TooLong(usize),
    /// It is no signed token in the compact form.
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    /// Its signature is of a kind that is not accepted, or it has none.
    #[error("the token's algorithm {0} is not accepted")]
    Algorithm(Told),
    /// It demands that extensions are understood; none is.
    #[error("the token has critical header parameters")]
    Critical,
    /// It was made for something other than access.
    #[error("the token is no access or ID token: {0}")]
    Kind(Told),
    /// No configured issuer has made it.
    #[error("the issuer {0} is not configured")]
    UnknownIssuer(Told),
    /// Its issuer publishes no such key.
    #[error("the issuer {issuer} publishes no key {key}")]
    UnknownKey {
        /// The issuer.
        issuer: Told,
        /// The key's id.
        key: Told,
    },
    /// It names no key, and more than one could have signed it.
    #[error("the token names no key, and not just one key of its issuer fits")]
    NoKeyId,
    /// The key that it names is for something else.
    #[error("the key {0} is not for the token's algorithm")]
    KeyMismatch(Told),
    /// It was not signed with its issuer's key.
    #[error("the signature is not that of the issuer's key")]
    Signature,
    /// A claim is missing.
    #[error("the claim {0} is missing")]
    Claim(&'static str),
    /// A claim is there, and is not what it must be.
    #[error("the claim {0} is of the wrong kind, or out of range")]
    ClaimKind(&'static str),
    /// It is past its end.
    #[error("the token of {subject} expired at {at}")]
    Expired {
        /// Whose it is.
        subject: Told,
        /// When it ended.
        at: Timestamp,
    },
    /// Its time has not come.
    #[error("the token of {subject} is not valid before {at}: do the clocks differ?")]
    NotYetValid {
        /// Whose it is.
        subject: Told,
        /// When it begins.
        at: Timestamp,
    },
    /// It was made to be good for longer than the configuration allows.
    #[error("the token of {subject} is good for {seconds} s, more than tokenLifetimeMaxSeconds")]
    LivesTooLong {
        /// Whose it is.
        subject: Told,
        /// How long it is good for.
        seconds: i64,
    },
    /// It is for somebody else.
    #[error("the token of {subject} is for the audience {audience}, which is not configured")]
    Audience {
        /// Whose it is.
        subject: Told,
        /// Whom it is for.
        audience: Told,
    },
    /// It was given to a client that is not accepted.
    #[error("the token of {subject} was given to the client {party}, which is not configured")]
    AuthorizedParty {
        /// Whose it is.
        subject: Told,
        /// The client.
        party: Told,
    },
    /// It is only good together with a proof, which is not asked for here.
    #[error("the token of {0} is bound to a key of its holder (cnf)")]
    Bound(Told),
    /// The issuer's keys are not known now.
    #[error("the keys of the issuer {issuer} cannot be fetched: {reason}")]
    Unreachable {
        /// The issuer.
        issuer: Told,
        /// What the last attempt met with.
        reason: Told,
    },
}

impl Refusal {
    /// Says it to the caller, in the characters that a header may quote (RFC 6750,
    /// section 3).
    pub(crate) fn public(&self) -> Cow<'static, str> {
        let said = match self {
            Self::TooLong(_) => "the token is too long",
            Self::Malformed(_) => "the token cannot be read",
            Self::Algorithm(_) => "the algorithm of the token is not accepted",
            Self::Critical => "the token has critical header parameters",
            Self::Kind(_) => "the token is no access or ID token",
            Self::UnknownIssuer(_) => "the issuer of the token is not accepted",
            Self::UnknownKey { .. } => "the issuer of the token does not publish its key",
            Self::NoKeyId => "the token does not name its key",
            Self::KeyMismatch(_) => "the key of the token is not for its algorithm",
            Self::Signature => "the signature of the token is wrong",
            Self::Claim(claim) => return format!("the token lacks the claim {claim}").into(),
            Self::ClaimKind(claim) => {
                let said = format!("the claim {claim} of the token is of the wrong kind or range");
                return said.into();
            }
            Self::Expired { .. } => "the token has expired",
            Self::NotYetValid { .. } => "the token is not valid yet",
            Self::LivesTooLong { .. } => "the token is good for longer than is accepted",
            Self::Audience { .. } => "the token is for another audience",
            Self::AuthorizedParty { .. } => "the token was given to a client that is not accepted",
            Self::Bound(_) => "the token is bound to a key of its holder",
            Self::Unreachable { .. } => {
                "the issuer of the token cannot be reached to verify it: try again"
            }
        };
        Cow::Borrowed(said)
    }

    /// Whether the same token may be taken later: nothing is wrong with it that is known.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
