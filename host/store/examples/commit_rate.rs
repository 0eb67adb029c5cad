//! Measures what a step costs in the store: commits a second, CPU and bytes a commit.
//!
//! `cargo run --release -p stepwell-store --example commit_rate -- [executions at a time]
//! [steps in all] [folder]`. Each execution takes its next step when the one before is
//! durable, ten steps an execution, as sequential tasks do.

#![expect(clippy::print_stdout, reason = "the example's output")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use stepwell_decider::{
    EventKind, EventNumber, FrameId, HistoryEvent, Seed, StateEntered, StateExited, StateType,
    TaskFamily, TaskScheduled, TraceContext, Usage, Work,
};
use stepwell_states::{Payload, ScopeId, StateRef, Timestamp};
use stepwell_store::{
    AuditChain, AuditEntry, AuditFacts, AuditOutcome, AuditPrincipal, CommitDecision, Created,
    Digest, ExecutionKey, MachineId, MapChanges, NewExecution, NewRevision, NewTenant, PutMode,
    StorageLimits, Store, StoreError, StoreOptions, Summary, TenantId,
};

const STEPS: u64 = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let at_a_time: i64 = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let steps: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("stepwell-commit-rate-{}", std::process::id()));
    let store = Store::open(StoreOptions::folder(&folder))?;
    let (tenant, machine) = prepare(&store)?;

    let started = Instant::now();
    let (cpu_before, stats_before) = (cpu_us(), store.stats());
    drive(&store, tenant, machine, at_a_time, steps)?;
    let seconds = started.elapsed().as_secs_f64();
    let (cpu, stats) = (cpu_us() - cpu_before, store.stats());

    let (commits, writes) = (
        stats.commits - stats_before.commits,
        stats.writes - stats_before.writes,
    );
    println!(
        "{writes} writes in {seconds:.2} s: {:.0}/s",
        writes as f64 / seconds
    );
    println!(
        "{commits} commits, {:.1} writes each",
        writes as f64 / commits as f64
    );
    println!("{:.1} us of CPU a write", cpu as f64 / writes as f64);
    println!(
        "{:.0} us a COMMIT, {} checkpoints of {:.1} ms",
        stats.commit_us as f64 / stats.commits as f64,
        stats.checkpoints,
        stats.checkpoint_us as f64 / 1e3 / stats.checkpoints.max(1) as f64
    );
    store.close();
    let bytes = size_of_files(&folder)?;
    println!(
        "{:.0} bytes of database a write",
        bytes as f64 / writes as f64
    );
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn prepare(store: &Store) -> Result<(TenantId, MachineId), StoreError> {
    let now = Timestamp::from_ms(1_700_000_000_000);
    let tenant = store.change(started(TenantId(1))).put_tenant(NewTenant {
        name: "bench".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        created_at: now,
    })?;
    let put = store.change(started(TenantId(1))).put_state_machine(
        NewRevision {
            tenant,
            name: "steps".into(),
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
        },
        PutMode::Create,
        StorageLimits::default(),
    )?;
    Ok((tenant, put.machine))
}

/// Keeps `at_a_time` executions going until `steps` writes have been acknowledged.
fn drive(
    store: &Store,
    tenant: TenantId,
    machine: MachineId,
    at_a_time: i64,
    steps: u64,
) -> Result<(), StoreError> {
    let (tell, told) = mpsc::channel::<(i64, u64, Result<(), StoreError>)>();
    let mut next_key = 0;
    let mut start = || {
        next_key += 1;
        let (key, tell) = (next_key, tell.clone());
        let done = Box::new(move |result: Result<Created, StoreError>| {
            drop(tell.send((key, 1, result.map(|_| ()))));
        });
        store.create_execution(new_execution(key, tenant, machine), done);
    };
    (0..at_a_time).for_each(|_| start());
    for _ in 0..steps {
        let Ok((key, step, result)) = told.recv() else {
            break;
        };
        result?;
        if step == STEPS {
            start();
            continue;
        }
        let tell = tell.clone();
        store.commit(
            decision(key, step),
            Box::new(move |result| drop(tell.send((key, step + 1, result)))),
        );
    }
    Ok(())
}

