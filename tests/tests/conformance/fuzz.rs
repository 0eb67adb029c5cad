//! Requests of every shape, made from the table of operations: members that are there or
//! not, of the right kind or another, small and huge, with things that exist and things
//! that do not. Whatever is sent, the door answers, and never with an error of its own.
//!
//! A run of the tests sends a bounded number, the same each time. `STEPWELL_FUZZ_REQUESTS`
//! asks for more of each operation, `STEPWELL_FUZZ_SEED` for others.

mod values;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use stepwell_states::{API_OPERATIONS, ApiOperation};
use stepwell_tests::{Random, Signer};

use crate::host::{Host, REGION, on_host};
use values::Pool;

/// Requests of each operation, unless more are asked for.
const REQUESTS: u64 = 60;
/// The longest that anything may take but a call that waits; by the true clock.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Operations that wait for something to happen, and how long they are listened to.
const WAITING: [&str; 2] = ["GetActivityTask", "StartSyncExecution"];
const WAITING_MAX: Duration = Duration::from_millis(50);

fn setting(name: &str, default: u64) -> u64 {
    let given = env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

#[test]
fn whatever_is_sent_the_door_answers_and_never_with_its_own_error() {
    let panics = Arc::new(AtomicUsize::new(0));
    let (seen, told) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        // Another test of this process fails by a panic.
        let place = panic.location().map_or("", |place| place.file());
        seen.fetch_add(usize::from(!place.starts_with("tests/")), Ordering::SeqCst);
        told(panic);
    }));
    let (requests, seed) = (
        setting("STEPWELL_FUZZ_REQUESTS", REQUESTS),
        setting("STEPWELL_FUZZ_SEED", 1),
    );
    on_host(async |host| {
        let mut random = Random::new(seed);
        let mut pool = Pool::fill(host).await;
        let mut answered = 0;
        for round in 0..requests {
            for operation in API_OPERATIONS {
                let body = body(operation, &pool, &mut random);
                answered += u64::from(send(host, operation, body, round).await);
            }
            pool.refill(host).await;
        }
        let sent = requests * API_OPERATIONS.len() as u64;
        // If all of it were refused, it would test little.
        assert!(answered > sent / 50, "{answered} of {sent} were answered");
        let list = host.call("ListStateMachines", &json!({})).await;
        assert_eq!(list.status, 200, "{list:?}");
    });
    let panics = panics.load(Ordering::SeqCst);
    assert_eq!(panics, 0, "something panicked");
}

/// Sends a request. Returns whether it was one that the host could carry out.
async fn send(host: &Host, operation: &ApiOperation, body: Vec<u8>, round: u64) -> bool {
    const SHOWN_MAX: usize = 2_000;
    let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_MAX)]).into_owned();
    let place = format!("{} in round {round}: {shown}", operation.name);
    let headers = host.sign(&Signer::dev(REGION), operation.name, &body);
    let is_waiting = WAITING.contains(&operation.name);
    let patience = if is_waiting { WAITING_MAX } else { ANSWER_MAX };
    let Ok(answer) = tokio::time::timeout(patience, host.send(headers, body)).await else {
        assert!(is_waiting, "no answer to {place}");
        return true;
    };
    assert!(answer.body.is_object(), "{answer:?} to {place}");
    match answer.status {
        200 => true,
        400..500 => {
            let code = answer.body["__type"].as_str().unwrap_or_default();
            assert!(!code.is_empty(), "{answer:?} to {place}");
            false
        }
        _ => panic!("{answer:?} to {place}"),
    }
}

/// A body: mostly members, now and then what is none.
fn body(operation: &ApiOperation, pool: &Pool, random: &mut Random) -> Vec<u8> {
    if random.below(25) == 0 {
        return values::no_members(random);
    }
    let mut members = Map::new();
    for member in operation.members {
        // All that is required, mostly; of the rest, some.
        let is_there = match member.required {
            true => random.below(12) > 0,
            false => random.below(3) == 0,
        };
        if is_there {
            members.insert(member.name.to_owned(), pool.value(member, random));
        }
    }
    if random.below(10) == 0 {
        members.insert("unknownMember".to_owned(), values::anything(random, 3));
    }
    Value::Object(members).to_string().into_bytes()
}
