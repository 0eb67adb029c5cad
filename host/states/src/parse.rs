//! Text to definition: JSON or YAML, the Amazon States Language or the short form.
//!
//! ```text
//!   text ── json / yaml ──> Node ── short_form (if it is) ──> Node ── machine ──> StateMachine
//!                                                              └── graph ──────────> lint
//! ```
//!
//! Reading goes on past every problem that it can, so that one call reports all of
//! them, each with its place.

mod approval;
mod choice;
mod duplicate;
mod errors;
pub(crate) mod fields;
mod flow;
mod grants;
mod graph;
pub(crate) mod json;
mod lint;
mod machine;
mod map;
mod meant;
mod names;
pub(crate) mod node;
pub(crate) mod report;
mod short_form;
mod simple;
mod state;
mod task;
mod yaml;

#[cfg(test)]
mod tests;

use crate::definition::StateMachine;
use crate::diagnostic::{Diagnostic, Severity};
use graph::Graph;
use json::SyntaxError;
use machine::Built;
use node::{Node, NodeKind, Position};
use report::{Finding, Place, Report};

/// Largest text of a definition, as in Step Functions.
const TEXT_MAX_BYTES: usize = 1 << 20;

/// How a definition is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML 1.2.
    Yaml,
}

/// Reads a definition: JSON or YAML, in the Amazon States Language or the short form.
///
/// Without a format, a text that starts with `{` is JSON and any other YAML. The
/// definition comes back with its warnings.
///
/// # Errors
/// All problems of the text; warnings are among them.
pub fn parse(
    text: &str,
    format: Option<Format>,
) -> Result<(StateMachine, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut report = Report::default();
    let Some(node) = read(text, format, &mut report) else {
        return Err(report.into_diagnostics());
    };
    let (node, name) = if short_form::is_short(&node) {
        short_form::lower(&node, &mut report)
    } else {
        (node, None)
    };
    let (machine, report) = validate(&node, name, report);
    match machine {
        Some(machine) if !report.has_errors() => Ok((machine, report.into_diagnostics())),
        _ => Err(report.into_diagnostics()),
    }
}

/// Reads a definition from its tree, and says everything that is wrong with it.
fn validate(node: &Node, name: Option<String>, report: Report) -> (Option<StateMachine>, Report) {
    let Built {
        machine,
        mut report,
    } = machine::build(node, name, report);
    let graph = Graph::of(node);
    graph.check(&mut report);
    match &machine {
        Some(machine) if !report.has_errors() => lint::check(machine, node, &graph, &mut report),
        // Nothing was reported, yet nothing came out: say at least that.
        None if !report.has_errors() => {
            report.schema(&Place::root(node), "The definition is incomplete");
        }
        _ => {}
    }
    (machine, report)
}

/// Says everything that is wrong with a definition in the States Language, written as
/// JSON, and what only Step Functions minds.
pub(crate) fn findings(text: &str) -> (Option<StateMachine>, Vec<Finding>) {
    let mut report = Report::default();
    let mut machine = None;
    if let Some(node) = read(text, Some(Format::Json), &mut report) {
        (machine, report) = validate(&node, None, report);
    }
    (machine, report.into_findings())
}

/// Reads a JSON text for its syntax alone.
pub(crate) fn json_syntax(text: &str) -> Result<(), SyntaxError> {
    json::read(text).map(|_| ())
}

/// Reads a text into a tree and reports what is wrong with its syntax.
fn read(text: &str, format: Option<Format>, report: &mut Report) -> Option<Node> {
    let start = Node::new(NodeKind::Null, Position::START);
    if text.len() > TEXT_MAX_BYTES {
        let message = format!("A definition is at most {TEXT_MAX_BYTES} bytes long");
        report.schema(&Place::root(&start), message);
        return None;
    }
    let format = format.unwrap_or_else(|| {
        let first = text.trim_start_matches('\u{feff}').trim_start();
        if first.starts_with('{') {
            Format::Json
        } else {
            Format::Yaml
        }
    });
    let (result, code) = match format {
        Format::Json => (json::read(text), "INVALID_JSON_DESCRIPTION"),
        Format::Yaml => (yaml::read(text), "INVALID_YAML_DESCRIPTION"),
    };
    match result {
        Ok((node, duplicates)) => {
            duplicate::report(&node, &duplicates, report);
            Some(node)
        }
        Err(SyntaxError {
            message, position, ..
        }) => {
            let place = Place::root(&start).at(position);
            report.add(Severity::Error, code, &place, message, None);
            None
        }
    }
}
