//! From a line and column in a JSON text to the path of the value there.
//!
//! A deserializer that tracks the path while it reads would double the code of
//! every input type in a guest; this reads the text a second time, and only
//! where the input was wrong.

/// How one value lies in the one around it.
enum Step<'a> {
    /// Under this key of an object, as it is written in the text.
    Key(&'a str),
    /// At this position of an array.
    Index(usize),
}

/// Returns the path of the value that a text is in after line and column, both
/// counted from 1 and the column in bytes, as in `$.lines[1].quantity`.
///
/// Never fails: the path of a text that is no JSON is that of the last value
/// that could be told.
pub(super) fn path_at(text: &str, line: usize, column: usize) -> String {
    let line_start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let end = line_start.saturating_add(column).min(text.len());

    let mut path: Vec<Step<'_>> = Vec::new();
    // The latest string, which is a key if a colon follows it.
    let mut latest = "";
    let mut position = 0;
    while position < end {
        let start = position;
        position += 1;
        match text.as_bytes()[start] {
            b'"' => {
                position = string_end(text, position);
                latest = text
                    .get(start + 1..position.saturating_sub(1))
                    .unwrap_or_default();
            }
            b':' => set_key(&mut path, latest),
            b'{' => path.push(Step::Key("")),
            b'[' => path.push(Step::Index(0)),
            b',' => match path.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(Step::Key(key)) => *key = "",
                None => {}
            },
            b'}' | b']' => {
                path.pop();
            }
            _ => {}
        }
    }
    render(&path)
}

/// Returns where the string ends whose first character is at a position: after
/// its closing quote, or at the end of the text.
fn string_end(text: &str, start: usize) -> usize {
    let mut escaped = false;
    for (offset, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

fn set_key<'a>(path: &mut [Step<'a>], name: &'a str) {
    if let Some(Step::Key(key)) = path.last_mut() {
        *key = name;
    }
}

fn render(path: &[Step<'_>]) -> String {
    let mut rendered = "$".to_owned();
    for step in path {
        match step {
            // Inside an object, and before any of its values: the object itself.
            Step::Key("") => {}
            Step::Key(key) => {
                rendered.push('.');
                rendered.push_str(key);
            }
            Step::Index(index) => {
                rendered.push('[');
                rendered.push_str(&index.to_string());
                rendered.push(']');
            }
        }
    }
    rendered
}

#[cfg(test)]
mod tests {
    use super::path_at;

    /// The path at a mark in the text.
    fn path(marked: &str) -> String {
        let before = &marked[..marked.find('^').unwrap()];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        path_at(&marked.replace('^', ""), line, column)
    }

    #[test]
    fn values_have_their_paths() {
        assert_eq!(path("1^"), "$");
        assert_eq!(path(r#"{"a": 1^, "b": 2}"#), "$.a");
        assert_eq!(path(r#"{"a": {"b": [1, {"c": tr^ue}]}}"#), "$.a.b[1].c");
        assert_eq!(path(r#"{"a": {"b": [1, {"c": true}^]}}"#), "$.a.b[1]");
        assert_eq!(path(r#"{"a": [], ^"b": 2}"#), "$");
        assert_eq!(path(r#"[[0, 1], [0, 1^]]"#), "$[1][1]");
    }

    #[test]
    fn strings_hide_what_looks_like_structure() {
        assert_eq!(path(r#"{"a": "}],{\"", "b": "x^"}"#), "$.b");
        assert_eq!(path(r#"{"grüße: \"": 1^}"#), r#"$.grüße: \""#);
    }

    #[test]
    fn lines_count() {
        assert_eq!(path("{\n  \"ä\": 1,\n  \"b\": 2^\n}"), "$.b");
    }

    #[test]
    fn what_is_no_json_has_a_path_too() {
        assert_eq!(path("]]}^"), "$");
        assert_eq!(path("{\"a\": \"never closed^"), "$.a");
        assert_eq!(path_at("", 0, 0), "$");
        assert_eq!(path_at("[1]", 9, usize::MAX), "$");
    }
}
