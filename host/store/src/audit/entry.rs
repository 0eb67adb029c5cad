//! Entries of the audit log, as they are told and as they are written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stepwell_states::Timestamp;

use crate::audit::{DETAILS_DOMAIN, FORM, canonical};
use crate::ids::{Digest, TenantId};

/// Characters of a text in an entry, at most: what callers send must not fill the log.
const TEXT_MAX_CHARS: usize = 512;

/// Whose entries follow each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditChain {
    /// The host's own: its start and stop, tenants, callers whom it does not know.
    Host,
    /// A tenant's.
    Tenant {
        /// Its number.
        id: TenantId,
        /// Its name.
        name: Arc<str>,
    },
}

impl AuditChain {
    /// Returns its number in the database.
    #[must_use]
    pub fn number(&self) -> i64 {
        match self {
            Self::Host => 0,
            Self::Tenant { id, .. } => id.0,
        }
    }
}

/// Writes the name that entries have of it: `host`, `tenant:acme`.
impl fmt::Display for AuditChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Tenant { name, .. } => write!(f, "tenant:{name}"),
        }
    }
}

/// Who did it, as the server knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPrincipal {
    /// What they are: `token`, `access-key`, `user`, `execution`, `host`, ….
    pub kind: Arc<str>,
    /// Which of these.
    pub id: Arc<str>,
    /// How the server came to know them: `api-token`, `sigv4`, `oidc`, `none`.
    pub auth: Arc<str>,
}

/// How what an entry tells of has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Allowed,
    /// The caller may not do it.
    Denied,
    /// The caller may, and it could not be done.
    Failed,
}

impl AuditOutcome {
    /// Returns its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// Finds an outcome by its word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Allowed, Self::Denied, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.word() == word)
    }
}

/// What an entry tells beside, in short: names and numbers, never payloads or secrets.
///
/// Kept apart from the entry, which has its hash: it can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditDetails(BTreeMap<&'static str, Detail>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Detail {
    Text(String),
    Number(u32),
    Texts(Vec<String>),
}

impl AuditDetails {
    /// Adds a text.
    #[must_use]
    pub fn text(mut self, key: &'static str, text: impl AsRef<str>) -> Self {
        self.0.insert(key, Detail::Text(short(text.as_ref())));
        self
    }

    /// Adds a text, if there is one.
    #[must_use]
    pub fn maybe(self, key: &'static str, text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    /// Adds a count or a number, which ends at 4,294,967,295.
    #[must_use]
    pub fn number(mut self, key: &'static str, number: impl TryInto<u32>) -> Self {
        let number = number.try_into().unwrap_or(u32::MAX);
        self.0.insert(key, Detail::Number(number));
        self
    }

    /// Adds a list of texts.
    #[must_use]
    pub fn texts(mut self, key: &'static str, texts: impl IntoIterator<Item = String>) -> Self {
        let texts = texts.into_iter().map(|text| short(&text)).collect();
        self.0.insert(key, Detail::Texts(texts));
        self
    }

    /// Writes them in canonical form. Keys are ASCII, so the map's order is the form's.
    fn render(&self) -> String {
        let mut text = String::from("{");
        for (index, (key, detail)) in self.0.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            canonical::push_text(&mut text, key);
            text.push(':');
            match detail {
                Detail::Text(value) => canonical::push_text(&mut text, value),
                Detail::Number(value) => text.push_str(&value.to_string()),
                Detail::Texts(values) => {
                    text.push('[');
                    for (index, value) in values.iter().enumerate() {
                        if index > 0 {
                            text.push(',');
                        }
                        canonical::push_text(&mut text, value);
                    }
                    text.push(']');
                }
            }
        }
        text.push('}');
        text
    }
}

