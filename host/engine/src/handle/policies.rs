//! Policies: what a tenant's tasks may reach at all, as those say who run the host.

use stepwell_states::Timestamp;
use stepwell_store::{AuditDetails, AuditEntry, PolicyRow};

use crate::audit::action;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::Caller;
use crate::outbound::policy_scope;
use crate::permissions::Permission;

/// Rules of a policy, at most.
const RULES_MAX: usize = 500;
/// Bytes of a rule, at most.
const RULE_MAX_BYTES: usize = 1_024;

/// What a tenant's tasks may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPolicy {
    /// Name of the tenant.
    pub tenant: String,
    /// Rules of requests, `[METHOD,…] URL`; `any` alone leaves it to the operator's. None:
    /// its tasks may send nothing.
    pub http: Vec<String>,
    /// When it was set, if it ever was.
    pub changed_at: Option<Timestamp>,
    /// Who set it.
    pub changed_by: Option<String>,
}

impl EngineHandle {
    /// Returns a tenant's policy: the caller's own, or for those who run the host, any.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_policy(
        &self,
        caller: &Caller,
        tenant: &str,
    ) -> Result<TenantPolicy, EngineError> {
        // Says of a tenant that is not the caller's that there is none.
        let tenant = self.describe_tenant(caller, tenant).await?.name;
        let wanted = tenant.clone();
        let found = self.read(move |store| {
            let row = store.find_tenant(&wanted)?;
            row.map_or(Ok(None), |row| store.find_policy(row.id))
        });
        let Some(row) = found.await? else {
            return Ok(TenantPolicy {
                tenant,
                http: Vec::new(),
                changed_at: None,
                changed_by: None,
            });
        };
        let http = serde_json::from_str(&row.http)
            .map_err(|error| EngineError::Internal(format!("a policy cannot be read: {error}")))?;
        Ok(TenantPolicy {
            tenant,
            http,
            changed_at: Some(row.changed_at),
            changed_by: row.changed_by,
        })
    }

    /// Sets a tenant's policy, in place of the one that it has. It counts for the next
    /// request of any task; a definition is held against it when it is deployed.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`] for those who do not run the host,
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] for a rule that is none,
    /// [`EngineError::TooMany`], or trouble of the host's own.
    pub async fn put_policy(
        &self,
        caller: &Caller,
        tenant: &str,
        http: Vec<String>,
    ) -> Result<TenantPolicy, EngineError> {
        caller.require(Permission::ManageTenants)?;
        self.require_running()?;
        let details = AuditDetails::default().texts("http", http.clone());
        let entry = self
            .0
            .audit
            .entry_of_host(caller, action::POLICY_PUT, tenant, Some(details));
        let by = Some(caller.principal.to_string());
        self.set_policy(tenant, http, by, entry).await?;
        self.describe_policy(caller, tenant).await
    }

    /// Gives a tenant a policy unless it has one, for what the program itself does.
    ///
    /// # Errors
    ///
    /// Those of [`EngineHandle::put_policy`].
    pub async fn ensure_policy(&self, tenant: &str, http: Vec<String>) -> Result<(), EngineError> {
        let wanted = tenant.to_owned();
        let found = self.read(move |store| {
            let row = store.find_tenant(&wanted)?;
            row.map_or(Ok(None), |row| store.find_policy(row.id))
        });
        match found.await? {
            Some(_) => Ok(()),
            None => {
                let details = AuditDetails::default().texts("http", http.clone());
                let entry = self
                    .0
                    .audit
                    .host_entry(action::POLICY_PUT, tenant, Some(details));
                self.set_policy(tenant, http, None, entry).await
            }
        }
    }

    async fn set_policy(
        &self,
        tenant: &str,
        http: Vec<String>,
        changed_by: Option<String>,
        entry: AuditEntry,
    ) -> Result<(), EngineError> {
        check(&http)?;
        let row = PolicyRow {
            http: serde_json::json!(http).to_string(),
            changed_at: self.0.starter.now(),
            changed_by,
        };
        let wanted = tenant.to_owned();
        let set = self.read(move |store| {
            let Some(found) = store.find_tenant(&wanted)? else {
                return Ok(false);
            };
            store.change(entry).put_policy(found.id, row).map(|()| true)
        });
        if set.await? {
            return Ok(());
        }
        Err(EngineError::NotFound {
            kind: "tenant",
            name: tenant.to_owned(),
        })
    }
}

fn check(http: &[String]) -> Result<(), EngineError> {
    if http.len() > RULES_MAX {
        return Err(EngineError::TooMany {
            what: "rules",
            limit: RULES_MAX,
        });
    }
    let invalid = |reason| EngineError::Invalid {
        field: "http",
        reason,
    };
    if let Some(long) = http.iter().find(|rule| rule.len() > RULE_MAX_BYTES) {
        let shown: String = long.chars().take(40).collect();
        return Err(invalid(format!(
            "has a rule of more than {RULE_MAX_BYTES} bytes: {shown}…"
        )));
    }
    match policy_scope(http) {
        Ok(_) => Ok(()),
        Err((index, error)) => Err(invalid(format!(
            "has {:?} as rule {}, which is none: {error}; or give 'any' alone for whatever the \
             host allows",
            http.get(index).map_or("", String::as_str),
            index + 1
        ))),
    }
}
