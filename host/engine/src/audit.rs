//! What the audit log is told: who asks, for what, and how it ended.
//!
//! Each method of the handle that changes something makes an entry of its caller, which goes
//! into the transaction of the change. What is refused leaves an entry too, but not at any
//! rate: `bounded` sees to that.

pub mod action;
mod bounded;
mod checkpoints;
mod erasing;
mod logins;
mod reading;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use stepwell_states::Timestamp;
use stepwell_store::{
    AuditChain, AuditEntry, AuditFacts, AuditPrincipal, Store, StoreError, TenantId,
};

use crate::clock::Clock;
use crate::error::{EngineError, from_store};
use crate::handle::EngineHandle;
use crate::handle::starting::draw_seed;
use crate::model::{Caller, Tenant};
use crate::outbound::Sender;
use bounded::Bounded;
use logins::Logins;

pub use checkpoints::AuditConfig;
pub(crate) use checkpoints::{Signer, Signing};
pub(crate) use erasing::erase_old;
pub use erasing::{Erasure, ErasureOrder};
pub use reading::{AuditItem, AuditLines, AuditQuery};
pub use stepwell_store::{AuditDetails, AuditOutcome, CheckpointKey, PublicKey};

/// What the server knows of a request beside who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The request's id.
    pub request_id: Option<Arc<str>>,
    /// The address that it came from.
    pub source: Option<Arc<str>>,
    /// The caller's W3C trace context.
    pub traceparent: Option<Arc<str>>,
}

/// Something that was refused, or could not be done.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What was asked for, in the words of [`action`].
    pub action: &'static str,
    /// What it was asked for: a route, or an ARN.
    pub resource: String,
    /// Whether the caller may not do it, or it could not be done.
    pub outcome: AuditOutcome,
    /// What there is to tell beside.
    pub details: AuditDetails,
}

/// Makes entries, and writes those that no change goes with.
pub(crate) struct Auditor {
    store: Store,
    clock: Arc<dyn Clock>,
    /// Where the salts of details come from.
    secret: [u8; 32],
    salted: AtomicU64,
    bounded: Bounded,
    logins: Logins,
}

impl Auditor {
    /// Begins with the entry of the host's start: a host that cannot write the audit log does
    /// not start.
    pub(crate) fn begin(store: &Store, clock: &Arc<dyn Clock>) -> Result<Arc<Self>, EngineError> {
        let auditor = Self {
            store: store.clone(),
            clock: Arc::clone(clock),
            secret: draw_seed()?,
            salted: AtomicU64::new(0),
            bounded: Bounded::default(),
            logins: Logins::default(),
        };
        let version = AuditDetails::default().text("version", env!("CARGO_PKG_VERSION"));
        let started = auditor.host_entry(action::HOST_START, "", Some(version));
        auditor.append_and_wait(started).map_err(from_store)?;
        Ok(Arc::new(auditor))
    }

    /// Ends with the entry of the host's stop.
    pub(crate) fn end(&self) {
        self.tell_suppressed();
        let stopped = self.host_entry(action::HOST_STOP, "", None);
        if let Err(error) = self.append_and_wait(stopped) {
            tracing::error!(%error, "the audit log was not told of the stop");
        }
    }

    /// Makes the entry of what a caller is about to do.
    pub(crate) fn entry(
        &self,
        caller: &Caller,
        action: &'static str,
        resource: impl Into<String>,
        details: Option<AuditDetails>,
    ) -> AuditEntry {
        let mut facts = facts_of(caller, self.clock.now());
        facts.action = action;
        facts.resource = resource.into();
        facts.details = details;
        self.write_down(&facts)
    }

    /// Makes the entry of what a caller does to the host as a whole.
    pub(crate) fn entry_of_host(
        &self,
        caller: &Caller,
        action: &'static str,
        resource: impl Into<String>,
        details: Option<AuditDetails>,
    ) -> AuditEntry {
        let details = details.unwrap_or_default();
        let mut facts = facts_of(caller, self.clock.now());
        facts.chain = AuditChain::Host;
        facts.action = action;
        facts.resource = resource.into();
        facts.details = Some(details.text("tenant_of_caller", &*caller.tenant.name));
        self.write_down(&facts)
    }

