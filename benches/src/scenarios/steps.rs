//! `steps`: executions of ten tasks one after the other, 64 executions at a time.
//!
//! Every task's result is durable before the next task starts. Bound by processor time.

use std::time::Duration;

use crate::inputs::{self, INPUT};
use crate::limits;
use crate::load::{Load, Loaded};
use crate::report::{Budget, Figure, Findings};
use crate::statistics::{millis, percentile};
use crate::surroundings::Surroundings;
use crate::target::{Place, Target};

const MACHINE: &str = "steps";
/// Tasks of an execution.
const STEPS: usize = 10;
/// Executions at a time.
const AT_ONCE: usize = 64;
/// Executions in all: some ten seconds.
const EXECUTIONS: usize = 8_000;
/// Executions before it counts: code is warm, files have grown.
const WARM_UP: usize = 500;

/// Measures the program, and the engine alone for comparison.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    let places: &[Place] = match surroundings.place {
        Place::Program => &[Place::Program, Place::Engine],
        Place::Engine => &[Place::Engine],
    };
    places
        .iter()
        .map(|place| run_in(*place, surroundings))
        .collect()
}

fn run_in(place: Place, surroundings: &Surroundings) -> anyhow::Result<Findings> {
    let folder = surroundings.data_folder()?;
    let raw_before = limits::raw_calls(surroundings, AT_ONCE)?;
    let target = Target::start(place, surroundings, folder.path())?;
    target
        .session()?
        .deploy(&inputs::sequence(MACHINE, STEPS))?;
    let load = |total| Load {
        at_once: AT_ONCE,
        total,
    };
    load(surroundings.amount(WARM_UP)).run(&target, |session, _| session.run(MACHINE, INPUT))?;
    let executions = surroundings.amount(EXECUTIONS);
    let loaded = load(executions).run(&target, |session, _| session.run(MACHINE, INPUT))?;
    drop(target);
    let raw_after = limits::raw_calls(surroundings, AT_ONCE)?;
    let raw = f64::midpoint(raw_before.per_second, raw_after.per_second);
    Ok(Findings {
        scenario: format!(
            "steps: {executions} executions of {STEPS} tasks, {AT_ONCE} at a time; {}",
            place.word()
        ),
        figures: figures(&loaded, executions, raw),
    })
}

fn figures(loaded: &Loaded, executions: usize, raw_calls: f64) -> Vec<Figure> {
    let steps = (executions * STEPS) as f64;
    let seconds = loaded.wall.as_secs_f64();
    let per_second = steps / seconds;
    let per_step = |time: Duration| time.as_secs_f64() * 1e6 / steps;
    let latencies = millis(&loaded.latencies);
    let counters = loaded.counters;
    // A commit writes a page of history and the execution's row. An execution's start is a
    // commit of its own, before its first step.
    let step_rows = 2.0 * (counters.commits as f64 - executions as f64) / steps;
    let mut figures = vec![
        Figure::new("steps", per_second, "/s").within(Budget::AtLeast(6_000.0)),
        Figure::new(
            "host's processor time a step",
            per_step(loaded.host.cpu),
            "µs",
        )
        .within(Budget::AtMost(200.0)),
        Figure::new("rows written a step", step_rows, "").within(Budget::AtMost(2.0)),
        Figure::new("execution, p50", percentile(&latencies, 50.0), "ms"),
        Figure::new("execution, p99", percentile(&latencies, 99.0), "ms"),
        Figure::new("raw wasmtime calls, 64 at a time", raw_calls, "/s"),
        Figure::new("steps for each raw call", per_second / raw_calls, ""),
        Figure::new(
            "history a step",
            counters.history_bytes as f64 / steps,
            "bytes",
        ),
        Figure::new(
            "written to disk a step",
            loaded.host.written_bytes as f64 / steps,
            "bytes",
        ),
        Figure::new("commits", counters.commits as f64 / seconds, "/s"),
        Figure::new("fsyncs", counters.transactions as f64 / seconds, "/s"),
    ];
    let by_thread = loaded.host.by_thread.iter().map(|(group, time)| {
        let name = format!("processor time a step, {group}");
        Figure::new(name, per_step(*time), "µs")
    });
    figures.extend(by_thread);
    figures.extend([
        Figure::new(
            "clients' processor time a step",
            per_step(loaded.clients_cpu),
            "µs",
        ),
        Figure::new(
            "processor time that others took",
            100.0 * loaded.others,
            "%",
        ),
    ]);
    figures
}