fn new_execution(key: i64, tenant: TenantId, machine: MachineId) -> NewExecution {
    let name = Digest::of(&key.to_be_bytes()).to_string();
    NewExecution {
        key: ExecutionKey(key),
        tenant,
        machine,
        revision: 1,
        name: name.chars().take(36).collect(),
        input_digest: Digest::of(b"{}"),
        started_at: Timestamp::from_ms(1_700_000_000_000),
        events: step_events(key, 0),
        summary: Summary::working(),
        parent: None,
        map_run: None,
        machine_version: None,
        machine_alias: None,
        trace: Some(TraceContext::begin(
            &Seed(Digest::of(&key.to_be_bytes()).0),
            Timestamp::from_ms(1_700_000_000_000 + key),
        )),
        tags: Vec::new(),
        map: MapChanges::default(),
        worker_tasks: stepwell_store::WorkerTasks::default(),
        audit: Some(started(tenant)),
    }
}

/// What the audit log is told of a start.
fn started(id: TenantId) -> AuditEntry {
    let name = "bench".into();
    let facts = AuditFacts {
        chain: AuditChain::Tenant { id, name },
        at: Timestamp::from_ms(1_700_000_000_000),
        principal: AuditPrincipal {
            kind: "token".into(),
            id: "bench".into(),
            auth: "api-token".into(),
        },
        acting_for: Vec::new(),
        action: "execution:start",
        resource: "arn:aws:states:us-east-1:000000000000:execution:bench:one".to_owned(),
        outcome: AuditOutcome::Allowed,
        request: Some("0123456789abcdef-1".into()),
        source: Some("127.0.0.1".into()),
        correlation: None,
        details: None,
    };
    AuditEntry::new(&facts, [0; 16])
}

fn decision(key: i64, step: u64) -> CommitDecision {
    CommitDecision {
        tenant: TenantId(1),
        key: ExecutionKey(key),
        expected_version: EventNumber(4 * step),
        events: step_events(key, step),
        summary: Summary::working(),
        told_children: Vec::new(),
        snapshot: None,
        map: MapChanges::default(),
        worker_tasks: stepwell_store::WorkerTasks::default(),
        approvals: stepwell_store::ApprovalChanges::default(),
        bulk: Vec::new(),
        audit: Vec::new(),
    }
}

/// What the end of a task and the beginning of the next one add to a history.
fn step_events(key: i64, step: u64) -> Vec<HistoryEvent> {
    let at = Timestamp::from_ms(1_700_000_000_000 + step.cast_signed());
    let output = Payload::from_trusted(format!(
        r#"{{"order":{key},"step":{step},"items":[{{"sku":"A-1","quantity":2}}],"paid":true}}"#
    ));
    let state = |offset| StateRef {
        scope: ScopeId(0),
        index: u32::try_from(step + offset).unwrap_or_default(),
    };
    let (name, next): (Arc<str>, Arc<str>) = (
        format!("step-{step}").into(),
        format!("step-{}", step + 1).into(),
    );
    let kinds = [
        EventKind::TaskSucceeded {
            scheduled: EventNumber(4 * step),
            output: output.clone(),
            usage: Some(Usage {
                fuel: 81_234,
                memory_peak_bytes: 1_114_112,
                duration_us: 71,
            }),
        },
        EventKind::StateExited(StateExited {
            state: state(0),
            state_type: StateType::Task,
            name,
            output: output.clone(),
            assigned: Vec::new(),
            next: Some(state(1)),
        }),
        EventKind::StateEntered(StateEntered {
            state: state(1),
            state_type: StateType::Task,
            name: Arc::clone(&next),
            input: output.clone(),
        }),
        EventKind::TaskScheduled(Arc::new(TaskScheduled {
            state: state(1),
            state_name: Arc::clone(&next),
            family: TaskFamily::Task,
            resource_type: "task".into(),
            resource: Arc::clone(&next),
            parameters: output,
            attempt: 1,
            timeout_seconds: None,
            heartbeat_seconds: None,
            work: Work::RunComponent {
                name: next,
                version: None,
            },
            waits_for_report: false,
            idempotency_key: "iNDLq6BlW2Xo5vGwNdIf3A".into(),
        })),
    ];
    let events = (4 * step + 1..).zip(kinds);
    events
        .map(|(number, kind)| HistoryEvent {
            number: EventNumber(number),
            id: number,
            previous_id: number - 1,
            at,
            frame: FrameId::ROOT,
            reported_by: None,
            kind,
        })
        .collect()
}

/// CPU time of this process, where the system tells it in `/proc`.
fn cpu_us() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        * 10_000
}

fn size_of_files(folder: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum()
}