/// What an entry tells. Its number and hash come with the transaction that writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFacts {
    /// Whose log it belongs to.
    pub chain: AuditChain,
    /// When it was asked for, or happened.
    pub at: Timestamp,
    /// Who did it.
    pub principal: AuditPrincipal,
    /// The people for whom they did it, where a task of an execution did.
    pub acting_for: Vec<Arc<str>>,
    /// What: `state-machine:deploy`.
    pub action: &'static str,
    /// To what: an ARN or a name.
    pub resource: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The id of the request that asked for it.
    pub request: Option<Arc<str>>,
    /// The address that the request came from.
    pub source: Option<Arc<str>>,
    /// The caller's trace context.
    pub correlation: Option<Arc<str>>,
    /// What there is to tell beside.
    pub details: Option<AuditDetails>,
}

/// An entry that is ready to be written. Its text is made on the thread of whoever tells it,
/// so that the writing thread only has to put the number in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub(super) chain: AuditChain,
    /// The text up to the number, and from there on.
    pub(super) before: String,
    pub(super) after: String,
    pub(super) details: Option<String>,
}

impl AuditEntry {
    /// Writes down what there is to tell.
    ///
    /// `salt` goes into the details, if there are any: once they are erased, nobody finds
    /// out by guessing what their hash was made of. It has to be random.
    #[must_use]
    pub fn new(facts: &AuditFacts, salt: [u8; 16]) -> Self {
        let details = facts.details.as_ref().map(|details| {
            let salt = salt.iter().map(|byte| format!("{byte:02x}")).collect();
            let mut salted = details.clone();
            salted.0.insert("salt", Detail::Text(salt));
            salted.render()
        });
        // The members stand in the order of their names.
        let mut before = String::with_capacity(256);
        before.push('{');
        if !facts.acting_for.is_empty() {
            before.push_str("\"acting_for\":[");
            for (index, person) in facts.acting_for.iter().enumerate() {
                if index > 0 {
                    before.push(',');
                }
                canonical::push_text(&mut before, &short(person));
            }
            before.push_str("],");
        }
        before.push_str("\"action\":");
        canonical::push_text(&mut before, facts.action);
        before.push_str(",\"at\":");
        canonical::push_text(&mut before, &facts.at.to_string());
        before.push_str(",\"chain\":");
        canonical::push_text(&mut before, &facts.chain.to_string());
        push_some(&mut before, "correlation", facts.correlation.as_deref());
        if let Some(details) = &details {
            let hash = details_hash(details).to_string();
            push_some(&mut before, "details_hash", Some(&hash));
        }
        before.push_str(",\"number\":");
        let mut after = String::with_capacity(256);
        push_some(&mut after, "outcome", Some(facts.outcome.word()));
        after.push_str(",\"principal\":{\"auth\":");
        canonical::push_text(&mut after, &short(&facts.principal.auth));
        push_some(&mut after, "id", Some(&facts.principal.id));
        push_some(&mut after, "kind", Some(&facts.principal.kind));
        after.push('}');
        push_some(&mut after, "request", facts.request.as_deref());
        push_some(&mut after, "resource", Some(&facts.resource));
        push_some(&mut after, "source", facts.source.as_deref());
        after.push_str(",\"v\":");
        after.push_str(&FORM.to_string());
        after.push('}');
        Self {
            chain: facts.chain.clone(),
            before,
            after,
            details,
        }
    }

    /// Returns its canonical text with a number.
    pub(super) fn numbered(&self, number: u64) -> String {
        format!("{}{number}{}", self.before, self.after)
    }
}

/// The hash of details, which their entry has.
pub(super) fn details_hash(canonical: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(DETAILS_DOMAIN);
    hash.update(canonical.as_bytes());
    Digest(hash.finalize().into())
}

fn push_some(text: &mut String, key: &str, value: Option<&str>) {
    let Some(value) = value else { return };
    text.push(',');
    canonical::push_text(text, key);
    text.push(':');
    if value.len() <= TEXT_MAX_CHARS {
        canonical::push_text(text, value);
    } else {
        canonical::push_text(text, &short(value));
    }
}

/// Cuts a text that is too long for the log, and marks that.
fn short(text: &str) -> String {
    if text.len() <= TEXT_MAX_CHARS {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(TEXT_MAX_CHARS - 1).collect();
    cut.push('…');
    cut
}
