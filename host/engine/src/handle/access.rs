//! Who calls: the bearers of API tokens and the holders of access keys, with what they may
//! do.

use std::sync::Arc;

use stepwell_states::Timestamp;
use stepwell_store::{
    AccessKeyRow, AuditDetails, AuditEntry, Digest, Kept, KeySecret, Store, StoreError, TenantId,
};
use stepwell_vault::{Place, Vault};

use crate::definitions::Definitions;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::handle::known_access::Known;
use crate::model::Caller;
use crate::names;
use crate::permissions::{ADMINISTER, ADMINISTER_HOST, Permission, Permissions, built_in_role};

/// Access that is to be given: a token, or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessOrder {
    /// Its name, unlike the tenant's others of its kind.
    pub name: String,
    /// Its holder's role.
    pub role: String,
    /// Names of the permissions of the role that it is for; without them, all.
    pub permissions: Option<Vec<String>>,
    /// When it ceases to be good.
    pub expires_at: Option<Timestamp>,
    /// The tenant that it is for, if that is not the caller's own: for those who run the
    /// host.
    pub tenant: Option<String>,
}

impl AccessOrder {
    /// Access to the caller's own tenant with all that a role lets, without an end.
    #[must_use]
    pub fn new(name: impl Into<String>, role: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: role.into(),
            permissions: None,
            expires_at: None,
            tenant: None,
        }
    }
}

/// Access that may be given, in the store's words.
pub(super) struct CheckedAccess {
    pub(super) tenant: TenantId,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) narrowed_to: Option<String>,
    pub(super) expires_at: Option<Timestamp>,
}

impl EngineHandle {
    /// Finds whose API token this is; none if it is nobody's, or has expired.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn authenticate_token(&self, token: &str) -> Result<Option<Caller>, EngineError> {
        let hash = Digest::of(token.as_bytes());
        let known = self
            .known(hash.to_string(), move |store, definitions| {
                let Some(found) = store.find_api_token(hash)? else {
                    return Ok(None);
                };
                let row = found.row;
                // Past its own end the one before is as good as no token.
                let overlap = row.previous_until.filter(|_| found.is_previous);
                let holder = Holder {
                    tenant: row.tenant,
                    principal: format!("token:{}", row.name),
                    role: row.role,
                    narrowed_to: row.permissions,
                };
                let until = overlap.into_iter().chain(row.expires_at).min();
                Ok(Some(Known {
                    caller: Caller {
                        until,
                        outgoing: found.is_previous,
                        ..caller(store, definitions, holder)?
                    },
                    secret: None,
                    until,
                }))
            })
            .await?;
        Ok(known.map(|known| known.caller))
    }

    /// Finds who has a key, and the secret that its signatures are verified with; none if
    /// nobody has it, or if it has expired.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn find_access_key(&self, id: &str) -> Result<Option<(Caller, String)>, EngineError> {
        let wanted = id.to_owned();
        let vault = Arc::clone(&self.0.starter.config.vault);
        let known = self
            .known(id.to_owned(), move |store, definitions| {
                let Some(row) = store.find_access_key(&wanted)? else {
                    return Ok(None);
                };
                let secret = opened(&vault, &row)?;
                let holder = Holder {
                    tenant: row.tenant,
                    principal: format!("key:{}", row.name),
                    role: row.role,
                    narrowed_to: row.permissions,
                };
                Ok(Some(Known {
                    caller: Caller {
                        until: row.expires_at,
                        ..caller(store, definitions, holder)?
                    },
                    secret: Some(secret),
                    until: row.expires_at,
                }))
            })
            .await?;
        Ok(known.and_then(|known| known.secret.map(|secret| (known.caller, secret))))
    }

    /// Finds who shows something, as it was read before or as it is read now.
    pub(super) async fn known(
        &self,
        shown: String,
        read: impl FnOnce(&Store, &Definitions) -> Result<Option<Known>, StoreError> + Send + 'static,
    ) -> Result<Option<Known>, EngineError> {
        let now = self.0.starter.now();
        if let Some(known) = self.0.known_access.get(&self.0.store, &shown) {
            return Ok(known.good_at(now));
        }
        let (definitions, kept) = (
            Arc::clone(&self.0.definitions),
            Arc::clone(&self.0.known_access),
        );
        let found = self
            .read(move |store| {
                let generation = store.generation(Kept::Access);
                let found = read(store, &definitions)?;
                if let Some(known) = &found {
                    kept.keep(&shown, generation, known.clone());
                }
                Ok(found)
            })
            .await?;
        Ok(found.and_then(|known| known.good_at(now)))
    }

    /// Returns who runs the host as a caller in the name of a tenant, for what the program
    /// itself does and for `--dev`.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn caller_for_tenant(
        &self,
        tenant: &str,
        principal: &str,
    ) -> Result<Caller, EngineError> {
        let (name, definitions) = (tenant.to_owned(), Arc::clone(&self.0.definitions));
        let found = self
            .read(move |store| match store.find_tenant(&name)? {
                Some(row) => definitions.tenant(store, row.id).map(Some),
                None => Ok(None),
            })
            .await?;
        let tenant = found.ok_or_else(|| EngineError::NotFound {
            kind: "tenant",
            name: tenant.to_owned(),
        })?;
        Ok(Caller {
            tenant,
            principal: principal.into(),
            name: None,
            role: ADMINISTER_HOST.name.into(),
            groups: Arc::from([ADMINISTER_HOST.name.into()]),
            permissions: ADMINISTER_HOST.permissions,
            origin: None,
            acting_for: Some(Arc::default()),
            until: None,
            outgoing: false,
        })
    }
}

