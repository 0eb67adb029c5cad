//! The audit log: entries go with their changes, chains are whole whatever happens, and
//! nothing in the database is changed or deleted.

use std::sync::mpsc;
use std::thread;

use rusqlite::Connection;
use stepwell_store::{
    AuditChain, AuditEntry, AuditRow, CheckpointKey, Created, Digest, ExecutionKey, StorageLimits,
    Store, StoreError, StoreOptions, genesis_hash,
};

use crate::setup::{Home, acme, decision, entry, somebody, time};

/// Reads a whole chain and checks its hashes by the words of the documentation, not by the
/// code that made them.
pub(crate) fn whole_chain(store: &Store, chain: &AuditChain) -> Vec<AuditRow> {
    let rows = store.audit_after(chain.number(), 0, 100_000).unwrap();
    let mut previous = genesis_hash(&chain.to_string());
    for (number, row) in (1..).zip(&rows) {
        let hashed = [
            b"stepwell.audit.entry.v1\0",
            &previous.0[..],
            row.entry.as_bytes(),
        ];
        assert_eq!(row.hash, Digest::of(&hashed.concat()), "entry {number}");
        assert_eq!(row.number, number);
        assert!(row.entry.contains(&format!("\"number\":{number},")));
        previous = row.hash;
    }
    rows
}

fn append(store: &Store, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
    let (tell, told) = mpsc::channel();
    store.append_audit(entries, Box::new(move |result| tell.send(result).unwrap()));
    told.recv().unwrap()
}

#[test]
fn each_change_leaves_its_entry_and_what_changes_nothing_leaves_none() {
    let home = Home::new();
    let tenant = acme(home.tenant);
    let made = whole_chain(&home.store, &AuditChain::Host).len();
    home.create_many(1);
    assert_eq!(home.commit(decision(1, 1, 1)), Ok(()));
    let change = || home.store.change(entry(&tenant, "activity:delete"));
    change()
        .put_activity(
            home.tenant,
            "a",
            time(0),
            Vec::new(),
            StorageLimits::default(),
        )
        .unwrap();
    assert_eq!(change().delete_activity(home.tenant, "a"), Ok(true));
    // Neither a repeated start, nor a conflict, nor what is not there.
    let again = home.create(home.new_execution(1)).unwrap();
    assert!(matches!(again, Created::Existing { .. }));
    assert!(home.commit(decision(1, 7, 1)).is_err());
    assert_eq!(change().delete_activity(home.tenant, "a"), Ok(false));
    let actions: Vec<String> = whole_chain(&home.store, &tenant)
        .iter()
        .map(|row| row.entry.split('"').nth(3).unwrap().to_owned())
        .collect();
    let expected = [
        "execution:start",
        "event:post",
        "activity:delete",
        "activity:delete",
    ];
    assert_eq!(actions, expected);
    assert_eq!(whole_chain(&home.store, &AuditChain::Host).len(), made);
}

#[test]
fn an_entry_is_written_as_documented() {
    let home = Home::new();
    append(&home.store, vec![entry(&acme(home.tenant), "binding:put")]).unwrap();
    let rows = whole_chain(&home.store, &acme(home.tenant));
    let details = r#"{"about":"a test","salt":"07070707070707070707070707070707"}"#;
    let hash = Digest::of(&[b"stepwell.audit.details.v1\0", details.as_bytes()].concat());
    assert_eq!(rows[0].details.as_deref(), Some(details));
    assert_eq!(
        rows[0].entry,
        format!(
            r#"{{"action":"binding:put","at":"2023-11-14T22:13:20.000Z","chain":"tenant:acme","details_hash":"{hash}","number":1,"outcome":"allowed","principal":{{"auth":"api-token","id":"ada","kind":"token"}},"request":"request-1","resource":"a thing","source":"127.0.0.1","v":1}}"#
        )
    );
}

#[test]
fn a_restart_goes_on_with_the_chain() {
    let mut home = Home::new();
    home.create_many(3);
    let before = whole_chain(&home.store, &acme(home.tenant));
    home.reopen();
    assert_eq!(home.commit(decision(2, 1, 1)), Ok(()));
    let after = whole_chain(&home.store, &acme(home.tenant));
    assert_eq!(after[..3], before);
    assert_eq!(after.len(), 4);
}

