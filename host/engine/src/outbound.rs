//! The way out of tenants' tasks: what the operator, the tenant's policy and the state's
//! grant allow, each of them, and no faster than the tenant may.
//!
//! ```text
//!   request ── state's Grants ── tenant's policy ── --allow-http ── rate ──> egress
//! ```
//!
//! The policy is read for each request, so that a change counts at once. Whatever is denied
//! leaves an entry in the tenant's audit log, with the control that stopped it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use stepwell_decider::{People, TraceContext};
use stepwell_egress::{
    Answer, Control, Denial, Egress, EgressError, Limits, Meter, Permit, Rates, Request, Rule,
    RuleError, Scope,
};
use stepwell_states::{Grants, HttpGrant};
use stepwell_store::{Store, StoreError, TenantId};
use stepwell_vault::HeldSecrets;

use tokio::sync::Semaphore;

use crate::audit::{AuditDetails, AuditOutcome, Auditor, Refusal, action};
use crate::model::Tenant;
use crate::task_secrets;

/// Requests of all tenants that are under way at once, each on a thread of its own: half of
/// the threads where tokio lets work block, so that the host's own is not kept waiting. One
/// tenant has [`Rates`]' share of them at most.
const AT_ONCE: usize = 256;

/// The one word of a policy that leaves everything to the operator's rules.
pub const ANY: &str = "any";

/// A task was denied something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedAccess {
    /// Name of the tenant.
    pub tenant: Arc<str>,
    /// ARN of the execution.
    pub execution: Arc<str>,
    /// Name of the state.
    pub state: Arc<str>,
    /// What it wanted: `POST https://api.example.com/v1/charges`, without its query.
    pub target: String,
    /// The control that stopped it: `state-grant`, `address`, ….
    pub control: &'static str,
    /// Why, for people of the host.
    pub reason: String,
}

/// Whoever wants to know what was denied.
pub type DenialListener = Arc<dyn Fn(&DeniedAccess) + Send + Sync>;

/// On whose behalf a request is sent.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) execution: Arc<str>,
    /// The people whom the execution acts for; none if that is not known.
    pub(crate) people: Option<People>,
    pub(crate) state: Arc<str>,
    /// The place in the trace that it is sent from, and what is handed on with it.
    pub(crate) trace: TraceContext,
    pub(crate) tracestate: Option<Arc<str>>,
}

impl Sender {
    /// Tells whom a request goes to which trace it belongs to, unless its author has done so.
    /// Each request is a place of its own in the trace.
    fn put_trace(&self, request: &mut Request) {
        let has_trace = |(name, _): &(String, String)| name.eq_ignore_ascii_case("traceparent");
        if request.headers.iter().any(has_trace) {
            return;
        }
        let mut place = [0; 8];
        let trace = match getrandom::fill(&mut place) {
            Ok(()) => self.trace.from_place(place),
            // The task's own place will do.
            Err(_) => self.trace,
        };
        let headers = &mut request.headers;
        headers.push(("traceparent".to_owned(), trace.to_string()));
        if let Some(state) = &self.tracestate {
            headers.push(("tracestate".to_owned(), state.to_string()));
        }
    }
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum OutboundError {
    /// It was denied, or went wrong.
    Egress(EgressError),
    /// The policy cannot be read now.
    Store(StoreError),
}

/// The way out of all tenants' tasks.
pub(crate) struct Outbound {
    egress: Egress,
    rates: Rates,
    store: Store,
    places: Arc<Semaphore>,
    meters: Mutex<BTreeMap<i64, Arc<Meter>>>,
    listener: RwLock<Option<DenialListener>>,
    audit: Arc<Auditor>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound(..)")
    }
}

impl Outbound {
    pub(crate) fn new(egress: Egress, rates: Rates, store: Store, audit: Arc<Auditor>) -> Self {
        Self {
            egress,
            rates,
            store,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            meters: Mutex::default(),
            listener: RwLock::default(),
            audit,
        }
    }

