//! The load driver behind `cargo xtask bench`: the release build against its budgets, and
//! against what the machine can do at all, measured in the same run.
//!
//! ```text
//!   arguments ─> limits ─> scenarios ─> limits again ─> report (table, JSON)
//!                 │            │
//!        disk, store,      target: the program over HTTP, or the engine in this process
//!        raw wasmtime
//! ```
//!
//! Budgets stand in `scenarios/` and in `docs/benchmarks.md`, never in a test: a busy
//! machine misses them without anybody's fault. Reads `/proc`, so it needs Linux.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tables and progress are what a load driver is for"
)]

mod arguments;
mod calls;
mod disk;
mod http;
mod in_process;
mod inputs;
mod limits;
mod load;
mod process;
mod program;
mod raw_wasm;
mod report;
mod scenarios;
mod signing;
mod statistics;
mod surroundings;
mod target;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::arguments::Arguments;
use crate::limits::Limits;
use crate::report::Report;
use crate::surroundings::Surroundings;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything that was asked for. A missed budget is a finding, not an error.
fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let surroundings = Surroundings::find(arguments)?;
    let mut report = Report::begin(&surroundings);
    eprintln!("limits of the machine …");
    report.limits_before = Some(Limits::measure(&surroundings)?);
    for scenario in scenarios::chosen(arguments) {
        eprintln!("{} …", scenario.name());
        let found = scenario.run(&surroundings)?;
        found
            .iter()
            .for_each(|findings| print!("{}", report::text(findings)));
        report.findings.extend(found);
    }
    eprintln!("limits of the machine, again …");
    report.limits_after = Some(Limits::measure(&surroundings)?);
    report.end();
    println!("{}", report.markdown());
    if let Some(file) = &arguments.json {
        std::fs::write(file, report.json())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
