//! Executions by what is known of them.

use stepwell_decider::TraceContext;
use stepwell_store::{
    ExecutionFilter, ExecutionKey, ExecutionsOf, NameFilter, NewExecution, PutMode, Status,
    StorageLimits, Summary, Tag, TenantId, TimeRange,
};

use crate::setup::{Home, decision, new_revision, new_tenant, somebody, time};

/// Where the greater of two index entries ends up does not depend on how many there are.
const MANY: i64 = 5_200;

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn trace(number: u8) -> TraceContext {
    let (mut id, mut parent) = ([7; 16], [1; 9]);
    (id[15], parent[8]) = (number, 1);
    TraceContext::from_parts(&id, &parent).unwrap()
}

/// Executions of which each filter lets some pass: `key` says which.
fn furnished(home: &Home, key: i64) -> NewExecution {
    let mut new = home.new_execution(key);
    new.name = format!(
        "order-{}-{key}",
        if key % 4 == 0 { "late" } else { "early" }
    );
    new.trace = Some(trace(u8::from(key % 5 == 0)));
    new.tags = vec![tag("shard", &(key % 3).to_string())];
    if key % 6 == 0 {
        new.tags.push(tag("owner", "ops: team a"));
    }
    let ended = |status, error: Option<&str>| Summary {
        status,
        has_work: false,
        stopped_at: Some(time(key + 100)),
        error: error.map(str::to_owned),
        ..Summary::working()
    };
    new.summary = match key % 7 {
        0 => ended(Status::Failed, Some("Payment.Declined")),
        1 => ended(Status::TimedOut, Some("States.Timeout")),
        2 => ended(Status::Succeeded, None),
        _ => Summary::working(),
    };
    new
}

fn filled(count: i64) -> Home {
    let home = Home::new();
    let (tell, told) = std::sync::mpsc::channel();
    for key in 1..=count {
        let tell = tell.clone();
        let done = Box::new(move |result| tell.send(result).unwrap());
        home.store.create_execution(furnished(&home, key), done);
    }
    let count = usize::try_from(count).unwrap();
    assert!(told.iter().take(count).all(|result| result.is_ok()));
    home
}

/// All pages of a list.
fn list(home: &Home, filter: &ExecutionFilter, page: usize) -> Vec<i64> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let rows = home.store.list_executions(filter, after, page).unwrap();
        let Some(last) = rows.last() else {
            return found;
        };
        after = Some(last.position());
        found.extend(rows.iter().map(|row| row.key.0));
    }
}

fn newest_first(count: i64, is_meant: impl Fn(i64) -> bool) -> Vec<i64> {
    (1..=count).rev().filter(|key| is_meant(*key)).collect()
}

/// Each filter beside what it lets pass.
type Case = (&'static str, ExecutionFilter, fn(i64) -> bool);

#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn cases(home: &Home) -> Vec<Case> {
    let all = || ExecutionFilter::all(ExecutionsOf::Tenant(home.tenant));
    let range = |from, before| TimeRange {
        from: Some(time(from)),
        before: Some(time(before)),
    };
    let with = |change: fn(&mut ExecutionFilter)| {
        let mut filter = all();
        change(&mut filter);
        filter
    };
    vec![
        ("all", all(), |_| true),
        (
            "status",
            with(|filter| filter.statuses = vec![Status::Failed]),
            |key| key % 7 == 0,
        ),
        (
            "statuses",
            with(|filter| filter.statuses = vec![Status::Failed, Status::TimedOut]),
            |key| key % 7 < 2,
        ),
        (
            "name",
            with(|filter| filter.name = Some(NameFilter::Is("order-late-8".to_owned()))),
            |key| key == 8,
        ),
        (
            "prefix",
            with(|filter| filter.name = Some(NameFilter::Prefix("order-late-".to_owned()))),
            |key| key % 4 == 0,
        ),
        (
            "error",
            with(|filter| filter.error = Some("Payment.Declined".to_owned())),
            |key| key % 7 == 0,
        ),
        (
            "trace",
            with(|filter| filter.trace = Some(trace(1).trace_id())),
            |key| key % 5 == 0,
        ),
        (
            "tag",
            with(|filter| filter.tags = vec![tag("shard", "1")]),
            |key| key % 3 == 1,
        ),
        (
            "tags",
            with(|filter| filter.tags = vec![tag("shard", "0"), tag("owner", "ops: team a")]),
            |key| key % 6 == 0,
        ),
        (
            "started",
            ExecutionFilter {
                started: range(10, 40),
                ..all()
            },
            |key| (10..40).contains(&key),
        ),
        (
            "stopped",
            ExecutionFilter {
                stopped: range(110, 140),
                ..all()
            },
            |key| (10..40).contains(&key) && key % 7 < 3,
        ),
        (
            "bound",
            ExecutionFilter {
                up_to: Some(ExecutionKey(20)),
                ..all()
            },
            |key| key <= 20,
        ),
        (
            "together",
            with(|filter| {
                filter.error = Some("Payment.Declined".to_owned());
                filter.tags = vec![tag("shard", "0")];
                filter.name = Some(NameFilter::Prefix("order-early".to_owned()));
            }),
            |key| key % 7 == 0 && key % 3 == 0 && key % 4 != 0,
        ),
        (
            "nothing",
            with(|filter| {
                filter.error = Some("Payment.Declined".to_owned());
                filter.statuses = vec![Status::Succeeded];
            }),
            |_| false,
        ),
    ]
}

