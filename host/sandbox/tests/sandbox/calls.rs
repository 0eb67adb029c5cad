//! What goes in and comes out of a call, and the name of each end.

use std::time::Duration;

use stepwell_sandbox::{CancelToken, ComponentDigest, Outcome, Sandbox, SandboxConfig};

use crate::guests::{Guest, LOG, WASI_SLEEP, WASI_STDERR};
use crate::harness::{SANDBOX, With, call, call_in, context, output, run, runtime, upload};

#[test]
fn input_reaches_the_guest_and_its_output_comes_back() {
    let input = r#"{"order": 17, "items": ["größe", "\u00e9", 1e400]}"#;
    assert_eq!(output(&Guest::echo(), &With::input(input)), input);
}

#[test]
fn the_context_reaches_the_guest() {
    let text = |offset: u32| {
        let guest = Guest::new(format!(
            "(call $failure
                (i32.load offset={offset} (local.get $params))
                (i32.load offset={} (local.get $params))
                (i32.const 0) (i32.const 0))",
            offset + 4
        ));
        run(&guest, &With::default()).outcome.failure().unwrap().0
    };
    let context = context();
    assert_eq!(text(0), context.tenant);
    assert_eq!(text(8), context.execution_id);
    assert_eq!(text(16), context.execution_name);
    assert_eq!(text(24), context.state_machine);
    assert_eq!(text(32), context.state);
    assert_eq!(text(44), context.idempotency_key);
    assert_eq!(text(76), context.task_token.unwrap());
    assert_eq!(text(84), context.traceparent);

    let number = |load: &str| {
        let guest = Guest::new(format!("(call $ok_number ({load} (local.get $params)))"));
        output(&guest, &With::default())
            .trim_matches('"')
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(number("i64.load32_u offset=40"), u64::from(context.attempt));
    assert_eq!(number("i64.load offset=56"), context.execution_started_ms);
    assert_eq!(number("i64.load offset=64"), context.deadline_ms);
    assert_eq!(number("i64.load8_u offset=72"), 1, "there is a task token");
}

/// A guest that fails with `error` and `cause`.
fn failing(error: &str, cause: &str) -> Guest {
    let (error_len, cause_len) = (error.len(), cause.len());
    Guest::new(format!(
        "(call $failure (i32.const 1024) (i32.const {error_len})
            (i32.const 2048) (i32.const {cause_len}))"
    ))
    .data(1024, error)
    .data(2048, cause)
}

#[test]
fn a_guest_s_failure_keeps_its_name() {
    let report = run(&failing("OutOfStock", "none\nleft"), &With::default());
    let failed = Outcome::Failed {
        error: "OutOfStock".to_owned(),
        cause: "none\nleft".to_owned(),
    };
    assert_eq!(report.outcome, failed);
    let seen = ("OutOfStock".to_owned(), "none\nleft".to_owned());
    assert_eq!(report.outcome.failure(), Some(seen));
}

#[test]
fn names_that_no_guest_may_use_become_task_failed() {
    for name in [
        "States.Timeout",
        "States.",
        "",
        " ",
        "a\u{1b}b",
        &"x".repeat(257),
    ] {
        let report = run(&failing(name, "why"), &With::default());
        let (error, cause) = report.outcome.failure().unwrap();
        assert_eq!(error, "States.TaskFailed", "{name:?}");
        assert!(cause.ends_with(": why"), "{cause}");
    }
    let longest = "x".repeat(256);
    let report = run(&failing(&longest, ""), &With::default());
    assert_eq!(report.outcome.failure().unwrap().0, longest);
}

#[test]
fn a_cause_is_cleaned_and_cut() {
    let guest = Guest::new(
        "(memory.fill (i32.const 8192) (i32.const 97) (i32.const 40000))
         (call $failure (i32.const 1024) (i32.const 1) (i32.const 8192) (i32.const 40000))",
    )
    .data(1024, "E");
    let (_, cause) = run(&guest, &With::default()).outcome.failure().unwrap();
    assert_eq!(cause, "a".repeat(32_768));

    let (_, cause) = run(&failing("E", "\u{1b}[31mred\u{7}"), &With::default())
        .outcome
        .failure()
        .unwrap();
    assert_eq!(cause, "red");
}

#[test]
fn output_that_is_no_json_is_bad_output() {
    for text in [
        "",
        "not json",
        "{\"a\":1",
        "\"\\ud800\"",
        &("[".repeat(200) + &"]".repeat(200)),
    ] {
        let report = run(&Guest::returning(text), &With::default());
        assert!(
            matches!(report.outcome, Outcome::BadOutput { .. }),
            "{text}: {report:?}"
        );
        assert_eq!(report.outcome.failure().unwrap().0, "Stepwell.BadOutput");
    }
}

