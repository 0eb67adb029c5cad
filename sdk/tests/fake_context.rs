//! What a task can ask and tell its host, against a fake of it.

use std::time::{Duration, SystemTime};

use stepwell_sdk::fake::{LogLine, ProgressReport};
use stepwell_sdk::prelude::*;

fn line(level: Level, message: &str, fields: &[(&str, &str)]) -> LogLine {
    LogLine {
        level,
        target: "fake_context".to_owned(),
        message: message.to_owned(),
        fields: fields
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

#[test]
fn the_facts_are_those_that_the_test_sets() {
    let fake = Context::fake()
        .tenant("acme")
        .execution_id("arn:aws:states:::execution:m:e")
        .execution_name("e")
        .state_machine("m")
        .state("charge")
        .attempt(3)
        .idempotency_key("e/7")
        .execution_started_ms(1_000)
        .deadline_ms(5_000)
        .task_token("token")
        .traceparent("00-a-b-01")
        .build();
    assert_eq!(fake.tenant(), "acme");
    assert_eq!(fake.execution_id(), "arn:aws:states:::execution:m:e");
    assert_eq!(fake.execution_name(), "e");
    assert_eq!(fake.state_machine(), "m");
    assert_eq!(fake.state(), "charge");
    assert_eq!(fake.attempt(), 3);
    assert_eq!(fake.idempotency_key(), "e/7");
    assert_eq!(
        fake.execution_started(),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1)
    );
    assert_eq!(
        fake.deadline(),
        SystemTime::UNIX_EPOCH + Duration::from_secs(5)
    );
    assert_eq!(fake.task_token(), Some("token"));
    assert_eq!(fake.traceparent(), "00-a-b-01");
    assert_eq!(Context::fake().build().task_token(), None);
}

#[test]
fn the_clock_stands_until_it_is_moved() {
    let fake = Context::fake().now_ms(1_000).deadline_ms(1_800).build();
    assert_eq!(fake.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(fake.time_left(), Duration::from_millis(800));
    fake.advance(Duration::from_millis(500));
    assert_eq!(
        (fake.now_ms(), fake.time_left()),
        (1_500, Duration::from_millis(300))
    );
    fake.advance(Duration::MAX);
    assert_eq!(fake.time_left(), Duration::ZERO);
}

#[test]
fn only_what_is_granted_is_handed_out() {
    let fake = Context::fake()
        .secret("key", "old")
        .secret("key", "new")
        .config("a", "1")
        .build();
    assert_eq!(fake.secret("key").ok().unwrap().expose(), "new");
    assert_eq!(
        fake.secret("other").err().unwrap().to_string(),
        "secret \"other\" does not exist or is not granted: grant it in the state"
    );
    assert_eq!(fake.config("a").as_deref(), Some("1"));
    assert_eq!(fake.config("b"), None);
}

#[test]
fn randomness_follows_from_the_seed() {
    let draw = |seed| {
        let fake = Context::fake().seed(seed).build();
        (
            fake.random_u64(),
            fake.random_bytes(32),
            fake.random_below(1_000),
        )
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn randomness_stays_in_its_range() {
    let fake = Context::fake().build();
    for _ in 0..1_000 {
        assert!(fake.random_below(6) < 6);
        assert!((0.0..1.0).contains(&fake.random_f64()));
    }
    assert_eq!(fake.random_below(0), 0);
    let faces: std::collections::BTreeSet<u64> = (0..1_000).map(|_| fake.random_below(6)).collect();
    assert_eq!(faces.len(), 6);
}

#[test]
fn more_bytes_than_the_host_gives_at_once_are_asked_for_in_parts() {
    assert_eq!(Context::fake().build().random_bytes(10_000).len(), 10_000);
    assert!(Context::fake().build().random_bytes(0).is_empty());
}

#[test]
fn signs_of_life_are_counted_and_fractions_stay_fractions() {
    let fake = Context::fake().build();
    fake.heartbeat();
    for fraction in [0.5, 7.0, -1.0, f64::NAN] {
        fake.progress(fraction, "packing");
    }
    assert_eq!(fake.heartbeats(), 5);
    let fractions: Vec<f64> = fake
        .progress_reports()
        .iter()
        .map(|report| report.fraction)
        .collect();
    assert_eq!(fractions, [0.5, 1.0, 0.0, 0.0]);
    let first = ProgressReport {
        fraction: 0.5,
        message: "packing".to_owned(),
    };
    assert_eq!(fake.progress_reports()[0], first);
}

#[test]
fn lines_of_all_macros_are_kept_with_their_fields() {
    let fake = Context::fake().build();
    info!(
        sku = "mug",
        quantity = 2,
        weight = 0.5,
        limit = f64::INFINITY,
        gift = true,
        "packed"
    );
    debug!(order = ?Some(7), "looked up");
    log::warn!("shelf {} is low", 3);
    fake.log(Level::Error, "the shelf fell", &[("shelf", "3")]);
    let by_context = LogLine {
        target: "task".to_owned(),
        ..line(Level::Error, "the shelf fell", &[("shelf", "3")])
    };
    let fields = [
        ("sku", "mug"),
        ("quantity", "2"),
        ("weight", "0.5"),
        ("limit", "inf"),
        ("gift", "true"),
    ];
    assert_eq!(
        fake.logs(),
        [
            line(Level::Info, "packed", &fields),
            line(Level::Debug, "looked up", &[("order", "Some(7)")]),
            line(Level::Warn, "shelf 3 is low", &[]),
            by_context,
        ]
    );
}

#[test]
fn lines_carry_the_fields_of_their_spans() {
    let fake = Context::fake().build();
    let outer = tracing::info_span!("order", id = 7, total = tracing::field::Empty);
    outer.in_scope(|| {
        outer.record("total", 2990);
        tracing::info_span!("line", sku = "mug").in_scope(|| info!(left = 1, "picked"));
        info!("done");
    });
    drop(outer);
    info!("outside");
    let picked = [
        ("span", "order:line"),
        ("id", "7"),
        ("total", "2990"),
        ("sku", "mug"),
        ("left", "1"),
    ];
    assert_eq!(
        fake.logs(),
        [
            line(Level::Info, "picked", &picked),
            line(
                Level::Info,
                "done",
                &[("span", "order"), ("id", "7"), ("total", "2990")]
            ),
            line(Level::Info, "outside", &[]),
        ]
    );
}

#[test]
fn a_closed_span_leaves_nothing_to_the_next_one() {
    let fake = Context::fake().build();
    let first = tracing::info_span!("first", old = true);
    let copy = first.clone();
    drop(first);
    copy.in_scope(|| info!("still open"));
    drop(copy);
    tracing::info_span!("second").in_scope(|| info!("new"));
    let spans: Vec<_> = fake.logs().into_iter().map(|line| line.fields).collect();
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        spans,
        [
            vec![field("span", "first"), field("old", "true")],
            vec![field("span", "second")]
        ]
    );
}

#[test]
fn the_newest_fake_of_a_thread_gets_the_lines() {
    let outer = Context::fake().build();
    {
        let inner = Context::fake().build();
        info!("to the inner one");
        assert_eq!(inner.logs(), [line(Level::Info, "to the inner one", &[])]);
    }
    info!("to the outer one");
    assert_eq!(outer.logs(), [line(Level::Info, "to the outer one", &[])]);
}
