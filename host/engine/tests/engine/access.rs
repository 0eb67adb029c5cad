//! Access that is given: nobody gives more than they have, nor takes from those with more.

use stepwell_engine::{AccessOrder, Caller, EngineError, RoleOrder};

use crate::harness::Bench;

async fn token(bench: &Bench, by: &Caller, order: AccessOrder) -> Result<Caller, EngineError> {
    let token = bench.handle.make_api_token(by, order).await?;
    Ok(shown(bench, &token).await)
}

async fn shown(bench: &Bench, token: &str) -> Caller {
    let found = bench.handle.authenticate_token(token).await;
    found.unwrap().unwrap()
}

fn narrowed(name: &str, role: &str, permissions: &[&str]) -> AccessOrder {
    let names = permissions.iter().map(ToString::to_string);
    AccessOrder {
        permissions: Some(names.collect()),
        ..AccessOrder::new(name, role)
    }
}

fn role(name: &str, permissions: &[&str]) -> RoleOrder {
    RoleOrder {
        name: name.to_owned(),
        about: None,
        permissions: permissions.iter().map(ToString::to_string).collect(),
    }
}

#[track_caller]
fn is_forbidden<T: std::fmt::Debug>(result: Result<T, EngineError>) {
    assert!(
        matches!(result, Err(EngineError::Forbidden { .. })),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_keys_and_roles_from_those_who_may_do_more() {
    let bench = Bench::in_memory().await;
    let handle = &bench.handle;
    let weak = narrowed("weak", "admin", &["access:write"]);
    let weak = token(&bench, &bench.caller, weak).await.unwrap();
    let strong = AccessOrder::new("strong", "admin");
    handle.make_access_key(&bench.caller, strong).await.unwrap();
    let small = narrowed("small", "admin", &["access:write"]);
    handle.make_access_key(&bench.caller, small).await.unwrap();
    let writer = role("writer", &["definitions:write"]);
    handle.put_role(&bench.caller, writer).await.unwrap();

    is_forbidden(handle.delete_access_key(&weak, "strong").await);
    is_forbidden(
        handle
            .put_role(&weak, role("writer", &["access:write"]))
            .await,
    );
    is_forbidden(handle.delete_role(&weak, "writer").await);
    handle.delete_access_key(&weak, "small").await.unwrap();
    let gone = handle.delete_access_key(&weak, "small").await;
    assert!(
        matches!(gone, Err(EngineError::NotFound { .. })),
        "{gone:?}"
    );
    let own = || role("own", &["access:write"]);
    handle.put_role(&weak, own()).await.unwrap();
    handle.put_role(&weak, own()).await.unwrap();
    handle.delete_role(&weak, "own").await.unwrap();
    handle.delete_role(&bench.caller, "writer").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_for_a_group_that_they_are_not_in() {
    let bench = Bench::in_memory().await;
    let handle = &bench.handle;
    let fraud = || role("fraud", &["approvals:decide", "access:write"]);
    handle.put_role(&bench.caller, fraud()).await.unwrap();
    let deciding = ["access:write", "approvals:decide"];
    let weak = narrowed("weak", "admin", &deciding);
    let weak = token(&bench, &bench.caller, weak).await.unwrap();
    let member = AccessOrder::new("member", "fraud");
    let member = token(&bench, &bench.caller, member).await.unwrap();

    let not_theirs = |result: Result<(), EngineError>| {
        assert!(
            matches!(result, Err(EngineError::NotOfGroup { .. })),
            "{result:?}"
        );
    };
    for order in [
        AccessOrder::new("other", "fraud"),
        narrowed("other", "fraud", &["approvals:decide"]),
    ] {
        not_theirs(handle.make_api_token(&weak, order.clone()).await.map(drop));
        not_theirs(handle.make_access_key(&weak, order).await.map(drop));
    }
    not_theirs(handle.rotate_api_token(&weak, "member", 0).await.map(drop));
    not_theirs(handle.put_role(&weak, fraud()).await.map(drop));
    let fresh = role("managers", &["approvals:decide"]);
    not_theirs(handle.put_role(&weak, fresh).await.map(drop));
    // What decides nothing is no matter of groups; and who is in it may.
    let harmless = narrowed("harmless", "fraud", &["access:write"]);
    token(&bench, &weak, harmless).await.unwrap();
    let second = AccessOrder::new("second", "fraud");
    token(&bench, &member, second).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn access_that_ends_gives_none_that_lasts_longer() {
    let bench = Bench::in_memory().await;
    let handle = &bench.handle;
    let end = handle.now().plus_ms(3_600_000);
    let ending = |name: &str, at| AccessOrder {
        expires_at: Some(at),
        ..AccessOrder::new(name, "admin")
    };
    let short = token(&bench, &bench.caller, ending("short", end)).await;
    let short = short.unwrap();
    token(&bench, &bench.caller, AccessOrder::new("endless", "admin"))
        .await
        .unwrap();

    let heir = AccessOrder::new("heir", "admin");
    let heir = token(&bench, &short, heir).await.unwrap();
    let list = handle.list_api_tokens(&heir).await.unwrap();
    let found = list.iter().find(|token| token.name == "heir").unwrap();
    assert_eq!(found.expires_at, Some(end), "no longer than who made it");
    for refused in [
        handle
            .make_api_token(&short, ending("later", end.plus_ms(1)))
            .await,
        handle.rotate_api_token(&short, "endless", 0).await,
    ] {
        assert!(
            matches!(refused, Err(EngineError::Invalid { .. })),
            "{refused:?}"
        );
    }
    let next = handle.rotate_api_token(&short, "short", 0).await.unwrap();
    assert_eq!(shown(&bench, &next).await.until, Some(end));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_place_is_taken_has_no_say_over_the_next() {
    let bench = Bench::in_memory().await;
    let handle = &bench.handle;
    let order = AccessOrder {
        expires_at: Some(handle.now().plus_ms(1_000)),
        ..AccessOrder::new("ci", "admin")
    };
    let old = handle.make_api_token(&bench.caller, order).await.unwrap();
    let overlap = 10_000;
    let new = handle.rotate_api_token(&bench.caller, "ci", overlap).await;
    let (old, new) = (
        shown(&bench, &old).await,
        shown(&bench, &new.unwrap()).await,
    );
    for refused in [
        handle.rotate_api_token(&old, "ci", 0).await.map(drop),
        handle.delete_api_token(&old, "ci").await,
    ] {
        match refused {
            Err(EngineError::Invalid { reason, .. }) => {
                assert!(reason.contains("taken the place of yours"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    handle.rotate_api_token(&new, "ci", 0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_no_quota_counts_there_are_only_so_many() {
    let bench = Bench::in_memory().await;
    let (handle, caller) = (&bench.handle, &bench.caller);
    let set = |number: usize| {
        let name = format!("value-{number}");
        async move {
            let value = "v".to_owned();
            handle.put_config_value(caller, &name, value).await
        }
    };
    for number in 0..1_000 {
        set(number).await.unwrap();
        let role = role(&format!("role-{number}"), &["definitions:read"]);
        handle.put_role(&bench.caller, role).await.unwrap();
    }
    let last = role("one-more", &["definitions:read"]);
    for refused in [
        set(1_000).await.map(drop),
        handle.put_role(&bench.caller, last).await.map(drop),
    ] {
        let limit_is_said = matches!(refused, Err(EngineError::TooMany { limit: 1_000, .. }));
        assert!(limit_is_said, "{refused:?}");
    }
    set(7).await.unwrap();
    let changed = role("role-7", &["executions:read"]);
    handle.put_role(&bench.caller, changed).await.unwrap();
}
