//! Checks that a guest's output is a JSON text, without building a tree of it.

use serde::de::IgnoredAny;

/// Deepest nesting of arrays and objects. What the host's parsers take.
pub(crate) const DEPTH_MAX: u32 = 128;

/// Checks a text: RFC 8259 grammar, nesting at most [`DEPTH_MAX`], and no half of a surrogate
/// pair on its own, so that whoever parses it later succeeds.
///
/// # Errors
///
/// Returns what is wrong, with its place, for people.
pub(crate) fn check(text: &str) -> Result<(), String> {
    // The nesting goes first: the parser below keeps a stack of its own and would take any.
    check_nesting_and_surrogates(text.as_bytes())?;
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| format!("the output is no JSON text: {error}"))
}

fn check_nesting_and_surrogates(text: &[u8]) -> Result<(), String> {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(format!(
                        "the output nests deeper than {DEPTH_MAX} levels, at byte {at}"
                    ));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at = skip_string(text, at)?,
            _ => {}
        }
    }
    Ok(())
}

/// Returns the place after the string that starts at `at`, its opening quote left out. Leaves
/// everything but surrogates to the parser.
fn skip_string(text: &[u8], mut at: usize) -> Result<usize, String> {
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => match unicode_escape(text, at) {
                None => at += 1,
                Some(0xd800..=0xdbff) => match text.get(at + 5) {
                    Some(b'\\') if is_low_surrogate(unicode_escape(text, at + 6)) => at += 11,
                    _ => return Err(lone_surrogate(at)),
                },
                Some(0xdc00..=0xdfff) => return Err(lone_surrogate(at)),
                Some(_) => at += 5,
            },
            _ => {}
        }
    }
    Ok(at)
}

/// Reads `uXXXX` at a place.
fn unicode_escape(text: &[u8], at: usize) -> Option<u16> {
    let escape = text.get(at..at + 5)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

const fn is_low_surrogate(unit: Option<u16>) -> bool {
    matches!(unit, Some(0xdc00..=0xdfff))
}

fn lone_surrogate(at: usize) -> String {
    format!("the output holds half of a surrogate pair, at byte {at}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_the_parser_takes_pass() {
        let nested = "[".repeat(127) + &"]".repeat(127);
        for text in [
            "null",
            " {\"a\": [1, -2.5e3, \"x\\\"]\", true]} \n",
            "\"\\ud83e\\udd80\"",
            "\"\\\\ud800\"",
            "123456789012345678901234567890.5",
            nested.as_str(),
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
    }

    #[test]
    fn texts_that_the_parser_refuses_fail() {
        for text in [
            "",
            " ",
            "nul",
            "{\"a\":}",
            "[1,]",
            "01",
            "\"\t\"",
            "1 2",
            "{'a':1}",
            "NaN",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\\u12\"",
            "\"\\",
            "\"abc",
            "\"\\u",
        ] {
            assert!(check(text).is_err(), "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(text).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn nesting_is_limited_however_deep() {
        assert!(check(&"[".repeat(10_000_000)).is_err_and(|e| e.contains("128 levels")));
        let just_too_deep = "[".repeat(129) + &"]".repeat(129);
        assert!(check(&just_too_deep).is_err());
        // Brackets inside of strings do not nest.
        assert_eq!(check(&format!("[\"{}\"]", "[".repeat(500))), Ok(()));
    }
}