#[test]
fn chains_are_whole_however_many_write_at_once() {
    let home = Home::new();
    thread::scope(|scope| {
        for writer in 0..8 {
            let home = &home;
            scope.spawn(move || {
                for number in 0..25 {
                    let key = 1 + writer * 25 + number;
                    assert_eq!(home.create(home.new_execution(key)), Ok(Created::New));
                    let change = home.store.change(somebody());
                    change
                        .put_activity(
                            home.tenant,
                            &format!("a{key}"),
                            time(0),
                            Vec::new(),
                            StorageLimits::default(),
                        )
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(whole_chain(&home.store, &acme(home.tenant)).len(), 200);
    assert_eq!(whole_chain(&home.store, &AuditChain::Host).len(), 202);
}

/// A database of which somebody else has a connection, with a checkpoint.
fn tampered() -> (Home, Connection) {
    let home = Home::new();
    home.create_many(3);
    let key = CheckpointKey::from_seed(&[1; 32]).unwrap();
    let signed = home.store.sign_audit(&acme(home.tenant), &key, time(9));
    assert_eq!(signed.unwrap().unwrap().number, 3);
    let connection = Connection::open(home.path().join("stepwell.db")).unwrap();
    (home, connection)
}

#[test]
fn the_database_refuses_to_change_or_delete_what_is_in_it() {
    let (home, connection) = tampered();
    let chain = home.tenant.0;
    for table in ["audit_entries", "audit_details", "audit_checkpoints"] {
        let count = || -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let before = count();
        assert!(before > 0, "{table}");
        for sql in [
            format!("UPDATE {table} SET number = number + 100"),
            format!("UPDATE {table} SET chain = 77"),
            format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
            format!("REPLACE INTO {table} SELECT * FROM {table} WHERE number = 3"),
        ] {
            let refused = connection.execute(&sql, []).unwrap_err().to_string();
            assert!(
                refused.contains("audit log") || refused.contains("checkpoint"),
                "{refused}"
            );
        }
        if table != "audit_details" {
            let sql = format!("DELETE FROM {table} WHERE chain = {chain}");
            assert!(connection.execute(&sql, []).is_err(), "{table}");
        }
        assert_eq!(count(), before, "{table}");
    }
    let sql = "UPDATE audit_entries SET entry = replace(entry, 'ada', 'eve')";
    assert!(connection.execute(sql, []).is_err());
    let sql = "INSERT INTO audit_entries SELECT chain, 9, entry, hash FROM audit_entries LIMIT 1";
    assert!(connection.execute(sql, []).is_err(), "a gap");
    assert_eq!(whole_chain(&home.store, &acme(home.tenant)).len(), 3);
}

#[test]
fn details_can_be_erased_and_the_chain_stays() {
    let (home, connection) = tampered();
    let before = whole_chain(&home.store, &acme(home.tenant));
    let erased = connection.execute(
        "DELETE FROM audit_details WHERE chain = ?1 AND number <= 2",
        [home.tenant.0],
    );
    assert_eq!(erased, Ok(2));
    assert_eq!(home.commit(decision(1, 1, 1)), Ok(()));
    let after = whole_chain(&home.store, &acme(home.tenant));
    let kept: Vec<bool> = after.iter().map(|row| row.details.is_some()).collect();
    assert_eq!(kept, [false, false, true, true]);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.entry, before.hash), (&after.entry, after.hash));
        assert!(after.entry.contains("\"details_hash\""));
    }
}

#[test]
fn a_checkpoint_is_signed_and_made_once_for_each_end() {
    let home = Home::new();
    let chain = acme(home.tenant);
    let key = CheckpointKey::from_seed(&[1; 32]).unwrap();
    assert_eq!(
        home.store.sign_audit(&chain, &key, time(0)),
        Ok(None),
        "no entry"
    );
    home.create_many(2);
    let signed = home
        .store
        .sign_audit(&chain, &key, time(1))
        .unwrap()
        .unwrap();
    assert!(signed.is_genuine());
    assert_eq!(home.store.sign_audit(&chain, &key, time(2)), Ok(None));
    let head = home.store.audit_head(chain.number()).unwrap().unwrap();
    assert_eq!(
        signed.text,
        format!(
            r#"{{"at":"2023-11-14T22:13:20.001Z","chain":"tenant:acme","hash":"{}","number":2,"v":1}}"#,
            head.hash
        )
    );
    let mut forged = signed.clone();
    forged.text = forged.text.replace("\"number\":2", "\"number\":1");
    assert!(!forged.is_genuine());
    let kept = home.store.audit_checkpoints(chain.number(), 0, 10);
    assert_eq!(kept, Ok(vec![signed]));
}

#[test]
fn what_another_program_has_appended_does_not_stop_the_host() {
    let (home, connection) = tampered();
    let sql = "INSERT INTO audit_entries SELECT chain, 4, '{}', hash FROM audit_entries
               WHERE chain = ?1 AND number = 3";
    connection.execute(sql, [home.tenant.0]).unwrap();
    // The first write finds out, the ones after it go on behind what is there.
    assert!(home.commit(decision(1, 1, 1)).is_err());
    assert_eq!(home.commit(decision(1, 1, 1)), Ok(()));
    assert_eq!(home.version(1), 2);
    let rows = home.store.audit_after(home.tenant.0, 4, 10).unwrap();
    assert_eq!(rows.len(), 1);
}

#[test]
fn an_upgraded_database_has_an_empty_log() {
    let store = Store::open(StoreOptions::memory()).unwrap();
    assert_eq!(store.audit_head(0), Ok(None));
    assert_eq!(store.load_execution_row(ExecutionKey(1)), Ok(None));
}
