//! The forms in which a value may turn up: as it is, and as JSON, URLs, base64 and hex have it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::{Zeroize as _, Zeroizing};

use crate::secret::SECRET_MIN_BYTES;

/// Fewest bytes of a line that is looked for by itself: a key in PEM has 64.
const LINE_MIN_BYTES: usize = 16;
/// Most parts of a value (its lines, the texts in its JSON) that are looked for by themselves.
const PARTS_MAX: usize = 64;
/// Most bytes of a value that is looked for percent-encoded: longer ones fit into no URL.
const IN_URLS_MAX_BYTES: usize = 4_096;
/// How deep the JSON of a value is looked into.
const JSON_DEPTH_MAX: usize = 16;

/// Punctuation that one encoder or another leaves as it is in a URL.
const LEFT_IN_URLS: [&[u8]; 4] = [b"", b"-_.~", b"-_.!~*'()", b"-_.*"];

/// One form of a value. Wiped from memory when dropped.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl std::ops::Deref for Form {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Returns all forms of a value, each once, none shorter than a secret may be.
pub(crate) fn forms_of(value: &str) -> Vec<Form> {
    let mut found = BTreeSet::new();
    for needle in std::iter::once(Zeroizing::new(value.to_owned())).chain(parts_of(value)) {
        let mut keep = |form: Form| {
            if form.len() >= SECRET_MIN_BYTES {
                found.insert(form);
            }
        };
        let bytes = needle.as_bytes();
        keep(Form::new(bytes));
        json_forms(&needle, &mut keep);
        if bytes.len() <= IN_URLS_MAX_BYTES {
            url_forms(bytes, &mut keep);
        }
        base64_forms(bytes, &mut keep);
        keep(Form(hex::encode(bytes).into_bytes()));
        keep(Form(hex::encode_upper(bytes).into_bytes()));
    }
    found.into_iter().collect()
}

/// The parts of a value that programs take out of it: its lines, and where it is a JSON
/// document, as structured credentials are, the texts and numbers in it.
fn parts_of(value: &str) -> Vec<Zeroizing<String>> {
    let mut parts: Vec<Zeroizing<String>> = Vec::new();
    if value.trim_start().starts_with(['{', '[']) {
        let document = serde_json::from_str(value).unwrap_or_default();
        json_parts(document, JSON_DEPTH_MAX, &mut parts);
    }
    if value.contains(['\n', '\r']) {
        let lines = value.split(['\n', '\r']).map(str::trim);
        let long = lines.filter(|line| line.len() >= LINE_MIN_BYTES);
        parts.extend(long.map(|line| Zeroizing::new(line.to_owned())));
    }
    // A value is often written without the blanks at its ends.
    let trimmed = value.trim();
    if trimmed.len() < value.len() {
        parts.insert(0, Zeroizing::new(trimmed.to_owned()));
    }
    parts.truncate(PARTS_MAX);
    parts
}

