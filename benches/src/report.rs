//! Figures beside their budgets: for the terminal, for `docs/benchmarks.md`, for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::limits::Limits;
use crate::surroundings::{self, Surroundings};

/// What a figure has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
}

/// One measured figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// How much of it.
    pub(crate) value: f64,
    /// In which unit; empty for a ratio or a count.
    pub(crate) unit: &'static str,
    /// What it has to keep, if it has to.
    pub(crate) budget: Option<Budget>,
}

/// All figures of one scenario.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Findings {
    /// Which scenario.
    pub(crate) scenario: String,
    /// Its figures, those with a budget first.
    pub(crate) figures: Vec<Figure>,
}

/// All that a run has shown.
#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    date: String,
    quick: bool,
    load_at_end: f64,
    /// The machine before the scenarios.
    pub(crate) limits_before: Option<Limits>,
    /// The machine after them.
    pub(crate) limits_after: Option<Limits>,
    /// The scenarios.
    pub(crate) findings: Vec<Findings>,
}

impl Budget {
    fn is_kept(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", with_unit(least, unit)),
            Self::AtMost(most) => format!("≤ {}", with_unit(most, unit)),
        }
    }

    /// How far a value is from the budget, for a missed one: `1.3 times too much`.
    fn distance(self, value: f64) -> String {
        match self {
            Self::AtLeast(least) => format!("{:.2} of it", value / least),
            Self::AtMost(most) => format!("{:.2} times it", value / most),
        }
    }
}

impl Figure {
    /// A figure without a budget.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            budget: None,
        }
    }

    /// The same figure, with what it has to keep.
    pub(crate) fn within(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    fn verdict(&self) -> String {
        match self.budget {
            None => String::new(),
            Some(budget) if budget.is_kept(self.value) => "kept".to_owned(),
            Some(budget) => format!("**missed**: {}", budget.distance(self.value)),
        }
    }

    fn row(&self) -> [String; 4] {
        [
            self.name.clone(),
            with_unit(self.value, self.unit),
            self.budget
                .map_or_else(String::new, |budget| budget.text(self.unit)),
            self.verdict(),
        ]
    }

    fn json(&self) -> Value {
        let (at_least, at_most) = match self.budget {
            None => (None, None),
            Some(Budget::AtLeast(least)) => (Some(least), None),
            Some(Budget::AtMost(most)) => (None, Some(most)),
        };
        json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "atLeast": at_least,
            "atMost": at_most,
            "kept": self.budget.map(|budget| budget.is_kept(self.value)),
        })
    }
}

impl Report {
    /// Begins a report with what is known before anything was measured.
    pub(crate) fn begin(surroundings: &Surroundings) -> Self {
        let now = jiff::Timestamp::now();
        Self {
            machine: surroundings.machine(),
            date: now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            quick: surroundings.quick,
            load_at_end: 0.0,
            limits_before: None,
            limits_after: None,
            findings: Vec::new(),
        }
    }

    /// Notes what is known after everything was measured.
    pub(crate) fn end(&mut self) {
        self.load_at_end = surroundings::load_average();
    }

    /// Returns the report as `docs/benchmarks.md` has it.
    pub(crate) fn markdown(&self) -> String {
        let mut page = format!(
            "{}; {}{}.\n\n",
            self.date,
            self.machine,
            if self.quick { "; quick" } else { "" }
        );
        let _ = writeln!(page, "{}", table(&LIMITS_HEAD, &self.limit_rows()));
        for findings in &self.findings {
            let _ = writeln!(
                page,
                "### {}\n\n{}",
                findings.scenario,
                text_table(findings)
            );
        }
        page
    }

