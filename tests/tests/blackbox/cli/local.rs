//! The commands that need no host: validate, run, completions.

use std::path::Path;

use serde_json::{Value, json};
use stepwell_tests::{Run, command, guest};
use tempfile::TempDir;

use super::file;
use crate::definitions::{ORDER_APPROVAL, ORDER_FLOW, PASS, order};

/// Runs a command that needs no host.
#[track_caller]
fn run(home: &TempDir, arguments: &[&str]) -> Run {
    Run::of(command(home.path()).args(arguments), "")
}

/// Folder of the built guests.
fn guests() -> String {
    let echo = guest("echo").unwrap();
    echo.parent().map(Path::display).unwrap().to_string()
}

const BROKEN: &str = "\
workflow:
  name: broken
  start_at: first
  states:
    first:
      type: task
      next: gone
    second:
      type: wait
      end: true
";

#[test]
fn validate_shows_all_problems_with_their_lines() {
    let home = tempfile::tempdir().unwrap();
    let broken = file(home.path(), "broken.yaml", BROKEN);
    let good = file(home.path(), "good.json", PASS);
    let report = run(&home, &["validate", &broken, &good]).expect(4);
    for said in [
        format!("{broken}:7:"),
        "      next: gone".to_owned(),
        format!("{broken}: not valid"),
        format!("{good}: valid"),
    ] {
        assert!(
            report.stdout.contains(&said),
            "no {said:?} in\n{}",
            report.stdout
        );
    }
    let whole = run(&home, &["validate", &good]).expect(0);
    assert!(whole.stdout.contains("valid"), "{}", whole.stdout);
}

#[test]
fn validate_gives_json() {
    let home = tempfile::tempdir().unwrap();
    let broken = file(home.path(), "broken.yaml", BROKEN);
    let flow = file(home.path(), "flow.asl.json", ORDER_FLOW);
    let report = run(&home, &["validate", "--json", &broken, &flow])
        .expect(4)
        .json();
    assert_eq!(report["valid"], false);
    let [bad, good] = report["files"].as_array().unwrap().as_slice() else {
        panic!("{report}");
    };
    assert_eq!(
        (&bad["file"], &bad["valid"]),
        (&json!(broken), &json!(false))
    );
    assert_eq!(
        (&good["file"], &good["valid"]),
        (&json!(flow), &json!(true))
    );
    let found = bad["diagnostics"].as_array().unwrap();
    assert!(found.len() >= 2, "{report}");
    let gone = found.iter().find(|found| found["line"] == 7).unwrap();
    assert_eq!(gone["pointer"], "/workflow/states/first/next");
    assert!(
        gone["column"].as_u64() > Some(0) && gone["code"].is_string(),
        "{gone}"
    );
}

#[test]
fn validate_reads_standard_input() {
    let home = tempfile::tempdir().unwrap();
    Run::of(command(home.path()).args(["validate", "-"]), PASS).expect(0);
    Run::of(command(home.path()).args(["validate", "-"]), BROKEN).expect(4);
}

#[test]
fn validate_checks_the_other_files_if_one_cannot_be_read() {
    let home = tempfile::tempdir().unwrap();
    let good = file(home.path(), "good.json", PASS);
    let report = run(&home, &["validate", "gone.json", &good]).expect(2);
    assert!(report.stdout.contains(": valid"), "{}", report.stdout);
    assert!(report.stderr.contains("gone.json"), "{}", report.stderr);
}

/// A definition with one warning.
const UNTIMED: &str = r#"{"StartAt": "A", "States": {"A": {
    "Type": "Task", "Resource": "stepwell:event:a", "End": true}}}"#;

#[test]
fn warnings_are_allowed_by_their_code_or_taken_for_errors() {
    let home = tempfile::tempdir().unwrap();
    let untimed = file(home.path(), "untimed.json", UNTIMED);
    let told = run(&home, &["validate", &untimed]).expect(0);
    assert!(
        told.stdout.contains("warning[TASK_WITHOUT_TIMEOUT]"),
        "{}",
        told.stdout
    );
    run(&home, &["validate", "--strict", &untimed]).expect(4);
    let code = "no-path,TASK_WITHOUT_TIMEOUT";
    let quiet = run(&home, &["validate", "--strict", "--allow", code, &untimed]).expect(0);
    assert!(quiet.stdout.contains("no problems"), "{}", quiet.stdout);
    // An error is none that could be allowed.
    let refused = run(
        &home,
        &["validate", "--allow", "MISSING_END_STATE", &untimed],
    )
    .expect(2);
    assert!(
        refused.stderr.contains("TASK_WITHOUT_TIMEOUT"),
        "{}",
        refused.stderr
    );
}

#[test]
fn validate_gives_sarif() {
    let home = tempfile::tempdir().unwrap();
    let broken = file(home.path(), "broken.yaml", BROKEN);
    let untimed = file(home.path(), "untimed.json", UNTIMED);
    let log = run(&home, &["validate", "--sarif", &broken, &untimed])
        .expect(4)
        .json();
    assert_eq!(log["version"], "2.1.0");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let levels: Vec<&Value> = results.iter().map(|result| &result["level"]).collect();
    assert!(
        levels.contains(&&json!("error")) && levels.contains(&&json!("warning")),
        "{log}"
    );
}

