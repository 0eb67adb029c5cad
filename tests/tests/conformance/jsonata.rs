//! The official suite of JSONata, with our bounds and guards around the library.
//!
//! What is tested is the language: an expression reads a document, where one of a
//! definition reads `$states`. What Step Functions adds and forbids has tests in `states`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stepwell_states::evaluate_over_document;

use crate::compare::compare;
use crate::pack;
use crate::score::Score;
use crate::values::Values;

/// Runs the suite; nothing where it is absent.
pub(crate) fn measure() -> Option<Score> {
    let folder = pack::find("jsonata")?;
    let mut score = Score::default();
    for group in sorted(&folder.join("groups")) {
        let area = name_of(&group);
        for file in sorted(&group) {
            if file.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let stem = name_of(&file);
            let stem = stem.trim_end_matches(".json");
            match read(&file) {
                Err(problem) => score.add(&area, format!("{area}/{stem}"), vec![problem]),
                Ok(Value::Array(cases)) => {
                    for (index, case) in cases.iter().enumerate() {
                        let found = judge(&folder, &group, case);
                        score.add(&area, format!("{area}/{stem}[{index}]"), found);
                    }
                }
                Ok(case) => {
                    let found = judge(&folder, &group, &case);
                    score.add(&area, format!("{area}/{stem}"), found);
                }
            }
        }
    }
    Some(score)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn read(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).map_err(|error| format!("the case is no JSON: {error}"))
}

/// Lists what differs from what a case expects.
fn judge(folder: &Path, group: &Path, case: &Value) -> Vec<String> {
    let expression = match (case["expr"].as_str(), case["expr-file"].as_str()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(file)) => fs::read_to_string(group.join(file)).unwrap(),
        (None, None) => return vec!["the case has no expression".to_owned()],
    };
    let document = case.get("data").cloned().or_else(|| {
        let name = case["dataset"].as_str()?;
        read(&folder.join("datasets").join(format!("{name}.json"))).ok()
    });
    let bindings: BTreeMap<String, Value> = case
        .get("bindings")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let bindings: Vec<(String, Value)> = bindings.into_iter().collect();
    let answer = evaluate_over_document(&expression, document.as_ref(), &bindings);
    let code = case["code"].as_str().or(case["error"]["code"].as_str());
    match (answer, code) {
        (Err(message), Some(code)) if message.contains(code) => Vec::new(),
        (Err(message), Some(code)) => vec![format!("expected error {code}, got: {message}")],
        (Ok(found), Some(code)) => vec![format!("expected error {code}, got {found:?}")],
        (Err(message), None) => vec![format!("fails: {message}")],
        (Ok(None), None) if case["undefinedResult"] == true => Vec::new(),
        (Ok(found), None) => {
            let (mut expected, mut found) = (case["result"].clone(), found.unwrap_or_default());
            if case["unordered"] == true {
                order(&mut expected);
                order(&mut found);
            }
            compare(&expected, &found, &Values::new()).found
        }
    }
}

/// Puts a list in an order of its own, where the case says that it has none.
fn order(value: &mut Value) {
    if let Value::Array(items) = value {
        items.sort_by_key(ToString::to_string);
    }
}
