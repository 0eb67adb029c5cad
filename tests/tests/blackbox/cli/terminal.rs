//! Questions on a terminal: what people see before they say yes, and what no means.

use serde_json::{Value, json};
use stepwell_tests::{Terminal, guest};

use super::approvals::{People, id};
use super::talking_to;

const COLUMNS: u16 = 80;

impl People {
    /// Somebody begins a command on a terminal.
    #[track_caller]
    fn sits_at(&self, token: &str, arguments: &[&str]) -> Option<Terminal> {
        let mut command = talking_to(&self.server, arguments);
        Terminal::start(command.env("STEPWELL_TOKEN", token), COLUMNS)
    }
}

/// What a screen shows, and nothing that steers it; no line is wider than it.
#[track_caller]
fn plain(screen: &str) {
    for line in screen.lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        let columns = line.chars().count();
        assert!(columns <= usize::from(COLUMNS), "{columns}: {line}");
    }
}

/// A definition whose approval shows a lot, and leads to a component with grants.
fn release(show: &Value) -> Value {
    let grants = json!({"Http": [{"Host": "production.example.com", "Methods": ["GET", "PUT"],
        "Paths": ["/v1/environments/*", "/v1/releases/*"]}], "Config": ["delivery/url"]});
    json!({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "Resource": "stepwell:approval", "Next": "Promote",
            "Parameters": {"Show": show}},
        "Promote": {"Type": "Task", "Resource": "task:deploy-release", "End": true,
            "TimeoutSeconds": 60, "Grants": grants},
    }})
}

#[test]
fn all_of_an_approval_is_shown_before_it_is_approved() {
    let rule = "GET,PUT https://production.example.com/v1/*";
    let people = People::with(&["--allow-http", rule]);
    let policy = ["policy", "set", "default", rule];
    people.runs(&people.dev, &policy).expect(0);
    let component = guest("deploy-release").unwrap();
    let push = [
        "component",
        "push",
        "deploy-release",
        component.to_str().unwrap(),
    ];
    people.runs(&people.dev, &push).expect(0);
    let changes: Vec<String> = (0..60).map(|n| format!("change {n} of sixty")).collect();
    let long = format!(
        "{} the end of it \u{1b}[2J\u{202e}",
        "a long sentence ".repeat(30)
    );
    people.deploys(&release(&json!({"changes": changes, "about": long})));
    let start = ["start", "release", "--name", "one"];
    people.runs(&people.dev, &start).expect(0);
    let asked = people.one("one");
    let approve = ["approvals", "approve", id(&asked)];
    let Some(mut terminal) = people.sits_at(&people.ann, &approve) else {
        return;
    };
    let shown = terminal.sees("Approve? [y/N]");
    plain(&shown);
    let components = ["--json", "component", "show", "deploy-release"];
    let components = people.runs(&people.dev, &components).expect(0).json();
    let words: String = shown
        .split_whitespace()
        .filter(|word| *word != "↳")
        .collect();
    for whole in [
        asked["hash"].as_str().unwrap(),
        components["versions"][0]["digest"].as_str().unwrap(),
        "change 59 of sixty",
        "the end of it \\u001b[2J\\u{202e}",
        r#""Paths":["/v1/environments/*","/v1/releases/*"]"#,
        "Config: delivery/url",
    ] {
        let whole: String = whole.split_whitespace().collect();
        assert!(words.contains(&whole), "no {whole:?} in\n{shown}");
    }
    assert_eq!(words.matches("alongsentence").count(), 30, "{shown}");
    assert!(!shown.contains('…'), "{shown}");
    terminal.types("y");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("approved Ask\n  1 of 1 approvals"),
        "{screen}"
    );
}

#[test]
fn what_is_too_much_to_read_is_not_asked_about() {
    let people = People::new();
    let changes: Vec<u32> = (0..1_000).collect();
    people.asks(&json!({"Show": changes}), &["one"]);
    let asked = people.one("one");
    let approve = ["approvals", "approve", id(&asked)];
    let Some(terminal) = people.sits_at(&people.ann, &approve) else {
        return;
    };
    let (code, screen) = terminal.ends();
    assert_eq!(code, 2, "{screen}");
    for said in ["too many for a question", "| less", "--hash"] {
        assert!(screen.contains(said), "no {said:?} in\n{screen}");
    }
    assert!(!screen.contains("[y/N]"), "{screen}");
    let shown = people.runs(&people.ann, &["approvals", "show", id(&asked)]);
    let shown = shown.expect(0).stdout;
    assert!(
        shown.contains("999") && shown.lines().count() > 1_000,
        "{shown}"
    );
}

