//! No path of somebody's machine stands in a file: it would mean nothing elsewhere.

use crate::tree::TextFile;

/// Where people's files are on the systems that we know.
const HOMES: &[&str] = &["/root/", "/home/", "/Users/", "/work/", "C:\\Users\\"];

/// Complains about each path that only means something on one machine.
#[must_use]
pub fn complaints(file: &TextFile) -> Vec<String> {
    let TextFile { path, text } = file;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if HOMES.iter().any(|home| begins_a_path(line, home)) {
            found.push(format!(
                "{path}:{}: a path of one machine; name the place from the checkout's root, or \
                 by a variable",
                at + 1
            ));
        }
    }
    found
}

fn begins_a_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '/' | '.' | '-' | '_' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let file = TextFile {
            path: "docs/a.md".to_owned(),
            text: text.to_owned(),
        };
        complaints(&file).len()
    }

    #[test]
    fn a_path_of_one_machine_is_named() {
        assert_eq!(found("see /home/ann/notes"), 1);
        assert_eq!(found("`/root/.cargo`"), 1);
        assert_eq!(found("\"C:\\Users\\ann\""), 1);
        assert_eq!(found("GET https://example.com/home/page"), 0);
        assert_eq!(found("host/work/a.rs and ${HOME}/root/"), 0);
    }
}
