//! Rules of how long executions are kept, by tenant and by state machine.

use std::time::Duration;

use stepwell_states::Timestamp;
use stepwell_store::{AuditDetails, RetentionRow, TenantId};

use crate::audit::action;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::Caller;
use crate::names;
use crate::permissions::Permission;
use crate::retention::RetentionConfig;

/// The shortest time that anything is kept: who watches an execution sees its end.
const AGE_MIN: Duration = Duration::from_secs(60);
/// The longest: a thousand years are for good.
const AGE_MAX: Duration = Duration::from_secs(1_000 * 365 * 24 * 3_600);
/// Executions of a rule, at most: a sweep counts them.
const COUNT_MAX: u64 = 10_000_000;

/// How long things are kept. No bound: for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionOrder {
    /// How long after their end executions are kept.
    pub age: Option<Duration>,
    /// How many that ended are kept of each state machine, the newest.
    pub count: Option<u64>,
    /// How long details of audit entries are kept; of a tenant's rule alone.
    pub audit_age: Option<Duration>,
    /// Says that executions are kept for good: else a rule without bounds is refused, and one
    /// of audit entries alone leaves executions as they are kept now.
    pub forever: bool,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// Name of the state machine; none for all that have no rule of their own.
    pub state_machine: Option<String>,
    /// How long after their end executions are kept.
    pub age: Option<Duration>,
    /// How many that ended are kept, the newest.
    pub count: Option<u64>,
    /// How long details of audit entries are kept.
    pub audit_age: Option<Duration>,
    /// When it was set.
    pub changed_at: Timestamp,
    /// Who set it.
    pub changed_by: Option<String>,
}

/// The rules of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRules {
    /// What the host's operator has set for whatever no rule is about.
    pub host: RetentionConfig,
    /// The tenant's rules: the one for all state machines first, the others by name.
    pub rules: Vec<RetentionRule>,
}

impl EngineHandle {
    /// Lists the rules of the caller's tenant.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], or trouble of the host's own.
    pub async fn list_retention(&self, caller: &Caller) -> Result<RetentionRules, EngineError> {
        caller.require(Permission::ReadExecutions)?;
        let tenant = TenantId(caller.tenant.id);
        let rows = self
            .read(move |store| store.retention_rules(tenant))
            .await?;
        Ok(RetentionRules {
            host: self.0.sweeper.defaults(),
            rules: rows.into_iter().map(Into::into).collect(),
        })
    }

    /// Sets a rule of the caller's tenant, for a state machine or for all that have none of
    /// their own. What is past its time by it is removed from now on.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`] if there is no such state
    /// machine, [`EngineError::Invalid`] for a bound that cannot be or a rule without any,
    /// or trouble of the host's own.
    pub async fn put_retention(
        &self,
        caller: &Caller,
        state_machine: Option<&str>,
        order: RetentionOrder,
    ) -> Result<RetentionRule, EngineError> {
        caller.require(Permission::WriteRetention)?;
        self.require_running()?;
        check(&order, state_machine.is_some())?;
        if order.audit_age.is_some() {
            caller.require(Permission::EraseAudit)?;
        }
        let machine = self.retained_machine(caller, state_machine).await?;
        let order = self.with_bounds_that_hold(caller, order).await?;
        let ms = |age: Option<Duration>| age.map(|age| age.as_secs().saturating_mul(1_000));
        let row = RetentionRow {
            machine: machine.clone(),
            age_ms: ms(order.age),
            count: order.count,
            audit_age_ms: ms(order.audit_age),
            changed_at: self.now(),
            changed_by: Some(caller.principal.to_string()),
        };
        let seconds = |age: Option<Duration>| age.map(|age| age.as_secs().to_string());
        let details = AuditDetails::default()
            .maybe("max_age_seconds", seconds(order.age))
            .maybe("max_count", order.count.map(|count| count.to_string()))
            .maybe("audit_details_max_age_seconds", seconds(order.audit_age));
        let resource = resource_of(caller, machine.as_deref());
        let entry = self.entry(caller, action::RETENTION_PUT, resource, Some(details));
        let (tenant, written) = (TenantId(caller.tenant.id), row.clone());
        self.read(move |store| store.change(entry).put_retention(tenant, written))
            .await?;
        self.0.sweeper.look();
        Ok(row.into())
    }

