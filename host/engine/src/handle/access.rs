//! Who calls: API tokens, and the tenants that they belong to.

use std::sync::Arc;

use stepwell_store::{Digest, NewApiToken, NewTenant, TenantId};

use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, NewTenantOrder};

/// The role that may do everything.
pub(super) const ADMIN: &str = "admin";

impl EngineHandle {
    /// Finds whose API token this is; none if it is nobody's, or has expired.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn authenticate_token(&self, token: &str) -> Result<Option<Caller>, EngineError> {
        let hash = Digest::of(token.as_bytes());
        let Some(row) = self.read(move |store| store.find_api_token(hash)).await? else {
            return Ok(None);
        };
        if row.expires_at.is_some_and(|at| at <= self.0.starter.now()) {
            return Ok(None);
        }
        let definitions = Arc::clone(&self.0.definitions);
        let tenant = self
            .read(move |store| definitions.tenant(store, row.tenant))
            .await?;
        let principal = format!("token:{}", row.name).into();
        Ok(Some(Caller { tenant, principal }))
    }

    /// Returns the tenant of that name as a caller that needs no token: for `--dev`.
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
        })
    }

    /// Makes a tenant unless it is there.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] if another tenant has the name or the account, or trouble
    /// of the host's own.
    pub async fn ensure_tenant(&self, order: NewTenantOrder) -> Result<(), EngineError> {
        let store = self.0.store.clone();
        let created_at = self.0.starter.now();
        blocking(move || {
            let NewTenantOrder {
                name,
                account,
                region,
            } = order;
            match store.put_tenant(NewTenant {
                name,
                account,
                region,
                created_at,
            }) {
                Ok(_) => Ok(()),
                Err(stepwell_store::StoreError::NameTaken { what }) => {
                    let reason = format!("is taken by another {what}");
                    Err(EngineError::Invalid {
                        field: "tenant",
                        reason,
                    })
                }
                Err(error) => Err(from_store(error)),
            }
        })
        .await?
    }

    /// Returns whether a tenant has an API token of that name.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn has_token(&self, caller: &Caller, name: &str) -> Result<bool, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let tokens = self
            .read(move |store| store.list_api_tokens(tenant))
            .await?;
        Ok(tokens.iter().any(|token| token.name == name))
    }

    /// Makes an admin token of that name, in place of one that is there, and returns it.
    /// It is not kept: only its hash is.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn make_admin_token(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<String, EngineError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| EngineError::Internal(format!("no randomness: {error}")))?;
        let token = format!("swt_{}", hex(&secret));
        let new = NewApiToken {
            tenant: TenantId(caller.tenant.id),
            name: name.to_owned(),
            hash: Digest::of(token.as_bytes()),
            role: ADMIN.to_owned(),
            created_at: self.0.starter.now(),
            expires_at: None,
        };
        let store = self.0.store.clone();
        blocking(move || store.put_api_token(new))
            .await?
            .map_err(from_store)?;
        Ok(token)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 0x0f)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}
