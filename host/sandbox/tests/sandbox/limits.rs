//! Each limit, hit.

use std::time::{Duration, Instant};

use stepwell_sandbox::{Outcome, TaskLimits};

use crate::guests::{Guest, HEARTBEAT, Import, LOG, RANDOM_NUMBER, WASI_RANDOM_NUMBER, WASI_SLEEP};
use crate::harness::{With, call, run, upload};

fn error_name(outcome: &Outcome) -> String {
    outcome
        .failure()
        .map(|(error, _)| error)
        .unwrap_or_default()
}

fn spinning() -> Guest {
    Guest::new("(loop $again (br $again)) (unreachable)")
}

#[test]
fn fuel() {
    let limits = TaskLimits {
        fuel: 1_000_000,
        ..TaskLimits::default()
    };
    let report = run(&spinning(), &With::limits(limits));
    assert_eq!(report.outcome, Outcome::OutOfFuel);
    assert_eq!(error_name(&report.outcome), "Stepwell.OutOfFuel");
    assert_eq!(report.fuel_used, 1_000_000);
}

#[test]
fn bulk_operations_cost_fuel_by_the_byte() {
    let filling = Guest::new(
        "(loop $again
            (memory.fill (i32.const 8192) (i32.const 0) (i32.const 100000)) (br $again))
         (unreachable)",
    );
    let limits = TaskLimits {
        fuel: 10_000_000,
        ..TaskLimits::default()
    };
    let report = run(&filling, &With::limits(limits));
    assert_eq!(report.outcome, Outcome::OutOfFuel);
}

/// The wall time ends a guest that computes, and one that waits for the host.
#[test]
fn time() {
    let waiting = Guest::new("(call $block (call $sleep (i64.const 3600000000000))) (unreachable)")
        .import(WASI_SLEEP);
    for guest in [spinning(), waiting] {
        let digest = upload(&guest);
        let limits = TaskLimits {
            fuel: u64::MAX,
            timeout: Duration::from_millis(50),
            ..TaskLimits::default()
        };
        let started = Instant::now();
        let report = call(&digest, &With::limits(limits));
        assert_eq!(report.outcome, Outcome::TimedOut);
        assert_eq!(error_name(&report.outcome), "States.Timeout");
        assert!(report.duration >= Duration::from_millis(50));
        // Generous: the machine may be busy. Without the limit it would be for ever.
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn fuel_of_a_call_that_timed_out_is_recorded() {
    let limits = TaskLimits {
        fuel: u64::MAX,
        timeout: Duration::from_millis(500),
        ..TaskLimits::default()
    };
    let report = run(&spinning(), &With::limits(limits));
    assert_eq!(report.outcome, Outcome::TimedOut);
    assert!(report.fuel_used >= 10_000_000, "{report:?}");
}

/// Grows a memory page by page, and gives up when it gets none.
fn allocating() -> Guest {
    Guest::new(
        "(loop $again (br_if $again (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
         (unreachable)",
    )
}

#[test]
fn memory() {
    let limits = TaskLimits {
        memory_max_bytes: 1 << 20,
        ..TaskLimits::default()
    };
    let report = run(&allocating(), &With::limits(limits));
    assert_eq!(report.outcome, Outcome::OutOfMemory);
    assert_eq!(error_name(&report.outcome), "Stepwell.OutOfMemory");
    assert_eq!(report.memory_peak_bytes, 1 << 20);
}

#[test]
fn a_guest_that_copes_with_denied_memory_completes() {
    let copes = Guest::new(
        "(drop (memory.grow (i32.const 1000))) (call $ok (i32.const 1024) (i32.const 1))",
    )
    .data(1024, "1");
    let limits = TaskLimits {
        memory_max_bytes: 1 << 20,
        ..TaskLimits::default()
    };
    let report = run(&copes, &With::limits(limits));
    assert!(report.outcome.is_completed(), "{report:?}");
    assert_eq!(report.memory_peak_bytes, 2 * 65_536);
}

/// Two memories, each within the limit, together over it.
#[test]
fn memory_counts_in_sum() {
    let guest = Guest::echo()
        .pages(10)
        .outer("(core module $more (memory 10)) (core instance (instantiate $more))");
    let digest = upload(&guest);
    let outcome = |pages: u64| {
        let limits = TaskLimits {
            memory_max_bytes: pages * 65_536,
            ..TaskLimits::default()
        };
        call(&digest, &With::limits(limits)).outcome
    };
    assert!(outcome(20).is_completed());
    assert_eq!(outcome(19), Outcome::OutOfMemory);
}

#[test]
fn table_elements_count_as_memory() {
    let guest = Guest::new(
        "(loop $again (br_if $again
            (i32.ge_s (table.grow $t (ref.null func) (i32.const 100)) (i32.const 0))))
         (unreachable)",
    )
    .fields("(table $t 0 funcref)");
    let limits = TaskLimits {
        memory_max_bytes: 200_000,
        ..TaskLimits::default()
    };
    let report = run(&guest, &With::limits(limits));
    assert_eq!(report.outcome, Outcome::OutOfMemory);
    assert!(
        (190_000..=200_000).contains(&report.memory_peak_bytes),
        "{report:?}"
    );
}

