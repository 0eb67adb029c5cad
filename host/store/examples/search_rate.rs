//! Measures what it takes to find executions among many, and what it costs to start them.
//!
//! `cargo run --release -p stepwell-store --example search_rate -- [executions] [folder]`.
//! One execution in thirty has failed, one in a hundred runs, one in ten has a tag.

#![expect(clippy::print_stdout, reason = "the example's output")]

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use stepwell_decider::{EventKind, EventNumber, FrameId, HistoryEvent, Seed, TraceContext};
use stepwell_states::{Payload, Timestamp};
use stepwell_store::{
    AuditChain, AuditEntry, AuditFacts, AuditOutcome, AuditPrincipal, Digest, ExecutionFilter,
    ExecutionKey, ExecutionsOf, MachineId, MapChanges, NameFilter, NewExecution, NewRevision,
    NewTenant, PutMode, Status, StorageLimits, Store, StoreError, StoreOptions, Summary, Tag,
    TenantId, TimeRange,
};

/// When the first one starts.
const BEGINS_MS: i64 = 1_700_000_000_000;
/// Starts that are queued at once.
const AT_ONCE: i64 = 256;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: i64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("stepwell-search-rate-{}", std::process::id()));
    let store = Store::open(StoreOptions::folder(&folder))?;
    let (tenant, machine) = prepare(&store)?;
    fill(&store, tenant, machine, count)?;
    for (name, filter) in questions(tenant, machine, count) {
        ask(&store, name, &filter)?;
    }
    store.close();
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn prepare(store: &Store) -> Result<(TenantId, MachineId), StoreError> {
    let now = Timestamp::from_ms(BEGINS_MS);
    let tenant = store.change(entry()).put_tenant(NewTenant {
        name: "bench".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        created_at: now,
    })?;
    let revision = NewRevision {
        tenant,
        name: "orders".into(),
        machine_type: "STANDARD".into(),
        definition: "{}".into(),
        format: "json".into(),
        asl: "{}".into(),
        pins: std::collections::BTreeMap::new(),
        role_arn: None,
        settings: None,
        uuid: String::new(),
        created_at: now,
        created_by: None,
        acting_for: None,
    };
    let put = store.change(entry()).put_state_machine(
        revision,
        PutMode::Create,
        StorageLimits::default(),
    )?;
    Ok((tenant, put.machine))
}

/// Starts them all, and tells how long each of them takes.
fn fill(store: &Store, tenant: TenantId, machine: MachineId, count: i64) -> Result<(), StoreError> {
    let (tell, told) = mpsc::channel();
    let began = Instant::now();
    for key in 1..=count {
        let tell = tell.clone();
        let done = Box::new(move |result| drop(tell.send(result)));
        store.create_execution(new_execution(key, tenant, machine), done);
        if key > AT_ONCE
            && let Ok(result) = told.recv()
        {
            result?;
        }
    }
    drop(tell);
    told.iter().collect::<Result<Vec<_>, _>>()?;
    let each = began.elapsed().as_secs_f64() * 1e6 / count as f64;
    println!("{count} executions started, {each:.1} us each");
    Ok(())
}

