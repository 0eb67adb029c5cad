//! What a guest gets from the host: log, progress, secrets, configuration, time, randomness.

use std::sync::atomic::Ordering;

use stepwell_sandbox::{LogLevel, LogLine, Outcome, Progress, TaskLimits};

use crate::guests::{
    CONFIG, Guest, HEARTBEAT, LOG, NOW, RANDOM_BYTES, RANDOM_NUMBER, REPORT, SECRET,
    WASI_MONOTONIC_NOW, WASI_RANDOM_NUMBER, WASI_STDERR,
};
use crate::harness::{With, call, output, run, upload};

/// A guest that logs one message at a level and returns `null`.
fn logging(level: u32, message: &str) -> Guest {
    Guest::new(format!(
        "(call $log (i32.const {level}) (i32.const 1024) (i32.const 4)
            (i32.const 2048) (i32.const {}) (i32.const 0) (i32.const 0))
         (call $ok (i32.const 1028) (i32.const 4))",
        message.len()
    ))
    .import(LOG)
    .data(1024, "shopnull")
    .data(2048, message)
}

#[test]
fn log_lines_reach_the_host_without_control_characters() {
    let with = With::default();
    let report = run(&logging(3, "\u{1b}[31mlow\u{1b}[0m stock\r\n7 left"), &with);
    assert!(report.outcome.is_completed(), "{report:?}");
    assert!(!report.log_truncated);
    let line = LogLine {
        level: LogLevel::Warn,
        target: "shop".to_owned(),
        message: "low stock\n7 left".to_owned(),
        fields: Vec::new(),
    };
    assert_eq!(*with.host.lines.lock().unwrap(), [line]);
}

#[test]
fn what_nobody_may_be_told_is_taken_out_before_a_line_is_cleaned_and_cut() {
    let with = With::default();
    run(&logging(3, "say whisper\r\nquietly now"), &with);
    assert_eq!(with.host.messages(), ["say [taken out] now"]);

    // It lies across the place at which the message is cut: 16 KiB.
    let guest = Guest::new(
        "(memory.fill (i32.const 8192) (i32.const 120) (i32.const 16380))
         (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 8192) (i32.const 16396)
            (i32.const 0) (i32.const 0))
         (call $ok (i32.const 1024) (i32.const 1))",
    )
    .import(LOG)
    .data(1024, "1")
    .data(8192 + 16380, "whisper\r\nquietly");
    let with = With::default();
    run(&guest, &with);
    let messages = with.host.messages();
    assert!(messages[0].ends_with("xx[tak… [cut]"), "{messages:?}");
}

#[test]
fn log_fields_reach_the_host() {
    // One pair of texts: four numbers, little-endian, at 3072.
    let guest = Guest::new(
        "(i32.store (i32.const 3072) (i32.const 1024)) (i32.store (i32.const 3076) (i32.const 4))
         (i32.store (i32.const 3080) (i32.const 1028)) (i32.store (i32.const 3084) (i32.const 2))
         (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 3072) (i32.const 1))
         (call $ok (i32.const 1028) (i32.const 2))",
    )
    .import(LOG)
    .data(1024, "item17");
    let with = With::default();
    assert_eq!(output(&guest, &with), "17");
    let lines = with.host.lines.lock().unwrap();
    assert_eq!(lines[0].fields, [("item".to_owned(), "17".to_owned())]);
}

#[test]
fn a_long_message_is_cut_and_the_report_says_so() {
    let guest = Guest::new(
        "(memory.fill (i32.const 8192) (i32.const 97) (i32.const 100000))
         (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 8192) (i32.const 100000)
            (i32.const 0) (i32.const 0))
         (call $ok (i32.const 1024) (i32.const 1))",
    )
    .import(LOG)
    .data(1024, "1");
    let with = With::default();
    let report = run(&guest, &with);
    assert!(
        report.outcome.is_completed() && report.log_truncated,
        "{report:?}"
    );
    assert!(with.host.messages()[0].ends_with("a… [cut]"));
}

#[test]
fn what_goes_to_standard_error_is_logged_line_by_line() {
    let text = "first\nsecond\nunfinished";
    let guest = Guest::new(format!(
        "(call $write (call $stderr) (i32.const 1024) (i32.const {}) (i32.const 512))
         (call $ok (i32.const 1024) (i32.const 0))",
        text.len()
    ))
    .import(WASI_STDERR)
    .data(1024, text);
    let with = With::default();
    run(&guest, &with);
    assert_eq!(with.host.messages(), ["first", "second", "unfinished"]);
    let lines = with.host.lines.lock().unwrap();
    assert!(
        lines
            .iter()
            .all(|l| l.target == "stderr" && l.level == LogLevel::Warn)
    );
}

