//! What Stepwell answers, against what AWS answered: the recorded cases of the
//! conformance pack, through the door for Step Functions tooling and a real engine.
//!
//! The pack is no part of the repository. It is looked for where `STEPWELL_CONFORMANCE`
//! says, or beside the repository in `shared/conformance`; where there is none, these
//! tests say so and are skipped, but under `CI` its absence is a failure.
//! `STEPWELL_CASES=test_state` takes only the cases whose names have that, excepts none of
//! them, and shows all that differs.
//! `cargo xtask conformance` writes what is measured here to `docs/conformance.md`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod api;
mod compare;
mod exceptions;
mod executions;
mod fuzz;
mod host;
mod jsonata;
mod left_out;
mod normalise;
mod pack;
mod refusals;
mod report;
mod score;
mod values;

/// Every recorded execution goes as it went on AWS, event for event.
#[test]
fn recorded_executions() {
    if let Some(score) = executions::measure() {
        score.check("recorded executions", exceptions::EXECUTIONS);
    }
}

/// Every recorded conversation with the API goes as it went with AWS.
#[test]
fn recorded_api() {
    if let Some(score) = api::measure() {
        score.check("recorded API", exceptions::API);
    }
}

/// Every expression of JSONata's own suite gives what the language says.
#[test]
fn official_jsonata_suite() {
    if let Some(score) = jsonata::measure() {
        score.check("JSONata suite", exceptions::JSONATA);
    }
}

/// `docs/conformance.md` says what is measured.
#[test]
fn the_page_says_what_is_measured() {
    if let Some(page) = report::render() {
        report::check(&page);
    }
}

/// Writes `docs/conformance.md`.
#[test]
#[ignore = "writes a file of the repository; `cargo xtask conformance` runs it"]
fn write_the_page() {
    let page = report::render().expect("the conformance pack must be there");
    std::fs::write(report::path(), page).unwrap();
}
