//! `map`: one execution whose inline Map calls the component for each of its items.
//!
//! Has to stay linear: ten times the items take about ten times the time.

use std::time::Instant;

use crate::inputs;
use crate::report::{Budget, Figure, Findings};
use crate::statistics::median;
use crate::surroundings::Surroundings;
use crate::target::Target;

const MACHINE: &str = "map";
const FEW: usize = 1_000;
const MANY: usize = 10 * FEW;

/// Measures maps over few and over many items in turn, so that both meet the same machine.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    let folder = surroundings.data_folder()?;
    let target = Target::start(surroundings.place, surroundings, folder.path())?;
    let mut session = target.session()?;
    session.deploy(&inputs::map(MACHINE))?;
    let (few, many) = (inputs::items(FEW), inputs::items(MANY));
    let mut seconds = |input: &str| -> anyhow::Result<f64> {
        let started = Instant::now();
        session.run(MACHINE, input)?;
        Ok(started.elapsed().as_secs_f64())
    };
    seconds(&few)?;
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..if surroundings.quick { 1 } else { 5 } {
        for _ in 0..3 {
            of_few.push(seconds(&few)?);
        }
        of_many.push(seconds(&many)?);
    }
    let (few_seconds, many_seconds) = (median(&of_few), median(&of_many));
    Ok(vec![Findings {
        scenario: format!(
            "map: {FEW} items ({} times) and {MANY} ({} times), medians; {}",
            of_few.len(),
            of_many.len(),
            surroundings.place.word()
        ),
        figures: vec![
            Figure::new("1,000 items", few_seconds, "s").within(Budget::AtMost(0.4)),
            Figure::new("10,000 items", many_seconds, "s"),
            Figure::new(
                "10,000 items for 1,000",
                many_seconds / few_seconds,
                "times",
            )
            .within(Budget::AtMost(12.0)),
            Figure::new("items, of 10,000", MANY as f64 / many_seconds, "/s"),
        ],
    }])
}