#[test]
fn a_definition_is_drawn() {
    let home = tempfile::tempdir().unwrap();
    let flow = file(home.path(), "order-flow.asl.json", ORDER_FLOW);
    let drawn = run(&home, &["graph", &flow]).expect(0);
    assert!(drawn.stdout.starts_with("<svg"), "{}", drawn.stdout);
    assert!(drawn.stdout.contains("validate-order"), "{}", drawn.stdout);
    let output = home.path().join("flow.mmd").display().to_string();
    run(
        &home,
        &["graph", &flow, "--format", "mermaid", "-o", &output],
    )
    .expect(0);
    let chart = std::fs::read_to_string(&output).unwrap();
    assert!(chart.starts_with("flowchart TD\n"), "{chart}");
    let broken = file(home.path(), "broken.yaml", BROKEN);
    let refused = run(&home, &["graph", &broken]).expect(4);
    assert!(
        refused.stderr.contains("broken.yaml:7:"),
        "{}",
        refused.stderr
    );
    run(&home, &["graph"]).expect(2);
}

#[test]
fn run_shows_the_trace_and_prints_the_output() {
    let home = tempfile::tempdir().unwrap();
    let flow = file(home.path(), "order-flow.asl.json", ORDER_FLOW);
    let input = file(home.path(), "order.json", &order(json!({})).to_string());
    let input = format!("@{input}");
    let guests = guests();
    let ran = run(
        &home,
        &["run", &flow, "--input", &input, "--components", &guests],
    )
    .expect(0);
    assert_eq!(
        ran.json()["notifications"].as_array().unwrap().len(),
        3,
        "{}",
        ran.stdout
    );
    for said in ["order-flow", "reserve-inventory", "task ok", "SUCCEEDED"] {
        assert!(ran.stderr.contains(said), "no {said:?} in\n{}", ran.stderr);
    }
    assert!(!home.path().join(".local").exists(), "something was kept");
}

#[test]
fn run_takes_components_and_events_one_by_one() {
    let home = tempfile::tempdir().unwrap();
    let text = "
states:
  review: {type: wait_for_event, next: echo}
  echo: {type: task, end: true}
";
    let flow = file(home.path(), "flow.yaml", text);
    let echo = format!("echo={}", guest("echo").unwrap().display());
    let event = r#"review={"ok": true}"#;
    let arguments = [
        "run",
        &flow,
        "--component",
        &echo,
        "--event",
        event,
        "--json",
    ];
    let ran = run(&home, &arguments).expect(0).json();
    assert_eq!(ran["status"], "SUCCEEDED");
    assert_eq!(ran["output"], json!({ "ok": true }));
}

#[test]
fn run_ends_with_the_execution() {
    let home = tempfile::tempdir().unwrap();
    let flow = file(
        home.path(),
        "flow.yaml",
        "states: {fail: {type: fail, error: Broken}}",
    );
    let failed = run(&home, &["run", &flow]).expect(1);
    assert_eq!(failed.stdout, "");
    assert!(failed.stderr.contains("Broken"), "{}", failed.stderr);
}

#[test]
fn run_names_all_missing_components() {
    let home = tempfile::tempdir().unwrap();
    let flow = file(home.path(), "flow.yaml", ORDER_APPROVAL);
    let refused = run(&home, &["run", &flow]).expect(2);
    for name in ["validate-order", "charge-payment", "create-shipment"] {
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
    }
    let broken = file(home.path(), "broken.yaml", BROKEN);
    let refused = run(&home, &["run", &broken]).expect(4);
    assert!(refused.stderr.contains("next: gone"), "{}", refused.stderr);
    assert_eq!(refused.stdout, "");
}

/// It starts a host of its own, kills it in the middle, and leaves nothing behind.
#[test]
fn the_demo_goes_through_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = command(home.path());
    demo.env("TMPDIR", &temporary)
        .args(["demo", "--guests", &guests()]);
    let demo = Run::of(&mut demo, "").expect(0);
    for said in [
        "SIGKILL",
        "tried again in",
        "OutOfStock",
        "event wait-for-review",
        "SUCCEEDED",
        "How to go on",
    ] {
        assert!(
            demo.stdout.contains(said),
            "no {said:?} in\n{}",
            demo.stdout
        );
    }
    assert!(!demo.stdout.contains('\u{1b}'), "colours are for terminals");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn every_command_has_help_and_shells_are_completed() {
    let home = tempfile::tempdir().unwrap();
    let help = run(&home, &["--help"]).expect(0);
    let documented: Vec<&str> = include_str!("../../../../docs/cli.md")
        .lines()
        .skip_while(|line| *line != "## Commands")
        .take_while(|line| *line != "## Output")
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split([' ', '`']).next())
        .filter(|word| {
            word.chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '-')
        })
        .filter(|word| !word.is_empty())
        .collect();
    assert!(documented.len() >= 15, "{documented:?}");
    for command in documented {
        assert!(
            help.stdout.contains(command),
            "{command} is not in\n{}",
            help.stdout
        );
        run(&home, &[command, "--help"]).expect(0);
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&home, &["completions", shell]).expect(0);
        assert!(script.stdout.contains("send-event"), "{shell}");
    }
    let version = run(&home, &["--version"]).expect(0);
    assert!(
        version.stdout.starts_with("stepwell "),
        "{}",
        version.stdout
    );
}