    /// Makes the entry of how something ended that a caller had begun for the host as a whole.
    pub(crate) fn end_for_host(&self, caller: &Caller, end: Refusal) -> AuditEntry {
        let mut facts = facts_of(caller, self.clock.now());
        facts.chain = AuditChain::Host;
        facts.action = end.action;
        facts.resource = end.resource;
        facts.outcome = end.outcome;
        let details = end.details;
        facts.details = Some(details.text("tenant_of_caller", &*caller.tenant.name));
        self.write_down(&facts)
    }

    /// Tells of the end of a chain that is not the one that was signed.
    fn append_fault(&self, chain: &AuditChain) {
        let mut facts = host_facts(principal_of("host"), self.clock.now());
        facts.action = action::AUDIT_FAULT;
        facts.resource = chain.to_string();
        facts.outcome = AuditOutcome::Failed;
        self.append(self.write_down(&facts));
    }

    /// Makes the entry of what the host itself does.
    pub(crate) fn host_entry(
        &self,
        action: &'static str,
        resource: impl Into<String>,
        details: Option<AuditDetails>,
    ) -> AuditEntry {
        self.host_entry_in(AuditChain::Host, action, resource, details)
    }

    /// The same in the chain of whom it concerns.
    pub(crate) fn host_entry_in(
        &self,
        chain: AuditChain,
        action: &'static str,
        resource: impl Into<String>,
        details: Option<AuditDetails>,
    ) -> AuditEntry {
        let mut facts = host_facts(principal_of("host"), self.clock.now());
        facts.chain = chain;
        facts.action = action;
        facts.resource = resource.into();
        facts.details = details;
        self.write_down(&facts)
    }

    fn write_down(&self, facts: &AuditFacts) -> AuditEntry {
        let mut salt = [0; 16];
        if facts.details.is_some() {
            let count = self.salted.fetch_add(1, Ordering::Relaxed);
            let mut hash = Sha256::new();
            hash.update(self.secret);
            hash.update(count.to_be_bytes());
            salt.copy_from_slice(&hash.finalize()[..16]);
        }
        AuditEntry::new(facts, salt)
    }

    /// Writes an entry that no change goes with, without waiting for it.
    pub(crate) fn append(&self, entry: AuditEntry) {
        self.append_all(vec![entry]);
    }

    /// The same, and waits until it is durable.
    pub(crate) fn append_and_wait(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        // Who waits is there until the answer is.
        let done = move |result| drop(tell.send(result));
        self.store.append_audit(vec![entry], Box::new(done));
        told.recv().unwrap_or(Err(StoreError::Closed))
    }

    fn append_all(&self, entries: Vec<AuditEntry>) {
        let told = |result| {
            if let Err(error) = result {
                tracing::error!(%error, "the audit log was not written");
            }
        };
        self.store.append_audit(entries, Box::new(told));
    }

    /// Notes what was refused to a caller, or to somebody whom the host does not know.
    pub(crate) fn refused(&self, caller: Option<&Caller>, origin: &Origin, refusal: Refusal) {
        let now = self.clock.now();
        let mut facts = match caller {
            Some(caller) => facts_of(caller, now),
            None => host_facts(nobody(), now),
        };
        facts.request.clone_from(&origin.request_id);
        facts.source.clone_from(&origin.source);
        facts.correlation.clone_from(&origin.traceparent);
        facts.action = refusal.action;
        facts.resource = refusal.resource;
        facts.outcome = refusal.outcome;
        facts.details = Some(refusal.details);
        let told = self.bounded.take(facts, now);
        if !told.is_empty() {
            self.append_all(told.iter().map(|facts| self.write_down(facts)).collect());
        }
    }

    /// Notes what a task of a tenant was denied. A flood is counted.
    pub(crate) fn denied_to_task(&self, sender: &Sender, refusal: Refusal) {
        let now = self.clock.now();
        let mut facts = host_facts(
            principal_of(&format!("execution:{}", sender.execution)),
            now,
        );
        facts.chain = chain_of(&sender.tenant);
        facts.acting_for = sender.people.as_deref().unwrap_or_default().to_vec();
        facts.action = refusal.action;
        facts.resource = refusal.resource;
        facts.outcome = refusal.outcome;
        facts.details = Some(refusal.details);
        let told = self.bounded.take(facts, now);
        if !told.is_empty() {
            self.append_all(told.iter().map(|facts| self.write_down(facts)).collect());
        }
    }

