//! Text from outside, made fit for a terminal.
//!
//! A guest's error message may hold anything; it must not move the cursor, change colours,
//! or pass for the program's own words.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Writes a text on one line, with control and direction characters spelled out.
pub(crate) fn safe(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\t' => line.push(' '),
            '\r' => line.push_str("\\r"),
            c if c.is_control() || is_invisible(c) => {
                line.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => line.push(c),
        }
    }
    line
}

/// [`safe`], cut to a number of columns.
pub(crate) fn safe_within(text: &str, columns: usize) -> String {
    // A cause may be long: what is not shown is not worth escaping.
    let head: String = text.chars().take(columns.saturating_add(1)).collect();
    shorten(&safe(&head), columns)
}

/// Cuts a text to a number of columns; a cut shows.
pub(crate) fn shorten(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width + 1 > columns {
            break;
        }
        cut.push(c);
        used += width;
    }
    cut.push('…');
    cut
}

/// Breaks a text of one line into lines of a number of columns: at its blanks, and within
/// words that are longer than a line. Nothing is left out but the blanks at a line's end.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    // Where the line may be broken: behind its last blank.
    let mut blank = None;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        // A blank that does not fit ends its line, where nobody sees it.
        if used + width > columns && !line.is_empty() && c != ' ' {
            let rest = match blank.take() {
                Some(blank) => line.split_off(blank),
                None => String::new(),
            };
            lines.push(line.trim_end().to_owned());
            used = rest.width();
            line = rest;
        }
        line.push(c);
        used += width;
        if c == ' ' {
            blank = Some(line.len());
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Columns that a text takes on a terminal; styles take none.
pub(crate) fn columns(text: &str) -> usize {
    if text.contains('\u{1b}') {
        return anstream::adapter::strip_str(text).to_string().width();
    }
    text.width()
}

/// Characters that change how others are shown, or are not shown themselves: direction marks,
/// zero-width ones, separators of lines, fillers, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_words_cannot_steer_the_terminal() {
        assert_eq!(safe("a\u{1b}[31mred"), "a\\u{1b}[31mred");
        assert_eq!(safe("two\nlines\r"), "two\\nlines\\r");
        assert_eq!(safe("abc\u{202e}cba"), "abc\\u{202e}cba");
        assert_eq!(safe("größer, 注文"), "größer, 注文");
    }

    #[test]
    fn what_is_cut_shows_that_it_is() {
        assert_eq!(shorten("order", 5), "order");
        assert_eq!(shorten("orders", 5), "orde…");
        // A wide character that would stick out is left off.
        assert_eq!(shorten("注文注文", 6), "注文…");
        assert_eq!(safe_within(&"x".repeat(1_000), 4), "xxx…");
    }

    #[test]
    fn what_is_wrapped_is_whole() {
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("sha256:abcdef", 5), ["sha25", "6:abc", "def"]);
        assert_eq!(
            wrapped("a sha256:abcdef", 6),
            ["a", "sha256", ":abcde", "f"]
        );
        // A wide character that would stick out begins a line.
        assert_eq!(wrapped("注文注文", 5), ["注文", "注文"]);
        assert_eq!(wrapped("注", 1), ["注"]);
        let text = "a text, of_words_that_are_long and some that are not ".repeat(20);
        for columns in 1..60 {
            let lines = wrapped(&text, columns);
            assert!(lines.iter().all(|line| line.width() <= columns));
            let all = |text: &str| text.split(' ').collect::<String>();
            assert_eq!(all(&lines.concat()), all(&text));
        }
    }

    #[test]
    fn styles_take_no_columns() {
        assert_eq!(columns("\u{1b}[31mred\u{1b}[0m"), 3);
        assert_eq!(columns("注文"), 4);
    }
}
