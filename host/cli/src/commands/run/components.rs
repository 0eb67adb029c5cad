//! Which components a definition needs, and where their files are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stepwell_engine::StateMachine;
use stepwell_states::{ResourceKind, StateKind};

use crate::exit::{CliError, Exit};

/// A component and its file, as the command line names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedFile {
    name: String,
    file: PathBuf,
}

/// A component that is needed, and the file that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Name that the definition calls it by.
    pub(super) name: String,
    /// Its file.
    pub(super) file: PathBuf,
}

/// Reads `NAME=FILE`.
///
/// # Errors
/// Another form.
pub(super) fn parse_named_file(text: &str) -> Result<NamedFile, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(NamedFile {
            name: name.to_owned(),
            file: file.into(),
        }),
        _ => Err("write it as NAME=FILE, such as validate-order=validate_order.wasm".to_owned()),
    }
}

/// Finds the files of all components that a definition names, and of all that were given
/// besides: a function may be named by data.
///
/// # Errors
/// All those that are missing, at once.
pub(super) fn find(
    definition: &StateMachine,
    given: &[NamedFile],
    folder: Option<&Path>,
) -> Result<Vec<Found>, CliError> {
    let mut found: Vec<Found> = given
        .iter()
        .map(|named| Found {
            name: named.name.clone(),
            file: named.file.clone(),
        })
        .collect();
    let mut missing = Vec::new();
    for name in needed(definition) {
        if given.iter().any(|named| named.name == name) {
            continue;
        }
        match folder.and_then(|folder| file_in(folder, &name)) {
            Some(file) => found.push(Found { name, file }),
            None => missing.push(name),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    let hint = match folder {
        Some(folder) => format!(
            "{} has no {}; add it, or name a file with --component {}=FILE",
            folder.display(),
            missing
                .iter()
                .map(|name| format!("{name}.wasm"))
                .collect::<Vec<_>>()
                .join(", "),
            missing.first().map_or("NAME", String::as_str)
        ),
        None => {
            "name them with --component NAME=FILE, or their folder with --components DIR".to_owned()
        }
    };
    let word = if missing.len() == 1 {
        "a component is missing"
    } else {
        "components are missing"
    };
    Err(CliError::new(Exit::Usage, format!("{word}: {}", missing.join(", "))).hint(hint))
}

/// The components that a definition names itself, each once.
fn needed(definition: &StateMachine) -> BTreeSet<String> {
    let tasks = definition
        .states()
        .filter_map(|(_, state)| match &state.kind {
            StateKind::Task(task) => Some(&task.resource.kind),
            _ => None,
        });
    tasks
        .filter_map(|resource| match resource {
            ResourceKind::Component { name, .. } | ResourceKind::LambdaFunction { name, .. } => {
                Some(name.clone())
            }
            _ => None,
        })
        .collect()
}

/// The component's file in a folder. Cargo names files with `_` where packages have `-`.
fn file_in(folder: &Path, name: &str) -> Option<PathBuf> {
    // A name is no path: it must not lead out of the folder.
    if name.contains(['/', '\\']) {
        return None;
    }
    [name.to_owned(), name.replace('-', "_")]
        .iter()
        .map(|stem| folder.join(format!("{stem}.wasm")))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> StateMachine {
        let text = "workflow:\n  name: w\n  start_at: pay-now\n  states:\n    \
                    pay-now: {type: task, next: ship}\n    ship: {type: task, end: true}\n";
        stepwell_states::parse(text, None).unwrap().0
    }

    #[test]
    fn files_are_found_by_name_as_cargo_writes_it_or_as_given() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pay_now.wasm"), "").unwrap();
        let given = parse_named_file("ship=elsewhere.wasm").unwrap();
        let found = find(&definition(), &[given], Some(folder.path())).unwrap();
        let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["ship", "pay-now"]);
        assert_eq!(found[1].file, folder.path().join("pay_now.wasm"));
    }

    #[test]
    fn all_missing_components_are_named_at_once() {
        let error = find(&definition(), &[], None).unwrap_err();
        assert_eq!(error.message(), "components are missing: pay-now, ship");
        assert_eq!(error.exit(), Exit::Usage);
    }

    #[test]
    fn a_component_is_named_with_its_file() {
        assert!(parse_named_file("validate-order").is_err());
        assert!(parse_named_file("=x.wasm").is_err());
        let named = parse_named_file("a=dir/b=c.wasm").unwrap();
        assert_eq!(named.file, Path::new("dir/b=c.wasm"));
    }

    #[test]
    fn a_name_does_not_lead_out_of_the_folder() {
        assert_eq!(file_in(Path::new("/"), "../etc/passwd"), None);
    }
}