#[test]
fn what_has_to_be_filled_in_is_asked_for() {
    let people = People::new();
    let inputs = json!([
        {"Name": "ticket", "Pattern": "OPS-[0-9]+", "Required": true},
        {"Name": "share", "Type": "number", "AllowedValues": [10, 50], "Default": 10},
        {"Name": "free"},
    ]);
    let asking = json!({"Inputs": inputs, "CommentRequired": "Always", "MinimumCount": 2});
    people.asks(&asking, &["one"]);
    let asked = people.one("one");
    let approve = ["approvals", "approve", id(&asked), "--input", "share=20"];
    let Some(mut terminal) = people.sits_at(&people.ann, &approve) else {
        return;
    };
    let shown = terminal.sees("ticket: string, required, pattern OPS-[0-9]+:");
    assert!(shown.contains("fill in"), "{shown}");
    terminal.types("");
    terminal.sees("ticket is required: give a string");
    terminal.types("OPS");
    terminal.sees("ticket: does not match the pattern OPS-[0-9]+");
    terminal.types("OPS-7");
    terminal.sees("share: is none of 10, 50");
    terminal.sees("share: number, default 10, one of 10, 50 [10]:");
    terminal.types("");
    terminal.sees("free: string:");
    terminal.types("42");
    terminal.sees("your comment:");
    terminal.types("  ");
    terminal.sees("the decision needs a comment");
    terminal.types("looks good");
    terminal.sees(r#"with {"ticket":"OPS-7","share":10,"free":"42"}"#);
    terminal.sees("Approve? [y/N]");
    terminal.types("yes");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    plain(&screen);

    // The second one is shown what the first one filled in, and takes it.
    let approve = ["approvals", "approve", id(&asked), "--comment", "me too"];
    let Some(mut terminal) = people.sits_at(&people.bob, &approve) else {
        return;
    };
    terminal.sees("[\"OPS-7\"]:");
    terminal.types("OPS-8");
    terminal.sees("token:ann has approved with \"OPS-7\"");
    for proposed in ["[\"OPS-7\"]:", "[10]:", "[\"42\"]:"] {
        terminal.sees(proposed);
        terminal.types("");
    }
    terminal.sees("Approve? [y/N]");
    terminal.types("y");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    let trace = people.ended("one");
    assert!(trace.contains("approved by token:bob: me too"), "{trace}");
}

#[test]
fn who_cannot_decide_is_told_before_they_are_asked() {
    let people = People::new();
    people.asks(
        &json!({"Groups": ["approver"], "CommentRequired": "OnRejection"}),
        &["one"],
    );
    let asked = people.one("one");
    let approve = ["approvals", "approve", id(&asked)];
    let eve = people.made("eve", "admin");
    for (token, told) in [
        (
            &people.dev,
            "you, token:admin, are barred: who starts or redrives",
        ),
        (
            &eve,
            "you, token:eve, are not asked: this approval is for others: group approver",
        ),
    ] {
        let Some(terminal) = people.sits_at(token, &approve) else {
            return;
        };
        let (code, screen) = terminal.ends();
        assert_eq!(code, 4, "{screen}");
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(told), "{screen}");
        assert!(!screen.contains("[y/N]"), "{screen}");
    }
    let reject = ["approvals", "reject", id(&asked)];
    for answers in [&["not today", "n"][..], &["not today", ""]] {
        let Some(mut terminal) = people.sits_at(&people.ann, &reject) else {
            return;
        };
        terminal.sees("your comment:");
        terminal.types(answers[0]);
        terminal.sees("Reject? [y/N]");
        terminal.types(answers[1]);
        let (code, screen) = terminal.ends();
        assert_eq!(code, 7, "{screen}");
        assert!(screen.contains("nothing was decided"), "{screen}");
    }
    assert_eq!(people.one("one")["status"], "PENDING");
    let Some(mut terminal) = people.sits_at(&people.ann, &reject) else {
        return;
    };
    terminal.sees("your comment:");
    terminal.types("not today");
    terminal.sees("Reject? [y/N]");
    terminal.types("y");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("rejected Ask\n  arn:"), "{screen}");
    let Some(terminal) = people.sits_at(&people.bob, &approve) else {
        return;
    };
    let (code, screen) = terminal.ends();
    assert_eq!(code, 4, "{screen}");
    assert!(
        screen.contains("the approval is REJECTED: it is too late"),
        "{screen}"
    );
}

#[test]
fn what_cannot_be_brought_back_is_asked_about() {
    let people = People::new();
    people.asks(&json!({}), &["one"]);
    people.one("one");
    let erase = ["audit", "erase", "--principal", "token:admin"];
    let preview = people.runs(&people.dev, &[&erase[..], &["--preview"]].concat());
    let count = preview.expect(0).stdout;
    let count = count.strip_prefix("the details of ").unwrap();
    let count = count.strip_suffix(" would be erased\n").unwrap();
    for (answer, expected, said) in [
        ("n", 7, "nothing was erased"),
        ("y", 0, "erased the details"),
    ] {
        let Some(mut terminal) = people.sits_at(&people.dev, &erase) else {
            return;
        };
        terminal.sees(&format!("Erase the details of {count}?"));
        terminal.sees("[y/N]");
        terminal.types(answer);
        let (code, screen) = terminal.ends();
        assert_eq!(code, expected, "{screen}");
        assert!(screen.contains(said), "{screen}");
    }
}