    /// Tells `listener` what is denied from now on.
    pub(crate) fn listen(&self, listener: DenialListener) {
        *self
            .listener
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    /// What an exchange may cost where nobody says less.
    pub(crate) fn limits(&self) -> Limits {
        self.egress.limits()
    }

    /// Returns what the operator and the tenant's policy allow.
    pub(crate) fn of_tenant(&self, tenant: i64) -> Result<Egress, StoreError> {
        let policy = self.store.find_policy(TenantId(tenant))?;
        let rules: Vec<String> = match policy {
            None => Vec::new(),
            Some(policy) => {
                serde_json::from_str(&policy.http).map_err(|error| StoreError::Corrupt {
                    what: format!("the policy of the tenant {tenant}: {error}"),
                })?
            }
        };
        // What was written by a later version and is not understood allows nothing.
        let scope =
            policy_scope(&rules).unwrap_or_else(|_| Scope::of(Control::TenantPolicy, Vec::new()));
        Ok(self.egress.within(scope))
    }

    /// Does what blocks on a thread for that, when there is a place for it; nothing if the
    /// thread broke down.
    pub(crate) async fn on_a_thread<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let this = Arc::clone(self);
        let working = tokio::task::spawn_blocking(move || {
            // Held by the thread: a request whose task was given up still has it for a while.
            let _place = place;
            work(&this)
        });
        working.await.ok()
    }

    /// Sends a request of a task, if everybody who is asked allows it. `grants` are those of
    /// the state that runs a component, and the secrets that the call holds; the host's own
    /// `http:invoke` has none. Blocks.
    ///
    /// # Errors
    /// It was not sent, or not answered.
    pub(crate) fn send(
        &self,
        sender: &Sender,
        grants: Option<(&Grants, Option<&HeldSecrets>)>,
        request: Request,
        limits: Limits,
    ) -> Result<Answer, OutboundError> {
        let target = target_of(&request);
        let mut way = self
            .of_tenant(sender.tenant.id)
            .map_err(OutboundError::Store)?;
        if let Some((grants, _)) = grants {
            let rules = grants.http.iter().flat_map(rules_of).collect();
            way = way.within(Scope::of(Control::StateGrant, rules));
        }
        let sent = self.send_within(&way.limited(limits), sender, grants, request);
        if let Err(EgressError::Denied(denial) | EgressError::Inside { denial, .. }) = &sent {
            // The reason repeats what was asked for, as the target does.
            let shown = |text: &str| match grants.and_then(|(_, held)| held) {
                Some(held) => held.outputs().redact(text).into_owned(),
                None => text.to_owned(),
            };
            let denial = Denial {
                control: denial.control,
                reason: shown(&denial.reason),
            };
            self.note(sender, shown(&target), &denial);
        }
        sent.map_err(OutboundError::Egress)
    }

    fn send_within(
        &self,
        way: &Egress,
        sender: &Sender,
        grants: Option<(&Grants, Option<&HeldSecrets>)>,
        mut request: Request,
    ) -> Result<Answer, EgressError> {
        sender.put_trace(&mut request);
        let permit = way.permit(&request.method, &request.url)?;
        if let Some((grants, Some(held))) = grants {
            let allowed = secrets_for(grants, &permit);
            task_secrets::fill(held, &allowed, &mut request)?;
        }
        // What may not be sent at all does not use the rate up.
        let _place = self.meter(sender.tenant.id).enter(Instant::now())?;
        let mut answer = way.send(request, way.limits().time)?;
        if let Some((_, Some(held))) = grants {
            task_secrets::conceal(held, &mut answer)?;
        }
        Ok(answer)
    }

