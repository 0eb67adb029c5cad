//! What is told of an event: one set of facts, as JSON for programs and as text for people.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use stepwell_store::DueDelivery;

use super::{TEST_EVENT, tenant_of};
use crate::names;

/// What stays as it is in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Characters before the values of a mail's text.
const COLUMN: usize = 15;

/// Makes a text fit for a line: what would steer how others are shown, or is not shown
/// itself, is spelled out, as on the command line.
fn shown(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => line.push(' '),
            letter if is_invisible(letter) => line.extend(letter.escape_unicode()),
            letter => line.push(letter),
        }
    }
    line
}

/// Direction marks, zero-width characters, separators of lines, fillers, tags.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A message about one event.
#[derive(Debug)]
pub(super) struct Message {
    event: String,
    at: String,
    tenant: String,
    facts: Map<String, Value>,
    link: Option<String>,
}

impl Message {
    pub(super) fn of(delivery: &DueDelivery, public_url: Option<&str>) -> Self {
        let tenant = tenant_of(delivery);
        // Written by this host; what cannot be read tells nothing but the event.
        let facts = serde_json::from_str::<Value>(&delivery.facts).unwrap_or_default();
        let mut facts = match facts {
            Value::Object(facts) => facts,
            _ => Map::new(),
        };
        let mut link = None;
        let name = |member| facts.get(member).and_then(Value::as_str).map(str::to_owned);
        if let Some((machine, execution)) = name("stateMachine").zip(name("execution")) {
            let in_arn = match name("mapRunLabel") {
                Some(label) => format!("{machine}/{label}"),
                None => machine.clone(),
            };
            let arn = names::execution_arn(&tenant, &in_arn, &execution);
            link = public_url.map(|base| {
                let arn = utf8_percent_encode(&arn, PART);
                format!("{}/v1/executions/{arn}", base.trim_end_matches('/'))
            });
            if let Some((base, id)) = public_url.zip(name("approval")) {
                let id = utf8_percent_encode(&id, PART);
                link = Some(format!("{}/v1/approvals/{id}", base.trim_end_matches('/')));
            }
            facts.insert("executionArn".to_owned(), json!(arn));
            let arn = names::machine_arn(&tenant, &machine);
            facts.insert("stateMachineArn".to_owned(), json!(arn));
        }
        Self {
            event: delivery.event.clone(),
            at: delivery.created_at.to_string(),
            tenant: delivery.tenant_name.clone(),
            facts,
            link,
        }
    }

    fn fact(&self, member: &str) -> Option<&str> {
        self.facts.get(member)?.as_str()
    }

    fn listed(&self, member: &str) -> Option<String> {
        let all = self.facts.get(member)?.as_array()?;
        let names: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
        Some(names.join(", "))
    }

    /// What programs get: `type`, `timestamp`, `data`.
    pub(super) fn json(&self) -> Value {
        let mut data = self.facts.clone();
        data.insert("tenant".to_owned(), json!(self.tenant));
        if let Some(link) = &self.link {
            data.insert("link".to_owned(), json!(link));
        }
        json!({"type": self.event, "timestamp": self.at, "data": data})
    }

    /// One line for people.
    pub(super) fn subject(&self) -> String {
        format!("[stepwell] {}", shown(&self.headline()))
    }

    fn headline(&self) -> String {
        let machine = self.fact("stateMachine").unwrap_or_default();
        let execution = self.fact("execution").unwrap_or_default();
        let which = format!("{machine}/{execution}");
        let state = self.fact("state").unwrap_or_default();
        match self.event.as_str() {
            "execution.failed" => match self.fact("error") {
                Some(error) => format!("{which} failed: {error}"),
                None => format!("{which} failed"),
            },
            "execution.timed_out" => format!("{which} timed out"),
            "execution.aborted" => format!("{which} was stopped"),
            "task.waiting" => format!("{which} waits in {state}"),
            "approval.requested" | "approval.escalated" => {
                let title = self.fact("title").unwrap_or(state);
                let word = match self.event.as_str() {
                    "approval.requested" => "asks for approval",
                    _ => "still asks for approval",
                };
                format!("{which} {word}: {title}")
            }
            TEST_EVENT => format!("a test by {}", self.tenant),
            other => format!("{which}: {other}"),
        }
    }