impl EngineHandle {
    /// Checks access that a caller wants to give.
    pub(super) async fn check_access(
        &self,
        caller: &Caller,
        order: AccessOrder,
    ) -> Result<CheckedAccess, EngineError> {
        names::check("name", &order.name)?;
        if order
            .expires_at
            .is_some_and(|at| at <= self.0.starter.now())
        {
            return Err(invalid("expiresAt", "has passed: give a time to come"));
        }
        let expires_at = end_within(caller, order.expires_at)?;
        let tenant = self.tenant_named(caller, order.tenant.as_deref()).await?;
        let role = order.role.clone();
        let of_role = self
            .read(move |store| role_permissions(store, tenant, &role))
            .await?;
        let of_role = of_role.ok_or_else(|| {
            let reason = format!(
                "there is no role {:?}: `stepwell role list` shows which there are",
                order.role
            );
            invalid("role", &reason)
        })?;
        let narrowed = order.permissions.as_deref().map(read_permissions);
        let narrowed = narrowed.transpose()?;
        let given = narrowed.map_or(of_role, |some| of_role.only(some));
        require_all(caller, given)?;
        require_group(caller, &order.role, given)?;
        Ok(CheckedAccess {
            tenant,
            name: order.name,
            role: order.role,
            narrowed_to: narrowed.map(list_of),
            expires_at,
        })
    }

    /// What the audit log of a tenant is told of access that a caller gives to it.
    pub(super) async fn access_entry(
        &self,
        caller: &Caller,
        action: &'static str,
        row: GivenAccess<'_>,
    ) -> Result<AuditEntry, EngineError> {
        let mut details = AuditDetails::default()
            .text("role", row.role)
            .maybe("permissions", row.permissions)
            .maybe("expires_at", row.expires_at.map(|at| at.to_string()));
        if row.tenant.0 == caller.tenant.id {
            return Ok(self.entry(caller, action, row.name, Some(details)));
        }
        details = details.text("tenant_of_caller", &*caller.tenant.name);
        let definitions = Arc::clone(&self.0.definitions);
        let tenant = row.tenant;
        let tenant = self.read(move |store| definitions.tenant(store, tenant));
        let there = Caller {
            tenant: tenant.await?,
            ..caller.clone()
        };
        Ok(self.entry(&there, action, row.name, Some(details)))
    }

    /// The tenant that access is given to.
    async fn tenant_named(
        &self,
        caller: &Caller,
        named: Option<&str>,
    ) -> Result<TenantId, EngineError> {
        let Some(name) = named.filter(|name| *name != &*caller.tenant.name) else {
            return Ok(TenantId(caller.tenant.id));
        };
        let not_found = || EngineError::NotFound {
            kind: "tenant",
            name: name.to_owned(),
        };
        if !caller.permissions.allow(Permission::ManageTenants) {
            return Err(not_found());
        }
        let wanted = name.to_owned();
        let row = self.read(move |store| store.find_tenant(&wanted)).await?;
        Ok(row.ok_or_else(not_found)?.id)
    }
}

/// The secret of a key in the clear: a signature is an HMAC, which its verifier must be
/// able to compute.
fn opened(vault: &Vault, row: &AccessKeyRow) -> Result<String, StoreError> {
    let sealed = match &row.secret {
        KeySecret::Plain(secret) => return Ok(secret.clone()),
        KeySecret::Sealed { sealed, .. } => sealed,
    };
    let place = Place::AccessKey {
        tenant: row.tenant.0,
        id: &row.id,
    };
    let unusable = |reason: String| StoreError::Corrupt {
        what: format!("the secret of access key {}: {reason}", row.id),
    };
    let secret = vault
        .open(place, sealed)
        .map_err(|error| unusable(error.to_string()))?;
    let secret = std::str::from_utf8(&secret).map_err(|error| unusable(error.to_string()))?;
    Ok(secret.to_owned())
}

