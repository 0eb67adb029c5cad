//! Secrets through the engine's handle.

use std::sync::Arc;

use stepwell_engine::{AccessOrder, EngineError, NewTenantOrder, SecretValue};
use stepwell_store::{KeySecret, StoreOptions};
use stepwell_vault::{MasterKey, Vault};

use crate::harness::{Bench, START, Scripted};
use stepwell_engine::SimulatedClock;

fn value(text: &str) -> SecretValue {
    SecretValue::from_bytes(text.as_bytes().to_vec()).unwrap()
}

async fn with_key() -> Bench {
    let clock = SimulatedClock::new(START);
    let vault = Vault::new(MasterKey::generate().unwrap(), []);
    Bench::open(
        StoreOptions::memory(),
        clock,
        Scripted::default(),
        |config| {
            config.vault = Arc::new(vault);
        },
    )
    .await
}

#[tokio::test]
async fn versions_of_one_secret_that_are_set_at_once_all_get_numbers() {
    let bench = with_key().await;
    let setting = (0..8).map(|number| {
        let (handle, caller) = (bench.handle.clone(), bench.caller.clone());
        tokio::spawn(async move {
            let value = value(&format!("value number {number}"));
            handle.set_secret(&caller, "shared", value).await.unwrap()
        })
    });
    let setting: Vec<_> = setting.collect();
    let mut numbers = Vec::new();
    for set in setting {
        numbers.push(set.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<u32>>());
}

#[tokio::test]
async fn a_secret_of_another_tenant_is_not_there() {
    let bench = with_key().await;
    let theirs = NewTenantOrder {
        name: "theirs".to_owned(),
        account: "222222222222".to_owned(),
        region: "us-east-1".to_owned(),
    };
    bench.handle.ensure_tenant(theirs).await.unwrap();
    let them = bench.handle.caller_for_tenant("theirs", "them").await;
    let them = them.unwrap();
    let set = bench
        .handle
        .set_secret(&bench.caller, "token", value("our own value"));
    set.await.unwrap();
    let seen = bench.handle.describe_secret(&them, "token").await;
    assert!(matches!(seen, Err(EngineError::NotFound { .. })));
    let deleted = bench.handle.delete_secret(&them, "token").await;
    assert!(matches!(deleted, Err(EngineError::NotFound { .. })));
    assert_eq!(bench.handle.list_secrets(&them).await.unwrap(), []);
    assert_eq!(
        bench
            .handle
            .list_secrets(&bench.caller)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn access_keys_are_sealed_where_there_is_a_master_key_and_still_verify() {
    let bench = with_key().await;
    let order = AccessOrder::new("ci", "admin");
    let made = bench.handle.make_access_key(&bench.caller, order);
    let made = made.await.unwrap();
    let row = bench.store.find_access_key(&made.id).unwrap().unwrap();
    let KeySecret::Sealed { sealed, .. } = &row.secret else {
        panic!("it is in the clear")
    };
    let secret = made.secret.as_bytes();
    assert!(!sealed.windows(secret.len()).any(|part| part == secret));
    for _from_the_database_and_from_memory in 0..2 {
        let found = bench.handle.find_access_key(&made.id).await.unwrap();
        assert_eq!(found.unwrap().1, made.secret);
    }
}
