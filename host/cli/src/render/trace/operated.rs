//! Rows on what operators did to an execution.

use stepwell_server::wire::{ChangedComponent, RedriveChanges};

use super::CAUSE_COLUMNS;
use super::row::{Row, Step};
use crate::console::NOTICE;
use crate::render::text::safe_within;

/// Digits of a component's digest that are shown; `--json` has all of them.
const DIGEST_SHOWN: usize = 12;

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operated<'a> {
    /// What.
    pub(super) deed: Deed<'a>,
    /// Who.
    pub(super) principal: Option<&'a str>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed<'a> {
    /// A redrive, counted from 1, and what it changed.
    Redrive(u32, Option<&'a RedriveChanges>),
    /// Something to a state.
    Intervention(&'a str),
    /// A pause, and why.
    Pause(Option<&'a str>),
    /// The end of a pause.
    Resumption,
}

impl Operated<'_> {
    /// Writes the rows; `step` is the row of the event, without words.
    pub(super) fn rows(self, mut step: Step, rows: &mut Vec<Row>) {
        let depth = step.depth;
        let note = |text: String| Row::Note {
            depth,
            text,
            style: NOTICE,
        };
        let (state, event) = match self.deed {
            Deed::Redrive(count, _) => {
                (Some(format!("redrive {count}")), "goes on where it stopped")
            }
            Deed::Intervention(what) => (None, words(what)),
            Deed::Pause(_) => (Some("pause".to_owned()), "nothing new begins"),
            Deed::Resumption => (Some("resume".to_owned()), "goes on"),
        };
        if let Some(state) = state {
            step.state = state;
        }
        step.event = match self.principal {
            Some(by) => format!("{event}, by {by}"),
            None => event.to_owned(),
        };
        rows.push(Row::Step(step));
        match self.deed {
            Deed::Redrive(_, Some(changes)) => rows.extend(changed(changes).map(note)),
            Deed::Pause(Some(reason)) => rows.push(note(reason.to_owned())),
            _ => {}
        }
    }
}

/// What was done to a state, in words.
fn words(intervention: &str) -> &str {
    match intervention {
        "RETRY_NOW" => "retried now",
        "END_WAIT" => "wait ended",
        "FAIL_TASK" => "task made to fail",
        "SKIP_TASK" => "task skipped",
        // Of a later version of the host.
        other => other,
    }
}

/// What a redrive changed, one line each.
fn changed(changes: &RedriveChanges) -> impl Iterator<Item = String> {
    let revision = changes.from_revision.zip(changes.to_revision);
    let revision = revision.map(|(from, to)| format!("on revision {to} instead of {from}"));
    let inputs = changes.inputs.iter().map(|edited| {
        format!(
            "{} (event {}) with another input: {}",
            edited.state,
            edited.event,
            safe_within(edited.input.as_str(), CAUSE_COLUMNS)
        )
    });
    let components = changes.components.iter().map(component);
    revision.into_iter().chain(components).chain(inputs)
}

fn component(component: &ChangedComponent) -> String {
    let short = |digest: &Option<String>| match digest {
        Some(digest) => {
            let digits = digest.rsplit(':').next().unwrap_or(digest);
            digits.chars().take(DIGEST_SHOWN).collect()
        }
        None => "none".to_owned(),
    };
    let (before, after) = (short(&component.before), short(&component.after));
    format!("component {}: {after} instead of {before}", component.name)
}
