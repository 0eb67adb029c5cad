//! Writes what was measured as `docs/conformance.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use stepwell_engine::{Clock as _, SystemClock};

use crate::score::Score;
use crate::{api, exceptions, executions, jsonata, left_out, pack};

/// Where the date stands, which alone may differ from what is measured.
const DATED: &str = "Measured on ";

/// The page; nothing where the pack is absent, or only some cases were asked for.
pub(crate) fn render() -> Option<String> {
    if !api::wanted().is_empty() {
        return None;
    }
    let executions = executions::measure()?;
    let api = api::measure()?;
    let suite = jsonata::measure()?;
    let now = SystemClock.now().to_string();
    let date = now.split('T').next().unwrap_or_default();
    let mut page = format!("{INTRODUCTION}\n{DATED}{date} by `cargo xtask conformance`.\n");
    write!(
        page,
        "\n## Executions\n\n{} of {} recorded executions are equal.\n\n",
        executions.passed(),
        executions.total()
    )
    .unwrap();
    areas(&mut page, &executions);
    reasons(&mut page, &executions, exceptions::EXECUTIONS);
    write!(
        page,
        "\n## The API\n\n{} of {} recorded conversations with the API are equal; with the \
         executions, {} of {}.\n\n",
        api.passed(),
        api.total(),
        api.passed() + executions.passed(),
        api.total() + executions.total()
    )
    .unwrap();
    areas(&mut page, &api);
    reasons(&mut page, &api, exceptions::API);
    left_out(&mut page);
    write!(
        page,
        "\n## JSONata\n\n{} of {} cases of JSONata's own suite (jsonata-js 2.2) pass, in {} groups.\n",
        suite.passed(),
        suite.total(),
        suite.areas.len()
    )
    .unwrap();
    reasons(&mut page, &suite, exceptions::JSONATA);
    Some(page)
}

const INTRODUCTION: &str = "\
# Conformance

How close Stepwell comes to what it speaks: the Amazon States Language as AWS runs it, and
JSONata as its own suite has it. The cases are recorded answers of AWS (LocalStack's
snapshots, as data) and JSONata's official suite. They are no part of this repository: tests
find them through `STEPWELL_CONFORMANCE`, by default `../shared/conformance`, and say so
where they are absent; under `CI` absence is a failure.

Each case runs on an engine of its own, with a store in memory and a clock that jumps, and
through the door for Step Functions tooling: signed requests in AWS's JSON protocol. Of a
recorded execution the whole history is compared, every event, id, predecessor, detail and
text, and `DescribeExecution` in full. A recorded conversation is a list of calls; each answer
that was recorded is compared with its status and all its members, and refusals byte for byte.
What differs from run to run (times, ids, ARNs) is replaced on both sides. A case that differs
is named below with its reason; the test `tests/tests/conformance` fails if another one does,
and also if one of these passes.
";

/// Says what need not be in answers, and how many cases that touches.
fn left_out(page: &mut String) {
    let Some(folder) = pack::find("asl") else {
        return;
    };
    let cases = pack::cases(&folder, "api");
    let count = cases.iter().filter(|case| left_out::is_in(case)).count();
    page.push_str("\nLeft out of answers, and not compared in cases that mark it as such:\n\n");
    for (member, reason) in left_out::MEMBERS {
        writeln!(page, "- `{member}` (marked in {count} cases): {reason}.").unwrap();
    }
}

fn areas(page: &mut String, score: &Score) {
    page.push_str("| Area | Equal | Of |\n| --- | ---: | ---: |\n");
    for (area, (passed, total)) in &score.areas {
        writeln!(page, "| {area} | {passed} | {total} |").unwrap();
    }
}

/// The exceptions, by reason.
fn reasons(page: &mut String, score: &Score, known: &[(&str, &str)]) {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in score.failed.keys() {
        let listed = known.iter().find(|(name, _)| name == case);
        let reason = listed.map_or("not explained", |(_, reason)| reason);
        by_reason.entry(reason).or_default().push(case);
    }
    if by_reason.is_empty() {
        page.push_str("\nThere are no exceptions.\n");
        return;
    }
    page.push_str("\nExceptions:\n\n");
    for (reason, cases) in by_reason {
        writeln!(page, "- {reason}:").unwrap();
        for case in cases {
            writeln!(page, "  - `{case}`").unwrap();
        }
    }
}

pub(crate) fn path() -> PathBuf {
    let tests = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    tests.join("../docs/conformance.md")
}

/// Checks that a page says what was measured; only the date may be older.
pub(crate) fn check(measured: &str) {
    let written = fs::read_to_string(path()).unwrap_or_default();
    let undated = |page: &str| -> Vec<String> {
        let lines = page.lines().filter(|line| !line.starts_with(DATED));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(
        undated(&written),
        undated(measured),
        "docs/conformance.md is out of date: run `cargo xtask conformance`"
    );
}
