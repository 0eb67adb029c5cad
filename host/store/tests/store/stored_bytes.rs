//! What is counted as stored is what the tables hold: definitions, configuration values,
//! secrets and tags, whatever was done to them, and whatever was refused.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use stepwell_store::{
    BULK_KEPT_MAX, BindingRow, BulkAction, ConfigValueRow, Digest, ExecutionKey, MachineId,
    NewAlias, NewBulkOperation, NewDefinition, NewMachine, NewRevision, NewSecretVersion,
    PublishOrder, PutMode, Resealed, RetentionRow, RevisionSettings, Route, STATE_MACHINES_MAX,
    SealedPlace, Status, StorageLimits, StorageQuota, Store, StoreError, StoreOptions, Summary,
    Tag, TenantId, UpdateMachine,
};

use crate::setup::{Home, decision, new_revision, new_tenant, somebody, time};

const NO_LIMIT: StorageLimits = StorageLimits {
    stored_bytes: None,
    components: None,
};

/// Counts once more what a tenant has, and returns that with what its row says.
fn recounted(folder: &Path, tenant: TenantId) -> ([i64; 2], [i64; 2]) {
    let connection = Connection::open(folder.join("stepwell.db")).unwrap();
    let number = |sql: &str| -> i64 {
        connection
            .query_row(sql, [tenant.0], |row| row.get(0))
            .unwrap()
    };
    // Not with the words of the code that counts: bytes of each text by itself.
    let of_revisions: i64 = [
        "definition",
        "asl_json",
        "pins_json",
        "role_arn",
        "logging_json",
        "tracing_json",
        "encryption_json",
        "acting_for_json",
    ]
    .iter()
    .map(|column| {
        number(&format!(
            "SELECT coalesce(sum(length(CAST({column} AS BLOB))), 0) FROM state_machine_revisions
             WHERE machine IN (SELECT id FROM state_machines WHERE tenant = ?1)"
        ))
    })
    .sum();
    let of_machines = |table: &str| {
        number(&format!(
            "SELECT coalesce(sum(length(CAST(description AS BLOB))), 0) FROM {table}
             WHERE machine IN (SELECT id FROM state_machines WHERE tenant = ?1)"
        ))
    };
    let settings = [
        "SELECT coalesce(sum(length(CAST(value AS BLOB))), 0) FROM config_values
         WHERE tenant = ?1",
        "SELECT coalesce(sum(length(sealed)), 0) FROM secret_versions
         WHERE secret IN (SELECT id FROM secrets WHERE tenant = ?1)",
        "SELECT coalesce(sum(length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))), 0)
         FROM tags WHERE tenant = ?1",
    ];
    let counted = [
        of_revisions + of_machines("state_machine_versions") + of_machines("state_machine_aliases"),
        settings.into_iter().map(number).sum(),
    ];
    let row = ["definition_bytes", "setting_bytes"].map(|column| {
        number(&format!(
            "SELECT coalesce(max({column}), 0) FROM tenant_usage WHERE tenant = ?1"
        ))
    });
    (counted, row)
}

/// Expects that what is counted is there; returns the bytes of definitions and of settings.
#[track_caller]
fn exact(home: &Home) -> [u64; 2] {
    let (counted, row) = recounted(home.path(), home.tenant);
    assert_eq!(row, counted);
    let usage = home.store.usage(home.tenant);
    let known = [usage.definition_bytes, usage.setting_bytes];
    assert_eq!(known.map(u64::cast_signed), counted);
    known
}

/// A limit that lets so many bytes more in.
fn room(home: &Home, bytes: u64) -> StorageLimits {
    StorageLimits {
        stored_bytes: Some(home.store.usage(home.tenant).stored_bytes() + bytes),
        components: None,
    }
}

