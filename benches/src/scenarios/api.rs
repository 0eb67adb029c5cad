//! `api`: what callers of AWS's protocol wait for, 64 at a time.
//!
//! A start signed and in AWS's words beside the same start over REST; the round trip of an
//! activity's worker; and express executions of one task, waited for.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::inputs::{COMPONENT, INPUT};
use crate::load::{Load, Loaded};
use crate::report::{Budget, Figure, Findings};
use crate::signing::Signer;
use crate::statistics::{millis, percentile};
use crate::surroundings::Surroundings;
use crate::target::{Place, Session, Target};

const STANDARD: &str = "standard";
const EXPRESS: &str = "express";
const WORKED: &str = "worked";
const ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:";
const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:bench";
/// Callers at a time.
const AT_ONCE: usize = 64;
/// Starts in all, by each of the two ways.
const STARTS: usize = 20_000;
/// Tasks that workers take and report on.
const TASKS: usize = 8_000;
/// Express executions in all.
const EXPRESSES: usize = 40_000;
/// Calls before it counts.
const WARM_UP: usize = 2_000;

/// Measures the program; without HTTP there is nothing to measure here.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    if surroundings.place == Place::Engine {
        return Ok(Vec::new());
    }
    let folder = surroundings.data_folder()?;
    let target = Target::start(Place::Program, surroundings, folder.path())?;
    let signer = furnish(&mut target.session()?)?;
    let load = |total| Load {
        at_once: AT_ONCE,
        total: surroundings.amount(total),
    };
    Ok(vec![
        starts(&target, &signer, load)?,
        workers(&target, &signer, load)?,
        express(&target, &signer, load)?,
    ])
}

/// Deploys what is run, and makes a key: that of development mode needs no look-up.
fn furnish(session: &mut Session) -> anyhow::Result<Signer> {
    let states = |state: Value| json!({"StartAt": "Only", "States": {"Only": state}}).to_string();
    session.post("/v1/activities", &json!({"name": "bench"}))?;
    for (name, machine_type, state) in [
        (STANDARD, "STANDARD", json!({"Type": "Pass", "End": true})),
        (
            EXPRESS,
            "EXPRESS",
            json!({"Type": "Task", "Resource": format!("task:{COMPONENT}"), "End": true}),
        ),
        (
            WORKED,
            "STANDARD",
            json!({"Type": "Task", "Resource": ACTIVITY, "TimeoutSeconds": 3_600, "End": true}),
        ),
    ] {
        let machine = json!({"name": name, "type": machine_type, "definition": states(state)});
        session.post("/v1/state-machines", &machine)?;
    }
    let made = session.post("/v1/access-keys", &json!({"name": "bench"}))?;
    let made: Value = serde_json::from_str(made)?;
    let text = |member: &str| {
        let text = made[member].as_str();
        text.map(str::to_owned)
            .with_context(|| format!("a key has its {member}"))
    };
    Ok(Signer::new(text("accessKeyId")?, text("secretAccessKey")?))
}

fn start_request(machine: &str) -> String {
    json!({"stateMachineArn": format!("{ARN}{machine}"), "input": INPUT}).to_string()
}

fn starts(
    target: &Target,
    signer: &Signer,
    load: impl Fn(usize) -> Load,
) -> anyhow::Result<Findings> {
    let body = start_request(STANDARD);
    let signed = |session: &mut Session, _: usize| {
        session.call_aws(signer, "StartExecution", &body)?;
        Ok(())
    };
    let rest = |session: &mut Session, _: usize| session.start(STANDARD, INPUT);
    load(WARM_UP).run(target, signed)?;
    load(WARM_UP).run(target, rest)?;
    let over_rest = load(STARTS).run(target, rest)?;
    let over_aws = load(STARTS).run(target, signed)?;
    let mut figures = ways("StartExecution, signed", &over_aws);
    figures.extend(ways("POST /v1/executions", &over_rest));
    figures.push(Figure::new(
        "signed starts for each over REST",
        rate(&over_aws) / rate(&over_rest),
        "",
    ));
    Ok(Findings {
        scenario: format!("api: {STARTS} durable starts each way, {AT_ONCE} callers at a time"),
        figures,
    })
}

fn workers(
    target: &Target,
    signer: &Signer,
    load: impl Fn(usize) -> Load,
) -> anyhow::Result<Findings> {
    let poll = json!({"activityArn": ACTIVITY}).to_string();
    load(TASKS).run(target, |session, _| session.start(WORKED, INPUT))?;
    let worked = load(TASKS).run(target, |session, _| {
        let task = session.call_aws(signer, "GetActivityTask", &poll)?;
        let task: Value = serde_json::from_str(task)?;
        let token = task["taskToken"].as_str().context("no task came")?;
        let report = json!({"taskToken": token, "output": "{}"}).to_string();
        session.call_aws(signer, "SendTaskSuccess", &report)?;
        Ok(())
    })?;
    Ok(Findings {
        scenario: format!(
            "api: {TASKS} activity tasks, each GetActivityTask and SendTaskSuccess, {AT_ONCE} \
             workers at a time"
        ),
        figures: ways("round trips", &worked),
    })
}

fn express(
    target: &Target,
    signer: &Signer,
    load: impl Fn(usize) -> Load,
) -> anyhow::Result<Findings> {
    let body = start_request(EXPRESS);
    let run = |session: &mut Session, _: usize| {
        let answer = session.call_aws(signer, "StartSyncExecution", &body)?;
        anyhow::ensure!(
            answer.contains(r#""status":"SUCCEEDED""#),
            "the execution did not succeed: {answer}"
        );
        Ok(())
    };
    load(WARM_UP).run(target, run)?;
    let loaded = load(EXPRESSES).run(target, run)?;
    let mut figures = ways("StartSyncExecution", &loaded);
    if let Some(first) = figures.first_mut() {
        first.budget = Some(Budget::AtLeast(4_000.0));
    }
    figures.push(Figure::new(
        "fsyncs an execution",
        loaded.counters.transactions as f64 / loaded.latencies.len() as f64,
        "",
    ));
    Ok(Findings {
        scenario: format!(
            "api: {EXPRESSES} express executions of one task, waited for, {AT_ONCE} callers at a \
             time"
        ),
        figures,
    })
}

fn rate(loaded: &Loaded) -> f64 {
    loaded.latencies.len() as f64 / loaded.wall.as_secs_f64()
}

fn ways(name: &str, loaded: &Loaded) -> Vec<Figure> {
    let latencies = millis(&loaded.latencies);
    let cpu_us = loaded.host.cpu.as_secs_f64() * 1e6 / loaded.latencies.len() as f64;
    vec![
        Figure::new(name, rate(loaded), "/s"),
        Figure::new(format!("{name}, p50"), percentile(&latencies, 50.0), "ms"),
        Figure::new(format!("{name}, p99"), percentile(&latencies, 99.0), "ms"),
        Figure::new(format!("{name}, host's processor time"), cpu_us, "µs"),
        Figure::new(
            format!("{name}, processor time that others took"),
            100.0 * loaded.others,
            "%",
        ),
    ]
}
