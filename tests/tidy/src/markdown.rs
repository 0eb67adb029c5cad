//! Links lead somewhere, and the tables that other rules read can be read.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::TextFile;

/// Complains about each link within the checkout that leads to no file or heading.
#[must_use]
pub fn complaints(file: &TextFile, all: &BTreeMap<&str, &str>) -> Vec<String> {
    let TextFile { path, text } = file;
    let mut found = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (name, anchor) = target.split_once('#').unwrap_or((target, ""));
        let aim = if name.is_empty() {
            Some(path.clone())
        } else {
            resolve(path, name)
        };
        let there = aim.as_deref().and_then(|aim| entry(aim, all));
        match there {
            None => found.push(format!(
                "{path}:{line}: the link `{target}` leads to no file"
            )),
            Some(text) if !anchor.is_empty() && !has_heading(text, anchor) => {
                found.push(format!(
                    "{path}:{line}: the link `{target}` leads to no heading"
                ));
            }
            Some(_) => {}
        }
    }
    found
}

/// Complains about each Rust file that the text names and that is not there. A name may
/// leave out the folders in front: `src/lib.rs` is there if any crate has it.
#[must_use]
pub fn file_complaints(file: &TextFile, all: &BTreeMap<&str, &str>) -> Vec<String> {
    let TextFile { path, text } = file;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for name in in_backticks(line) {
            let is_file = name.ends_with(".rs") && !name.contains(char::is_whitespace);
            let end = format!("/{name}");
            let there = all.keys().any(|path| *path == name || path.ends_with(&end));
            if is_file && !there {
                found.push(format!("{path}:{}: there is no file `{name}`", at + 1));
            }
        }
    }
    found
}

/// Returns the text of a file, or nothing readable where the aim is a folder.
fn entry<'a>(aim: &str, all: &BTreeMap<&'a str, &'a str>) -> Option<&'a str> {
    if let Some(text) = all.get(aim) {
        return Some(text);
    }
    let folder = format!("{}/", aim.trim_end_matches('/'));
    all.keys()
        .any(|path| path.starts_with(&folder))
        .then_some("")
}

/// Finds inline links, `[text](target)`, outside code, each with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (start, _) in line.match_indices("](") {
            let in_span = line[..start].matches('`').count() % 2 == 1;
            let target = line[start + 2..].split(')').next();
            if let Some(target) = target.filter(|target| !in_span && !target.is_empty()) {
                found.push((at + 1, target));
            }
        }
    }
    found
}

/// Follows a relative path from a file; none where it leaves the checkout.
fn resolve(from: &str, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn has_heading(text: &str, anchor: &str) -> bool {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| slug(line.trim_start_matches('#').trim()) == anchor)
}

/// The anchor that hosts of repositories give a heading.
fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Reads the crate table: rows whose first cell is a folder in backticks, and whose
/// column `Uses` lists folders in backticks. Other tables have no such column.
#[must_use]
pub fn crate_table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut rows = BTreeMap::new();
    let mut column = None;
    for line in text.lines() {
        if !line.starts_with('|') {
            column = None;
            continue;
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Some(uses) = column else {
            column = cells.iter().position(|cell| *cell == "Uses");
            continue;
        };
        let folder = cells.first().and_then(|cell| in_backticks(cell).pop());
        if let (Some(folder), Some(cell)) = (folder, cells.get(uses)) {
            rows.insert(folder, in_backticks(cell).into_iter().collect());
        }
    }
    rows
}

fn in_backticks(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let all = BTreeMap::from([
            ("docs/a.md", text),
            ("docs/b.md", "# The two\n\n## Names, and why\n"),
            ("README.md", ""),
        ]);
        let file = TextFile {
            path: "docs/a.md".to_owned(),
            text: text.to_owned(),
        };
        complaints(&file, &all)
    }

    #[test]
    fn links_that_lead_somewhere_are_left_alone() {
        let text = "[a](b.md) [b](../README.md) [c](b.md#names-and-why) [d](https://x.y/z) \
                    [e](../docs) `[f](nowhere)`\n\n```\n[g](nowhere)\n```\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn dead_links_are_named_with_their_line() {
        let dead = found("\n[a](c.md)\n[b](b.md#nothing)\n[c](../../outside.md)\n");
        assert_eq!(dead.len(), 3, "{dead:?}");
        assert!(dead[0].starts_with("docs/a.md:2:"), "{dead:?}");
    }

    #[test]
    fn files_that_are_gone_are_named() {
        let all = BTreeMap::from([("host/engine/src/shard.rs", "")]);
        let file = TextFile {
            path: "ARCHITECTURE.md".to_owned(),
            text: "`engine/src/shard.rs`, `shard.rs`, `hard.rs`, `engine/src/gone.rs`".to_owned(),
        };
        let gone = file_complaints(&file, &all);
        assert_eq!(gone.len(), 2, "{gone:?}");
    }

    #[test]
    fn the_crate_table_is_read_and_others_are_not() {
        let text = "| Crate | What | Uses |\n| --- | --- | --- |\n\
                    | `host/a` | A. | `host/b`, `host/c` |\n| `host/b` | B. | – |\n\n\
                    | Word | For |\n| --- | --- |\n| `x` | `y` |\n";
        let table = crate_table(text);
        assert_eq!(table.len(), 2, "{table:?}");
        assert_eq!(table["host/a"].len(), 2);
        assert!(table["host/b"].is_empty());
    }
}