#[test]
fn output_that_is_no_text_is_bad_output() {
    let not_utf8 = Guest::new("(call $ok (i32.const 1024) (i32.const 2))")
        .fields(r#"(data (i32.const 1024) "\"\ff")"#);
    let outside_of_memory = Guest::new("(call $ok (i32.const 1024) (i32.const 0x20000))");
    for guest in [not_utf8, outside_of_memory] {
        let report = run(&guest, &With::default());
        assert!(
            matches!(report.outcome, Outcome::BadOutput { .. }),
            "{report:?}"
        );
    }
}

#[test]
fn traps_say_what_happened_and_where() {
    let cases = [
        ("(unreachable)", "unreachable"),
        (
            "(drop (i32.load (i32.const -4))) (i32.const 0)",
            "out of bounds",
        ),
        ("(i32.div_u (i32.const 1) (i32.const 0))", "divide by zero"),
        ("(call $endless)", "call stack exhausted"),
    ];
    for (run_body, expected) in cases {
        let guest = Guest::new(run_body).fields("(func $endless (result i32) (call $endless))");
        let report = run(&guest, &With::default());
        let (error, cause) = report.outcome.failure().unwrap();
        assert_eq!(error, "Stepwell.Trapped");
        assert!(cause.contains(expected), "{cause}");
    }
    let named =
        Guest::new("(call $charge_card)").fields("(func $charge_card (result i32) (unreachable))");
    let (_, cause) = run(&named, &With::default()).outcome.failure().unwrap();
    assert!(cause.contains("\n  at charge_card"), "{cause}");
}

#[test]
fn a_panic_that_the_sdk_logs_is_the_cause() {
    let (target, message) = ("stepwell.panic", "no such item, at src/lib.rs:7:5");
    let guest = Guest::new(format!(
        "(call $log (i32.const 4) (i32.const 1024) (i32.const {})
            (i32.const 2048) (i32.const {}) (i32.const 0) (i32.const 0))
         (unreachable)",
        target.len(),
        message.len()
    ))
    .import(LOG)
    .data(1024, target)
    .data(2048, message);
    let report = run(&guest, &With::default());
    assert_eq!(
        report.outcome,
        Outcome::Panicked {
            message: message.to_owned()
        }
    );
    assert_eq!(report.outcome.failure().unwrap().0, "Stepwell.Panicked");
}

#[test]
fn a_panic_on_standard_error_is_the_cause_where_there_is_no_hook() {
    let text = "starting\n\nthread 'main' (1) panicked at src/lib.rs:7:5:\nno such item\n\
                note: run with `RUST_BACKTRACE=1` environment variable\n";
    let guest = Guest::new(format!(
        "(call $write (call $stderr) (i32.const 1024) (i32.const {}) (i32.const 512))
         (unreachable)",
        text.len()
    ))
    .import(WASI_STDERR)
    .data(1024, text);
    let report = run(&guest, &With::default());
    let message = "thread 'main' (1) panicked at src/lib.rs:7:5:\nno such item".to_owned();
    assert_eq!(report.outcome, Outcome::Panicked { message });
}

#[test]
fn fuel_and_memory_are_recorded_and_the_same_twice() {
    let counting = |rounds: u32| {
        Guest::new(format!(
            "(loop $again
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const {rounds}))))
             (call $ok (i32.const 1024) (i32.const 1))"
        ))
        .data(1024, "1")
    };
    let digest = upload(&counting(1000));
    let first = call(&digest, &With::default());
    let second = call(&digest, &With::default());
    assert!(first.outcome.is_completed(), "{first:?}");
    assert!((5_000..20_000).contains(&first.fuel_used), "{first:?}");
    assert_eq!(first.fuel_used, second.fuel_used);
    assert_eq!(first.memory_peak_bytes, 2 * 65_536);

    let longer = run(&counting(2000), &With::default());
    assert!(longer.fuel_used > first.fuel_used + 5_000, "{longer:?}");
}

#[test]
fn a_cancelled_call_ends_while_the_guest_computes_or_waits() {
    let computes = Guest::new("(loop $again (br $again)) (unreachable)");
    let waits = Guest::new("(call $block (call $sleep (i64.const 3600000000000))) (unreachable)")
        .import(WASI_SLEEP);
    for guest in [computes, waits] {
        let digest = upload(&guest);
        let with = With::default();
        let token = with.cancel.clone();
        let report = runtime().block_on(async {
            let call = SANDBOX.call(&digest, with.call());
            let cancel = async {
                // The call has been polled once by the time this branch is.
                token.cancel();
                std::future::pending::<()>().await;
            };
            tokio::select! { biased; report = call => report, () = cancel => unreachable!() }
        });
        assert_eq!(report.outcome, Outcome::Cancelled);
        assert_eq!(report.outcome.failure(), None);
    }
}

#[test]
fn a_call_that_was_cancelled_before_does_not_run() {
    let guest = Guest::echo();
    let cancel = CancelToken::new();
    cancel.cancel();
    let report = run(
        &guest,
        &With {
            cancel,
            ..With::default()
        },
    );
    assert_eq!((report.outcome, report.fuel_used), (Outcome::Cancelled, 0));
}

#[test]
fn one_call_too_many_is_unavailable_and_a_dropped_call_makes_room() {
    let config = SandboxConfig {
        max_concurrent_calls: 1,
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::new(config).unwrap();
    let waits = Guest::new("(call $block (call $sleep (i64.const 3600000000000))) (unreachable)")
        .import(WASI_SLEEP);
    let waits = sandbox.prepare(&waits.build()).unwrap().digest;
    let echo = sandbox.prepare(&Guest::echo().build()).unwrap().digest;

    runtime().block_on(async {
        let first = tokio::time::timeout(
            Duration::from_millis(1),
            sandbox.call(&waits, With::default().call()),
        );
        tokio::pin!(first);
        let second = tokio::select! {
            biased;
            _ = &mut first => unreachable!(),
            second = sandbox.call(&echo, With::default().call()) => second,
        };
        assert!(
            matches!(second.outcome, Outcome::Unavailable { .. }),
            "{second:?}"
        );
        assert_eq!(second.outcome.failure(), None);
        assert_eq!(sandbox.running_calls(), 1);
        assert!(first.await.is_err(), "the first call was still waiting");
    });
    assert_eq!(sandbox.running_calls(), 0);
    assert!(
        call_in(&sandbox, &echo, &With::default())
            .outcome
            .is_completed()
    );
}

#[test]
fn a_component_that_is_not_loaded_is_unavailable() {
    let report = call(&ComponentDigest::of(b"nothing"), &With::default());
    assert!(
        matches!(report.outcome, Outcome::Unavailable { .. }),
        "{report:?}"
    );
}
