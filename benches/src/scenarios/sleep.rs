//! `sleep`: very many executions asleep in a Wait, a restart among them, and many that are
//! due at one instant.
//!
//! Always the real program: what counts is its memory, and how fast it is back after SIGKILL.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::inputs;
use crate::load::{Load, Loaded};
use crate::program::Program;
use crate::report::{Budget, Figure, Findings};
use crate::statistics::percentile;
use crate::surroundings::Surroundings;
use crate::target::{Place, Session, Target};

const MACHINE: &str = "nap";
const ASLEEP: usize = 100_000;
const DUE: usize = 2_000;
/// Clients that start executions.
const AT_ONCE: usize = 64;
/// Executions before memory counts: threads, caches and pools are there.
const WARM_UP: usize = 2_000;
/// Beyond the end of the run.
const FAR: Duration = Duration::from_secs(30 * 86_400);
/// Between the last start of those that are due at one instant and that instant.
const REST: Duration = Duration::from_secs(2);
/// How many starts a second are counted on when the instant is chosen.
const STARTS_AT_LEAST: f64 = 500.0;
/// How often the host is asked how many have ended: how finely lateness is seen.
const GLANCE: Duration = Duration::from_millis(4);

/// Measures starts, memory, restart and lateness, one after the other on the same data.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    let folder = surroundings.data_folder()?;
    let target = Target::start(Place::Program, surroundings, folder.path())?;
    target.session()?.deploy(&inputs::nap(MACHINE))?;
    let far = input(Timestamp::now() + FAR);
    let start = |target: &Target, total| {
        let at_once = AT_ONCE;
        let load = Load { at_once, total };
        load.run(target, |session, _| session.start(MACHINE, &far))
    };
    start(&target, surroundings.amount(WARM_UP))?;
    let resident_before = target.process().resident_bytes()?;
    let asleep = surroundings.amount(ASLEEP);
    let loaded = start(&target, asleep)?;
    let resident_after = target.process().resident_bytes()?;
    let grown = resident_after.saturating_sub(resident_before);

    if let Target::Program(program) = target {
        program.kill()?;
    }
    let began = Instant::now();
    let program = Program::start(&surroundings.program, folder.path())?;
    let ready = began.elapsed();
    let resident_again = program.process().resident_bytes()?;
    let target = Target::Program(program);
    let due = surroundings.amount(DUE);
    let late = lateness(&target, due)?;
    let stopped = match target {
        Target::Program(program) => program.stop()?,
        Target::Engine(_) => Duration::ZERO,
    };
    Ok(vec![Findings {
        scenario: format!("sleep: {asleep} executions asleep, {due} more due at one instant"),
        figures: figures(
            &loaded,
            asleep,
            [grown, resident_again],
            [ready, stopped],
            &late,
        ),
    }])
}

fn figures(
    loaded: &Loaded,
    asleep: usize,
    [grown, resident_again]: [u64; 2],
    [ready, stopped]: [Duration; 2],
    late: &[f64],
) -> Vec<Figure> {
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let each = |amount: f64| amount / asleep as f64;
    vec![
        Figure::new("starts", asleep as f64 / loaded.wall.as_secs_f64(), "/s")
            .within(Budget::AtLeast(4_000.0)),
        Figure::new("memory grown by", mega(grown), "MB").within(Budget::AtMost(100.0)),
        Figure::new("SIGKILL, start to ready", ready.as_secs_f64(), "s")
            .within(Budget::AtMost(1.0)),
        Figure::new("lateness, p99", percentile(late, 99.0), "ms").within(Budget::AtMost(500.0)),
        Figure::new("orderly shutdown", stopped.as_secs_f64(), "s"),
        Figure::new("lateness, p50", percentile(late, 50.0), "ms"),
        Figure::new("memory after the restart", mega(resident_again), "MB"),
        Figure::new(
            "host's processor time a start",
            each(loaded.host.cpu.as_secs_f64() * 1e6),
            "µs",
        ),
        Figure::new(
            "clients' processor time a start",
            each(loaded.clients_cpu.as_secs_f64() * 1e6),
            "µs",
        ),
        Figure::new(
            "history a sleeper",
            each(loaded.counters.history_bytes as f64),
            "bytes",
        ),
        Figure::new(
            "processor time that others took",
            100.0 * loaded.others,
            "%",
        ),
    ]
}

/// Has `count` executions due at one instant; returns how many milliseconds after it each
/// of them was durably over, as the host's own count shows from outside.
fn lateness(target: &Target, count: usize) -> anyhow::Result<Vec<f64>> {
    let starting = Duration::from_secs_f64(count as f64 / STARTS_AT_LEAST);
    let due = Timestamp::now() + starting + REST;
    let input = input(due);
    let load = Load {
        at_once: AT_ONCE,
        total: count,
    };
    load.run(target, |session, _| session.start(MACHINE, &input))?;
    let mut session = target.session()?;
    let before = session.counters()?.succeeded;
    let mut late = Vec::with_capacity(count);
    while late.len() < count {
        thread::sleep(GLANCE);
        let over = over_since(&mut session, before)?;
        let now = Timestamp::now();
        late.resize(over.min(count), now.duration_since(due).as_secs_f64() * 1e3);
    }
    Ok(late)
}

fn over_since(session: &mut Session, before: u64) -> anyhow::Result<usize> {
    let over = session.counters()?.succeeded - before;
    Ok(usize::try_from(over).unwrap_or(usize::MAX))
}

fn input(until: Timestamp) -> String {
    format!(r#"{{"until":"{until:.3}"}}"#)
}
