//! Roles that tenants made.

use rusqlite::{OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::generations::Kept;
use crate::ids::TenantId;
use crate::room;
use crate::store::Store;

/// Makes the statement that reads roles, for [`read_role`].
macro_rules! select_roles {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT tenant, name, about, permissions_json, created_at, created_by FROM roles ",
            $rest
        )
    };
}

/// A role that a tenant made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Whom it is for.
    pub about: Option<String>,
    /// What it lets its holders do, as a list in JSON.
    pub permissions: String,
    /// When it was made, or changed.
    pub created_at: Timestamp,
    /// Who did, as the server knows them.
    pub created_by: Option<String>,
}

impl Store {
    /// Returns a tenant's role of a name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_role(&self, tenant: TenantId, name: &str) -> Result<Option<RoleRow>, StoreError> {
        self.read(|connection| {
            let sql = select_roles!("WHERE tenant = ?1 AND name = ?2");
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement
                .query_row(params![tenant, name], read_role)
                .optional()?)
        })
    }

    /// Returns all roles that a tenant made, by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_roles(&self, tenant: TenantId) -> Result<Vec<RoleRow>, StoreError> {
        self.read(|connection| {
            let sql = select_roles!("WHERE tenant = ?1 ORDER BY name");
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement
                .query_map([tenant], read_role)?
                .collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Makes a role, in place of the tenant's one of that name.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if there is no such tenant; [`StoreError::TooMany`] if it has
    /// [`ACCESS_MAX`](crate::ACCESS_MAX).
    pub fn put_role(self, row: RoleRow) -> Result<(), StoreError> {
        self.write_kept(Kept::Access, move |connection| {
            let is_there = connection
                .prepare_cached("SELECT 1 FROM roles WHERE tenant = ?1 AND name = ?2")?
                .exists(params![row.tenant, row.name])?;
            if !is_there {
                room::ROLES.require(connection, row.tenant)?;
            }
            connection
                .prepare_cached(
                    "INSERT INTO roles (tenant, name, about, permissions_json, created_at,
                         created_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT DO UPDATE SET about = excluded.about,
                         permissions_json = excluded.permissions_json,
                         created_at = excluded.created_at, created_by = excluded.created_by",
                )?
                .execute(params![
                    row.tenant,
                    row.name,
                    row.about,
                    row.permissions,
                    row.created_at.as_ms(),
                    row.created_by,
                ])?;
            Ok(())
        })
    }

    /// Forgets a role that nobody has.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of that name; [`StoreError::InUse`] if a
    /// token or key has it.
    pub fn delete_role(self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write_kept(Kept::Access, move |connection| {
            let by: Vec<String> = connection
                .prepare_cached(
                    "SELECT 'token ' || name FROM api_tokens WHERE tenant = ?1 AND role = ?2
                     UNION ALL
                     SELECT 'key ' || name FROM access_keys WHERE tenant = ?1 AND role = ?2
                     ORDER BY 1",
                )?
                .query_map(params![tenant, name], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            if !by.is_empty() {
                return Err(StoreError::InUse { by });
            }
            let deleted = connection
                .prepare_cached("DELETE FROM roles WHERE tenant = ?1 AND name = ?2")?
                .execute(params![tenant, name])?;
            match deleted {
                0 => Err(StoreError::not_found(format!("role '{name}'"))),
                _ => Ok(()),
            }
        })
    }
}

fn read_role(row: &Row<'_>) -> rusqlite::Result<RoleRow> {
    Ok(RoleRow {
        tenant: row.get(0)?,
        name: row.get(1)?,
        about: row.get(2)?,
        permissions: row.get(3)?,
        created_at: columns::timestamp(row, 4)?,
        created_by: row.get(5)?,
    })
}
