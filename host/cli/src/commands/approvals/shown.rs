//! How an approval is shown to whoever decides it.
//!
//! A decision is bound to all that an approval shows, so all of it is shown: what does not fit
//! a line goes on in the next one, below its own beginning, where it cannot pass for a line of
//! the program's.

use anstyle::Style;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stepwell_engine::Timestamp;
use stepwell_server::wire::{Approval, ApprovalStatus, ApprovalVerdict, CommentRequired};
use stepwell_states::canonical_json;

use super::form;
use crate::console::{BAD, DIM, GOOD, NOTICE, STRONG, paint};
use crate::render::text::{columns, safe, wrapped};
use crate::render::{time, units};

/// Columns before what a label is about: two blanks, the label and one more.
const VALUES_AT: usize = 13;
/// Columns before JSON that takes several lines, and before what is never broken.
const BLOCK_AT: usize = 4;
/// What a line of JSON goes on with.
const GOES_ON: &str = "↳ ";

/// The word and the style for how an approval stands.
pub(super) fn status(status: ApprovalStatus) -> (&'static str, Style) {
    match status {
        ApprovalStatus::Pending => ("PENDING", NOTICE),
        ApprovalStatus::Approved => ("APPROVED", GOOD),
        ApprovalStatus::Rejected => ("REJECTED", BAD),
        ApprovalStatus::Expired => ("EXPIRED", BAD),
        ApprovalStatus::Superseded => ("SUPERSEDED", DIM),
        ApprovalStatus::Withdrawn => ("WITHDRAWN", DIM),
    }
}

/// An approval, with all that a decision is bound to, in lines of a number of columns.
pub(super) fn described(approval: &Approval, now: Timestamp, columns: usize) -> String {
    let mut sheet = Sheet {
        columns,
        text: String::new(),
    };
    let summary = &approval.summary;
    let content = content(approval);
    // What the hash is made of comes before what is told beside it.
    let title = content["title"].as_str().unwrap_or(&summary.title);
    let title = wrapped(&safe(title), columns.saturating_sub(VALUES_AT));
    for (index, title) in title.iter().enumerate() {
        let indent = if index == 0 { 0 } else { VALUES_AT };
        sheet.line(indent, &paint(STRONG, title));
    }
    let (word, style) = status(summary.status);
    let id = paint(DIM, safe(&summary.approval_id));
    sheet.line(0, &format!("{} {id}", paint(style.bold(), word)));
    sheet.line(0, "");
    if let Some(description) = content["description"].as_str() {
        sheet.rows("about", description.lines());
    }
    let text = |member: &str| content[member].as_str();
    sheet.row(
        "execution",
        text("execution").unwrap_or(&summary.execution_arn),
    );
    sheet.row("state", text("state").unwrap_or(&summary.state));
    about(approval, now, &mut sheet);
    for (label, member) in [("shows", "show"), ("input", "input")] {
        if let Some(value) = content.get(member) {
            sheet.json(label, value);
        }
    }
    leads_to(&content, &mut sheet);
    for field in form::fields(&content) {
        sheet.row("fill in", &form::described(&field));
    }
    decisions(approval, &mut sheet);
    if let Some(definition) = content["definition"].as_str() {
        sheet.whole("definition", definition);
    }
    sheet.whole("hash", &summary.hash);
    sheet.text
}

/// What an approval shows, as JSON.
pub(super) fn content(approval: &Approval) -> Value {
    serde_json::from_str(approval.content.as_str()).unwrap_or_default()
}

/// Whether what is shown has the hash that a decision would name.
pub(super) fn has_its_hash(approval: &Approval) -> bool {
    let canonical = canonical_json(&content(approval));
    let hash = hex::encode(Sha256::digest(canonical.as_bytes()));
    approval.summary.hash == format!("sha256:{hash}")
}

/// Lines under each other, with labels.
struct Sheet {
    columns: usize,
    text: String,
}

impl Sheet {
    /// Adds a line that is fit for a terminal.
    fn line(&mut self, indent: usize, line: &str) {
        let indent = " ".repeat(indent);
        self.text
            .push_str(&format!("{}\n", format!("{indent}{line}").trim_end()));
    }

    /// Adds a text from anywhere, with its label.
    fn row(&mut self, label: &str, value: &str) {
        self.rows(label, std::iter::once(value));
    }

