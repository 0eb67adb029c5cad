//! The trace of an execution: what happened, in the order in which it did, as an operator
//! reads it.
//!
//! ```text
//! order-flow / order-1001                                            SUCCEEDED in 1.1 s
//!
//!     #       at  state                event         attempt     took     fuel    memory
//!     5     2 ms  validate-order       task ok             1   1.2 ms    182 k   1.1 MiB
//!    11     4 ms  reserve-inventory    task failed         1   0.9 ms     90 k   1.1 MiB
//!                 └ Busy: the warehouse does not answer
//!                 └ tried again in 1.0 s
//! ```
//!
//! History events are read into facts ([`fact`]), folded into rows ([`fold`]) and laid out
//! ([`row`]). A live trace prints rows as they come; a whole one knows its columns first.

mod asked;
mod fact;
mod fold;
mod frames;
mod moment;
mod operated;
mod row;

use anstyle::Style;
use stepwell_engine::Timestamp;
use stepwell_server::wire::{ExecutionStatus, HistoryEvent};

use crate::console::{BAD, GOOD, NOTICE, POINTER, STRONG, paint};
use crate::render::text::{columns, safe, safe_within};
use crate::render::units;

use fold::{End, Fold};
use row::{Layout, Row};

/// Columns of a cause that is shown in full only by `--json`.
const CAUSE_COLUMNS: usize = 200;

/// Which execution a trace is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Name of the state machine.
    pub(crate) state_machine: String,
    /// Name of the execution.
    pub(crate) execution: String,
}

impl Subject {
    fn render(&self) -> String {
        paint(
            STRONG,
            format!("{} / {}", safe(&self.state_machine), safe(&self.execution)),
        )
    }
}

/// Writes the trace of a whole history. Where the execution runs on, `now` tells how long it
/// has been running.
pub(crate) fn render(subject: &Subject, events: &[HistoryEvent], now: Timestamp) -> String {
    let mut fold = Fold::default();
    let mut rows: Vec<Row> = events
        .iter()
        .flat_map(|event| fold.take(event, false))
        .collect();
    rows.extend(fold.open_rows(now));

    let layout = Layout::fitting(&rows);
    let head = subject.render();
    let status = status_line(&fold, now);
    let gap = layout
        .width()
        .saturating_sub(columns(&head) + columns(&status))
        .max(3);
    let mut text = format!(
        "{head}{}{status}\n\n{}\n",
        " ".repeat(gap),
        layout.heading()
    );
    for row in &rows {
        text.push_str(&layout.render(row));
        text.push('\n');
    }
    text.push_str(&closing(&fold));
    text
}

/// A trace that is printed while the execution runs.
#[derive(Debug)]
pub(crate) struct LiveTrace {
    fold: Fold,
    layout: Layout,
}

impl LiveTrace {
    /// A trace of an execution whose states' names have up to this many columns, and the
    /// lines that open it.
    pub(crate) fn open(subject: &Subject, state_columns: usize) -> (Self, String) {
        let layout = Layout::with_state_columns(state_columns);
        let opening = format!("{}\n\n{}", subject.render(), layout.heading());
        (
            Self {
                fold: Fold::default(),
                layout,
            },
            opening,
        )
    }

    /// Takes the next events, and returns the lines that they add; perhaps none yet.
    pub(crate) fn take(&mut self, events: &[HistoryEvent]) -> Vec<String> {
        let rows = events.iter().flat_map(|event| self.fold.take(event, true));
        rows.collect::<Vec<Row>>()
            .iter()
            .map(|row| self.layout.render(row))
            .collect()
    }

    /// The lines that close the trace: how the execution stands, and what it used.
    pub(crate) fn close(&self, now: Timestamp) -> String {
        format!(
            "\n{}{}",
            status_line(&self.fold, now),
            closing(&self.fold).trim_end()
        )
    }
}

/// The style of a status.
pub(crate) fn status_style(status: ExecutionStatus) -> Style {
    match status {
        ExecutionStatus::Running => POINTER,
        ExecutionStatus::Succeeded => GOOD,
        ExecutionStatus::Failed | ExecutionStatus::TimedOut => BAD,
        ExecutionStatus::Aborted | ExecutionStatus::Paused => NOTICE,
    }
}

/// An error's name and cause on one line.
pub(crate) fn failure_text(error: Option<&str>, cause: Option<&str>) -> String {
    let cause = safe_within(cause.unwrap_or_default(), CAUSE_COLUMNS);
    match (error.map(safe), cause.is_empty()) {
        (None, true) => "an error without a name".to_owned(),
        (Some(error), true) => error,
        (None, false) => cause,
        (Some(error), false) => format!("{error}: {cause}"),
    }
}

fn status_line(fold: &Fold, now: Timestamp) -> String {
    let (status, at) = match fold.end() {
        Some(End { status, at, .. }) => (*status, *at),
        None if fold.is_paused() => (ExecutionStatus::Paused, now),
        None => (ExecutionStatus::Running, now),
    };
    let word = paint(status_style(status).bold(), status.as_str());
    let preposition = if status.has_ended() { "in" } else { "for" };
    format!(
        "{word} {preposition} {}",
        units::duration(fold.since_start(at))
    )
}

/// What comes after the rows: the error that ended it, and what its tasks used.
fn closing(fold: &Fold) -> String {
    let mut text = String::new();
    if let Some(End {
        failure: Some(failure),
        ..
    }) = fold.end()
    {
        let failure = failure_text(failure.error.as_deref(), failure.cause.as_deref());
        text.push_str(&format!("\n  {}\n", paint(BAD, failure)));
    }
    let usage = fold.usage();
    if usage.calls > 0 {
        text.push_str(&format!(
            "\n  {}, {} in the sandbox, {} fuel, {} at most\n",
            units::count(usage.calls, "task call", "task calls"),
            units::duration_us(usage.duration_us),
            units::fuel(usage.fuel),
            units::bytes(usage.memory_peak_bytes)
        ));
    }
    text
}

#[cfg(test)]
mod tests;