fn json_parts(value: serde_json::Value, depth: usize, parts: &mut Vec<Zeroizing<String>>) {
    use serde_json::Value;
    if depth == 0 || parts.len() >= PARTS_MAX {
        return;
    }
    match value {
        Value::String(text) => parts.push(Zeroizing::new(text)),
        Value::Number(number) => parts.push(Zeroizing::new(number.to_string())),
        Value::Array(items) => items
            .into_iter()
            .for_each(|item| json_parts(item, depth - 1, parts)),
        Value::Object(members) => members
            .into_iter()
            .for_each(|(_, member)| json_parts(member, depth - 1, parts)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// As a JSON text has it between its quotes, with the escapes that must be and those that
/// some writers add: without their backslashes. Looked for in a text without backslashes, a
/// value is found however often it was escaped, as JSON within JSON.
fn json_forms(value: &str, keep: &mut impl FnMut(Form)) {
    let plain = json_escaped(value);
    keep(without_backslashes(plain.as_bytes()).0);
    if !plain.is_ascii() {
        for upper in [false, true] {
            let escaped = Zeroizing::new(without_unicode(&plain, upper));
            keep(without_backslashes(escaped.as_bytes()).0);
        }
    }
}

/// Leaves backslashes out, and says where each byte stood that is left.
pub(crate) fn without_backslashes(text: &[u8]) -> (Form, Vec<usize>) {
    let places: Vec<usize> = (0..text.len()).filter(|&at| text[at] != b'\\').collect();
    let left = Form(places.iter().map(|&at| text[at]).collect());
    (left, places)
}

fn json_escaped(value: &str) -> Zeroizing<String> {
    // A text can always be written.
    let quoted = Zeroizing::new(serde_json::to_string(value).unwrap_or_default());
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    Zeroizing::new(inner.unwrap_or_default().to_owned())
}

/// Escapes what is not ASCII, as Python's `json` does.
fn without_unicode(text: &str, upper: bool) -> String {
    let mut written = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if character.is_ascii() {
            written.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            written.push_str(&if upper {
                format!("\\u{unit:04X}")
            } else {
                format!("\\u{unit:04x}")
            });
        }
    }
    written
}

/// Percent-encoded: by what different encoders leave as it is, with digits of either case,
/// and with `+` for a blank, as forms have it; or all of it.
fn url_forms(value: &[u8], keep: &mut impl FnMut(Form)) {
    for digits in [b"0123456789ABCDEF", b"0123456789abcdef"] {
        for left in LEFT_IN_URLS {
            let is_left = |byte: u8| byte.is_ascii_alphanumeric() || left.contains(&byte);
            keep(url_form(value, digits, is_left, false));
            keep(url_form(value, digits, is_left, true));
        }
        keep(url_form(value, digits, |_| false, false));
    }
}

fn url_form(value: &[u8], digits: &[u8; 16], is_left: impl Fn(u8) -> bool, plus: bool) -> Form {
    let mut form = Form(Vec::with_capacity(value.len() * 3));
    for &byte in value {
        if is_left(byte) {
            form.0.push(byte);
        } else if byte == b' ' && plus {
            form.0.push(b'+');
        } else {
            let digit = |value: u8| digits[usize::from(value)];
            form.0.extend([b'%', digit(byte >> 4), digit(byte & 0x0f)]);
        }
    }
    form
}

/// In base64, wherever the value begins within the encoded bytes. Of the letters at both
/// ends that also depend on what stands beside the value, those that carry it alone are
/// taken; by itself it is found with its end.
fn base64_forms(value: &[u8], keep: &mut impl FnMut(Form)) {
    for engine in [&STANDARD, &URL_SAFE] {
        let whole = Zeroizing::new(engine.encode(value));
        keep(Form::new(whole.trim_end_matches('=').as_bytes()));
        keep(Form::new(whole.as_bytes()));
        for before in 0..3_usize {
            let mut shifted = Zeroizing::new(vec![0; before]);
            shifted.extend_from_slice(value);
            let encoded = Zeroizing::new(engine.encode(shifted.as_slice()));
            // Letters carry 6 bits each: the first that begins in the value, and the last
            // that ends in it.
            let first = (before * 8).div_ceil(6);
            let last = shifted.len() * 8 / 6;
            keep(Form::new(&encoded.as_bytes()[first..last]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, form: &str) -> bool {
        forms_of(value)
            .iter()
            .any(|found| **found == *form.as_bytes())
    }

    #[test]
    fn a_value_has_the_forms_of_the_usual_encoders() {
        let value = "pa\"ss/wörd &1";
        for form in [
            value,
            r#"pa"ss/wu00f6rd &1"#,
            r#"pa"ss/wu00F6rd &1"#,
            "pa%22ss%2Fw%C3%B6rd%20%261",
            "pa%22ss%2fw%c3%b6rd+%261",
            "%70%61%22%73%73%2F%77%C3%B6%72%64%20%26%31",
            "706122737", /* only a part */
        ] {
            assert_eq!(has(value, form), form != "706122737", "{form}");
        }
        assert!(has(value, &hex::encode(value)));
        assert!(has(value, &STANDARD.encode(value)));
        assert!(has("a-b_c.d~e!", "a-b_c.d~e!"));
        assert!(has("a-b_c.d~e!", "a-b_c.d~e%21"));
    }

    #[test]
    fn the_parts_of_a_value_have_forms_too() {
        let document = r#"{"user": "administrator", "password": "hunter2hunter2", "port": 5432}"#;
        for form in [
            "hunter2hunter2",
            "administrator",
            &STANDARD.encode("hunter2hunter2"),
        ] {
            assert!(has(document, form), "{form}");
        }
        assert!(!has(document, "5432"));
        let pem = "-----BEGIN KEY-----\r\nMIIEvQIBADANBgkqhkiG9w0\r\n-----END KEY-----\n";
        assert!(has(pem, "MIIEvQIBADANBgkqhkiG9w0"));
        assert!(has("  padded with blanks \n", "padded with blanks"));
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let lines = "sixteen bytes or more, each its own line 0\n".repeat(3_000);
        assert!(parts_of(&lines).len() <= PARTS_MAX);
        let nested = format!("{}\"long enough text\"{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(parts_of(&nested).len(), 0);
    }
}