#[test]
fn progress_is_a_heartbeat_too_and_stays_between_0_and_1() {
    let guest = Guest::new(
        "(call $report (f64.const 0.5) (i32.const 1024) (i32.const 4))
         (call $report (f64.const 7) (i32.const 1024) (i32.const 0))
         (call $report (f64.const nan) (i32.const 1024) (i32.const 0))
         (call $ok (i32.const 1028) (i32.const 1))",
    )
    .import(REPORT)
    .data(1024, "half1");
    let with = With::default();
    output(&guest, &with);
    let told = |fraction, message: &str| Progress {
        fraction,
        message: message.to_owned(),
    };
    assert_eq!(
        *with.host.progress.lock().unwrap(),
        [told(0.5, "half"), told(1.0, ""), told(0.0, "")]
    );
    assert_eq!(with.host.heartbeats.load(Ordering::Relaxed), 3);
}

#[test]
fn only_granted_secrets_and_set_values_are_handed_out() {
    let ask = |name: &str, import, function: &str, there: u32| {
        let guest = Guest::new(format!(
            "(call ${function} (i32.const 1024) (i32.const {}) (i32.const 512))
             (if (result i32) (i32.eq (i32.load8_u (i32.const 512)) (i32.const {there}))
                (then (call $ok (i32.load (i32.const 516)) (i32.load (i32.const 520))))
                (else (call $ok (i32.const 2048) (i32.const 4))))",
            name.len()
        ))
        .import(import)
        .data(1024, name)
        .data(2048, "null");
        output(&guest, &With::default())
    };
    assert_eq!(ask("granted", SECRET, "secret", 0), "\"hunter2\"");
    assert_eq!(ask("other", SECRET, "secret", 0), "null");
    assert_eq!(ask("region", CONFIG, "config", 1), "\"eu\"");
    assert_eq!(ask("zone", CONFIG, "config", 1), "null");
}

#[test]
fn the_clocks_ask_the_host_and_nobody_else() {
    let wall = Guest::new("(call $ok_number (call $now))").import(NOW);
    assert_eq!(output(&wall, &With::default()), "\"00000001700000000000\"");

    // WASI's monotonic clock starts at its first look and moves with the host's time.
    let monotonic = Guest::new("(drop (call $now)) (call $ok_number (call $now))");
    assert_eq!(
        output(&monotonic.import(WASI_MONOTONIC_NOW), &With::default()),
        format!("\"{:020}\"", 7_000_000)
    );
}

#[test]
fn randomness_derives_from_the_seed() {
    for import in [RANDOM_NUMBER, WASI_RANDOM_NUMBER] {
        let digest = upload(&Guest::new("(call $ok_number (call $number))").import(import));
        let draw = |seed| match call(
            &digest,
            &With {
                seed,
                ..With::default()
            },
        )
        .outcome
        {
            Outcome::Completed(output) => output,
            other => panic!("{other:?}"),
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
    // Two numbers of one call differ: their difference is not zero.
    let differs = Guest::new("(call $ok_number (i64.sub (call $number) (call $number)))");
    assert_ne!(
        output(&differs.import(RANDOM_NUMBER), &With::default()),
        format!("\"{:020}\"", 0)
    );
}

#[test]
fn random_bytes_come_in_portions_of_4096_at_most() {
    let take = |len: u32| {
        let guest = Guest::new(format!(
            "(call $random_bytes (i32.const {len}) (i32.const 512))
             (call $ok_number (i64.load32_u (i32.const 516)))"
        ))
        .import(RANDOM_BYTES);
        run(&guest, &With::default()).outcome
    };
    assert_eq!(
        take(4096),
        Outcome::Completed(format!("\"{:020}\"", 4096).into())
    );
    let (error, cause) = take(4097).failure().unwrap();
    assert_eq!(error, "Stepwell.Trapped");
    assert!(cause.contains("4097 random bytes"), "{cause}");
}

#[test]
fn a_thousand_host_calls_are_no_problem() {
    let guest = Guest::new(
        "(loop $again
            (call $heartbeat)
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
         (call $ok (i32.const 1024) (i32.const 1))",
    )
    .import(HEARTBEAT)
    .data(1024, "1");
    let with = With::limits(TaskLimits {
        host_calls_max: 1000,
        ..TaskLimits::default()
    });
    assert_eq!(output(&guest, &with), "1");
    assert_eq!(with.host.heartbeats.load(Ordering::Relaxed), 1000);
}