/// What the audit log is told of access that is given.
pub(super) struct GivenAccess<'a> {
    pub(super) tenant: TenantId,
    pub(super) name: &'a str,
    pub(super) role: &'a str,
    pub(super) permissions: Option<&'a str>,
    pub(super) expires_at: Option<Timestamp>,
}

/// Who has a token or key.
struct Holder {
    tenant: TenantId,
    principal: String,
    role: String,
    narrowed_to: Option<String>,
}

fn caller(store: &Store, definitions: &Definitions, holder: Holder) -> Result<Caller, StoreError> {
    let narrowed = holder.narrowed_to.as_deref();
    Ok(Caller {
        permissions: held(store, holder.tenant, &holder.role, narrowed)?,
        tenant: definitions.tenant(store, holder.tenant)?,
        principal: holder.principal.into(),
        name: None,
        groups: Arc::from([holder.role.as_str().into()]),
        role: holder.role.into(),
        origin: None,
        acting_for: Some(Arc::default()),
        until: None,
        outgoing: false,
    })
}

/// Returns what the holder of a role may do now; of a role that is gone, nothing.
pub(super) fn held(
    store: &Store,
    tenant: TenantId,
    role: &str,
    narrowed_to: Option<&str>,
) -> Result<Permissions, StoreError> {
    let of_role = role_permissions(store, tenant, role)?.unwrap_or_default();
    Ok(match narrowed_to {
        Some(list) => of_role.only(permissions_of(list)),
        None => of_role,
    })
}

/// The end of access that a caller gives: not later than that of the caller's own.
///
/// # Errors
/// A later one is asked for.
fn end_within(
    caller: &Caller,
    wanted: Option<Timestamp>,
) -> Result<Option<Timestamp>, EngineError> {
    match (caller.until, wanted) {
        (Some(until), Some(at)) if at > until => {
            let reason = format!("is later than {until}, when your own access ends");
            Err(invalid("expiresAt", &reason))
        }
        (Some(until), None) => Ok(Some(until)),
        (_, wanted) => Ok(wanted),
    }
}

/// Nobody lets others decide for a group that they are not in themselves, but who may do all
/// that the role admin may: who is of a group is theirs to say.
///
/// # Errors
/// [`EngineError::NotOfGroup`].
pub(super) fn require_group(
    caller: &Caller,
    role: &str,
    permissions: Permissions,
) -> Result<(), EngineError> {
    let is_in = caller.groups.iter().any(|group| &**group == role);
    let decides = permissions.allow(Permission::DecideApprovals);
    if !decides || is_in || caller.permissions.cover(ADMINISTER) {
        return Ok(());
    }
    Err(EngineError::NotOfGroup {
        principal: caller.principal.to_string(),
        role: role.to_owned(),
    })
}

/// Nobody gives what they do not have.
///
/// # Errors
/// The caller lacks one of them.
pub(super) fn require_all(caller: &Caller, permissions: Permissions) -> Result<(), EngineError> {
    permissions
        .iter()
        .try_for_each(|permission| caller.require(permission))
}

/// Returns what a tenant's role lets its holders do now; none if there is no such role.
pub(super) fn role_permissions(
    store: &Store,
    tenant: TenantId,
    role: &str,
) -> Result<Option<Permissions>, StoreError> {
    if let Some(built_in) = built_in_role(role) {
        return Ok(Some(built_in.permissions));
    }
    let made = store.find_role(tenant, role)?;
    Ok(made.map(|row| permissions_of(&row.permissions)))
}

/// Reads a stored list. A name that this version does not know lets nobody do anything.
pub(super) fn permissions_of(list: &str) -> Permissions {
    let names: Vec<String> = serde_json::from_str(list).unwrap_or_default();
    let known: Vec<Permission> = names
        .iter()
        .filter_map(|name| Permission::named(name))
        .collect();
    Permissions::of(&known)
}

/// Reads the names of permissions that a request gives.
///
/// # Errors
/// There is no such permission.
pub(super) fn read_permissions(names: &[String]) -> Result<Permissions, EngineError> {
    let mut found = Permissions::NONE;
    for name in names {
        let Some(permission) = Permission::named(name) else {
            let known = Permission::ALL.map(Permission::name).join(", ");
            let reason = format!("there is no permission {name:?}; there are {known}");
            return Err(invalid("permissions", &reason));
        };
        found = found.with(Permissions::of(&[permission]));
    }
    Ok(found)
}

fn invalid(field: &'static str, reason: &str) -> EngineError {
    EngineError::Invalid {
        field,
        reason: reason.to_owned(),
    }
}

/// Writes a list to be stored.
pub(super) fn list_of(permissions: Permissions) -> String {
    let names: Vec<&str> = permissions.iter().map(Permission::name).collect();
    serde_json::Value::from(names).to_string()
}
