//! API tokens: make, rotate, list, delete. A token is shown once; its hash is kept.

use stepwell_states::Timestamp;
use stepwell_store::{ApiTokenRow, AuditDetails, Digest, StoreError, TenantId};

use super::access::{AccessOrder, held, permissions_of, require_all, require_group};
use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::access::GivenAccess;
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::permissions::{ADMINISTER_HOST, Permissions};

/// Begins each token, so that scanners for leaked secrets know one.
const PREFIX: &str = "swt_";
/// The longest that the token before stays good when one is rotated: 30 days.
const OVERLAP_MAX_MS: u64 = 30 * 24 * 3_600_000;

/// A token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenDescription {
    /// Its name.
    pub name: String,
    /// Its bearer's role.
    pub role: String,
    /// What of the role it is for, if not all.
    pub permissions: Option<Permissions>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it ceases to be good.
    pub expires_at: Option<Timestamp>,
    /// Until when the one before it stays good.
    pub previous_until: Option<Timestamp>,
}

impl EngineHandle {
    /// Makes a token and returns it. It is not kept: only its hash is.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a name that is taken, a role or permission that there is
    /// not, or an end that has passed; [`EngineError::Forbidden`] for a role that lets its
    /// bearer do what the caller may not; [`EngineError::NotFound`] for the tenant; or
    /// trouble of the host's own.
    pub async fn make_api_token(
        &self,
        caller: &Caller,
        order: AccessOrder,
    ) -> Result<String, EngineError> {
        self.require_running()?;
        let access = self.check_access(caller, order).await?;
        let row = ApiTokenRow {
            tenant: access.tenant,
            name: access.name,
            role: access.role,
            permissions: access.narrowed_to,
            created_at: self.0.starter.now(),
            created_by: Some(caller.principal.to_string()),
            expires_at: access.expires_at,
            previous_until: None,
        };
        self.put_token(caller, row, false).await
    }

    /// Puts another token in a token's place and returns it. The one before stays good for a
    /// while, `overlap_ms` at most, so that its bearers can be told.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] for an overlap of more than 30
    /// days, or a token that is good for longer than the caller's own, or took its place;
    /// [`EngineError::Forbidden`] for one that lets its bearer do what the caller may not,
    /// [`EngineError::NotOfGroup`], or trouble of the host's own.
    pub async fn rotate_api_token(
        &self,
        caller: &Caller,
        name: &str,
        overlap_ms: u64,
    ) -> Result<String, EngineError> {
        self.require_running()?;
        if overlap_ms > OVERLAP_MAX_MS {
            return Err(invalid("overlapMs", "is more than 30 days"));
        }
        require_own_place(caller, name)?;
        let row = self.require_cover(caller, name).await?;
        require_group(caller, &row.role, row.held)?;
        require_end(caller, row.expires_at)?;
        let token = draw_token()?;
        let until = self.0.starter.now().plus_ms(overlap_ms);
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let store = self.0.store.clone();
        let hash = Digest::of(token.as_bytes());
        let details = AuditDetails::default().text("previous_until", until.to_string());
        let entry = self.entry(caller, action::API_TOKEN_ROTATE, name, Some(details));
        let rotated = blocking(move || {
            let change = store.change(entry);
            change.rotate_api_token(tenant, &wanted, hash, until)
        });
        match rotated.await? {
            Ok(()) => Ok(token),
            Err(StoreError::NotFound { .. }) => Err(not_found(name)),
            Err(error) => Err(from_store(error)),
        }
    }

