//! Tenants: make, list.

use stepwell_states::Timestamp;
use stepwell_store::{AuditDetails, AuditEntry, NewTenant, StoreError};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, NewTenantOrder};
use crate::names;
use crate::permissions::Permission;

/// A tenant, for those who run the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantDescription {
    /// Its name.
    pub name: String,
    /// Twelve digits: the account in its ARNs.
    pub account: String,
    /// The region in its ARNs.
    pub region: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl EngineHandle {
    /// Makes a tenant unless it is there, for what the program itself does.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] if another tenant has the name or the account, or one of
    /// them cannot be; or trouble of the host's own.
    pub async fn ensure_tenant(&self, order: NewTenantOrder) -> Result<(), EngineError> {
        let entry = self.0.audit.host_entry(
            action::TENANT_CREATE,
            &*order.name,
            Some(tenant_details(&order)),
        );
        self.put_tenant(order, entry).await
    }

    async fn put_tenant(
        &self,
        order: NewTenantOrder,
        entry: AuditEntry,
    ) -> Result<(), EngineError> {
        check(&order)?;
        let store = self.0.store.clone();
        let created_at = self.0.starter.now();
        let put = blocking(move || {
            store.change(entry).put_tenant(NewTenant {
                name: order.name,
                account: order.account,
                region: order.region,
                created_at,
            })
        });
        match put.await? {
            Ok(_) => Ok(()),
            Err(StoreError::NameTaken { what }) => Err(EngineError::Invalid {
                field: "tenant",
                reason: format!("is taken by another {what}"),
            }),
            Err(error) => Err(from_store(error)),
        }
    }

    /// Makes a tenant; the same once more is the same tenant.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`] for those who do not run the host, and those of
    /// [`EngineHandle::ensure_tenant`].
    pub async fn create_tenant(
        &self,
        caller: &Caller,
        order: NewTenantOrder,
    ) -> Result<TenantDescription, EngineError> {
        caller.require(Permission::ManageTenants)?;
        self.require_running()?;
        let name = order.name.clone();
        let details = tenant_details(&order);
        let entry =
            self.0
                .audit
                .entry_of_host(caller, action::TENANT_CREATE, &*name, Some(details));
        self.put_tenant(order, entry).await?;
        self.describe_tenant(caller, &name).await
    }

    /// Describes a tenant: the caller's own, or for those who run the host, any.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_tenant(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<TenantDescription, EngineError> {
        let not_found = || EngineError::NotFound {
            kind: "tenant",
            name: name.to_owned(),
        };
        let may = caller.permissions.allow(Permission::ManageTenants);
        if !may && &*caller.tenant.name != name {
            return Err(not_found());
        }
        let wanted = name.to_owned();
        let row = self.read(move |store| store.find_tenant(&wanted)).await?;
        row.map(described).ok_or_else(not_found)
    }

    /// Lists tenants by name: all of them for those who run the host, or the caller's own.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_tenants(
        &self,
        caller: &Caller,
    ) -> Result<Vec<TenantDescription>, EngineError> {
        let may = caller.permissions.allow(Permission::ManageTenants);
        let own = caller.tenant.id;
        let mut rows = self.read(|store| store.list_tenants()).await?;
        rows.retain(|row| may || row.id.0 == own);
        Ok(rows.into_iter().map(described).collect())
    }
}

fn tenant_details(order: &NewTenantOrder) -> AuditDetails {
    AuditDetails::default().text("account", &order.account)
}

fn described(row: stepwell_store::TenantRow) -> TenantDescription {
    TenantDescription {
        name: row.name,
        account: row.account,
        region: row.region,
        created_at: row.created_at,
    }
}

fn check(order: &NewTenantOrder) -> Result<(), EngineError> {
    names::check("name", &order.name)?;
    let invalid = |field, reason: &str| {
        let reason = reason.to_owned();
        Err(EngineError::Invalid { field, reason })
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if order.account.len() != 12 || !digits(&order.account) {
        return invalid("account", "must be 12 digits, as in ARNs");
    }
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if order.region.is_empty() || order.region.len() > 32 || !order.region.bytes().all(is_region) {
        return invalid(
            "region",
            "must be 1 to 32 lower-case letters, digits and hyphens, as in ARNs",
        );
    }
    Ok(())
}