fn new_execution(key: i64, tenant: TenantId, machine: MachineId) -> NewExecution {
    let digest = Digest::of(&key.to_be_bytes());
    let at = Timestamp::from_ms(BEGINS_MS + key * 20);
    let name: String = digest.to_string().chars().take(36).collect();
    let (status, error) = match key % 100 {
        0 => (Status::Running, None),
        number if number % 30 == 7 => (Status::Failed, Some("Card.Declined".to_owned())),
        _ => (Status::Succeeded, None),
    };
    let tagged = key % 10 == 0;
    NewExecution {
        key: ExecutionKey(key),
        tenant,
        machine,
        revision: 1,
        name: if key % 1_000 == 0 {
            format!("order-{name}")
        } else {
            name
        },
        input_digest: Digest::of(b"{}"),
        started_at: at,
        events: vec![HistoryEvent {
            number: EventNumber(1),
            id: 1,
            previous_id: 0,
            at,
            frame: FrameId::ROOT,
            reported_by: None,
            kind: EventKind::ExecutionSucceeded {
                output: Payload::from_trusted(format!(r#"{{"order":{key},"paid":true}}"#)),
            },
        }],
        summary: Summary {
            status,
            has_work: false,
            stopped_at: (status != Status::Running).then(|| at.plus_ms(1_000)),
            error,
            ..Summary::working()
        },
        parent: None,
        map_run: None,
        machine_version: None,
        machine_alias: None,
        trace: Some(TraceContext::begin(&Seed(digest.0), at)),
        tags: tagged
            .then(|| tag("customer", &(key % 50_000).to_string()))
            .into_iter()
            .collect(),
        map: MapChanges::default(),
        worker_tasks: stepwell_store::WorkerTasks::default(),
        audit: None,
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[expect(clippy::too_many_lines, reason = "a list of questions")]
fn questions(
    tenant: TenantId,
    machine: MachineId,
    count: i64,
) -> Vec<(&'static str, ExecutionFilter)> {
    let all = || ExecutionFilter::all(ExecutionsOf::Tenant(tenant));
    let middle = Timestamp::from_ms(BEGINS_MS + count * 10);
    let some = new_execution(count / 2 + 1, tenant, machine);
    let range = TimeRange {
        from: Some(middle),
        before: Some(middle.plus_ms(600_000)),
    };
    vec![
        ("the newest", all()),
        (
            "of a machine",
            ExecutionFilter::all(ExecutionsOf::Machine(machine)),
        ),
        (
            "failed",
            ExecutionFilter {
                statuses: vec![Status::Failed],
                ..all()
            },
        ),
        (
            "running",
            ExecutionFilter {
                statuses: vec![Status::Running],
                ..all()
            },
        ),
        (
            "by name",
            ExecutionFilter {
                name: Some(NameFilter::Is(some.name.clone())),
                ..all()
            },
        ),
        (
            "by the beginning of a name",
            ExecutionFilter {
                name: Some(NameFilter::Prefix("order-".to_owned())),
                ..all()
            },
        ),
        (
            "by error",
            ExecutionFilter {
                error: Some("Card.Declined".to_owned()),
                ..all()
            },
        ),
        (
            "by trace",
            ExecutionFilter {
                trace: some.trace.map(|trace| trace.trace_id()),
                ..all()
            },
        ),
        (
            "by tag",
            ExecutionFilter {
                tags: vec![tag("customer", "10")],
                ..all()
            },
        ),
        (
            "started in ten minutes of the middle",
            ExecutionFilter {
                started: range,
                ..all()
            },
        ),
        (
            "ended in ten minutes of the middle",
            ExecutionFilter {
                stopped: range,
                ..all()
            },
        ),
        (
            "failed, by tag and time",
            ExecutionFilter {
                statuses: vec![Status::Failed],
                tags: vec![tag("customer", "10")],
                started: range,
                ..all()
            },
        ),
        (
            "many by each, none by all",
            ExecutionFilter {
                statuses: vec![Status::Succeeded],
                error: Some("Card.Declined".to_owned()),
                ..all()
            },
        ),
    ]
}

/// Asks for a page, ten times, and for the number of all.
fn ask(store: &Store, name: &str, filter: &ExecutionFilter) -> Result<(), StoreError> {
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..10 {
        let began = Instant::now();
        found = store.list_executions(filter, None, 100)?.len();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let median = times.get(5).copied().unwrap_or(Duration::ZERO);
    let longest = times.last().copied().unwrap_or(Duration::ZERO);
    let began = Instant::now();
    let counted: u64 = store
        .count_matching(filter)?
        .iter()
        .map(|count| count.count)
        .sum();
    println!(
        "{name}: a page of {found} in {:.2} ms (at most {:.2} ms); {counted} counted in {:.1} ms",
        median.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3,
        began.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}

fn entry() -> AuditEntry {
    let facts = AuditFacts {
        chain: AuditChain::Host,
        at: Timestamp::from_ms(BEGINS_MS),
        principal: AuditPrincipal {
            kind: "host".into(),
            id: "bench".into(),
            auth: "none".into(),
        },
        acting_for: Vec::new(),
        action: "bench:prepare",
        resource: "bench".to_owned(),
        outcome: AuditOutcome::Allowed,
        request: None,
        source: None,
        correlation: None,
        details: None,
    };
    AuditEntry::new(&facts, [0; 16])
}
