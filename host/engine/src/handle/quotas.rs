//! Quotas: what a tenant may have and use, and what it does.

use std::sync::Arc;

use stepwell_store::{AuditDetails, AuditEntry, TenantId};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::permissions::Permission;
use crate::quotas::{OwnQuotas, QuotaState};

/// The quotas of a tenant, and how they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantQuotas {
    /// The tenant's name.
    pub tenant: String,
    /// All quotas, in the order of [`Quota::ALL`](crate::Quota::ALL).
    pub quotas: Vec<QuotaState>,
    /// Tasks that are ready and wait: for a place, or for the next day's fuel.
    pub tasks_waiting: u64,
}

impl EngineHandle {
    /// Returns how the quotas of the caller's own tenant stand.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`].
    pub fn own_quotas(&self, caller: &Caller) -> Result<TenantQuotas, EngineError> {
        caller.require(Permission::ReadQuotas)?;
        Ok(self.quotas_of(caller.tenant.id, &caller.tenant.name))
    }

    /// Returns how the quotas of a tenant stand, for those who run the host.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn tenant_quotas(
        &self,
        caller: &Caller,
        tenant: &str,
    ) -> Result<TenantQuotas, EngineError> {
        caller.require(Permission::ManageTenants)?;
        let id = self.tenant_id(tenant).await?;
        Ok(self.quotas_of(id.0, tenant))
    }

    /// Puts a tenant's own quotas in place of those that it had; what is not given is as the
    /// host has it. What runs goes on, also where it is more than is allowed now.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`], [`EngineError::NotFound`], [`EngineError::Invalid`] for an
    /// amount that cannot be, or trouble of the host's own.
    pub async fn put_quotas(
        &self,
        caller: &Caller,
        tenant: &str,
        own: OwnQuotas,
    ) -> Result<TenantQuotas, EngineError> {
        caller.require(Permission::ManageTenants)?;
        self.require_running()?;
        for (quota, amount) in &own {
            amount.map_or(Ok(()), |amount| quota.check(amount))?;
        }
        let id = self.tenant_id(tenant).await?;
        let (store, ledgers) = (self.0.store.clone(), Arc::clone(&self.0.starter.ledgers));
        let entry = self.entry_of_quotas(caller, tenant, &own);
        blocking(move || ledgers.change(store.change(entry), id, own))
            .await?
            .map_err(from_store)?;
        // Who waited may have room now.
        self.0.dispatcher.look_again();
        self.0.map_runs.look_again();
        Ok(self.quotas_of(id.0, tenant))
    }

    /// Returns how the quotas of all tenants stand, for `/metrics`: those of up to `limit`
    /// tenants that have asked for anything since the host started, the oldest first.
    #[must_use]
    pub fn quota_metrics(&self, limit: usize) -> Vec<TenantQuotas> {
        let ledgers = self.0.starter.ledgers.all();
        let known = ledgers.into_iter().take(limit).filter_map(|(id, _)| {
            let (store, definitions) = (&self.0.store, &self.0.definitions);
            let tenant = definitions.tenant(store, TenantId(id)).ok()?;
            Some(self.quotas_of(id, &tenant.name))
        });
        known.collect()
    }

    fn entry_of_quotas(&self, caller: &Caller, tenant: &str, own: &OwnQuotas) -> AuditEntry {
        let mut details = AuditDetails::default();
        for (quota, amount) in own {
            details = match amount {
                Some(amount) => details.text(quota.name(), amount.to_string()),
                None => details.text(quota.name(), "none"),
            };
        }
        self.0
            .audit
            .entry_of_host(caller, action::QUOTA_PUT, tenant, Some(details))
    }

    fn quotas_of(&self, id: i64, name: &str) -> TenantQuotas {
        let (running, waiting) = self.0.dispatcher.load_of(id);
        TenantQuotas {
            tenant: name.to_owned(),
            quotas: self
                .0
                .starter
                .ledgers
                .of(id)
                .states(running as u64, self.now()),
            tasks_waiting: waiting as u64,
        }
    }

    async fn tenant_id(&self, name: &str) -> Result<TenantId, EngineError> {
        let wanted = name.to_owned();
        let row = self.read(move |store| store.find_tenant(&wanted)).await?;
        row.map(|row| row.id).ok_or_else(|| EngineError::NotFound {
            kind: "tenant",
            name: name.to_owned(),
        })
    }
}
