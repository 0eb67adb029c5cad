//! Tenants, tokens, settings, components and state machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_store::{
    ApiTokenRow, Digest, MachineId, NewApiToken, NewComponent, Pushed, PutMode, PutRevision,
    RoleRow, StorageLimits, StoreError, TenantId,
};

use crate::setup::{Home, new_revision, new_tenant, somebody, time};

fn component(tenant: TenantId, name: &str, wasm: &[u8]) -> NewComponent {
    NewComponent {
        tenant,
        name: name.into(),
        digest: Digest::of(wasm),
        wasm: Arc::from(wasm),
        pushed_at: time(1),
        pushed_by: Some("ada".into()),
        description: Some(r#"{"version":"1.2.0"}"#.into()),
        imports: "[]".into(),
    }
}

#[test]
fn tenants_have_names_and_accounts_of_their_own() {
    let home = Home::new();
    let again = home
        .store
        .change(somebody())
        .put_tenant(new_tenant("acme", "000000000001"));
    assert_eq!(again, Ok(home.tenant));
    let other = home
        .store
        .change(somebody())
        .put_tenant(new_tenant("other", "000000000002"))
        .unwrap();
    for (name, account) in [("acme", "000000000003"), ("third", "000000000001")] {
        let answer = home
            .store
            .change(somebody())
            .put_tenant(new_tenant(name, account));
        assert!(
            matches!(answer, Err(StoreError::NameTaken { .. })),
            "{answer:?}"
        );
    }
    for account in ["123", "12345678901x"] {
        let answer = home
            .store
            .change(somebody())
            .put_tenant(new_tenant("third", account));
        assert!(
            matches!(answer, Err(StoreError::Refused { .. })),
            "{answer:?}"
        );
    }
    let names: Vec<String> = home
        .store
        .list_tenants()
        .unwrap()
        .into_iter()
        .map(|tenant| tenant.name)
        .collect();
    assert_eq!(names, ["acme", "other"]);
    let found = home
        .store
        .find_tenant_by_account("000000000002")
        .unwrap()
        .unwrap();
    assert_eq!(
        Some(&found),
        home.store.find_tenant("other").unwrap().as_ref()
    );
    assert_eq!(
        Some(&found),
        home.store.load_tenant(other).unwrap().as_ref()
    );
    assert_eq!(home.store.find_tenant("third"), Ok(None));
}

#[test]
fn tokens_are_known_by_their_hash_until_replaced_or_deleted() {
    let home = Home::new();
    let token = |name: &str, secret: &[u8]| NewApiToken {
        row: ApiTokenRow {
            tenant: home.tenant,
            name: name.into(),
            role: "admin".into(),
            permissions: None,
            created_at: time(1),
            created_by: None,
            expires_at: Some(time(2)),
            previous_until: None,
        },
        hash: Digest::of(secret),
    };
    let put = |name, secret, replace| {
        home.store
            .change(somebody())
            .put_api_token(token(name, secret), replace)
    };
    let name_of = |secret: &[u8]| {
        home.store
            .find_api_token(Digest::of(secret))
            .unwrap()
            .map(|found| found.row.name)
    };
    put("first", b"one", false).unwrap();
    put("second", b"two", false).unwrap();
    assert_eq!(name_of(b"one"), Some("first".into()));
    let taken = put("first", b"new", false);
    assert!(
        matches!(taken, Err(StoreError::NameTaken { .. })),
        "{taken:?}"
    );
    put("first", b"new", true).unwrap();
    assert_eq!(
        (name_of(b"one"), name_of(b"new")),
        (None, Some("first".into()))
    );
    let taken = put("third", b"two", false);
    assert!(
        matches!(taken, Err(StoreError::Refused { .. })),
        "{taken:?}"
    );

    assert_eq!(home.store.list_api_tokens(home.tenant).unwrap().len(), 2);
    home.store
        .change(somebody())
        .delete_api_token(home.tenant, "second")
        .unwrap();
    assert_eq!(name_of(b"two"), None);
    let gone = home
        .store
        .change(somebody())
        .delete_api_token(home.tenant, "second");
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");

    // The one before is known as that, until it is replaced itself.
    let rotate = |secret: &[u8]| {
        let hash = Digest::of(secret);
        home.store
            .change(somebody())
            .rotate_api_token(home.tenant, "first", hash, time(9))
    };
    rotate(b"next").unwrap();
    let found = |secret: &[u8]| home.store.find_api_token(Digest::of(secret)).unwrap();
    let before = found(b"new").unwrap();
    assert!(before.is_previous);
    assert_eq!(before.row.previous_until, Some(time(9)));
    assert!(!found(b"next").unwrap().is_previous);
    rotate(b"last").unwrap();
    assert_eq!(found(b"new"), None);
    assert!(found(b"next").unwrap().is_previous);
}

#[test]
fn a_role_is_the_tenants_own_and_stays_while_somebody_has_it() {
    let home = Home::new();
    let role = |permissions: &str| RoleRow {
        tenant: home.tenant,
        name: "starter".into(),
        about: None,
        permissions: permissions.into(),
        created_at: time(1),
        created_by: None,
    };
    home.store.change(somebody()).put_role(role("[]")).unwrap();
    home.store
        .change(somebody())
        .put_role(role("[\"executions:start\"]"))
        .unwrap();
    let found = home.store.find_role(home.tenant, "starter").unwrap();
    assert_eq!(found, Some(role("[\"executions:start\"]")));
    let elsewhere = home.store.find_role(TenantId(home.tenant.0 + 1), "starter");
    assert_eq!(elsewhere, Ok(None));
    let token = NewApiToken {
        row: ApiTokenRow {
            tenant: home.tenant,
            name: "build".into(),
            role: "starter".into(),
            permissions: None,
            created_at: time(1),
            created_by: None,
            expires_at: None,
            previous_until: None,
        },
        hash: Digest::of(b"secret"),
    };
    home.store
        .change(somebody())
        .put_api_token(token, false)
        .unwrap();
    let used = home
        .store
        .change(somebody())
        .delete_role(home.tenant, "starter");
    assert!(matches!(used, Err(StoreError::InUse { .. })), "{used:?}");
    home.store
        .change(somebody())
        .delete_api_token(home.tenant, "build")
        .unwrap();
    home.store
        .change(somebody())
        .delete_role(home.tenant, "starter")
        .unwrap();
    assert_eq!(home.store.list_roles(home.tenant), Ok(Vec::new()));
}

#[test]
fn a_setting_is_what_was_put_last() {
    let home = Home::new();
    assert_eq!(home.store.find_setting("key"), Ok(None));
    home.store.put_setting("key", b"one").unwrap();
    home.store.put_setting("key", b"two").unwrap();
    assert_eq!(home.store.find_setting("key"), Ok(Some(b"two".to_vec())));
}

#[test]
fn versions_count_up_and_the_same_bytes_are_no_new_version() {
    let home = Home::new();
    let push = |name: &str, wasm: &[u8]| {
        home.store
            .change(somebody())
            .put_component(component(home.tenant, name, wasm), StorageLimits::default())
            .unwrap()
    };
    let pushed = |version, is_new| Pushed { version, is_new };
    assert_eq!(push("validate", b"one"), pushed(1, true));
    assert_eq!(push("validate", b"one"), pushed(1, false));
    assert_eq!(push("validate", b"two"), pushed(2, true));
    assert_eq!(push("validate", b"one"), pushed(3, true));
    assert_eq!(push("ship", b"one"), pushed(1, true));

    let find = |name, version| {
        let found = home
            .store
            .find_component(home.tenant, name, version)
            .unwrap();
        found.map(|row| (row.version, row.digest))
    };
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    assert_eq!(find("validate", None), Some((3, one)));
    assert_eq!(find("validate", Some(2)), Some((2, two)));
    assert_eq!(find("validate", Some(4)), None);
    assert_eq!(find("reserve", None), None);
    let versions = home
        .store
        .list_component_versions(home.tenant, "validate")
        .unwrap();
    assert_eq!(
        versions.iter().map(|row| row.version).collect::<Vec<_>>(),
        [3, 2, 1]
    );
    assert_eq!(versions[0].size_bytes, 3);
    assert_eq!(
        home.store.load_component_blob(two).unwrap().as_deref(),
        Some(&b"two"[..])
    );
    assert_eq!(
        home.store.load_component_blob(Digest::of(b"none")),
        Ok(None)
    );
}

#[test]
fn components_are_listed_by_name_in_parts_for_each_tenant() {
    let home = Home::new();
    let other = home
        .store
        .change(somebody())
        .put_tenant(new_tenant("other", "000000000002"))
        .unwrap();
    for (tenant, name, wasm) in [
        (home.tenant, "b", "1"),
        (home.tenant, "a", "1"),
        (home.tenant, "a", "2"),
        (home.tenant, "c", "1"),
        (other, "a", "3"),
    ] {
        home.store
            .change(somebody())
            .put_component(
                component(tenant, name, wasm.as_bytes()),
                StorageLimits::default(),
            )
            .unwrap();
    }
    let list = |tenant, after, limit| -> Vec<(String, u32)> {
        let rows = home.store.list_components(tenant, after, limit).unwrap();
        rows.into_iter()
            .map(|row| (row.name, row.version))
            .collect()
    };
    let named = |names: &[(&str, u32)]| -> Vec<(String, u32)> {
        names
            .iter()
            .map(|(name, version)| ((*name).to_owned(), *version))
            .collect()
    };
    assert_eq!(list(home.tenant, None, 2), named(&[("a", 2), ("b", 1)]));
    assert_eq!(list(home.tenant, Some("b"), 2), named(&[("c", 1)]));
    assert_eq!(list(other, None, 9), named(&[("a", 1)]));
}

#[test]
fn changed_bytes_are_not_handed_out() {
    let mut home = Home::new();
    let digest = Digest::of(b"fine");
    home.store
        .change(somebody())
        .put_component(
            component(home.tenant, "a", b"fine"),
            StorageLimits::default(),
        )
        .unwrap();
    home.reopen();
    let vandal = rusqlite::Connection::open(home.path().join("stepwell.db")).unwrap();
    vandal
        .execute("UPDATE component_blobs SET wasm = x'00'", [])
        .unwrap();
    let answer = home.store.load_component_blob(digest);
    assert!(
        matches!(answer, Err(StoreError::Corrupt { .. })),
        "{answer:?}"
    );
}

#[test]
fn a_definition_that_says_something_new_is_a_new_revision() {
    let home = Home::new();
    let put = |new, mode| {
        home.store
            .change(somebody())
            .put_state_machine(new, mode, StorageLimits::default())
    };
    let same = new_revision(home.tenant, "orders");
    let machine = home.machine;
    let there = Ok(PutRevision {
        machine,
        revision: 1,
        is_new: false,
    });
    for mode in [PutMode::Create, PutMode::Update, PutMode::CreateOrUpdate] {
        assert_eq!(put(same.clone(), mode), there);
    }

    // New bytes behind the same text are a new revision, too.
    let mut repinned = same.clone();
    repinned.pins = BTreeMap::from([("validate".to_owned(), Digest::of(b"other"))]);
    let taken = put(repinned.clone(), PutMode::Create);
    assert!(
        matches!(taken, Err(StoreError::NameTaken { .. })),
        "{taken:?}"
    );
    let second = Ok(PutRevision {
        machine,
        revision: 2,
        is_new: true,
    });
    assert_eq!(put(repinned.clone(), PutMode::Update), second);

    let row = home.store.load_revision(machine, 2).unwrap().unwrap();
    assert_eq!(row.pins, repinned.pins);
    assert_eq!(
        (row.definition, row.format),
        (same.definition.clone(), same.format.clone())
    );
    assert_eq!(
        home.store.load_revision(machine, 1).unwrap().unwrap().pins,
        same.pins
    );
    assert_eq!(home.store.load_revision(machine, 3), Ok(None));
    assert_eq!(
        home.store.list_revisions(machine),
        Ok(vec![(2, time(0)), (1, time(0))])
    );
    assert_eq!(
        home.store
            .find_state_machine(home.tenant, "orders")
            .unwrap()
            .unwrap()
            .revision,
        2
    );

    let mut express = same;
    express.machine_type = "EXPRESS".into();
    let refused = put(express, PutMode::Update);
    assert!(
        matches!(refused, Err(StoreError::NameTaken { .. })),
        "{refused:?}"
    );
}

#[test]
fn what_is_not_there_cannot_be_updated_or_deleted() {
    let home = Home::new();
    let missing = home.store.change(somebody()).put_state_machine(
        new_revision(home.tenant, "refunds"),
        PutMode::Update,
        StorageLimits::default(),
    );
    assert_eq!(
        missing,
        Err(StoreError::NotFound {
            what: "state machine 'refunds'".into()
        })
    );
    let missing = home
        .store
        .change(somebody())
        .delete_state_machine(MachineId(99), time(1));
    assert!(
        matches!(missing, Err(StoreError::NotFound { .. })),
        "{missing:?}"
    );
    let tenantless = home.store.change(somebody()).put_state_machine(
        new_revision(TenantId(99), "refunds"),
        PutMode::Create,
        StorageLimits::default(),
    );
    assert!(
        matches!(tenantless, Err(StoreError::Refused { .. })),
        "{tenantless:?}"
    );
}

#[test]
fn a_deleted_machine_is_out_of_sight_and_stays_for_its_executions() {
    let home = Home::new();
    let refunds = new_revision(home.tenant, "refunds");
    home.store
        .change(somebody())
        .put_state_machine(refunds, PutMode::Create, StorageLimits::default())
        .unwrap();
    let names = |after| -> Vec<String> {
        let rows = home
            .store
            .list_state_machines(home.tenant, after, 10)
            .unwrap();
        rows.into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names(None), ["orders", "refunds"]);
    assert_eq!(names(Some("orders")), ["refunds"]);

    home.store
        .change(somebody())
        .delete_state_machine(home.machine, time(5))
        .unwrap();
    assert_eq!(names(None), ["refunds"]);
    assert_eq!(
        home.store.find_state_machine(home.tenant, "orders"),
        Ok(None)
    );
    let row = home
        .store
        .load_state_machine(home.machine)
        .unwrap()
        .unwrap();
    assert_eq!((row.deleted_at, row.revision), (Some(time(5)), 1));
    assert!(home.store.load_revision(home.machine, 1).unwrap().is_some());
    let gone = home
        .store
        .change(somebody())
        .delete_state_machine(home.machine, time(6));
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
}
