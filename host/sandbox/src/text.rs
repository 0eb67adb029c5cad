//! Text from guests, made fit for logs and terminals.

/// Marks where a text was cut.
const CUT: &str = "… [cut]";

/// Returns the text without escape sequences and control characters, cut at `max_bytes`.
///
/// Line feeds and tabs stay. What goes: ANSI sequences as a whole, other control characters
/// (U+0000 to U+001F, U+007F to U+009F), and the direction marks that let a line pretend to
/// be another one. A cut text ends with a mark, and `true` comes with it.
pub(crate) fn clean(text: String, max_bytes: usize) -> (String, bool) {
    if text.len() <= max_bytes && text.bytes().all(is_plain) {
        return (text, false);
    }
    let mut cleaned = String::with_capacity(text.len().min(max_bytes));
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            skip_escape_sequence(&mut characters);
        } else if is_visible(character) {
            if cleaned.len() + character.len_utf8() > max_bytes {
                cleaned.push_str(CUT);
                return (cleaned, true);
            }
            cleaned.push(character);
        }
    }
    (cleaned, false)
}

/// Tells whether a byte needs no second look. Nearly every line consists of such bytes.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t')
}

fn is_visible(character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        // Direction marks, embeddings, overrides and isolates.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        _ => !character.is_control(),
    }
}

/// Skips what follows an escape character: a control sequence up to its final byte, an
/// operating-system command or another string up to its terminator, or one character.
fn skip_escape_sequence(characters: &mut std::str::Chars<'_>) {
    match characters.next() {
        Some('[') => {
            characters.find(|c| matches!(c, '\u{40}'..='\u{7e}'));
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let mut escaped = false;
            characters.find(|&c| {
                let ends = c == '\u{7}' || c == '\u{9c}' || (escaped && c == '\\');
                escaped = c == '\u{1b}';
                ends
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        clean(text.to_owned(), 1024).0
    }

    #[test]
    fn plain_text_stays() {
        for text in ["", "hello\tworld\n", "größer, 日本語, 🦀"] {
            assert_eq!(clean(text.to_owned(), 1024), (text.to_owned(), false));
        }
    }

    #[test]
    fn escape_sequences_and_control_characters_go() {
        assert_eq!(cleaned("\u{1b}[31mred\u{1b}[0m alert"), "red alert");
        assert_eq!(cleaned("\u{1b}]0;new title\u{7}after"), "after");
        assert_eq!(cleaned("\u{1b}]8;;http://x\u{1b}\\link"), "link");
        assert_eq!(cleaned("a\r\u{8}b\0c\u{7f}\u{9b}d"), "abcd");
        assert_eq!(cleaned("safe\u{202e}txt.exe"), "safetxt.exe");
        assert_eq!(cleaned("open \u{1b}[31"), "open ");
    }

    #[test]
    fn long_text_is_cut_between_characters_and_marked() {
        assert_eq!(
            clean("abcdef".to_owned(), 3),
            ("abc… [cut]".to_owned(), true)
        );
        assert_eq!(clean("aéé".to_owned(), 4), ("aé… [cut]".to_owned(), true));
        assert_eq!(
            clean("\u{1b}[1mabc".to_owned(), 3),
            ("abc".to_owned(), false)
        );
    }
}
