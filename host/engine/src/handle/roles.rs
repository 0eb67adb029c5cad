//! Roles: those that every tenant has, and those that it made.

use stepwell_store::{AuditDetails, RoleRow, StoreError, TenantId};

use super::access::{
    list_of, permissions_of, read_permissions, require_all, require_group, role_permissions,
};
use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::names;
use crate::permissions::{BUILT_IN_ROLES, Permissions, built_in_role};

/// Characters of what a role says about itself, at most.
const ABOUT_MAX_CHARS: usize = 200;

/// A role that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleOrder {
    /// Its name, unlike those that every tenant has.
    pub name: String,
    /// Whom it is for.
    pub about: Option<String>,
    /// Names of the permissions that it holds.
    pub permissions: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDescription {
    /// Its name.
    pub name: String,
    /// Whom it is for.
    pub about: Option<String>,
    /// The permissions that it holds.
    pub permissions: Permissions,
    /// Whether every tenant has it.
    pub built_in: bool,
}

impl EngineHandle {
    /// Makes a role, or changes what one lets its holders do, from now on.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a name that every tenant has or a permission that there
    /// is not, [`EngineError::Forbidden`] for a permission that the caller does not have,
    /// [`EngineError::NotOfGroup`], or trouble of the host's own.
    pub async fn put_role(
        &self,
        caller: &Caller,
        order: RoleOrder,
    ) -> Result<RoleDescription, EngineError> {
        self.require_running()?;
        names::check("name", &order.name)?;
        if built_in_role(&order.name).is_some() {
            return Err(invalid("name", "every tenant has this role: take another"));
        }
        let about = order.about.as_deref().unwrap_or_default();
        if about.chars().count() > ABOUT_MAX_CHARS {
            return Err(invalid("about", "has more than 200 characters"));
        }
        let permissions = read_permissions(&order.permissions)?;
        require_all(caller, permissions)?;
        require_group(caller, &order.name, permissions)?;
        self.require_role_cover(caller, &order.name).await?;
        let row = RoleRow {
            tenant: TenantId(caller.tenant.id),
            name: order.name.clone(),
            about: order.about.clone(),
            permissions: list_of(permissions),
            created_at: self.0.starter.now(),
            created_by: Some(caller.principal.to_string()),
        };
        let store = self.0.store.clone();
        let details = AuditDetails::default().text("permissions", &row.permissions);
        let entry = self.entry(caller, action::ROLE_PUT, &*row.name, Some(details));
        blocking(move || store.change(entry).put_role(row))
            .await?
            .map_err(from_store)?;
        Ok(RoleDescription {
            name: order.name,
            about: order.about,
            permissions,
            built_in: false,
        })
    }

    /// Lists the tenant's roles: those that every tenant has first, the others by name.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_roles(&self, caller: &Caller) -> Result<Vec<RoleDescription>, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let made = self.read(move |store| store.list_roles(tenant)).await?;
        let built_in = BUILT_IN_ROLES.iter().map(|role| RoleDescription {
            name: role.name.to_owned(),
            about: Some(role.about.to_owned()),
            permissions: role.permissions,
            built_in: true,
        });
        let made = made.into_iter().map(|row| RoleDescription {
            permissions: permissions_of(&row.permissions),
            name: row.name,
            about: row.about,
            built_in: false,
        });
        Ok(built_in.chain(made).collect())
    }

    /// Deletes a role that no token or key has.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::InUse`], [`EngineError::Invalid`] for a role
    /// that every tenant has, [`EngineError::Forbidden`] for one that lets its holders do what
    /// the caller may not, or trouble of the host's own.
    pub async fn delete_role(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        self.require_running()?;
        if built_in_role(name).is_some() {
            return Err(invalid("name", "every tenant has this role"));
        }
        self.require_role_cover(caller, name).await?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let store = self.0.store.clone();
        let entry = self.entry(caller, action::ROLE_DELETE, name, None);
        match blocking(move || store.change(entry).delete_role(tenant, &wanted)).await? {
            Err(StoreError::NotFound { .. }) => Err(EngineError::NotFound {
                kind: "role",
                name: name.to_owned(),
            }),
            Err(StoreError::InUse { by }) => Err(EngineError::InUse {
                kind: "role",
                name: name.to_owned(),
                by,
            }),
            done => done.map_err(from_store),
        }
    }

    /// Nobody takes from those who may do more.
    async fn require_role_cover(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let held = self.read(move |store| role_permissions(store, tenant, &wanted));
        require_all(caller, held.await?.unwrap_or_default())
    }
}

fn invalid(field: &'static str, reason: &str) -> EngineError {
    EngineError::Invalid {
        field,
        reason: reason.to_owned(),
    }
}