#[test]
fn each_filter_lets_pass_what_it_says_and_pages_have_no_gaps() {
    let home = filled(90);
    for (name, filter, is_meant) in cases(&home) {
        for page in [1, 7, 500] {
            assert_eq!(
                list(&home, &filter, page),
                newest_first(90, is_meant),
                "{name}"
            );
        }
        let machine = ExecutionFilter {
            of: ExecutionsOf::Machine(home.machine),
            ..filter.clone()
        };
        assert_eq!(
            list(&home, &machine, 7),
            newest_first(90, is_meant),
            "{name}, of a machine"
        );
        let counted = home.store.count_matching(&filter).unwrap();
        let total: u64 = counted.iter().map(|count| count.count).sum();
        assert_eq!(total, newest_first(90, is_meant).len() as u64, "{name}");
    }
}

#[test]
fn what_many_pass_is_listed_just_so() {
    let home = filled(MANY);
    for (name, filter, is_meant) in cases(&home) {
        assert_eq!(
            list(&home, &filter, 1_000),
            newest_first(MANY, is_meant),
            "{name}"
        );
    }
}

#[test]
fn executions_that_started_at_once_are_listed_once_each() {
    let home = Home::new();
    for key in 1..=9 {
        let mut new = furnished(&home, key);
        new.started_at = time(5);
        home.create(new).unwrap();
    }
    let all = ExecutionFilter::all(ExecutionsOf::Tenant(home.tenant));
    assert_eq!(list(&home, &all, 2), newest_first(9, |_| true));
    let tagged = ExecutionFilter {
        tags: vec![tag("shard", "1")],
        ..all
    };
    assert_eq!(list(&home, &tagged, 2), [7, 4, 1]);
}

#[test]
fn what_others_have_never_appears() {
    let home = filled(30);
    let other = home
        .store
        .change(somebody())
        .put_tenant(new_tenant("other", "000000000009"))
        .unwrap();
    let machine = home
        .store
        .change(somebody())
        .put_state_machine(
            new_revision(other, "orders"),
            PutMode::Create,
            StorageLimits::default(),
        )
        .unwrap()
        .machine;
    for key in 31..=60 {
        let mut new = furnished(&home, key);
        (new.tenant, new.machine) = (other, machine);
        home.create(new).unwrap();
    }
    for (name, filter, is_meant) in cases(&home) {
        assert_eq!(
            list(&home, &filter, 10),
            newest_first(30, is_meant),
            "{name}"
        );
        let nobody = ExecutionFilter {
            of: ExecutionsOf::Tenant(TenantId(99)),
            ..filter
        };
        assert_eq!(list(&home, &nobody, 10), [0_i64; 0], "{name}");
    }
}

#[test]
fn tags_of_state_machines_are_asked_for() {
    let home = filled(6);
    let other = home
        .store
        .change(somebody())
        .put_state_machine(
            new_revision(home.tenant, "refunds"),
            PutMode::Create,
            StorageLimits::default(),
        )
        .unwrap()
        .machine;
    let mut new = furnished(&home, 7);
    new.machine = other;
    home.create(new).unwrap();
    home.store
        .change(somebody())
        .put_tags(
            home.tenant,
            "stateMachine:refunds",
            vec![tag("team", "money")],
            StorageLimits::default(),
        )
        .unwrap();
    let filter = ExecutionFilter {
        machine_tags: vec![tag("team", "money")],
        ..ExecutionFilter::all(ExecutionsOf::Tenant(home.tenant))
    };
    assert_eq!(list(&home, &filter, 10), [7]);
}

#[test]
fn a_list_changes_with_what_it_lists() {
    let home = filled(6);
    let running = ExecutionFilter {
        statuses: vec![Status::Running],
        ..ExecutionFilter::all(ExecutionsOf::Tenant(home.tenant))
    };
    assert_eq!(list(&home, &running, 10), [6, 5, 4, 3]);
    let mut end = decision(5, 1, 1);
    end.summary = Summary {
        status: Status::Aborted,
        has_work: false,
        stopped_at: Some(time(500)),
        error: Some("Stopped.ByHand".to_owned()),
        ..Summary::working()
    };
    home.commit(end).unwrap();
    assert_eq!(list(&home, &running, 10), [6, 4, 3]);
    let stopped = ExecutionFilter {
        error: Some("Stopped.ByHand".to_owned()),
        statuses: Vec::new(),
        ..running
    };
    assert_eq!(list(&home, &stopped, 10), [5]);
    let tags = home.store.execution_tags(ExecutionKey(6)).unwrap();
    assert_eq!(tags, [tag("owner", "ops: team a"), tag("shard", "0")]);
}