    /// Returns the report for machines.
    pub(crate) fn json(&self) -> String {
        let limits = |limits: &Option<Limits>| limits.as_ref().map(limits_json);
        let findings = self.findings.iter().map(|findings| {
            let figures: Vec<Value> = findings.figures.iter().map(Figure::json).collect();
            json!({"scenario": findings.scenario, "figures": figures})
        });
        let report = json!({
            "date": self.date,
            "machine": self.machine,
            "quick": self.quick,
            "limitsBefore": limits(&self.limits_before),
            "limitsAfter": limits(&self.limits_after),
            "scenarios": findings.collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }

    fn limit_rows(&self) -> Vec<[String; 3]> {
        let row = |name: &str, unit: &str, value: &dyn Fn(&Limits) -> f64| {
            let cell = |limits: &Option<Limits>| {
                limits
                    .as_ref()
                    .map_or_else(String::new, |limits| with_unit(value(limits), unit))
            };
            let name = name.to_owned();
            [name, cell(&self.limits_before), cell(&self.limits_after)]
        };
        let mut rows = vec![
            row("small appends with fdatasync", "/s", &|l| l.fsyncs),
            row("commits of one row, one after the other", "/s", &|l| {
                l.commits
            }),
            row("raw wasmtime calls, 1 at a time", "/s", &|l| {
                l.call_alone.per_second
            }),
            row("processor time of one of them", "µs", &|l| {
                l.call_alone.cpu_us
            }),
            row("raw wasmtime calls, 64 at a time", "/s", &|l| {
                l.calls.per_second
            }),
            row("processor time of one of them", "µs", &|l| l.calls.cpu_us),
            row("load average (1 min)", "", &|l| l.load),
        ];
        if let Some(last) = rows.last_mut() {
            last[2] = format!("{:.1}", self.load_at_end);
        }
        rows
    }
}

const LIMITS_HEAD: [&str; 3] = ["The machine in this run", "before", "after"];
const FIGURES_HEAD: [&str; 4] = ["Measured", "value", "budget", "verdict"];

/// Returns one scenario's figures for the terminal.
pub(crate) fn text(findings: &Findings) -> String {
    format!("\n{}\n{}", findings.scenario, text_table(findings))
}

fn text_table(findings: &Findings) -> String {
    let rows: Vec<[String; 4]> = findings.figures.iter().map(Figure::row).collect();
    table(&FIGURES_HEAD, &rows)
}

/// Writes a table in Markdown whose columns also line up in plain text.
fn table<const N: usize>(head: &[&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        let rule = if column == 0 { 3 } else { 4 };
        cells
            .max()
            .unwrap_or(0)
            .max(head[column].chars().count())
            .max(rule)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut table = String::new();
    let mut line = |cells: &[String]| {
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            // Names line up at their left, figures at their right. Writing to a text
            // cannot fail.
            let _ = match column {
                0 => write!(table, "| {cell:<width$} "),
                _ => write!(table, "| {cell:>width$} "),
            };
        }
        table.push_str("|\n");
    };
    line(&head.map(str::to_owned));
    line(&std::array::from_fn::<_, N, _>(|column| {
        if column == 0 { "---" } else { "---:" }.to_owned()
    }));
    for row in rows {
        line(row);
    }
    table
}

fn limits_json(limits: &Limits) -> Value {
    json!({
        "fsyncsPerSecond": limits.fsyncs,
        "commitsPerSecond": limits.commits,
        "rawCallsPerSecondAlone": limits.call_alone.per_second,
        "rawCallCpuUsAlone": limits.call_alone.cpu_us,
        "rawCallsPerSecond": limits.calls.per_second,
        "rawCallCpuUs": limits.calls.cpu_us,
        "loadAverage": limits.load,
    })
}

fn with_unit(value: f64, unit: &str) -> String {
    let number = number(value);
    match unit {
        "" => number,
        "/s" => format!("{number}/s"),
        unit => format!("{number} {unit}"),
    }
}

/// Writes three digits that mean something, and thousands apart.
fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        return thousands(&format!("{value:.0}"));
    }
    let text = match value.abs() {
        tens if tens >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_means_something() {
        for (value, text) in [
            (1_234_567.8, "1,234,568"),
            (6_000.0, "6,000"),
            (-1_234.0, "-1,234"),
            (99.94, "99.9"),
            (2.0, "2"),
            (1.257, "1.26"),
            (0.0, "0"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_verdict_says_by_how_much_a_budget_is_missed() {
        let kept = Figure::new("steps", 6_000.0, "/s").within(Budget::AtLeast(6_000.0));
        assert_eq!(kept.verdict(), "kept");
        let few = Figure::new("steps", 3_000.0, "/s").within(Budget::AtLeast(6_000.0));
        assert_eq!(few.verdict(), "**missed**: 0.50 of it");
        let late = Figure::new("p50", 6.0, "ms").within(Budget::AtMost(3.0));
        assert_eq!(late.verdict(), "**missed**: 2.00 times it");
        assert_eq!(late.row()[2], "≤ 3 ms");
    }

    #[test]
    fn a_table_is_markdown_that_lines_up() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["b".to_owned(), "22".to_owned()],
        ];
        assert_eq!(
            table(&["n", "value"], &rows),
            "| n   | value |\n| --- |  ---: |\n| a   |     1 |\n| b   |    22 |\n"
        );
    }
}