    /// Lists the tenant's tokens by name, without the tokens.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_api_tokens(
        &self,
        caller: &Caller,
    ) -> Result<Vec<ApiTokenDescription>, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let rows = self
            .read(move |store| store.list_api_tokens(tenant))
            .await?;
        let described = rows.into_iter().map(|row| ApiTokenDescription {
            name: row.name,
            role: row.role,
            permissions: row.permissions.as_deref().map(permissions_of),
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            previous_until: row.previous_until,
        });
        Ok(described.collect())
    }

    /// Deletes a token: its bearer is refused from now on.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Forbidden`] for a token that lets its
    /// bearer do what the caller may not, or trouble of the host's own.
    pub async fn delete_api_token(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        self.require_running()?;
        require_own_place(caller, name)?;
        self.require_cover(caller, name).await?;
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let store = self.0.store.clone();
        let entry = self.entry(caller, action::API_TOKEN_DELETE, name, None);
        match blocking(move || store.change(entry).delete_api_token(tenant, &wanted)).await? {
            Err(StoreError::NotFound { .. }) => Err(not_found(name)),
            done => done.map_err(from_store),
        }
    }

    /// Makes a token for who runs the host, in place of one of that name, and returns it.
    /// For the program itself, at its first start.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn make_host_token(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<String, EngineError> {
        let row = ApiTokenRow {
            tenant: TenantId(caller.tenant.id),
            name: name.to_owned(),
            role: ADMINISTER_HOST.name.to_owned(),
            permissions: None,
            created_at: self.0.starter.now(),
            created_by: Some(caller.principal.to_string()),
            expires_at: None,
            previous_until: None,
        };
        self.put_token(caller, row, true).await
    }

    /// Nobody takes from those who may do more.
    async fn require_cover(&self, caller: &Caller, name: &str) -> Result<Covered, EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let found = self.read(move |store| {
            let rows = store.list_api_tokens(tenant)?;
            let Some(row) = rows.into_iter().find(|row| row.name == wanted) else {
                return Ok(None);
            };
            Ok(Some(Covered {
                held: held(store, tenant, &row.role, row.permissions.as_deref())?,
                role: row.role,
                expires_at: row.expires_at,
            }))
        });
        let found = found.await?.ok_or_else(|| not_found(name))?;
        require_all(caller, found.held)?;
        Ok(found)
    }

    async fn put_token(
        &self,
        caller: &Caller,
        row: ApiTokenRow,
        replace: bool,
    ) -> Result<String, EngineError> {
        let given = GivenAccess {
            tenant: row.tenant,
            name: &row.name,
            role: &row.role,
            permissions: row.permissions.as_deref(),
            expires_at: row.expires_at,
        };
        let made = action::API_TOKEN_CREATE;
        let entry = self.access_entry(caller, made, given).await?;
        let token = draw_token()?;
        let hash = Digest::of(token.as_bytes());
        let new = stepwell_store::NewApiToken { row, hash };
        let store = self.0.store.clone();
        match blocking(move || store.change(entry).put_api_token(new, replace)).await? {
            Ok(()) => Ok(token),
            Err(StoreError::NameTaken { what }) => {
                let reason =
                    format!("there is an {what}: delete or rotate it, or take another name");
                Err(invalid("name", &reason))
            }
            Err(error) => Err(from_store(error)),
        }
    }
}

/// A token whose bearer may do no more than a caller.
struct Covered {
    role: String,
    held: Permissions,
    expires_at: Option<Timestamp>,
}

/// A token that another has taken the place of has no say over that.
fn require_own_place(caller: &Caller, name: &str) -> Result<(), EngineError> {
    let own = caller.principal.strip_prefix("token:");
    if caller.outgoing && own == Some(name) {
        let reason = "another token has taken the place of yours: use that one";
        return Err(invalid("name", reason));
    }
    Ok(())
}

/// Nobody gets access that is good for longer than their own.
fn require_end(caller: &Caller, expires_at: Option<Timestamp>) -> Result<(), EngineError> {
    match caller.until {
        Some(until) if expires_at.is_none_or(|at| at > until) => {
            let reason = format!("is good after {until}, when your own access ends");
            Err(invalid("name", &reason))
        }
        _ => Ok(()),
    }
}

fn draw_token() -> Result<String, EngineError> {
    use std::fmt::Write as _;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| EngineError::Internal(format!("no randomness: {error}")))?;
    let mut token = PREFIX.to_owned();
    for byte in secret {
        // Writing to a string cannot fail.
        let _ = write!(token, "{byte:02x}");
    }
    Ok(token)
}

fn not_found(name: &str) -> EngineError {
    EngineError::NotFound {
        kind: "API token",
        name: name.to_owned(),
    }
}

fn invalid(field: &'static str, reason: &str) -> EngineError {
    EngineError::Invalid {
        field,
        reason: reason.to_owned(),
    }
}
