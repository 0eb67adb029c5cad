//! Approvals on the command line: who may decide, and what is too late, changed or another's.

use serde_json::{Value, json};
use stepwell_tests::{Access, Run, Setup, TestServer, command, eventually, guest};

use super::{file, talking_to};

/// A host that wants tokens, and people who have some.
pub(super) struct People {
    pub(super) server: TestServer,
    /// Deploys and starts.
    pub(super) dev: String,
    pub(super) ann: String,
    pub(super) bob: String,
}

impl People {
    #[track_caller]
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// With arguments of the host.
    #[track_caller]
    pub(super) fn with(arguments: &[&str]) -> Self {
        let server = TestServer::with(Setup {
            access: Access::Tokens,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            ..Setup::default()
        });
        let mut people = Self {
            dev: server.admin_token().expect("the file `admin-token`"),
            ann: String::new(),
            bob: String::new(),
            server,
        };
        people.ann = people.made("ann", "approver");
        people.bob = people.made("bob", "approver");
        people
    }

    /// Makes a token for somebody.
    #[track_caller]
    pub(super) fn made(&self, name: &str, role: &str) -> String {
        let create = ["api-token", "create", name, "--role", role];
        self.runs(&self.dev, &create)
            .expect(0)
            .stdout
            .trim()
            .to_owned()
    }

    /// Somebody runs a command.
    #[track_caller]
    pub(super) fn runs(&self, token: &str, arguments: &[&str]) -> Run {
        let mut command = talking_to(&self.server, arguments);
        Run::of(command.env("STEPWELL_TOKEN", token), "")
    }

    #[track_caller]
    pub(super) fn deploys(&self, definition: &Value) {
        let flow = definition.to_string();
        let flow = file(self.server.home(), "release.json", &flow);
        self.runs(&self.dev, &["deploy", &flow]).expect(0);
    }

    /// Starts executions of a definition that asks with these parameters.
    #[track_caller]
    pub(super) fn asks(&self, parameters: &Value, names: &[&str]) {
        self.deploys(&asking(parameters));
        for name in names {
            let start = ["start", "release", "--name", name];
            self.runs(&self.dev, &start).expect(0);
        }
    }

    /// Waits until so many approvals of an execution wait; oldest first.
    #[track_caller]
    pub(super) fn asked(&self, name: &str, count: usize) -> Vec<Value> {
        let execution = format!("release/{name}");
        let list = ["--json", "approvals", "list", "--execution", &execution];
        eventually("the approvals", || {
            let listed = self.runs(&self.dev, &list).expect(0).json();
            let listed = listed["approvals"].as_array()?;
            (listed.len() == count).then(|| listed.iter().rev().cloned().collect())
        })
    }

    #[track_caller]
    pub(super) fn one(&self, name: &str) -> Value {
        self.asked(name, 1).remove(0)
    }

    /// Somebody decides on what they have seen.
    #[track_caller]
    fn decides(&self, token: &str, verb: &str, approval: &Value, more: &[&str]) -> Run {
        let hash = approval["hash"].as_str().expect("a hash");
        let decide = ["approvals", verb, id(approval), "--hash", hash];
        self.runs(token, &[&decide[..], more].concat())
    }

    #[track_caller]
    fn approves(&self, token: &str, approval: &Value) -> Run {
        self.decides(token, "approve", approval, &[])
    }

    /// Waits for the end of an execution; returns its trace.
    #[track_caller]
    pub(super) fn ended(&self, name: &str) -> String {
        let execution = format!("release/{name}");
        let follow = ["history", "--follow", &execution];
        self.runs(&self.dev, &follow).expect(0).stdout
    }
}

/// The id of an approval of a list.
pub(super) fn id(approval: &Value) -> &str {
    approval["approvalId"].as_str().expect("an id")
}

/// A definition that asks, and succeeds whatever comes of it.
fn asking(parameters: &Value) -> Value {
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "Not"}]);
    json!({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "Resource": "stepwell:approval", "Parameters": parameters,
            "Catch": catch, "Next": "Yes"},
        "Yes": {"Type": "Pass", "End": true},
        "Not": {"Type": "Pass", "End": true},
    }})
}

#[track_caller]
fn told(run: &Run, said: &str) {
    let all = format!("{}{}", run.stdout, run.stderr);
    assert!(all.contains(said), "no {said:?} in\n{all}");
}