#[test]
fn numbers_of_instances_memories_and_tables() {
    let guest = Guest::echo()
        .outer("(core module $more (memory 1) (table 1 funcref))")
        .outer("(core instance (instantiate $more)) (core instance (instantiate $more))");
    let digest = upload(&guest);
    let default = TaskLimits::default();
    for (limits, what) in [
        (
            TaskLimits {
                instances_max: 3,
                ..default.clone()
            },
            "instance",
        ),
        (
            TaskLimits {
                memories_max: 2,
                ..default.clone()
            },
            "memory",
        ),
        (
            TaskLimits {
                tables_max: 1,
                ..default.clone()
            },
            "table",
        ),
    ] {
        let report = call(&digest, &With::limits(limits));
        assert_eq!(
            error_name(&report.outcome),
            "Stepwell.ResourceLimit",
            "{report:?}"
        );
        assert!(
            report.outcome.failure().unwrap().1.contains(what),
            "{report:?}"
        );
    }
    assert!(call(&digest, &With::default()).outcome.is_completed());
}

#[test]
fn handles() {
    // Each sleep is two entries: the deadline and the pollable on it.
    let guest =
        Guest::new("(loop $again (drop (call $sleep (i64.const 1))) (br $again)) (unreachable)")
            .import(WASI_SLEEP);
    let limits = TaskLimits {
        handles_max: 100,
        ..TaskLimits::default()
    };
    let report = run(&guest, &With::limits(limits));
    assert!(
        matches!(report.outcome, Outcome::TooManyResources { .. }),
        "{report:?}"
    );
    assert_eq!(error_name(&report.outcome), "Stepwell.ResourceLimit");
}

#[test]
fn output_bytes() {
    // 100,002 bytes: the string of 100,000 letters.
    let guest = Guest::new(
        "(memory.fill (i32.const 8192) (i32.const 97) (i32.const 100002))
         (i32.store8 (i32.const 8192) (i32.const 34))
         (i32.store8 (i32.const 108193) (i32.const 34))
         (call $ok (i32.const 8192) (i32.const 100002))",
    );
    let digest = upload(&guest);
    let outcome = |output_max_bytes| {
        let limits = TaskLimits {
            output_max_bytes,
            ..TaskLimits::default()
        };
        call(&digest, &With::limits(limits)).outcome
    };
    assert!(outcome(100_002).is_completed());
    assert_eq!(outcome(100_001), Outcome::OutputTooLarge);
    assert_eq!(error_name(&outcome(100_001)), "States.DataLimitExceeded");
}

/// 10 MB are not even copied out of the guest.
#[test]
fn output_bytes_by_far() {
    let guest = Guest::new("(call $ok (i32.const 8192) (i32.const 10000000))").pages(160);
    let report = run(&guest, &With::default());
    assert_eq!(report.outcome, Outcome::OutputTooLarge);
}

/// Logs the same short message for ever.
fn chatting(rounds: u32) -> Guest {
    Guest::new(format!(
        "(loop $again
            (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 1025) (i32.const 10)
                (i32.const 0) (i32.const 0))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const {rounds}))))
         (call $ok (i32.const 1024) (i32.const 1))"
    ))
    .import(LOG)
    .data(1024, "1chatchatch")
}

#[test]
fn log_lines() {
    let with = With::limits(TaskLimits {
        log_max_lines: 5,
        ..TaskLimits::default()
    });
    let report = run(&chatting(1000), &with);
    assert!(
        report.outcome.is_completed(),
        "a full log does not fail the task: {report:?}"
    );
    assert!(report.log_truncated);
    let messages = with.host.messages();
    assert_eq!(messages.len(), 6);
    assert!(messages[5].contains("full"), "{messages:?}");
}

#[test]
fn log_bytes() {
    let with = With::limits(TaskLimits {
        log_max_bytes: 35,
        ..TaskLimits::default()
    });
    let report = run(&chatting(1000), &with);
    assert!(
        report.outcome.is_completed() && report.log_truncated,
        "{report:?}"
    );
    assert_eq!(with.host.messages().len(), 3 + 1);

    let with = With::default();
    assert!(!run(&chatting(10), &with).log_truncated);
}

#[test]
fn host_calls() {
    let forever = |import: Import, once: &str| {
        Guest::new(format!("(loop $again {once} (br $again)) (unreachable)")).import(import)
    };
    for guest in [
        forever(HEARTBEAT, "(call $heartbeat)"),
        forever(RANDOM_NUMBER, "(drop (call $number))"),
        forever(WASI_RANDOM_NUMBER, "(drop (call $number))"),
    ] {
        let digest = upload(&guest);
        let limits = TaskLimits {
            host_calls_max: 500,
            ..TaskLimits::default()
        };
        let report = call(&digest, &With::limits(limits.clone()));
        assert!(
            matches!(report.outcome, Outcome::HostCallsExceeded { .. }),
            "{report:?}"
        );
        assert_eq!(error_name(&report.outcome), "Stepwell.HostCallLimit");
        let again = call(&digest, &With::limits(limits));
        assert_eq!(
            report.fuel_used, again.fuel_used,
            "it ends at the same call each time"
        );
    }
}

#[test]
fn bytes_of_one_host_call() {
    let guest = Guest::new(
        "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 3000000)
            (i32.const 0) (i32.const 0))
         (unreachable)",
    )
    .import(LOG)
    .pages(50);
    let report = run(&guest, &With::default());
    assert!(
        matches!(report.outcome, Outcome::HostCallsExceeded { .. }),
        "{report:?}"
    );
}
