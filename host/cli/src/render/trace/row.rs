//! Lines of a trace, and the columns that they share.

use std::time::Duration;

use anstyle::Style;
use stepwell_server::wire::Usage;

use crate::console::{DIM, PLAIN, paint};
use crate::render::text::{columns, safe, shorten};
use crate::render::units;

/// Columns between two columns.
const GAP: &str = "  ";

/// Narrowest and widest column of the states' names. A wider name pushes its line, and only
/// its line, to the right.
const STATE_COLUMNS: std::ops::RangeInclusive<usize> = 20..=44;

/// Columns of the other columns, in their order: number, time, event, and the figures.
const NUMBER: usize = 5;
const AT: usize = 9;
const EVENT: usize = 16;
const FIGURES: [(&str, usize); 4] = [("attempt", 7), ("took", 8), ("fuel", 7), ("memory", 8)];

/// A line of a trace.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    /// Something happened in a state.
    Step(Step),
    /// More about the line before.
    Note {
        /// How deep the state is nested.
        depth: usize,
        /// The text; it may come from outside.
        text: String,
        /// Its style.
        style: Style,
    },
}

/// Something that happened in a state.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Id of the event, as `--json` and the AWS tools show it; 0 for one that they hide.
    pub(super) id: u64,
    /// Time since the start of the execution.
    pub(super) at: Duration,
    /// How deep the state is nested in Parallel and Map states.
    pub(super) depth: usize,
    /// Which branch or iteration, such as `2` or `2.0`; empty outside of them.
    pub(super) branch: String,
    /// Name of the state.
    pub(super) state: String,
    /// What happened.
    pub(super) event: String,
    /// How good that is.
    pub(super) style: Style,
    /// Number of the attempt, where there can be several.
    pub(super) attempt: Option<u32>,
    /// How long it took, where that means something.
    pub(super) took: Option<Duration>,
    /// What the call in the sandbox used.
    pub(super) usage: Option<Usage>,
}

impl Step {
    fn label(&self) -> String {
        let indent = "  ".repeat(self.depth);
        let state = safe(&self.state);
        if self.branch.is_empty() {
            return format!("{indent}{state}");
        }
        format!("{indent}[{}] {state}", self.branch)
    }

    fn figures(&self) -> [String; 4] {
        [
            self.attempt
                .map(|attempt| attempt.to_string())
                .unwrap_or_default(),
            self.took.map(units::duration).unwrap_or_default(),
            self.usage
                .map(|usage| units::fuel(usage.fuel))
                .unwrap_or_default(),
            self.usage
                .map(|usage| units::bytes(usage.memory_peak_bytes))
                .unwrap_or_default(),
        ]
    }
}

/// The columns of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    state: usize,
}

impl Layout {
    /// Columns that fit the states of these rows.
    pub(super) fn fitting(rows: &[Row]) -> Self {
        let labels = rows.iter().filter_map(|row| match row {
            Row::Step(step) => Some(columns(&step.label())),
            Row::Note { .. } => None,
        });
        Self::with_state_columns(labels.max().unwrap_or(0))
    }

    /// Columns for states whose labels have up to this many columns.
    pub(super) fn with_state_columns(state: usize) -> Self {
        Self {
            state: state.clamp(*STATE_COLUMNS.start(), *STATE_COLUMNS.end()),
        }
    }

    /// Columns of a whole line.
    pub(super) fn width(self) -> usize {
        let figures: usize = FIGURES.iter().map(|(_, width)| GAP.len() + width).sum();
        self.indent() + self.state + GAP.len() + EVENT + figures
    }

    /// The line of headings.
    pub(super) fn heading(self) -> String {
        let mut line = format!(
            "{:>NUMBER$}{GAP}{:>AT$}{GAP}{:<state$}{GAP}{:<EVENT$}",
            "#",
            "at",
            "state",
            "event",
            state = self.state
        );
        for (heading, width) in FIGURES {
            line.push_str(&format!("{GAP}{heading:>width$}"));
        }
        paint(DIM, line)
    }

    /// One row as a line.
    pub(super) fn render(self, row: &Row) -> String {
        match row {
            Row::Step(step) => self.step(step),
            Row::Note { depth, text, style } => {
                let indent = " ".repeat(self.indent() + 2 * depth);
                format!("{indent}{} {}", paint(DIM, "└"), paint(*style, safe(text)))
            }
        }
    }

    /// Columns before the states' names.
    fn indent(self) -> usize {
        NUMBER + GAP.len() + AT + GAP.len()
    }

    fn step(self, step: &Step) -> String {
        let id = if step.id == 0 {
            String::new()
        } else {
            step.id.to_string()
        };
        let at = units::offset(step.at);
        let label = pad(&step.label(), self.state);
        let mut line = format!(
            "{}{GAP}{label}{GAP}",
            paint(DIM, format!("{id:>NUMBER$}{GAP}{at:>AT$}"))
        );
        let event = safe(&step.event);
        let figures = step.figures();
        if figures.iter().all(String::is_empty) {
            line.push_str(&paint(step.style, event));
            return line;
        }
        let event = shorten(&event, EVENT);
        line.push_str(&paint(step.style, &event));
        // A cell pays for its own blanks, so that no line ends in them.
        let mut blanks = EVENT - columns(&event);
        for (figure, (_, width)) in figures.iter().zip(FIGURES) {
            blanks += GAP.len() + width.saturating_sub(columns(figure));
            if figure.is_empty() {
                continue;
            }
            line.push_str(&" ".repeat(blanks));
            line.push_str(&paint(PLAIN, figure));
            blanks = 0;
        }
        line
    }
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}