/// The host refuses (exit code 4), in these words.
#[track_caller]
fn refused(run: Run, said: &str) {
    told(&run.expect(4), said);
}

#[test]
fn whoever_waits_for_an_execution_is_told_what_it_waits_for() {
    let people = People::new();
    people.asks(&json!({}), &["one"]);
    let asked = people.one("one");
    let start = ["start", "release", "--name", "one", "--wait"];
    let waited = people.runs(&people.dev, &[&start[..], &["--timeout", "100ms"]].concat());
    let waited = waited.expect(6);
    assert_eq!(waited.stdout, "");
    for said in [
        format!("it waits for approval {}; ", id(&asked)),
        format!("`stepwell approvals approve {}`", id(&asked)),
    ] {
        assert_eq!(waited.stderr.matches(&said).count(), 1, "{waited:?}");
    }
    people.approves(&people.ann, &asked).expect(0);
    let ended = people.runs(&people.dev, &start).expect(0);
    assert!(!ended.stderr.contains("waits for"), "{ended:?}");
}

#[test]
fn nobody_approves_what_they_started() {
    let people = People::new();
    people.asks(&json!({}), &["one", "two"]);
    let asked = people.one("one");
    let words = "who starts or redrives an execution, or deploys its definition, does not";
    refused(people.approves(&people.dev, &asked), words);
    people.one("one");
    let approved = people.approves(&people.ann, &asked).expect(0);
    told(&approved, "approved Ask\n  1 of 1 approvals\n  arn:");
    told(
        &people.runs(&people.dev, &["describe", "release/one"]),
        "token:ann",
    );
    let trace = people.ended("one");
    assert!(trace.contains("approved by token:ann"), "{trace}");
    // They may reject it.
    let asked = people.one("two");
    let comment = ["--comment", "not today"];
    let rejected = people.decides(&people.dev, "reject", &asked, &comment);
    let rejected = rejected.expect(0).stdout;
    assert!(rejected.starts_with("rejected Ask\n  arn:"), "{rejected}");
    let trace = people.ended("two");
    assert!(
        trace.contains("rejected by token:admin: not today"),
        "{trace}"
    );
}

#[test]
fn nobody_decides_who_is_not_asked() {
    let people = People::new();
    people.asks(&json!({"Groups": ["approver"]}), &["one"]);
    let asked = people.one("one");
    let (eve, vic) = (people.made("eve", "admin"), people.made("vic", "viewer"));
    for verb in ["approve", "reject"] {
        let others = "this approval is for others: group approver (NotApprover)";
        refused(people.decides(&eve, verb, &asked, &[]), others);
        refused(people.decides(&vic, verb, &asked, &[]), "approvals:decide");
    }
    let mine = |token: &str| {
        people
            .runs(token, &["approvals", "list", "--mine"])
            .expect(0)
    };
    told(&mine(&eve), "no approvals");
    told(&mine(&people.ann), id(&asked));
    people.approves(&people.ann, &asked).expect(0);
    let trace = people.ended("one");
    assert!(trace.contains(&format!(
        "asks for approval {} (group approver)",
        id(&asked)
    )));
}

#[test]
fn a_person_decides_once() {
    let people = People::new();
    people.asks(&json!({"MinimumCount": 2}), &["one", "two"]);
    let asked = people.one("one");
    for _ in 0..2 {
        let counted = people.approves(&people.ann, &asked).expect(0);
        told(&counted, "counted Ask\n  1 of 2 approvals\n");
    }
    let other = people.decides(&people.ann, "reject", &asked, &[]);
    refused(
        other,
        "you have decided already, and not the same: approve (AlreadyDecided)",
    );
    let words = ["--comment", "now with words"];
    let other = people.decides(&people.ann, "approve", &asked, &words);
    refused(other, "AlreadyDecided");
    let approved = people.approves(&people.bob, &asked).expect(0);
    told(&approved, "approved Ask\n  2 of 2 approvals\n");
    let trace = people.ended("one");
    assert!(trace.contains("(anybody who may; needs 2)"), "{trace}");
    // The same once more is no error, and told as it stands by then.
    let asked = people.one("two");
    people.approves(&people.ann, &asked).expect(0);
    let rejected = people.decides(&people.bob, "reject", &asked, &[]);
    told(&rejected.expect(0), "rejected Ask\n  arn:");
    let again = people.approves(&people.ann, &asked).expect(0);
    told(&again, "rejected Ask\n  1 of 2 approvals\n");
}

