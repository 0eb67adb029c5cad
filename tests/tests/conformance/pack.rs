//! The conformance pack: where it is, and what a case holds.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde_json::Value;

/// Finds a part of the pack (`asl`, `jsonata`).
///
/// None where the pack is absent, which is said aloud; under `CI` that is a failure.
pub(crate) fn find(part: &str) -> Option<PathBuf> {
    let root = env::var_os("STEPWELL_CONFORMANCE")
        .filter(|named| !named.is_empty())
        .map_or_else(beside_the_repository, PathBuf::from);
    let folder = root.join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    let is_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(
        !is_ci,
        "the conformance pack is not at {}; set STEPWELL_CONFORMANCE",
        folder.display()
    );
    say(&format!(
        "SKIPPED: the conformance pack is not at {}; set STEPWELL_CONFORMANCE",
        folder.display()
    ));
    None
}

/// Tells the person who runs the tests, also where a test passes and its output is kept back.
pub(crate) fn say(line: &str) {
    // Who has no terminal to read it from needs no line.
    let _unread = writeln!(io::stderr(), "{line}");
}

fn beside_the_repository() -> PathBuf {
    let tests = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let repository = tests.parent().map_or_else(PathBuf::new, Path::to_owned);
    repository.join("../shared/conformance")
}

/// A recorded case, as its file has it.
#[derive(Debug, Clone)]
pub(crate) struct Case(Value);

impl Case {
    pub(crate) fn id(&self) -> &str {
        self.text("id")
    }

    /// The feature, without the recorder's name of its module: `choice_operators`.
    pub(crate) fn area(&self) -> &str {
        let area = self.text("area");
        area.split_once('/').map_or(area, |(feature, _)| feature)
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A field that may be missing.
    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }
}

/// Reads the cases of a kind (`execution`, `api`), in the order of their names.
pub(crate) fn cases(folder: &Path, kind: &str) -> Vec<Case> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let read = |path: &PathBuf| -> Case {
        let text = fs::read_to_string(path).unwrap();
        Case(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}")))
    };
    let cases = files.iter().map(read);
    cases.filter(|case| case.text("kind") == kind).collect()
}
