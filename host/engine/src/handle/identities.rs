//! Callers whom an identity provider vouches for: the host's configuration says which roles
//! they have, the tenant's roles what that lets them do.

use std::sync::Arc;

use stepwell_store::StoreError;

use super::access::role_permissions;
use super::known_access::Known;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::Caller;
use crate::permissions::Permissions;

/// Somebody whom an identity provider vouches for, and their place here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityOrder {
    /// Who it is, with the provider's name, so that no other provider can say the same.
    pub principal: String,
    /// What people call them.
    pub name: Option<String>,
    /// Name of the tenant.
    pub tenant: String,
    /// Names of their roles there. What the roles let them do adds up.
    pub roles: Vec<String>,
}

impl EngineHandle {
    /// Returns somebody as a caller; none if there is no such tenant. Roles that are not
    /// there let nobody do anything.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn caller_of_identity(
        &self,
        order: IdentityOrder,
    ) -> Result<Option<Caller>, EngineError> {
        // Lines cannot be confused: neither names nor principals have line ends.
        let shown = format!(
            "{}\n{}\n{}\n{}",
            order.principal,
            order.name.as_deref().unwrap_or_default(),
            order.tenant,
            order.roles.join("\n")
        );
        let known = self.known(shown, move |store, definitions| {
            let Some(tenant) = store.find_tenant(&order.tenant)?.map(|row| row.id) else {
                return Ok(None);
            };
            let held = order.roles.iter().map(|role| {
                let found = role_permissions(store, tenant, role)?;
                Ok::<_, StoreError>(found.unwrap_or_default())
            });
            let permissions = held.into_iter().try_fold(Permissions::NONE, |all, some| {
                Ok::<_, StoreError>(all.with(some?))
            })?;
            let caller = Caller {
                tenant: definitions.tenant(store, tenant)?,
                principal: order.principal.into(),
                name: order.name.map(Into::into),
                role: order.roles.join(", ").into(),
                groups: order
                    .roles
                    .iter()
                    .map(|role| role.as_str().into())
                    .collect(),
                origin: None,
                acting_for: Some(Arc::default()),
                until: None,
                outgoing: false,
                permissions,
            };
            Ok(Some(Known {
                caller,
                secret: None,
                until: None,
            }))
        });
        Ok(known.await?.map(|known| known.caller))
    }

    /// Returns whether a tenant is there and has a role.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn role_exists(&self, tenant: &str, role: &str) -> Result<bool, EngineError> {
        let (tenant, role) = (tenant.to_owned(), role.to_owned());
        self.read(move |store| match store.find_tenant(&tenant)? {
            Some(row) => Ok(role_permissions(store, row.id, &role)?.is_some()),
            None => Ok(false),
        })
        .await
    }
}