    /// Notes in the host's chain that a tenant's request led inside. A flood is counted.
    pub(crate) fn denied_inside(&self, tenant: &Tenant, refusal: Refusal) {
        let now = self.clock.now();
        let mut facts = host_facts(principal_of("host"), now);
        facts.action = refusal.action;
        facts.resource = refusal.resource;
        facts.outcome = refusal.outcome;
        facts.details = Some(refusal.details.text("tenant", &*tenant.name));
        let told = self.bounded.take(facts, now);
        if !told.is_empty() {
            self.append_all(told.iter().map(|facts| self.write_down(facts)).collect());
        }
    }

    /// Notes what the host could not do for a tenant, or was not allowed to. A flood is counted.
    pub(crate) fn of_host_in(&self, tenant: &Tenant, refusal: Refusal) {
        let now = self.clock.now();
        let mut facts = host_facts(principal_of("host"), now);
        facts.chain = chain_of(tenant);
        facts.action = refusal.action;
        facts.resource = refusal.resource;
        facts.outcome = refusal.outcome;
        facts.details = Some(refusal.details);
        let told = self.bounded.take(facts, now);
        if !told.is_empty() {
            self.append_all(told.iter().map(|facts| self.write_down(facts)).collect());
        }
    }

    /// Notes that a caller was let in, unless they were lately from the same place.
    pub(crate) fn let_in(&self, caller: &Caller) {
        let now = self.clock.now();
        if self.logins.is_new(caller, now) {
            let entry = self.entry(caller, action::LOGIN, &*caller.principal, None);
            self.append(entry);
        }
    }

    /// Tells of what was left out and has not been told of yet.
    pub(crate) fn tell_suppressed(&self) {
        let left = self.bounded.take_suppressed(self.clock.now());
        if !left.is_empty() {
            self.append_all(left.iter().map(|facts| self.write_down(facts)).collect());
        }
    }
}

impl EngineHandle {
    /// Notes in the audit log that a caller was let in, unless that was noted lately.
    pub fn note_login(&self, caller: &Caller) {
        self.0.audit.let_in(caller);
    }

    /// Notes in the audit log what was refused to a caller, or to somebody whom the host
    /// does not know: then it is the host's own chain that is told. A flood is counted.
    pub fn note_refused(&self, caller: Option<&Caller>, origin: &Origin, refusal: Refusal) {
        self.0.audit.refused(caller, origin, refusal);
    }
}

/// What an entry tells of a caller; what they do is still to be said.
fn facts_of(caller: &Caller, at: Timestamp) -> AuditFacts {
    let origin = caller.origin.as_deref();
    AuditFacts {
        chain: chain_of(&caller.tenant),
        at,
        principal: principal_of(&caller.principal),
        acting_for: caller.acting_for.as_deref().unwrap_or_default().to_vec(),
        action: "",
        resource: String::new(),
        outcome: AuditOutcome::Allowed,
        request: origin.and_then(|origin| origin.request_id.clone()),
        source: origin.and_then(|origin| origin.source.clone()),
        correlation: origin.and_then(|origin| origin.traceparent.clone()),
        details: None,
    }
}

/// The same for what concerns the host as a whole.
fn host_facts(principal: AuditPrincipal, at: Timestamp) -> AuditFacts {
    AuditFacts {
        chain: AuditChain::Host,
        at,
        principal,
        acting_for: Vec::new(),
        action: "",
        resource: String::new(),
        outcome: AuditOutcome::Allowed,
        request: None,
        source: None,
        correlation: None,
        details: None,
    }
}

/// The chain of a tenant.
pub(crate) fn chain_of(tenant: &Tenant) -> AuditChain {
    AuditChain::Tenant {
        id: TenantId(tenant.id),
        name: Arc::clone(&tenant.name),
    }
}

/// Tells the kinds of callers apart by how the server names them: `token:ci`.
fn principal_of(principal: &str) -> AuditPrincipal {
    let (kind, id) = principal.split_once(':').unwrap_or((principal, principal));
    let auth = match kind {
        "token" => "api-token",
        "key" => "sigv4",
        "oidc" => "oidc",
        "execution" | "map-run" | "host" => "host",
        _ => "none",
    };
    AuditPrincipal {
        kind: kind.into(),
        id: id.into(),
        auth: auth.into(),
    }
}

fn nobody() -> AuditPrincipal {
    AuditPrincipal {
        kind: "unknown".into(),
        id: "unknown".into(),
        auth: "none".into(),
    }
}
