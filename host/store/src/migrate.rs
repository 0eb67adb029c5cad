//! Brings a database to the newest schema, one numbered step after the other.
//!
//! A step that has been released is never changed: a database that took it would differ
//! from one made today. `PRAGMA user_version` counts the steps taken.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// The steps, in order. The first makes the schema out of nothing.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_initial.sql"),
    include_str!("schema/0002_map_runs.sql"),
    include_str!("schema/0003_data_sets.sql"),
    include_str!("schema/0004_activities_and_bindings.sql"),
    include_str!("schema/0005_access_keys.sql"),
    include_str!("schema/0006_versions_and_aliases.sql"),
    include_str!("schema/0007_express_starts.sql"),
    include_str!("schema/0008_redrives.sql"),
    include_str!("schema/0009_roles.sql"),
    include_str!("schema/0010_tenant_secrets.sql"),
    include_str!("schema/0011_audit.sql"),
    include_str!("schema/0012_config_and_policies.sql"),
    include_str!("schema/0013_quotas.sql"),
    include_str!("schema/0014_approvals.sql"),
    include_str!("schema/0015_retention.sql"),
    include_str!("schema/0016_operators.sql"),
    include_str!("schema/0017_notifications.sql"),
    include_str!("schema/0018_search_and_bulk.sql"),
    include_str!("schema/0019_acting_for.sql"),
    include_str!("schema/0020_all_stored_bytes.sql"),
];

/// Takes the steps that the database has not taken, each in a transaction of its own:
/// after a crash, the next start goes on with the step that was broken off.
pub(crate) fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let found = schema_number(connection)?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for (number, step) in (1_u32..).zip(steps) {
        if number <= found {
            continue;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
        if found > 0 {
            tracing::info!(schema = number, "database schema brought up");
        }
    }
    if found == 0 {
        tracing::info!(schema = known, "a new database was made");
    }
    Ok(())
}

/// Returns how many steps the database has taken.
pub(crate) fn schema_number(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM pragma_table_info('t')", [], |row| {
                row.get(0)
            })
            .unwrap()
    }

    #[test]
    fn only_missing_steps_are_taken() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE t (a INTEGER) STRICT;";
        let second = "ALTER TABLE t ADD COLUMN b INTEGER;";

        migrate(&mut connection, &[first]).unwrap();
        assert_eq!(
            (schema_number(&connection).unwrap(), columns(&connection)),
            (1, 1)
        );
        migrate(&mut connection, &[first, second]).unwrap();
        migrate(&mut connection, &[first, second]).unwrap();
        assert_eq!(
            (schema_number(&connection).unwrap(), columns(&connection)),
            (2, 2)
        );
    }

    #[test]
    fn a_broken_step_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE t (a INTEGER) STRICT;";
        let broken = "ALTER TABLE t ADD COLUMN b INTEGER; CREATE TABLE t (a INTEGER);";

        assert!(migrate(&mut connection, &[first, broken]).is_err());
        assert_eq!(
            (schema_number(&connection).unwrap(), columns(&connection)),
            (1, 1)
        );
    }

    #[test]
    fn a_newer_schema_is_refused_untouched() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 700).unwrap();

        let refused = migrate(&mut connection, MIGRATIONS);
        let known = u32::try_from(MIGRATIONS.len()).unwrap();
        assert_eq!(refused, Err(StoreError::NewerSchema { found: 700, known }));
        assert_eq!(schema_number(&connection).unwrap(), 700);
    }
}