#[test]
fn what_has_ended_is_not_decided() {
    let people = People::new();
    people.asks(&json!({}), &["one", "two"]);
    let (one, two) = (people.one("one"), people.one("two"));
    people.approves(&people.ann, &one).expect(0);
    // The same is answered the same; all else is late.
    people.approves(&people.ann, &one).expect(0);
    let late = people.decides(&people.ann, "reject", &one, &[]);
    refused(
        late,
        "the approval is APPROVED: it is too late for a decision (ApprovalClosed)",
    );
    people.runs(&people.dev, &["stop", "release/two"]).expect(0);
    let late = people.approves(&people.ann, &two);
    refused(
        late,
        "the approval is WITHDRAWN: it is too late for a decision (ApprovalClosed)",
    );
    let trace = people.runs(&people.dev, &["history", "release/two"]);
    told(&trace, "stopped, by token:admin");
    let described = people.runs(&people.dev, &["describe", "release/two"]);
    told(&described, "Z, stopped by token:admin\n");
    told(
        &trace,
        &format!("given up; waits for approval {}", id(&two)),
    );
}

#[test]
fn what_was_seen_is_what_is_decided() {
    let people = People::new();
    let mut definition = asking(&json!({}));
    definition["States"]["Yes"] = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "late"}});
    people.deploys(&definition);
    let start = ["start", "release", "--name", "one"];
    people.runs(&people.dev, &start).expect(0);
    let seen = people.one("one");
    let show = ["approvals", "show", id(&seen)];
    told(&people.runs(&people.ann, &show), "component  not there yet");
    let echo = guest("echo").unwrap();
    let push = ["component", "push", "late", echo.to_str().unwrap()];
    people.runs(&people.dev, &push).expect(0);
    let changed = people.approves(&people.ann, &seen).expect(4);
    told(&changed, "what the approval shows has changed");
    told(&changed, "ApprovalChanged");
    let now = people.one("one");
    told(&changed, now["hash"].as_str().unwrap());
    assert_ne!(now["hash"], seen["hash"]);
    let components = people.runs(&people.dev, &["--json", "component", "show", "late"]);
    let components = components.expect(0).json();
    let digest = components["versions"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    told(&people.runs(&people.ann, &show).expect(0), &digest);
    people.approves(&people.ann, &now).expect(0);
    let trace = people.ended("one");
    assert!(trace.contains("asked anew: content changed"), "{trace}");
}

#[test]
fn nobody_decides_behind_the_deadline() {
    let people = People::new();
    people.asks(&json!({"DeadlineSeconds": 1}), &["one"]);
    let trace = people.ended("one");
    assert!(trace.contains("  expired\n"), "{trace}");
    assert!(trace.contains("caught; goes on at Not"), "{trace}");
    let all = ["--json", "approvals", "list", "--status", "expired"];
    let asked = people.runs(&people.ann, &all).expect(0).json();
    let late = people.approves(&people.ann, &asked["approvals"][0]);
    refused(
        late,
        "the approval is EXPIRED: it is too late for a decision (ApprovalClosed)",
    );
}

#[test]
fn others_are_asked_after_a_while() {
    let people = People::new();
    let asking = json!({
        "People": ["token:ann"],
        "Escalation": {"AfterSeconds": 1, "Groups": ["approver"]},
    });
    people.asks(&asking, &["one"]);
    let asked = people.one("one");
    eventually("that others are asked", || {
        let mine = people.runs(&people.bob, &["approvals", "list", "--mine"]);
        mine.expect(0).stdout.contains(id(&asked)).then_some(())
    });
    people.approves(&people.bob, &asked).expect(0);
    let trace = people.ended("one");
    for told in [
        "(token:ann)",
        "escalated to group approver",
        "approved by token:bob",
    ] {
        assert!(trace.contains(told), "no {told:?} in\n{trace}");
    }
}