    /// Takes note of what was denied.
    pub(crate) fn note(&self, sender: &Sender, target: String, denial: &Denial) {
        let denied = DeniedAccess {
            tenant: Arc::clone(&sender.tenant.name),
            execution: Arc::clone(&sender.execution),
            state: Arc::clone(&sender.state),
            target,
            control: denial.control.as_str(),
            reason: denial.reason.clone(),
        };
        tracing::warn!(
            tenant = &*denied.tenant,
            execution = &*denied.execution,
            trace_id = %sender.trace.trace_id(),
            state = &*denied.state,
            target = denied.target,
            control = denied.control,
            "a task was denied a request: {}",
            denied.reason
        );
        let details = AuditDetails::default()
            .text("state", &*denied.state)
            .text("control", denied.control)
            .text("reason", &denied.reason);
        let refusal = Refusal {
            action: action::REQUEST_DENY,
            resource: denied.target.clone(),
            outcome: AuditOutcome::Denied,
            details,
        };
        // Where names lead within the host's network is none of the tenant's business.
        if denial.control == Control::Address {
            self.audit.denied_inside(&sender.tenant, refusal);
        } else {
            self.audit.denied_to_task(sender, refusal);
        }
        let listener = self
            .listener
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(listener) = listener {
            listener(&denied);
        }
    }

    fn meter(&self, tenant: i64) -> Arc<Meter> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = meters
            .entry(tenant)
            .or_insert_with(|| Arc::new(Meter::new(self.rates)));
        Arc::clone(meter)
    }
}

/// The secrets that a request may hold: those of the entries that allow it.
fn secrets_for(grants: &Grants, permit: &Permit) -> Vec<Arc<str>> {
    let entries = grants.http.iter();
    let allowing = entries.filter(|entry| permit.is_allowed_by(&rules_of(entry)));
    let names = allowing.flat_map(|entry| &entry.secrets);
    names.map(|name| Arc::from(name.as_str())).collect()
}

/// Reads the rules of a policy.
///
/// # Errors
/// One of them is no rule; says which.
pub(crate) fn policy_scope(rules: &[String]) -> Result<Scope, (usize, RuleError)> {
    if matches!(rules, [only] if only == ANY) {
        return Ok(Scope::any(Control::TenantPolicy));
    }
    let mut parsed = Vec::with_capacity(rules.len());
    for (index, rule) in rules.iter().enumerate() {
        parsed.push(Rule::parse(rule).map_err(|error| (index, error))?);
    }
    Ok(Scope::of(Control::TenantPolicy, parsed))
}

/// Returns what an entry of a state's grants allows, as rules: one for each scheme and path.
pub(crate) fn rules_of(grant: &HttpGrant) -> Vec<Rule> {
    let texts = rule_texts(grant);
    // The parser has read them all; what it should not have let through allows nothing.
    let rules = texts.iter().filter_map(|text| Rule::parse(text).ok());
    rules.collect()
}

/// The same, as whoever allows it would write it.
pub(crate) fn rule_texts(grant: &HttpGrant) -> Vec<String> {
    let methods = grant.methods.join(",");
    let port = grant.port.map_or(String::new(), |port| format!(":{port}"));
    let texts = grant.schemes.iter().flat_map(|scheme| {
        let authority = format!("{methods} {scheme}://{}{port}", grant.host);
        let paths = grant.paths.iter();
        paths.map(move |path| format!("{authority}{path}"))
    });
    texts.collect()
}

/// Method and URL without the query, which may hold what is nobody's to see.
fn target_of(request: &Request) -> String {
    let url = request.url.split(['?', '#']).next().unwrap_or_default();
    // So may the user of a URL that has one, and is refused for it.
    let shown = match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://{}", &url[..scheme], &url[at + 1..])
        }
        _ => url.to_owned(),
    };
    let shown: String = shown.chars().take(TARGET_MAX_CHARS).collect();
    format!("{} {shown}", request.method)
}

/// Characters of a URL that are kept of a denied request, at most.
const TARGET_MAX_CHARS: usize = 512;