    /// Takes a rule of the caller's tenant away: the next wider one holds from then on.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`] if there is none, or trouble of
    /// the host's own.
    pub async fn delete_retention(
        &self,
        caller: &Caller,
        state_machine: Option<&str>,
    ) -> Result<(), EngineError> {
        caller.require(Permission::WriteRetention)?;
        self.require_running()?;
        let not_found = || EngineError::NotFound {
            kind: "retention rule",
            name: state_machine.unwrap_or("of the tenant").to_owned(),
        };
        let machine = match state_machine {
            Some(given) => {
                let name = names::machine_name(&caller.tenant, given);
                Some(name.ok_or_else(not_found)?.to_owned())
            }
            None => None,
        };
        let resource = resource_of(caller, machine.as_deref());
        let entry = self.entry(caller, action::RETENTION_DELETE, resource, None);
        let (tenant, named) = (TenantId(caller.tenant.id), machine);
        let deleted = self.read(move |store| {
            store
                .change(entry)
                .delete_retention(tenant, named.as_deref())
        });
        if deleted.await? {
            self.0.sweeper.look();
            return Ok(());
        }
        Err(not_found())
    }

    /// An order that is of the audit log alone leaves executions as they are kept now: by the
    /// tenant's own rule, or by the host's, which from then on is the tenant's own.
    async fn with_bounds_that_hold(
        &self,
        caller: &Caller,
        order: RetentionOrder,
    ) -> Result<RetentionOrder, EngineError> {
        if order.forever || order.age.is_some() || order.count.is_some() {
            return Ok(order);
        }
        let RetentionRules { host, rules } = self.list_retention(caller).await?;
        let own = rules.iter().find(|rule| rule.state_machine.is_none());
        let (age, count) = own.map_or((host.age, host.count), |own| (own.age, own.count));
        Ok(RetentionOrder {
            age,
            count,
            ..order
        })
    }

    /// The name of the state machine that a rule is to be about.
    async fn retained_machine(
        &self,
        caller: &Caller,
        given: Option<&str>,
    ) -> Result<Option<String>, EngineError> {
        let Some(given) = given else {
            return Ok(None);
        };
        let not_found = || EngineError::NotFound {
            kind: "state machine",
            name: given.to_owned(),
        };
        let name = names::machine_name(&caller.tenant, given).ok_or_else(not_found)?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let found = self.read(move |store| store.find_state_machine(tenant, &wanted));
        found.await?.ok_or_else(not_found)?;
        Ok(Some(name.to_owned()))
    }
}

/// What the audit log says a rule is about: a state machine, or all of the tenant's. No state
/// machine has a name with a colon.
fn resource_of(caller: &Caller, machine: Option<&str>) -> String {
    match machine {
        Some(machine) => machine.to_owned(),
        None => format!("tenant:{}", caller.tenant.name),
    }
}

impl From<RetentionRow> for RetentionRule {
    fn from(row: RetentionRow) -> Self {
        Self {
            state_machine: row.machine,
            age: row.age_ms.map(Duration::from_millis),
            count: row.count,
            audit_age: row.audit_age_ms.map(Duration::from_millis),
            changed_at: row.changed_at,
            changed_by: row.changed_by,
        }
    }
}

fn check(order: &RetentionOrder, of_machine: bool) -> Result<(), EngineError> {
    let invalid = |field, reason: String| Err(EngineError::Invalid { field, reason });
    for (field, age) in [
        ("maxAgeSeconds", order.age),
        ("auditDetailsMaxAgeSeconds", order.audit_age),
    ] {
        if let Some(age) = age.filter(|age| !(AGE_MIN..=AGE_MAX).contains(age)) {
            let (seconds, min) = (age.as_secs(), AGE_MIN.as_secs());
            return invalid(
                field,
                format!("is {seconds}; give {min} seconds or more, or leave it out for no bound"),
            );
        }
    }
    if let Some(count) = order.count.filter(|count| !(1..=COUNT_MAX).contains(count)) {
        return invalid(
            "maxCount",
            format!("is {count}; give 1 to {COUNT_MAX}, or leave it out for no bound"),
        );
    }
    if of_machine && order.audit_age.is_some() {
        let reason = "is for a tenant's own rule: audit entries belong to no state machine";
        return invalid("auditDetailsMaxAgeSeconds", reason.to_owned());
    }
    let is_bound = order.age.is_some() || order.count.is_some();
    if order.forever && is_bound {
        let reason = "goes with no bound of executions: leave it or the bounds out";
        return invalid("forever", reason.to_owned());
    }
    // One of the audit log alone says nothing of executions.
    if !order.forever && !is_bound && order.audit_age.is_none() {
        let reason = "is missing: give it or maxCount, or forever";
        return invalid("maxAgeSeconds", reason.to_owned());
    }
    Ok(())
}
