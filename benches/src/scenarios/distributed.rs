//! `distributed`: one execution whose distributed Map starts a child execution for each line
//! of a data set.
//!
//! Always the real program: what counts is that its memory does not grow with the items.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::http::{Connection, Request};
use crate::inputs;
use crate::program::Program;
use crate::report::{Budget, Figure, Findings};
use crate::surroundings::Surroundings;

const MACHINE: &str = "lines";
const DATA_SET: &str = "bench/lines.jsonl";
const DATA_SET_PATH: &str = "/v1/data/bench%2Flines.jsonl";
const ITEMS: usize = 1_000_000;
/// How often the host is asked whether it is over.
const GLANCE: Duration = Duration::from_millis(50);
/// Longer than it takes unless it has stopped.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Measures children that are kept in memory, and durable ones.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    let items = surroundings.amount(ITEMS);
    // A tenth of the durable ones tells as much, in a tenth of the time.
    [("EXPRESS", items), ("STANDARD", items / 10)]
        .into_iter()
        .map(|(kind, items)| run_kind(surroundings, kind, items))
        .collect()
}

fn run_kind(surroundings: &Surroundings, kind: &str, items: usize) -> anyhow::Result<Findings> {
    let folder = surroundings.data_folder()?;
    let program = Program::start(&surroundings.program, folder.path())?;
    let mut host = program.connect()?;
    upload(&mut host, items)?;
    let machine = inputs::distributed(MACHINE, DATA_SET, kind);
    let deploy = serde_json::json!({"name": machine.name, "definition": machine.definition});
    post(&mut host, "/v1/state-machines", &deploy)?;
    let before = program.process().usage()?;
    let began = Instant::now();
    let start = serde_json::json!({"stateMachine": MACHINE, "name": "all", "input": {}});
    post(&mut host, "/v1/executions", &start)?;
    wait_for_end(&mut host, began)?;
    let seconds = began.elapsed().as_secs_f64();
    let used = program.process().usage()?.since(&before);
    let peak = program.process().peak_resident_bytes()?;
    let children = kind.to_lowercase();
    Ok(Findings {
        scenario: format!("distributed: {items} items of a data set, {children} children"),
        figures: vec![
            Figure::new("items", items as f64 / seconds, "/s"),
            Figure::new("memory at its peak", peak as f64 / 1e6, "MB")
                .within(Budget::AtMost(500.0)),
            Figure::new(
                "host's processor time an item",
                used.cpu.as_secs_f64() * 1e6 / items as f64,
                "µs",
            ),
            Figure::new(
                "written to disk an item",
                used.written_bytes as f64 / items as f64,
                "bytes",
            ),
        ],
    })
}

fn upload(host: &mut Connection, items: usize) -> anyhow::Result<()> {
    let mut lines = String::with_capacity(items * 16);
    for item in 0..items {
        writeln!(lines, r#"{{"n":{item}}}"#)?;
    }
    host.send(Request {
        method: "PUT",
        path: DATA_SET_PATH,
        content_type: "application/octet-stream",
        body: lines.as_bytes(),
    })?;
    Ok(())
}

fn wait_for_end(host: &mut Connection, began: Instant) -> anyhow::Result<()> {
    while began.elapsed() < PATIENCE {
        thread::sleep(GLANCE);
        let answer = host.send(Request {
            method: "GET",
            path: "/v1/executions/lines%2Fall",
            content_type: "application/json",
            body: b"",
        })?;
        let described: Value = serde_json::from_str(answer)?;
        match described["status"].as_str().context("a status")? {
            "RUNNING" => {}
            "SUCCEEDED" => return Ok(()),
            _ => bail!("the execution did not succeed: {answer}"),
        }
    }
    bail!("no end after {PATIENCE:?}")
}

fn post(host: &mut Connection, path: &str, body: &Value) -> anyhow::Result<()> {
    host.send(Request {
        method: "POST",
        path,
        content_type: "application/json",
        body: body.to_string().as_bytes(),
    })?;
    Ok(())
}
