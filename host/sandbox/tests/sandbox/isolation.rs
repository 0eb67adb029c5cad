//! Nothing of one call is there in the next.

use std::sync::Arc;
use std::time::Duration;

use stepwell_sandbox::{
    LogLine, MemoryReuse, Outcome, Progress, Sandbox, SandboxConfig, TaskCall, TaskHost, TaskLimits,
};

use crate::guests::{Guest, LOG};
use crate::harness::{self, SANDBOX, With, call_in, runtime, upload};

/// Grows by 16 pages and fills them, and the first memory's free room, with a canary.
fn leaves_a_canary() -> Guest {
    Guest::new(
        "(drop (memory.grow (i32.const 16)))
         (memory.fill (i32.const 16384) (i32.const 0xc5) (i32.const 0x11c000))
         (global.set $seen (i32.const 1))
         (call $ok (i32.const 1024) (i32.const 1))",
    )
    .fields("(global $seen (mut i32) (i32.const 0))")
    .data(1024, "1")
}

/// Grows likewise and returns how many canary bytes, and canary globals, it finds.
fn looks_for_a_canary() -> Guest {
    Guest::new(
        "(drop (memory.grow (i32.const 16)))
         (local.set $i (i32.const 16384))
         (loop $again
            (if (i32.eq (i32.load8_u (local.get $i)) (i32.const 0xc5))
                (then (global.set $seen (i32.add (global.get $seen) (i32.const 1)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 0x120000))))
         (call $ok_number (i64.extend_i32_u (global.get $seen)))",
    )
    .fields("(global $seen (mut i32) (i32.const 0))")
}

/// One sandbox for each way to reuse memory, with few slots, so that they are used again and
/// again.
fn sandboxes() -> impl Iterator<Item = Sandbox> {
    [
        MemoryReuse::Overwritten,
        MemoryReuse::Returned,
        MemoryReuse::Never,
    ]
    .into_iter()
    .map(|memory_reuse| {
        let config = SandboxConfig {
            max_concurrent_calls: 1,
            memory_reuse,
            ..Default::default()
        };
        let sandbox = Sandbox::new(config).unwrap();
        assert_eq!(sandbox.has_pool(), memory_reuse != MemoryReuse::Never);
        sandbox
    })
}

#[test]
fn a_fresh_memory_holds_nothing_of_another_guest() {
    for sandbox in sandboxes() {
        let leaves = sandbox.prepare(&leaves_a_canary().build()).unwrap().digest;
        let looks = sandbox
            .prepare(&looks_for_a_canary().build())
            .unwrap()
            .digest;
        let nothing = Outcome::Completed(format!("\"{:020}\"", 0).into());
        for _ in 0..20 {
            let left = call_in(&sandbox, &leaves, &With::default());
            assert!(left.outcome.is_completed(), "{left:?}");
            assert_eq!(call_in(&sandbox, &looks, &With::default()).outcome, nothing);
        }
    }
}

#[test]
fn a_call_does_not_see_the_one_before_of_the_same_component() {
    // Looks first, then leaves its own: in memory that it grew, that the component fills,
    // and in a global.
    let guest = Guest::new(
        "(drop (memory.grow (i32.const 1)))
         (local.set $i (i32.add (global.get $calls) (i32.load8_u (i32.const 0x20000))))
         (local.set $i (i32.add (local.get $i)
            (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 97))))
         (global.set $calls (i32.const 1))
         (i32.store8 (i32.const 1024) (i32.const 98))
         (memory.fill (i32.const 0x20000) (i32.const 0xc5) (i32.const 0x10000))
         (call $ok_number (i64.extend_i32_u (local.get $i)))",
    )
    .fields("(global $calls (mut i32) (i32.const 0))")
    .data(1024, "a");
    for sandbox in sandboxes() {
        let digest = sandbox.prepare(&guest.build()).unwrap().digest;
        for _ in 0..20 {
            let report = call_in(&sandbox, &digest, &With::default());
            assert_eq!(
                report.outcome,
                Outcome::Completed(format!("\"{:020}\"", 0).into())
            );
        }
    }
}

/// A host whose every answer is a panic.
struct Panicking;

impl TaskHost for Panicking {
    fn log(&self, _line: LogLine) {
        panic!("the log is gone");
    }

    fn heartbeat(&self, _progress: Option<Progress>) {}

    fn secret(&self, _name: &str) -> Option<String> {
        None
    }

    fn config(&self, _name: &str) -> Option<String> {
        None
    }

    fn now_ms(&self) -> u64 {
        0
    }
}

#[test]
fn a_panic_of_the_host_ends_the_one_call() {
    let logs = Guest::new(
        "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 1)
            (i32.const 0) (i32.const 0))
         (call $ok (i32.const 1024) (i32.const 1))",
    )
    .import(LOG)
    .data(1024, "1");
    let digest = upload(&logs);
    let call = TaskCall {
        host: Arc::new(Panicking),
        ..With::default().call()
    };
    let report = runtime().block_on(SANDBOX.call(&digest, call));
    assert_eq!(
        report.outcome.failure().unwrap().0,
        "Stepwell.Trapped",
        "{report:?}"
    );
    assert!(
        harness::call(&digest, &With::default())
            .outcome
            .is_completed()
    );
}

/// What has become of a stopped guest must not disturb those that follow.
#[test]
fn guests_that_end_badly_leave_the_sandbox_whole() {
    let config = SandboxConfig {
        max_concurrent_calls: 2,
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::new(config).unwrap();
    let echo = sandbox.prepare(&Guest::echo().build()).unwrap().digest;
    let limits = TaskLimits {
        timeout: Duration::from_millis(1),
        ..TaskLimits::default()
    };
    for bad in ["(unreachable)", "(loop $again (br $again)) (unreachable)"] {
        let bad = sandbox.prepare(&Guest::new(bad).build()).unwrap().digest;
        for _ in 0..20 {
            let report = call_in(&sandbox, &bad, &With::limits(limits.clone()));
            assert!(report.outcome.failure().is_some(), "{report:?}");
            let report = call_in(&sandbox, &echo, &With::default());
            assert!(report.outcome.is_completed(), "{report:?}");
        }
    }
    assert_eq!(sandbox.running_calls(), 0);
}