    /// The text of a mail.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![shown(&self.headline()), String::new()];
        let mut line = |name: &str, value: Option<&str>| {
            // What has several lines stays in its column: none of them passes for another.
            let mut rows = value.into_iter().flat_map(str::lines).map(shown);
            if let Some(first) = rows.next() {
                lines.push(format!("{name:<COLUMN$}{first}"));
                lines.extend(rows.map(|row| format!("{:COLUMN$}{row}", "")));
            }
        };
        line("Tenant", Some(&self.tenant));
        line("State machine", self.fact("stateMachine"));
        line("Execution", self.fact("executionArn"));
        line("State", self.fact("state"));
        line("Time", Some(&self.at));
        line("By", self.fact("principal"));
        line("Error", self.fact("error"));
        line("Cause", self.fact("cause"));
        line("Approval", self.fact("approval"));
        line("Groups", self.listed("groups").as_deref());
        line("People", self.listed("people").as_deref());
        line("Deadline", self.fact("deadline"));
        line("Waits for", self.fact("waitsFor"));
        line("Event", self.fact("eventName"));
        let link = self.link.as_deref();
        line("Link", link);
        let commands = self.commands();
        if !commands.is_empty() {
            lines.push(String::new());
            lines.extend(commands.into_iter().map(|command| format!("  {command}")));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// What whoever reads it may type next.
    fn commands(&self) -> Vec<String> {
        let names = self.fact("stateMachine").zip(self.fact("execution"));
        let Some((machine, execution)) = names else {
            return Vec::new();
        };
        // The child of a Map Run has no short name.
        let which = match self.facts.contains_key("mapRunLabel") {
            true => self.fact("executionArn").unwrap_or_default().to_owned(),
            false => format!("{machine}/{execution}"),
        };
        let describe = format!("stepwell describe {which}");
        match (self.event.as_str(), self.fact("eventName")) {
            ("task.waiting", Some(name)) => {
                vec![describe, format!("stepwell send-event {which} {name}")]
            }
            ("execution.failed" | "execution.timed_out", _) => {
                vec![describe, format!("stepwell redrive {which}")]
            }
            ("approval.requested" | "approval.escalated", _) => {
                let id = self.fact("approval").unwrap_or_default();
                let command = |verb: &str| format!("stepwell approvals {verb} {id}");
                ["show", "approve", "reject"].map(command).into()
            }
            _ => vec![describe],
        }
    }
}

#[cfg(test)]
mod tests {
    use stepwell_states::Timestamp;
    use stepwell_store::TenantId;

    use super::*;

    fn delivery(event: &str, facts: &Value) -> DueDelivery {
        DueDelivery {
            id: 1,
            public_id: "msg_1".to_owned(),
            notification: 1,
            name: "ops".to_owned(),
            tenant: TenantId(1),
            tenant_name: "shop".to_owned(),
            account: "111111111111".to_owned(),
            region: "us-east-1".to_owned(),
            channel: String::new(),
            event: event.to_owned(),
            facts: facts.to_string(),
            created_at: Timestamp::from_ms(1_700_000_000_000),
            attempts: 0,
        }
    }

    #[test]
    fn a_failure_is_told_with_its_error_and_where_to_look() {
        let facts = json!({"stateMachine": "order", "execution": "7", "error": "No", "cause": "x"});
        let delivery = delivery("execution.failed", &facts);
        let message = Message::of(&delivery, Some("https://stepwell.example.com/"));
        assert_eq!(message.subject(), "[stepwell] order/7 failed: No");
        let arn = "arn:aws:states:us-east-1:111111111111:execution:order:7";
        let told = message.json();
        assert_eq!(told["type"], "execution.failed");
        assert_eq!(told["timestamp"], "2023-11-14T22:13:20.000Z");
        assert_eq!(told["data"]["executionArn"], arn);
        let link = "https://stepwell.example.com/v1/executions/arn%3Aaws%3Astates%3Aus-east-1%3A\
                    111111111111%3Aexecution%3Aorder%3A7";
        assert_eq!(told["data"]["link"], link);
        let text = message.text();
        for said in [arn, link, "Cause          x", "  stepwell redrive order/7"] {
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn an_approval_is_told_with_who_may_decide_and_how() {
        let facts = json!({"stateMachine": "order", "execution": "7", "state": "Ask",
            "approval": "a-1", "groups": ["release", "ops"], "people": ["token:ann"]});
        let delivery = delivery("approval.requested", &facts);
        let text = Message::of(&delivery, Some("https://stepwell.example.com")).text();
        for said in [
            "Groups         release, ops\n",
            "People         token:ann\n",
            "Link           https://stepwell.example.com/v1/approvals/a-1\n",
            "  stepwell approvals show a-1\n",
        ] {
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn no_text_passes_for_another_line() {
        let cause = "declined\r\nLink           https://evil.example.com\u{1b}[2J";
        let facts = json!({"stateMachine": "order", "execution": "7", "cause": cause});
        let text = Message::of(&delivery("execution.failed", &facts), None).text();
        let forged = text.lines().any(|line| line.starts_with("Link"));
        assert!(!forged && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("\n               Link "), "{text}");
    }

    #[test]
    fn without_a_public_url_there_is_no_link() {
        let facts = json!({"stateMachine": "order", "execution": "7", "state": "Ask"});
        let message = Message::of(&delivery("task.waiting", &facts), None);
        assert_eq!(message.subject(), "[stepwell] order/7 waits in Ask");
        assert_eq!(message.json()["data"]["link"], Value::Null);
        assert!(!message.text().contains("Link"));
    }
}