#[track_caller]
fn is_over<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let quota = StorageQuota::StoredBytes;
    match answer {
        Err(StoreError::OverQuota { quota: found, .. }) => assert_eq!(found, quota),
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// A revision of 'pâtés', which has more bytes than letters, and all that a revision may keep.
fn rich(tenant: TenantId) -> NewRevision {
    NewRevision {
        definition: "états: {}".into(),
        asl: r#"{"États":{}}"#.into(),
        role_arn: text("arn:aws:iam::000000000001:role/é"),
        settings: Some(RevisionSettings {
            logging: text(r#"{"level":"ALL"}"#),
            tracing: text(r#"{"enabled":true}"#),
            encryption: text(r#"{"type":"AWS_OWNED_KEY"}"#),
        }),
        acting_for: Some(vec!["token/ada".into()]),
        ..new_revision(tenant, "pates")
    }
}

fn order(description: &str) -> Option<PublishOrder> {
    Some(PublishOrder {
        description: text(description),
    })
}

/// Makes a machine with all that one may have; returns it.
fn make_rich(home: &Home) -> MachineId {
    let made = home.store.change(somebody()).create_state_machine(
        NewMachine {
            revision: rich(home.tenant),
            publish: order("la première"),
            tags: vec![tag("équipe", "a"), tag("équipe", "pâté"), tag("b", "")],
        },
        NO_LIMIT,
    );
    made.unwrap().machine
}

fn update(machine: MachineId, definition: Option<&str>) -> UpdateMachine {
    UpdateMachine {
        machine,
        definition: definition.map(|text| NewDefinition {
            definition: text.to_owned(),
            format: "yaml".into(),
            asl: r#"{"n":2}"#.into(),
            pins: BTreeMap::from([("b".to_owned(), Digest::of(b"b"))]),
        }),
        role_arn: None,
        settings: RevisionSettings::default(),
        publish: None,
        uuid: "22222222-2222-4222-8222-222222222222".into(),
        at: time(2),
        by: text("ada"),
        acting_for: None,
    }
}

fn alias(machine: MachineId, description: Option<&str>) -> NewAlias {
    NewAlias {
        machine,
        name: "live".into(),
        description: description.map(str::to_owned),
        first: Route {
            version: 1,
            weight: 100,
        },
        second: None,
        at: time(3),
        by: None,
    }
}

fn put_config(
    home: &Home,
    name: &str,
    value: &str,
    limits: StorageLimits,
) -> Result<(), StoreError> {
    let row = ConfigValueRow {
        name: name.into(),
        value: value.into(),
        changed_at: time(1),
        changed_by: None,
    };
    let change = home.store.change(somebody());
    change.put_config_value(home.tenant, row, limits)
}

fn put_secret(
    home: &Home,
    version: u32,
    sealed: &[u8],
    limits: StorageLimits,
) -> Result<(), StoreError> {
    let new = NewSecretVersion {
        tenant: home.tenant,
        name: "key".into(),
        version,
        key_id: vec![1; 8],
        sealed: sealed.to_vec(),
        created_at: time(1),
        created_by: None,
        versions_max: 2,
        secrets_max: 10,
    };
    home.store
        .change(somebody())
        .put_secret_version(new, limits)
}

fn delete_machine(home: &Home, machine: MachineId, at: i64) {
    let change = home.store.change(somebody());
    change.delete_state_machine(machine, time(at)).unwrap();
}

/// Empties all that can be; returns how many steps that took.
fn empty(home: &Home, deleted_before: i64) -> u32 {
    let mut steps = 0;
    while home
        .store
        .empty_deleted_machines(time(deleted_before))
        .unwrap()
    {
        steps += 1;
    }
    steps
}

#[test]
fn machines_are_counted_with_all_that_they_keep() {
    let mut home = Home::new();
    let [before, _] = exact(&home);
    let machine = make_rich(&home);
    let [made, tags] = exact(&home);
    assert!(made > before + 100, "{made}");
    // Of two tags with one key, the last one stays.
    assert_eq!(tags, "équipepâté".len() as u64 + 1);

    // The same once more is nothing more, through each door.
    let same = home.store.change(somebody()).create_state_machine(
        NewMachine {
            revision: rich(home.tenant),
            publish: order("la première"),
            tags: Vec::new(),
        },
        NO_LIMIT,
    );
    assert!(!same.unwrap().is_new);
    let put = home.store.change(somebody()).put_state_machine(
        rich(home.tenant),
        PutMode::CreateOrUpdate,
        NO_LIMIT,
    );
    assert!(!put.unwrap().is_new);
    assert_eq!(exact(&home), [made, tags]);

    let change = || home.store.change(somebody());
    // A change of one part is a revision of all of them.
    let mut second = update(machine, None);
    second.role_arn = text("r");
    assert!(
        change()
            .update_state_machine(second, NO_LIMIT)
            .unwrap()
            .is_new
    );
    let mut third = update(machine, Some("x: {}"));
    third.publish = order("two");
    change().update_state_machine(third, NO_LIMIT).unwrap();
    let mut fourth = rich(home.tenant);
    fourth.settings = None;
    let put = change().put_state_machine(fourth, PutMode::Update, NO_LIMIT);
    assert_eq!(put.unwrap().revision, 4);
    exact(&home);
    let publish = |what: &str| {
        let publish = order(what).unwrap();
        change().publish_version(machine, None, publish, time(1), None, NO_LIMIT)
    };
    assert_eq!(publish("ünö").unwrap().version, 3);
    assert_eq!(publish("published already").unwrap().version, 3);
    exact(&home);
    change()
        .create_alias(alias(machine, Some("début")), NO_LIMIT)
        .unwrap();
    change()
        .create_alias(alias(machine, Some("début")), NO_LIMIT)
        .unwrap();
    exact(&home);
    for description in ["longer than before", "", "é"] {
        change()
            .update_alias(machine, "live", text(description), None, time(4), NO_LIMIT)
            .unwrap();
        exact(&home);
    }
    assert_eq!(change().delete_alias(machine, "live"), Ok(true));
    assert_eq!(change().delete_alias(machine, "live"), Ok(false));
    assert_eq!(change().delete_version(machine, 3), Ok(true));
    assert_eq!(change().delete_version(machine, 3), Ok(false));
    let kept = exact(&home);
    home.reopen();
    assert_eq!(exact(&home), kept);
}

#[test]
fn a_deleted_machine_gives_its_bytes_back_once_its_last_execution_is_gone() {
    let home = Home::new();
    let [before, _] = exact(&home);
    let machine = make_rich(&home);
    let change = || home.store.change(somebody());
    change()
        .create_alias(alias(machine, Some("début")), NO_LIMIT)
        .unwrap();
    let mut new = home.new_execution(1);
    new.machine = machine;
    home.create(new).unwrap();
    // Its definition goes on being needed: the deletion waits for it.
    delete_machine(&home, machine, 10);
    let [deleting, tags] = exact(&home);
    assert_eq!(tags, 0);
    change()
        .put_tags(
            home.tenant,
            "stateMachine:pates",
            vec![tag("late", "1")],
            NO_LIMIT,
        )
        .unwrap();
    let ended = stepwell_store::CommitDecision {
        summary: Summary {
            status: Status::Succeeded,
            has_work: false,
            stopped_at: Some(time(11)),
            ..Summary::working()
        },
        ..decision(1, 1, 1)
    };
    home.commit(ended).unwrap();
    home.store.finish_deletion(machine, time(12)).unwrap();
    // What was put meanwhile is not the next one's of the same name.
    assert_eq!(exact(&home), [deleting, 0]);

    assert_eq!(empty(&home, 1_000), 0, "an execution needs its revision");
    assert!(home.store.load_revision(machine, 1).unwrap().is_some());
    home.store.remove_executions(vec![ExecutionKey(1)]).unwrap();
    assert_eq!(empty(&home, 12), 0, "it was deleted just now");
    assert_eq!(empty(&home, 13), 2);
    assert_eq!(empty(&home, 1_000), 0);
    assert_eq!(exact(&home), [before, 0]);
    assert_eq!(home.store.load_revision(machine, 1), Ok(None));
    // The row stays, as what the deleted machine was.
    let row = home.store.load_state_machine(machine).unwrap().unwrap();
    assert_eq!((row.revision, row.deleted_at), (1, Some(time(12))));
    // Living machines are let be.
    assert!(home.store.load_revision(home.machine, 1).unwrap().is_some());
    assert_ne!(make_rich(&home), machine);
    exact(&home);
}

#[test]
fn revisions_are_emptied_in_pieces_of_a_bounded_size() {
    let home = Home::new();
    let [before, _] = exact(&home);
    let put = |definition: String| {
        let new = NewRevision {
            definition,
            ..new_revision(home.tenant, "many")
        };
        let change = home.store.change(somebody());
        change
            .put_state_machine(new, PutMode::CreateOrUpdate, NO_LIMIT)
            .unwrap()
            .machine
    };
    for number in 0..100 {
        put(format!("n: {number}"));
    }
    for letter in ["a", "b", "c"] {
        put(letter.repeat(3 << 20));
    }
    let machine = put("last".to_owned());
    delete_machine(&home, machine, 1);
    let [mut left, _] = exact(&home);
    let mut steps = 0;
    while home.store.empty_deleted_machines(time(9)).unwrap() {
        let [now, _] = exact(&home);
        assert!(left - now <= 4 << 20, "{left} {now}");
        (left, steps) = (now, steps + 1);
    }
    assert_eq!(left, before);
    // 64; 36 and the first large one; the second; the third and the last; none left.
    assert_eq!(steps, 5);
}

#[test]
fn configuration_values_secrets_and_tags_are_counted() {
    let mut home = Home::new();
    put_config(&home, "a", "valeur é", NO_LIMIT).unwrap();
    put_config(&home, "b", "", NO_LIMIT).unwrap();
    assert_eq!(exact(&home)[1], "valeur é".len() as u64);
    for value in ["short", "much longer than that", "much longer than that"] {
        put_config(&home, "a", value, NO_LIMIT).unwrap();
        exact(&home);
    }
    let change = || home.store.change(somebody());
    change().delete_config_value(home.tenant, "a").unwrap();
    assert!(change().delete_config_value(home.tenant, "a").is_err());
    assert_eq!(exact(&home)[1], 0);

    // Two versions are kept.
    for (version, sealed) in [(1, &b"first"[..]), (2, b"second"), (3, b"third one")] {
        put_secret(&home, version, sealed, NO_LIMIT).unwrap();
        exact(&home);
    }
    assert_eq!(exact(&home)[1], 6 + 9);
    let resealed = |version| Resealed {
        place: SealedPlace::Secret {
            tenant: home.tenant,
            name: "key".into(),
            version,
        },
        key_id: vec![2; 8],
        sealed: vec![9; 100],
    };
    let values = vec![resealed(2), resealed(1), resealed(4)];
    home.store.put_resealed(values).unwrap();
    assert_eq!(exact(&home)[1], 100 + 9);
    change()
        .destroy_secret_version(home.tenant, "key", 2)
        .unwrap();
    assert_eq!(exact(&home)[1], 9);
    assert!(
        change()
            .destroy_secret_version(home.tenant, "key", 2)
            .is_err()
    );
    change().delete_secret(home.tenant, "key").unwrap();
    assert_eq!(exact(&home)[1], 0);

    let tags = vec![tag("k", "v"), tag("é", "w")];
    change()
        .put_activity(home.tenant, "work", time(1), tags, NO_LIMIT)
        .unwrap();
    let put = |tags| change().put_tags(home.tenant, "activity:work", tags, NO_LIMIT);
    put(vec![tag("k", "a longer value"), tag("new", "1")]).unwrap();
    exact(&home);
    put(vec![tag("k", "")]).unwrap();
    assert_eq!(exact(&home)[1], 1 + 3 + 4);
    change()
        .delete_tags(home.tenant, "activity:work", vec!["é".into(), "no".into()])
        .unwrap();
    assert_eq!(exact(&home)[1], 1 + 4);
    change().delete_activity(home.tenant, "work").unwrap();
    assert_eq!(exact(&home)[1], 0);
    home.reopen();
    exact(&home);
}

/// A home with a machine, an alias, a value and a secret.
fn furnished() -> (Home, MachineId) {
    let home = Home::new();
    let machine = make_rich(&home);
    put_config(&home, "a", "12345", NO_LIMIT).unwrap();
    put_secret(&home, 1, b"12345", NO_LIMIT).unwrap();
    home.store
        .change(somebody())
        .create_alias(alias(machine, Some("12345")), NO_LIMIT)
        .unwrap();
    (home, machine)
}

/// The same machine as that of a furnished home, under a name.
fn named(home: &Home, name: &str) -> NewRevision {
    NewRevision {
        name: name.into(),
        ..rich(home.tenant)
    }
}

#[test]
fn over_the_quota_nothing_is_half_done() {
    let (home, machine) = furnished();
    let change = || home.store.change(somebody());
    let before = exact(&home);
    let nearly = room(&home, 4);

    is_over(change().put_state_machine(named(&home, "other"), PutMode::Create, nearly));
    let mut changed = named(&home, "pates");
    changed.definition = "x: {}".into();
    is_over(change().put_state_machine(changed, PutMode::Update, nearly));
    is_over(change().update_state_machine(update(machine, Some("x: {}")), nearly));
    let mut other = alias(machine, Some("12345"));
    other.name = "other".into();
    is_over(change().create_alias(other, nearly));
    is_over(change().update_alias(machine, "live", text("1234567890"), None, time(1), nearly));
    is_over(put_config(&home, "b", "12345", nearly));
    is_over(put_config(&home, "a", "1234567890", nearly));
    is_over(put_secret(&home, 2, b"12345", nearly));
    let tags = vec![tag("k", "1234")];
    is_over(change().put_tags(home.tenant, "stateMachine:pates", tags.clone(), nearly));
    is_over(change().put_activity(home.tenant, "work", time(1), tags, nearly));
    assert_eq!(exact(&home), before);
    let none = home.store.find_state_machine(home.tenant, "other").unwrap();
    assert_eq!(none, None);
    assert_eq!(home.store.find_activity(home.tenant, "work"), Ok(None));
}

#[test]
fn all_that_comes_with_a_machine_is_looked_at_before_any_of_it_is_written() {
    let (home, machine) = furnished();
    let change = || home.store.change(somebody());
    let alias = "12345".len() as u64;
    let bytes = exact(&home)[0] - bytes_of_orders(&home) - alias;
    let description = "la première".len() as u64;
    let make = |publish, tags, bytes| {
        let revision = named(&home, "other");
        let machine = NewMachine {
            revision,
            publish,
            tags,
        };
        change().create_state_machine(machine, room(&home, bytes))
    };
    let published = || order("la première");
    is_over(make(published(), Vec::new(), bytes - 1));
    is_over(make(published(), vec![tag("k", "v")], bytes + 1));
    is_over(make(None, Vec::new(), bytes - description - 1));
    let made = make(published(), vec![tag("k", "v")], bytes + 2).unwrap();
    assert!(made.is_new);
    exact(&home);

    let mut second = update(machine, None);
    second.role_arn = text("r");
    change().update_state_machine(second, NO_LIMIT).unwrap();
    let publish = |bytes| {
        let order = order("12345").unwrap();
        change().publish_version(machine, None, order, time(1), None, room(&home, bytes))
    };
    is_over(publish(4));
    let mut update = update(machine, None);
    update.publish = order("12345");
    is_over(change().update_state_machine(update.clone(), room(&home, 4)));
    exact(&home);
    let updated = change().update_state_machine(update, room(&home, 5));
    assert!(!updated.unwrap().is_new);
    publish(0).unwrap();
    exact(&home);
}

#[test]
fn what_does_not_grow_is_let_pass_also_over_the_quota() {
    let (home, machine) = furnished();
    let change = || home.store.change(somebody());
    let before = exact(&home);
    let full = room(&home, 0);
    let lowered = StorageLimits {
        stored_bytes: Some(1),
        components: Some(0),
    };
    for limits in [full, lowered] {
        let same = named(&home, "pates");
        let same = change().put_state_machine(same, PutMode::CreateOrUpdate, limits);
        assert!(!same.unwrap().is_new);
        let same = NewMachine {
            revision: named(&home, "pates"),
            publish: order("la première"),
            tags: Vec::new(),
        };
        let same = change().create_state_machine(same, limits);
        assert!(!same.unwrap().is_new);
        let mut same = update(machine, None);
        same.publish = order("published already");
        assert!(!change().update_state_machine(same, limits).unwrap().is_new);
        change()
            .create_alias(alias(machine, Some("12345")), limits)
            .unwrap();
        let publish = order("published already").unwrap();
        change()
            .publish_version(machine, None, publish, time(1), None, limits)
            .unwrap();
        put_config(&home, "a", "54321", limits).unwrap();
        put_config(&home, "empty", "", limits).unwrap();
        assert_eq!(exact(&home), before);
    }
    put_config(&home, "a", "1", lowered).unwrap();
    // Exactly as much as there is room for.
    put_config(&home, "b", "1234", full).unwrap();
    is_over(put_config(&home, "c", "1", full));
    // What brings no component is not held against their number.
    let no_components = StorageLimits {
        stored_bytes: None,
        components: Some(0),
    };
    put_config(&home, "c", "1", no_components).unwrap();
    exact(&home);
}

/// Bytes of the machine that each home has.
fn bytes_of_orders(home: &Home) -> u64 {
    let pins = serde_json::json!({"validate": Digest::of(b"wasm").to_string()}).to_string();
    let row = home.store.load_revision(home.machine, 1).unwrap().unwrap();
    (row.definition.len() + row.asl.len() + pins.len()) as u64
}

#[test]
fn tenants_are_counted_apart() {
    let home = Home::new();
    let other = home
        .store
        .change(somebody())
        .put_tenant(new_tenant("other", "000000000002"))
        .unwrap();
    let full = room(&home, 0);
    is_over(put_config(&home, "a", "12345", full));
    let new = new_revision(other, "orders");
    let put = home.store.change(somebody()).put_state_machine(
        new,
        PutMode::Create,
        StorageLimits {
            stored_bytes: Some(1_000),
            components: None,
        },
    );
    assert!(put.unwrap().is_new);
    let (counted, row) = recounted(home.path(), other);
    assert_eq!(row, counted);
    assert!(counted[0] > 0);
    exact(&home);
}

/// Fills a table with rows that nobody needs to wait for.
fn fill(home: &Home, sql: &str) {
    let vandal = Connection::open(home.path().join("stepwell.db")).unwrap();
    vandal.execute_batch(sql).unwrap();
}

#[track_caller]
fn is_one_too_many<T: std::fmt::Debug>(answer: Result<T, StoreError>, wanted: &str, count: usize) {
    match answer {
        Err(StoreError::TooMany { what, limit }) => assert_eq!((what, limit), (wanted, count)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tenant_has_only_so_many_machines_and_a_machine_so_many_revisions() {
    let home = Home::new();
    fill(
        &home,
        "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO state_machines (tenant, name, type, created_at)
         SELECT 1, 'm' || i, 'STANDARD', 0 FROM n",
    );
    let new = |name: &str| new_revision(home.tenant, name);
    let put = |name: &str| {
        let change = home.store.change(somebody());
        change.put_state_machine(new(name), PutMode::CreateOrUpdate, NO_LIMIT)
    };
    is_one_too_many(put("more"), "state machines", STATE_MACHINES_MAX);
    let machine = NewMachine {
        revision: new("more"),
        publish: None,
        tags: Vec::new(),
    };
    let made = home.store.change(somebody());
    let made = made.create_state_machine(machine, NO_LIMIT);
    is_one_too_many(made, "state machines", STATE_MACHINES_MAX);
    // What is there may be deployed, and a deleted one makes room.
    assert!(!put("orders").unwrap().is_new);
    delete_machine(&home, MachineId(2), 1);
    assert!(put("more").unwrap().is_new);

    fill(
        &home,
        "INSERT INTO state_machine_revisions (machine, revision, definition, format, asl_json,
             pins_json, created_at)
         VALUES (1, 10000, 'x: {}', 'yaml', '{}', '{}', 0)",
    );
    let what = "revisions of the state machine";
    is_one_too_many(put("orders"), what, 10_000);
    let mut order = update(home.machine, Some("y: {}"));
    let change = || home.store.change(somebody());
    is_one_too_many(
        change().update_state_machine(order.clone(), NO_LIMIT),
        what,
        10_000,
    );
    // What it says already is no further one.
    order.definition = None;
    assert!(
        !change()
            .update_state_machine(order, NO_LIMIT)
            .unwrap()
            .is_new
    );
}

#[test]
fn a_tenant_has_only_so_many_bindings_rules_and_ended_bulk_operations() {
    let home = Home::new();
    fill(
        &home,
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO bindings (tenant, service, action, component, created_at)
         SELECT 1, 's' || i, '*', 'c', 0 FROM n;
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO retention_rules (tenant, machine, age_ms, changed_at)
         SELECT 1, 'm' || i, 1, 0 FROM n;
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
         INSERT INTO bulk_operations (uuid, tenant, action, status, query_json, up_to, matching,
             ordered_at, ordered_by, origin_json)
         SELECT 'u' || i, 1, 0, iif(i = 7, 0, 1), '{}', 0, 0, 0, 'ada', '{}' FROM n;
         INSERT INTO bulk_changed VALUES (1, 5)",
    );
    let change = || home.store.change(somebody());
    let bind = |service: &str| {
        let binding = BindingRow {
            service: service.into(),
            action: "*".into(),
            component: "d".into(),
            version: None,
            created_at: time(1),
            created_by: None,
        };
        change().put_binding(home.tenant, binding)
    };
    is_one_too_many(bind("more"), "bindings", 1_000);
    bind("s1").unwrap();
    let rule = |machine: &str| {
        let rule = RetentionRow {
            machine: text(machine),
            age_ms: Some(5),
            count: None,
            audit_age_ms: None,
            changed_at: time(1),
            changed_by: None,
        };
        change().put_retention(home.tenant, rule)
    };
    is_one_too_many(rule("more"), "rules of retention", 20_000);
    rule("m1").unwrap();
    let new = NewBulkOperation {
        uuid: "new".into(),
        tenant: home.tenant,
        action: BulkAction::Stop,
        query: "{}".into(),
        machine: None,
        error: None,
        cause: None,
        up_to: ExecutionKey(0),
        matching: 1,
        ordered_at: time(1),
        ordered_by: "ada".into(),
        origin: "{}".into(),
    };
    change().order_bulk(new, 10).unwrap();
    let listed = home
        .store
        .list_bulk_operations(home.tenant, None, 5_000)
        .unwrap();
    // The newest, and the one that still goes on.
    assert_eq!(listed.len(), BULK_KEPT_MAX + 1);
    assert_eq!(listed.first().unwrap().order.uuid, "new");
    assert_eq!(listed.last().unwrap().order.uuid, "u7");
}

#[test]
fn what_an_earlier_version_has_stored_is_counted_when_it_is_brought_up() {
    let (mut home, machine) = furnished();
    let gone = home.store.change(somebody()).put_state_machine(
        named(&home, "gone"),
        PutMode::Create,
        NO_LIMIT,
    );
    delete_machine(&home, gone.unwrap().machine, 1);
    let counted = exact(&home);
    let empty_store = Store::open(StoreOptions::memory()).unwrap();
    std::mem::replace(&mut home.store, empty_store).close();
    fill(
        &home,
        "ALTER TABLE tenant_usage DROP COLUMN definition_bytes;
         ALTER TABLE tenant_usage DROP COLUMN setting_bytes;
         DROP INDEX state_machines_to_empty;
         ALTER TABLE state_machines DROP COLUMN emptied;
         DELETE FROM tenant_usage;
         PRAGMA user_version = 19",
    );
    home.reopen();
    assert_eq!(exact(&home), counted);
    // What was deleted before goes, too.
    assert_eq!(empty(&home, 9), 2);
    assert!(exact(&home)[0] < counted[0]);
    assert!(home.store.load_revision(machine, 1).unwrap().is_some());
}

#[test]
fn the_databases_of_all_schemas_are_counted_when_they_are_brought_up() {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats");
    let mut seen = 0;
    for entry in std::fs::read_dir(formats).unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let database = entry.unwrap().path().join("database");
        std::fs::copy(&database, folder.path().join("stepwell.db")).unwrap();
        let store = Store::open(StoreOptions::folder(folder.path())).unwrap();
        let tenants = store.list_tenants().unwrap();
        for tenant in tenants {
            let (counted, row) = recounted(folder.path(), tenant.id);
            assert_eq!(row, counted, "{}", database.display());
            let usage = store.usage(tenant.id);
            let known = [usage.definition_bytes, usage.setting_bytes];
            assert_eq!(known.map(u64::cast_signed), counted);
            seen += usize::from(counted[0] > 0);
        }
        store.close();
    }
    assert!(seen >= 19, "{seen}");
}
