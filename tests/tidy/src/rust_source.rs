//! Rules for Rust files: a header, a size, no SQL outside the store, no loose TODO.

use crate::tree::TextFile;

/// Production lines that a file may have.
const LINES_MAX: usize = 500;

/// How SQL statements begin, with what follows so that prose is not meant.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
];

const STORE: &str = "host/store/";

/// These files hold the words of the rules themselves.
const TIDY: &str = "tests/tidy/";

/// Complains about one Rust file.
#[must_use]
pub fn complaints(file: &TextFile) -> Vec<String> {
    let mut found = Vec::new();
    let TextFile { path, text } = file;
    if !text.starts_with("//!") {
        found.push(format!(
            "{path}:1: begin the file with `//!` and a sentence on what it is responsible for"
        ));
    }
    let lines = production_lines(file);
    if lines > LINES_MAX {
        found.push(format!(
            "{path}: {lines} production lines, {LINES_MAX} at most; a file this long holds two \
             ideas: give one of them a file of its own, or move tests to a `tests.rs`"
        ));
    }
    if path.starts_with(TIDY) {
        return found;
    }
    for (at, line) in text.lines().enumerate() {
        let place = at + 1;
        let is_comment = line.trim_start().starts_with("//");
        if !is_comment && !path.starts_with(STORE) && SQL.iter().any(|word| line.contains(word)) {
            found.push(format!(
                "{path}:{place}: SQL outside host/store; make it a transaction script there"
            ));
        }
        if line.contains("TODO") && !line.contains("TODO(#") {
            found.push(format!(
                "{path}:{place}: a TODO without an issue; do it now, or write `TODO(#12): …`"
            ));
        }
    }
    found
}

/// Counts the lines before the first test module; files of tests have none.
fn production_lines(file: &TextFile) -> usize {
    let TextFile { path, text } = file;
    if path.ends_with("/tests.rs") || path.split('/').any(|folder| folder == "tests") {
        return 0;
    }
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        let module = pair[1].trim_start();
        pair[0].trim() == "#[cfg(test)]" && module.starts_with("mod ")
    });
    tests.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_good_file_is_left_alone() {
        let text = "//! Counts.\n\n/// SELECT in prose of a comment is fine.\nfn f() {}\n";
        assert_eq!(
            complaints(&file("host/engine/src/a.rs", text)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_needs_a_header() {
        let found = complaints(&file("sdk/src/a.rs", "fn f() {}\n"));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn sql_may_stand_in_the_store_alone() {
        let text = "//! Reads.\nconst Q: &str = \"SELECT 1\";\n";
        assert_eq!(complaints(&file("host/engine/src/a.rs", text)).len(), 1);
        assert_eq!(
            complaints(&file("host/store/src/a.rs", text)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn tests_do_not_count_towards_the_size() {
        let long = "//! Long.\n".to_owned() + &"fn f() {}\n".repeat(LINES_MAX);
        assert_eq!(complaints(&file("sdk/src/a.rs", &long)).len(), 1);
        assert_eq!(
            complaints(&file("sdk/src/a/tests.rs", &long)),
            Vec::<String>::new()
        );
        let tested = "//! Short.\n#[cfg(test)]\nmod tests {\n".to_owned()
            + &"    fn f() {}\n".repeat(LINES_MAX)
            + "}\n";
        assert_eq!(
            complaints(&file("sdk/src/a.rs", &tested)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_todo_names_its_issue() {
        let loose = "//! A.\n// TODO: later\n";
        assert_eq!(complaints(&file("sdk/src/a.rs", loose)).len(), 1);
        let tied = "//! A.\n// TODO(#12): later\n";
        assert_eq!(
            complaints(&file("sdk/src/a.rs", tied)),
            Vec::<String>::new()
        );
    }
}
