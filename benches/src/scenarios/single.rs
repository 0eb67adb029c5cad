//! `single`: one execution of one task at a time, while nothing else runs.
//!
//! Two commits one after the other, and whatever it takes to get from thread to thread.

use crate::inputs::{self, INPUT};
use crate::load::Load;
use crate::report::{Budget, Figure, Findings};
use crate::statistics::{millis, percentile};
use crate::surroundings::Surroundings;
use crate::target::Target;

const MACHINE: &str = "single";
const EXECUTIONS: usize = 3_000;
const WARM_UP: usize = 200;

/// Measures how long a caller waits for the end of what it started.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    let folder = surroundings.data_folder()?;
    let target = Target::start(surroundings.place, surroundings, folder.path())?;
    target.session()?.deploy(&inputs::sequence(MACHINE, 1))?;
    let load = |total| Load { at_once: 1, total };
    load(surroundings.amount(WARM_UP)).run(&target, |session, _| session.run(MACHINE, INPUT))?;
    let executions = surroundings.amount(EXECUTIONS);
    let loaded = load(executions).run(&target, |session, _| session.run(MACHINE, INPUT))?;
    let latencies = millis(&loaded.latencies);
    let cpu_us = loaded.host.cpu.as_secs_f64() * 1e6 / executions as f64;
    Ok(vec![Findings {
        scenario: format!(
            "single: {executions} executions of one task, one at a time; {}",
            surroundings.place.word()
        ),
        figures: vec![
            Figure::new("start to end, p50", percentile(&latencies, 50.0), "ms")
                .within(Budget::AtMost(3.0)),
            Figure::new("start to end, p99", percentile(&latencies, 99.0), "ms"),
            Figure::new("host's processor time an execution", cpu_us, "µs"),
            Figure::new(
                "fsyncs an execution",
                loaded.counters.transactions as f64 / executions as f64,
                "",
            ),
            Figure::new(
                "processor time that others took",
                100.0 * loaded.others,
                "%",
            ),
        ],
    }])
}