#[test]
fn a_newer_execution_makes_an_older_ones_void() {
    let people = People::new();
    people.asks(&json!({"Supersede": true}), &["one"]);
    let old = people.one("one");
    let start = ["start", "release", "--name", "two"];
    people.runs(&people.dev, &start).expect(0);
    let trace = people.ended("one");
    assert!(trace.contains("superseded by release/two"), "{trace}");
    let late = people.approves(&people.ann, &old);
    refused(
        late,
        "the approval is SUPERSEDED: it is too late for a decision (ApprovalClosed)",
    );
    let new = people.one("two");
    let shown = people.runs(&people.ann, &["approvals", "show", id(&old)]);
    told(&shown, new["executionArn"].as_str().unwrap());
    people.approves(&people.ann, &new).expect(0);
    people.ended("two");
}

#[test]
fn two_side_by_side_are_decided_in_either_order() {
    let people = People::new();
    let branch = |name: &str| {
        json!({"StartAt": name, "States": {
            name: {"Type": "Task", "Resource": "stepwell:approval", "End": true}}})
    };
    let both = json!({"StartAt": "Both", "States": {"Both": {
        "Type": "Parallel", "Branches": [branch("Left"), branch("Right")], "End": true}}});
    people.deploys(&both);
    for (name, order) in [("one", [0, 1]), ("two", [1, 0])] {
        let start = ["start", "release", "--name", name];
        people.runs(&people.dev, &start).expect(0);
        let asked = people.asked(name, 2);
        for index in order {
            let approved = people.approves(&people.ann, &asked[index]).expect(0);
            told(
                &approved,
                &format!("approved {}\n", asked[index]["title"].as_str().unwrap()),
            );
        }
        people.ended(name);
        let execution = format!("release/{name}");
        let described = people.runs(&people.dev, &["--json", "describe", &execution]);
        let described = described.expect(0).json();
        for approval in &asked {
            let index = usize::from(approval["state"] == "Right");
            let output = &described["output"][index];
            assert_eq!(output["ApprovalId"], approval["approvalId"]);
        }
    }
}

#[test]
fn what_is_filled_in_is_read_by_its_type() {
    let people = People::new();
    let inputs = json!([
        {"Name": "free", "Required": true},
        {"Name": "share", "Type": "number"},
        {"Name": "notify", "Type": "boolean"},
    ]);
    people.asks(&json!({"Inputs": inputs}), &["one"]);
    let asked = people.one("one");
    let approve = |more: &[&str]| people.decides(&people.ann, "approve", &asked, more);
    refused(approve(&[]), "free is missing: give a string");
    refused(
        approve(&["--input", "free=x", "--input", "share=lots"]),
        "share is no number",
    );
    refused(
        approve(&["--input", "free=x", "--input", "more=1"]),
        "the approval asks for",
    );
    told(&approve(&["--input", "free"]).expect(2), "has no '='");
    let given = [
        "--input",
        "free=10",
        "--input",
        "share=2.50",
        "--input",
        "notify=true",
    ];
    approve(&given).expect(0);
    people.ended("one");
    let described = people.runs(&people.dev, &["--json", "describe", "release/one"]);
    let output = &described.expect(0).json()["output"];
    let expected = r#"{"free":"10","share":2.50,"notify":true}"#;
    assert_eq!(output["Inputs"].to_string(), expected);
}

#[test]
fn what_is_no_id_and_no_token_is_told_so() {
    let people = People::new();
    told(
        &people
            .runs(&people.ann, &["approvals", "show", ""])
            .expect(2),
        "<APPROVAL>",
    );
    let hashless = people
        .runs(&people.ann, &["approvals", "approve", "x"])
        .expect(2);
    told(&hashless, "give --hash");
    refused(
        people.runs("swt_nobodys", &["approvals", "list"]),
        "not valid",
    );
    let empty = people.runs("", &["approvals", "list"]).expect(2);
    told(&empty, "STEPWELL_TOKEN");
    told(&empty, "the token is empty");
}

#[test]
fn run_says_that_nobody_can_decide_there() {
    let home = tempfile::tempdir().unwrap();
    let flow = asking(&json!({"DeadlineSeconds": 1})).to_string();
    let flow = file(home.path(), "flow.json", &flow);
    let ran = Run::of(command(home.path()).args(["run", &flow]), "").expect(0);
    for said in [
        "asks for approval",
        "It waits for an approval",
        "stepwell serve",
        "expired",
    ] {
        assert!(ran.stderr.contains(said), "no {said:?} in\n{}", ran.stderr);
    }
}
