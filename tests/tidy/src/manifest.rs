//! Versions of dependencies stand in one place: the root of each workspace.

use crate::tree::TextFile;

/// Complains about each dependency of a member that names its own version.
///
/// Roots of workspaces, which is where versions belong, are left alone.
#[must_use]
pub fn complaints(file: &TextFile) -> Vec<String> {
    let TextFile { path, text } = file;
    if text.lines().any(|line| line.trim() == "[workspace]") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut within = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            within = section.ends_with("dependencies");
            if section.contains("dependencies.") {
                found.push(format!(
                    "{path}:{}: write the dependency as one line, `name.workspace = true`",
                    at + 1
                ));
            }
            continue;
        }
        let is_entry = within && line.contains('=') && !line.starts_with('#');
        if is_entry && !line.replace(' ', "").contains("workspace=true") {
            found.push(format!(
                "{path}:{}: versions stand in the workspace's root Cargo.toml only; write \
                 `name.workspace = true` here",
                at + 1
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let file = TextFile {
            path: "sdk/Cargo.toml".to_owned(),
            text: text.to_owned(),
        };
        complaints(&file).len()
    }

    #[test]
    fn a_version_belongs_to_the_root() {
        assert_eq!(found("[dependencies]\nserde.workspace = true\n"), 0);
        assert_eq!(
            found("[dependencies]\nlog = { workspace = true, optional = true }\n"),
            0
        );
        assert_eq!(found("[features]\nlog = [\"dep:log\"]\n"), 0);
        assert_eq!(found("[dependencies]\nserde = \"1\"\n"), 1);
        assert_eq!(
            found("[dev-dependencies]\nserde = { version = \"1\" }\n"),
            1
        );
        assert_eq!(
            found("[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n"),
            1
        );
        assert_eq!(found("[dependencies.serde]\nversion = \"1\"\n"), 1);
        assert_eq!(
            found("[workspace]\n\n[workspace.dependencies]\nserde = \"1\"\n"),
            0
        );
    }
}
