//! How an approval is shown to whoever decides it.

use anstyle::Style;
use serde_json::Value;
use stepwell_engine::Timestamp;
use stepwell_server::wire::{Approval, ApprovalStatus, ApprovalVerdict, CommentRequired};

use crate::console::{BAD, DIM, GOOD, NOTICE, STRONG, paint};
use crate::render::text::{safe, safe_within};
use crate::render::{time, units};

/// Columns of a value that is shown on one line.
const VALUE_COLUMNS: usize = 100;
/// Lines of what the approval shows, before the rest is left to `--json`.
const LINES_MAX: usize = 40;

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

/// An approval, with all that a decision is bound to.
pub(super) fn described(approval: &Approval, now: Timestamp) -> String {
    let summary = &approval.summary;
    let (word, style) = status(summary.status);
    let mut text = format!(
        "{}\n{} {}\n\n",
        paint(STRONG, safe(&summary.title)),
        paint(style.bold(), word),
        paint(DIM, safe(&summary.approval_id)),
    );
    if let Some(description) = &approval.description {
        for line in description.lines() {
            text.push_str(&format!("  {}\n", safe(line)));
        }
        text.push('\n');
    }
    about(approval, now, &mut text);
    let content: Value = serde_json::from_str(approval.content.as_str()).unwrap_or_default();
    shows(&content, &mut text);
    leads_to(&content, &mut text);
    inputs(&content, &mut text);
    decisions(approval, &mut text);
    line(&mut text, "hash", &safe(&summary.hash));
    text
}

fn line(text: &mut String, label: &str, value: &str) {
    text.push_str(&format!(
        "  {} {value}\n",
        paint(DIM, format!("{label:<10}"))
    ));
}

fn about(approval: &Approval, now: Timestamp, text: &mut String) {
    let summary = &approval.summary;
    line(text, "execution", &safe(&summary.execution_arn));
    line(text, "state", &safe(&summary.state));
    line(text, "asked", &time::instant(summary.requested_at.0));
    if let Some(deadline) = summary.deadline {
        let mut shown = time::instant(deadline.0);
        if summary.status == ApprovalStatus::Pending {
            let left = units::duration(time::between(now, deadline.0));
            shown.push_str(&format!(" (in {left})"));
        }
        line(text, "expires", &shown);
    }
    if let Some(closed) = summary.closed_at {
        line(text, "ended", &time::instant(closed.0));
    }
    if let Some(by) = &approval.superseded_by {
        line(text, "by", &safe(by));
    }
    let groups = summary.groups.iter().map(|group| format!("group {group}"));
    let asked: Vec<String> = groups.chain(summary.people.iter().cloned()).collect();
    let asked = match asked.as_slice() {
        [] => "whoever may decide approvals".to_owned(),
        asked => asked.join(", "),
    };
    line(text, "asks", &safe(&asked));
    for next in &approval.escalations {
        line(text, "escalates", &time::instant(next.0));
    }
    let approved = format!("{} of {}", summary.approved_by.len(), summary.minimum_count);
    line(text, "approved", &approved);
    if !approval.barred.is_empty() {
        line(text, "barred", &safe(&approval.barred.join(", ")));
    }
    match approval.comment_required {
        CommentRequired::Never => {}
        CommentRequired::OnRejection => line(text, "comment", "a rejection needs one"),
        CommentRequired::Always => line(text, "comment", "each decision needs one"),
    }
}

fn shows(content: &Value, text: &mut String) {
    for (label, member) in [("shows", "show"), ("input", "input")] {
        let Some(value) = content.get(member) else {
            continue;
        };
        let compact = value.to_string();
        if compact.chars().count() <= VALUE_COLUMNS {
            line(text, label, &safe(&compact));
            continue;
        }
        line(text, label, "");
        let pretty = serde_json::to_string_pretty(value).unwrap_or(compact);
        let mut lines = pretty.lines();
        for shown in lines.by_ref().take(LINES_MAX) {
            text.push_str(&format!("    {}\n", safe_within(shown, VALUE_COLUMNS)));
        }
        let left = lines.count();
        if left > 0 {
            let more = format!("{left} lines more, with --json");
            text.push_str(&format!("    {}\n", paint(DIM, more)));
        }
    }
}

/// What runs if it is approved, and if not.
fn leads_to(content: &Value, text: &mut String) {
    let approved = content["next"]["approved"].as_str();
    line(text, "then", &safe(approved.unwrap_or("the end")));
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
    line(text, "else", &safe(&otherwise));
    for task in content["work"].as_array().into_iter().flatten() {
        let name = task["state"].as_str().unwrap_or_default();
        let resource = task["resource"].as_str().unwrap_or_default();
        let component = match task.get("component") {
            None => String::new(),
            Some(Value::String(digest)) => format!(" {}", digest.get(..19).unwrap_or(digest)),
            Some(_) => " (not there yet)".to_owned(),
        };
        line(
            text,
            "may run",
            &safe(&format!("{name}: {resource}{component}")),
        );
        if let Some(grants) = task.get("grants") {
            line(
                text,
                "",
                &safe_within(&format!("with {grants}"), VALUE_COLUMNS),
            );
        }
    }
}

fn inputs(content: &Value, text: &mut String) {
    for field in content["inputs"].as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap_or_default();
        let mut about = vec![field["type"].as_str().unwrap_or_default().to_owned()];
        if field["required"] == true {
            about.push("required".to_owned());
        }
        for (member, word) in [
            ("default", "default"),
            ("allowedValues", "one of"),
            ("pattern", "pattern"),
        ] {
            if let Some(value) = field.get(member) {
                about.push(format!("{word} {value}"));
            }
        }
        let mut shown = format!("{name}: {}", about.join(", "));
        if let Some(description) = field["description"].as_str() {
            shown.push_str(&format!(" ({description})"));
        }
        line(text, "fill in", &safe(&shown));
    }
}

fn decisions(approval: &Approval, text: &mut String) {
    for decided in &approval.decisions {
        let word = match decided.decision {
            ApprovalVerdict::Approve => paint(GOOD, "approved"),
            ApprovalVerdict::Reject => paint(BAD, "rejected"),
        };
        let name = decided
            .name
            .as_deref()
            .map(|name| format!(" ({})", safe(name)));
        let mut shown = format!(
            "{} {word} by {}{}",
            time::instant(decided.at.0),
            safe(&decided.principal),
            name.unwrap_or_default()
        );
        if decided.inputs.as_str() != "{}" {
            shown.push_str(&format!(" with {}", safe(decided.inputs.as_str())));
        }
        if let Some(comment) = &decided.comment {
            shown.push_str(&format!(": {}", safe(comment)));
        }
        line(text, "decided", &shown);
    }
}
