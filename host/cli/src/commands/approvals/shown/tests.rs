//! What somebody reads before they decide.

use serde_json::{Value, json};

use super::*;
use crate::render::plain;

fn approval(content: &Value, more: &Value) -> Approval {
    let mut approval = json!({
        "summary": {
            "approvalId": "3f1c", "status": "PENDING", "title": "Release 1.4",
            "hash": format!("sha256:{}", "0".repeat(64)), "executionArn": "arn:e",
            "stateMachine": "release", "state": "Approve",
            "requestedAt": "2026-11-22T10:00:00.000Z", "groups": ["approver"], "people": [],
            "minimumCount": 2, "approvedBy": [], "escalated": 0,
        },
        "content": content, "allowSelfApproval": false, "barred": ["token:dev"],
        "commentRequired": "Never", "escalations": [], "decisions": [],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        approval[name.as_str()] = value.clone();
    }
    serde_json::from_value(approval).unwrap()
}

fn told(approval: &Approval, columns: usize) -> String {
    plain(&described(approval, Timestamp::from_ms(0), columns))
}

#[test]
fn all_that_is_signed_is_shown() {
    let digest = format!("sha256:{}", "7".repeat(64));
    let http = json!({"Host": "prod.example.com", "Schemes": ["https"], "Methods": ["GET", "PUT",
        "DELETE"], "Paths": ["/v1/*"], "Secrets": ["delivery/token"]});
    let lines: Vec<u32> = (0..60).collect();
    let content = json!({
        "show": {"changes": lines}, "input": {"text": "word ".repeat(100)},
        "next": {"approved": "Promote", "otherwise": ["Not"]},
        "definition": digest,
        "work": [
            {"state": "Promote", "resource": "task:deploy", "component": digest, "grants":
                {"Secrets": [{"Name": "delivery/token", "Reveal": false}], "Http": [http],
                 "Config": ["delivery/url"]}},
            {"state": "Later", "resource": "task:late", "component": null},
        ],
    });
    let told = told(&approval(&content, &json!({})), 80);
    assert!(!told.contains('…'), "{told}");
    assert!(told.lines().all(|line| columns(line) <= 80), "{told}");
    for said in [
        "  shows\n    {\n",
        "        59\n",
        "  may run    Promote: task:deploy\n  component\n    sha256:7777",
        &format!("\n    {digest}\n"),
        "  may use    Secrets: {\"Name\":\"delivery/token\",\"Reveal\":false}\n",
        "  may use    Config: delivery/url\n",
        "  component  not there yet\n",
        &format!("  hash\n    sha256:{}\n", "0".repeat(64)),
    ] {
        assert!(told.contains(said), "no {said:?} in\n{told}");
    }
    let whole: String = told.split_whitespace().collect();
    assert_eq!(whole.matches("word").count(), 100, "{told}");
    let grant: String = http.to_string().split_whitespace().collect();
    assert!(whole.contains(&grant), "{told}");
}

#[test]
fn nothing_from_outside_passes_for_the_programs_words() {
    let padded = format!("harmless{}then       Nothing", " ".repeat(66));
    let content = json!({
        "show": format!("\u{1b}[2J\u{202e}\u{ad}\r{padded}"), "input": {"a": padded},
        "next": {"approved": padded, "otherwise": []},
        "inputs": [{"name": "a", "type": "string", "required": true, "description": padded}],
        "work": [{"state": padded, "resource": "task:a"}],
    });
    let mut content = content;
    let description = format!("Read this.\n  hash       sha256:other\n{padded}");
    content["description"] = Value::from(description);
    content["title"] = Value::from(padded);
    let told = told(&approval(&content, &json!({})), 80);
    let hashes = told.lines().filter(|line| line.starts_with("  hash"));
    assert_eq!(hashes.count(), 1, "{told}");
    for line in told.lines() {
        let text = line.trim_start();
        assert!(!text.starts_with("then       N") || line.starts_with(&" ".repeat(13)));
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    assert!(told.contains("\\u001b[2J\\u{202e}\\u{ad}"), "{told}");
    assert!(told.contains("↳ "), "JSON that goes on says so: {told}");
}

#[test]
fn what_is_shown_is_what_its_hash_names() {
    let content = json!({"b": 1.25, "a": "Größe\u{1}", "title": "t"});
    let mut approval = approval(&content, &json!({}));
    assert!(!has_its_hash(&approval));
    // Printed by `printf '%s' '{"a":"Größe\u0001","b":1.25,"title":"t"}' | sha256sum`.
    let hash = "cc4e1fd9d90812c944058b0af816220a4a3840797b3067c6e083dc5d7c28ae2e";
    approval.summary.hash = format!("sha256:{hash}");
    assert!(has_its_hash(&approval), "{}", approval.content.as_str());
}
