//! The built example components.

use std::path::{Path, PathBuf};

use crate::exit::{CliError, Exit};

/// The tasks of the two flows.
const NAMES: [&str; 7] = [
    "validate-order",
    "charge-payment",
    "reserve-inventory",
    "create-shipment",
    "notify-customer",
    "notify-warehouse",
    "notify-accounting",
];

/// The built example components: names and files.
#[derive(Debug)]
pub(super) struct Guests(Vec<(&'static str, PathBuf)>);

impl Guests {
    /// Finds them all in a folder.
    ///
    /// # Errors
    /// Some are not built; the error says how to build them.
    pub(super) fn find(folder: &Path) -> Result<Self, CliError> {
        let files: Vec<(&str, PathBuf)> = NAMES
            .into_iter()
            .map(|name| {
                (
                    name,
                    folder.join(format!("{}.wasm", name.replace('-', "_"))),
                )
            })
            .collect();
        let missing: Vec<&str> = files
            .iter()
            .filter(|(_, file)| !file.is_file())
            .map(|(name, _)| *name)
            .collect();
        if missing.is_empty() {
            return Ok(Self(files));
        }
        let all = if missing.len() == NAMES.len() {
            "none"
        } else {
            "not all"
        };
        Err(CliError::new(
            Exit::Usage,
            format!(
                "{all} of the example components are built: {} has no {}",
                folder.display(),
                missing.join(", ")
            ),
        )
        .hint("`cargo xtask demo`, in a checkout of Stepwell, builds them and runs this")
        .hint("or name the folder that has them with --guests DIR"))
    }

    /// Names and files.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.0.iter().map(|(name, file)| (*name, file.as_path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_named_with_the_command_that_builds_it() {
        let folder = tempfile::tempdir().unwrap();
        let none = Guests::find(folder.path()).unwrap_err();
        assert!(
            none.message().starts_with("none of the example components"),
            "{}",
            none.message()
        );
        assert!(
            none.hints()
                .iter()
                .any(|hint| hint.contains("cargo xtask demo"))
        );

        for name in &NAMES[1..] {
            let file = format!("{}.wasm", name.replace('-', "_"));
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let some = Guests::find(folder.path()).unwrap_err();
        assert!(
            some.message().ends_with("has no validate-order"),
            "{}",
            some.message()
        );
    }
}