    /// Adds a text of several lines.
    fn rows<'a>(&mut self, label: &str, lines: impl Iterator<Item = &'a str>) {
        let width = self.columns.saturating_sub(VALUES_AT);
        let lines = lines.flat_map(|line| wrapped(&safe(line), width));
        for (index, line) in lines.enumerate() {
            match index {
                0 => self.labelled(label, &line),
                _ => self.line(VALUES_AT, &line),
            }
        }
    }

    fn labelled(&mut self, label: &str, line: &str) {
        match line {
            "" => self.line(2, &paint(DIM, label)),
            line => self.line(2, &format!("{} {line}", paint(DIM, format!("{label:<10}")))),
        }
    }

    /// Adds a word that people copy: on a line of its own, if it does not fit beside its label.
    fn whole(&mut self, label: &str, word: &str) {
        let word = safe(word);
        if VALUES_AT + columns(&word) <= self.columns {
            return self.labelled(label, &word);
        }
        self.labelled(label, "");
        for line in wrapped(&word, self.columns.saturating_sub(BLOCK_AT)) {
            self.line(BLOCK_AT, &line);
        }
    }

    /// Adds a JSON value: beside its label, or indented below.
    fn json(&mut self, label: &str, value: &Value) {
        let compact = safe(&value.to_string());
        if VALUES_AT + columns(&compact) <= self.columns {
            return self.labelled(label, &compact);
        }
        self.labelled(label, "");
        let pretty = serde_json::to_string_pretty(value).unwrap_or(compact);
        for line in pretty.lines() {
            let text = line.trim_start();
            // What is nested deeply still has room.
            let nested = (line.len() - text.len()).min(self.columns / 2);
            let indent = BLOCK_AT + nested;
            let width = self.columns.saturating_sub(indent + columns(GOES_ON));
            for (index, part) in wrapped(&safe(text), width).iter().enumerate() {
                match index {
                    0 => self.line(indent, part),
                    _ => self.line(indent, &format!("{}{part}", paint(DIM, GOES_ON))),
                }
            }
        }
    }
}

fn about(approval: &Approval, now: Timestamp, sheet: &mut Sheet) {
    let summary = &approval.summary;
    sheet.row("asked", &time::instant(summary.requested_at.0));
    if let Some(deadline) = summary.deadline {
        let mut shown = time::instant(deadline.0);
        if summary.status == ApprovalStatus::Pending {
            let left = units::duration(time::between(now, deadline.0));
            shown.push_str(&format!(" (in {left})"));
        }
        sheet.row("expires", &shown);
    }
    if let Some(closed) = summary.closed_at {
        sheet.row("ended", &time::instant(closed.0));
    }
    if let Some(by) = &approval.superseded_by {
        sheet.row("by", by);
    }
    sheet.row("asks", &asked(approval));
    for next in &approval.escalations {
        sheet.row("escalates", &time::instant(next.0));
    }
    let approved = format!("{} of {}", summary.approved_by.len(), summary.minimum_count);
    sheet.row("approved", &approved);
    if !approval.barred.is_empty() {
        sheet.row("barred", &approval.barred.join(", "));
    }
    match approval.comment_required {
        CommentRequired::Never => {}
        CommentRequired::OnRejection => sheet.row("comment", "a rejection needs one"),
        CommentRequired::Always => sheet.row("comment", "each decision needs one"),
    }
}

/// Who may decide now.
pub(super) fn asked(approval: &Approval) -> String {
    let summary = &approval.summary;
    let groups = summary.groups.iter().map(|group| format!("group {group}"));
    let asked: Vec<String> = groups.chain(summary.people.iter().cloned()).collect();
    match asked.as_slice() {
        [] => "whoever may decide approvals".to_owned(),
        asked => asked.join(", "),
    }
}

/// What runs if it is approved, and if not.
fn leads_to(content: &Value, sheet: &mut Sheet) {
    let approved = content["next"]["approved"].as_str();
    sheet.row("then", approved.unwrap_or("the end"));
    let otherwise = content["next"]["otherwise"].as_array();
    let otherwise: Vec<&str> = otherwise
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let otherwise = match otherwise.as_slice() {
        [] => "the state fails".to_owned(),
        states => states.join(", "),
    };
    sheet.row("else", &otherwise);
    for task in content["work"].as_array().into_iter().flatten() {
        let name = task["state"].as_str().unwrap_or_default();
        let resource = task["resource"].as_str().unwrap_or_default();
        sheet.row("may run", &format!("{name}: {resource}"));
        match task.get("component") {
            None => {}
            Some(Value::String(digest)) => sheet.whole("component", digest),
            Some(_) => sheet.row("component", "not there yet"),
        }
        for (kind, granted) in task["grants"].as_object().into_iter().flatten() {
            for grant in granted.as_array().into_iter().flatten() {
                let grant = grant
                    .as_str()
                    .map_or_else(|| grant.to_string(), str::to_owned);
                sheet.row("may use", &format!("{kind}: {grant}"));
            }
        }
    }
}

fn decisions(approval: &Approval, sheet: &mut Sheet) {
    for decided in &approval.decisions {
        let word = match decided.decision {
            ApprovalVerdict::Approve => "approved",
            ApprovalVerdict::Reject => "rejected",
        };
        let (at, by) = (time::instant(decided.at.0), &decided.principal);
        let mut shown = format!("{at} {word} by {by}");
        if let Some(name) = &decided.name {
            shown.push_str(&format!(" ({name})"));
        }
        if decided.inputs.as_str() != "{}" {
            shown.push_str(&format!(" with {}", decided.inputs.as_str()));
        }
        if let Some(comment) = &decided.comment {
            shown.push_str(&format!(": {comment}"));
        }
        sheet.row("decided", &shown);
    }
}

#[cfg(test)]
mod tests;
