//! Of what no quota counts, a tenant may have so many and no more.

use std::fmt::Debug;

use rusqlite::Connection;
use stepwell_store::{
    ACCESS_MAX, ACTIVITIES_MAX, AccessKeyRow, ApiTokenRow, Digest, KeySecret, NewApiToken, RoleRow,
    StorageLimits, StoreError, TenantId,
};

use crate::setup::{Home, new_tenant, somebody, time};

/// Adds so many rows by a statement that selects from `n`, their numbers.
fn fill(home: &Home, count: usize, insert: &str) {
    let connection = Connection::open(home.path().join("stepwell.db")).unwrap();
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) {insert}"
    );
    let rows = i64::try_from(count).unwrap();
    let done = connection.execute(&sql, (home.tenant.0, rows));
    assert_eq!(done, Ok(count));
}

/// Fills a table up to one below the limit; then `put` makes the last one, and no more, while
/// another tenant has room.
#[track_caller]
fn ends_at<T: Debug>(
    (what, limit): (&'static str, usize),
    insert: &str,
    put: impl Fn(&Home, TenantId, &str) -> Result<T, StoreError>,
) {
    let home = Home::new();
    let other = new_tenant("other", "222222222222");
    let other = home.store.change(somebody()).put_tenant(other).unwrap();
    fill(&home, limit - 1, insert);
    put(&home, home.tenant, "last").unwrap();
    let full = put(&home, home.tenant, "over").unwrap_err();
    assert_eq!(full, StoreError::TooMany { what, limit });
    put(&home, other, "first").unwrap();
}

#[test]
fn api_tokens_end_at_their_limit() {
    let insert = "INSERT INTO api_tokens (tenant, name, hash, role, created_at)
        SELECT ?1, CAST(i AS TEXT), CAST(printf('%032d', i) AS BLOB), 'viewer', 0 FROM n";
    ends_at(("API tokens", ACCESS_MAX), insert, |home, tenant, name| {
        let row = ApiTokenRow {
            tenant,
            name: name.into(),
            role: "viewer".into(),
            permissions: None,
            created_at: time(1),
            created_by: None,
            expires_at: None,
            previous_until: None,
        };
        let hash = Digest::of(format!("{tenant:?} {name}").as_bytes());
        let new = NewApiToken { row, hash };
        home.store.change(somebody()).put_api_token(new, false)
    });
}

#[test]
fn access_keys_end_at_their_limit() {
    let insert = "INSERT INTO access_keys (id, tenant, name, secret, role, created_at)
        SELECT 'AK' || i, ?1, CAST(i AS TEXT), '', 'viewer', 0 FROM n";
    ends_at(("access keys", ACCESS_MAX), insert, |home, tenant, name| {
        let new = AccessKeyRow {
            id: format!("{tenant:?} {name}"),
            tenant,
            name: name.into(),
            secret: KeySecret::Sealed {
                key_id: vec![7; 8],
                sealed: vec![7; 40],
            },
            role: "viewer".into(),
            permissions: None,
            created_at: time(1),
            created_by: None,
            expires_at: None,
        };
        home.store.change(somebody()).put_access_key(new)
    });
}

#[test]
fn roles_end_at_their_limit() {
    let insert = "INSERT INTO roles (tenant, name, permissions_json, created_at)
        SELECT ?1, CAST(i AS TEXT), '[]', 0 FROM n";
    ends_at(("roles", ACCESS_MAX), insert, |home, tenant, name| {
        let row = RoleRow {
            tenant,
            name: name.into(),
            about: None,
            permissions: "[]".into(),
            created_at: time(1),
            created_by: None,
        };
        home.store.change(somebody()).put_role(row)
    });
}

#[test]
fn activities_end_at_their_limit() {
    let insert = "INSERT INTO activities (tenant, name, created_at)
        SELECT ?1, CAST(i AS TEXT), 0 FROM n";
    let what = ("activities", ACTIVITIES_MAX);
    ends_at(what, insert, |home, tenant, name| {
        let change = home.store.change(somebody());
        change.put_activity(tenant, name, time(1), Vec::new(), StorageLimits::default())
    });
}
