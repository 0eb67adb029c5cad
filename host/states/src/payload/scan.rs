//! Checks a JSON text without building values.
//!
//! Iterative, so nesting costs no stack. The words of the errors follow those that
//! Step Functions answers with, because its clients compare them.

use std::borrow::Cow;

use super::PayloadError;

/// How deep a payload may nest. `serde_json` refuses more than 127 levels, and a
/// result may gain levels on its way through Parallel, Map and `ResultPath`.
pub(crate) const MAX_DEPTH: usize = 100;

/// `serde_json` gives keys that start so a meaning of its own and would read their
/// object as a number.
pub(crate) const RESERVED_KEY_PREFIX: &str = "$serde_json::private::";

/// What an open bracket expects next.
#[derive(Clone, Copy, PartialEq)]
enum Frame {
    /// An array.
    Array,
    /// An object whose keys start at this place in the list of keys.
    Object { first_key: usize },
}

/// Checks that `text` is one JSON value without duplicate keys, lone surrogates or
/// nesting beyond [`MAX_DEPTH`].
pub(super) fn check(text: &str) -> Result<(), PayloadError> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        keys: Vec::new(),
    };
    scanner.document().map_err(|problem| {
        let (line, column) = position(text, problem.at);
        PayloadError {
            message: problem.message,
            line,
            column,
        }
    })
}

/// Returns line and column, both from 1, of a byte offset.
fn position(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}

struct Problem {
    message: String,
    at: usize,
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Keys of all open objects, the innermost object's last.
    keys: Vec<(Cow<'a, str>, usize)>,
}

impl<'a> Scanner<'a> {
    fn document(&mut self) -> Result<(), Problem> {
        self.skip_space();
        if self.at == self.bytes.len() {
            return Err(self.problem("Invalid execution input."));
        }
        let mut open: Vec<Frame> = Vec::new();
        loop {
            // A value starts here.
            let opened = self.value(&mut open)?;
            if opened {
                continue;
            }
            // A value ended: close what ends with it, then step to the next value.
            loop {
                self.skip_space();
                let Some(frame) = open.last().copied() else {
                    return self.end_of_document();
                };
                if self.step(frame, &mut open)? {
                    break;
                }
            }
        }
    }

    fn end_of_document(&mut self) -> Result<(), Problem> {
        if self.at == self.bytes.len() {
            return Ok(());
        }
        Err(self.problem("unexpected text after the JSON value: a payload is one value"))
    }

    /// Reads one scalar or opens a bracket; true if a value has to follow.
    fn value(&mut self, open: &mut Vec<Frame>) -> Result<bool, Problem> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.push(
                    open,
                    Frame::Object {
                        first_key: self.keys.len(),
                    },
                )?;
                self.skip_space();
                if self.peek() == Some(b'}') {
                    self.at += 1;
                    open.pop();
                    return Ok(false);
                }
                self.key()?;
                Ok(true)
            }
            Some(b'[') => {
                self.at += 1;
                self.push(open, Frame::Array)?;
                self.skip_space();
                if self.peek() == Some(b']') {
                    self.at += 1;
                    open.pop();
                    return Ok(false);
                }
                Ok(true)
            }
            Some(b'"') => self.string().map(|_| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(_) => self.literal().map(|()| false),
            None => Err(self.problem("Unexpected end-of-input: expected a value")),
        }
    }

    /// After a value inside `frame`: reads `,` (true, a value follows) or the closing
    /// bracket (false).
    fn step(&mut self, frame: Frame, open: &mut Vec<Frame>) -> Result<bool, Problem> {
        let close = if frame == Frame::Array { b']' } else { b'}' };
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                if frame != Frame::Array {
                    self.skip_space();
                    self.key()?;
                }
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                open.pop();
                if let Frame::Object { first_key } = frame {
                    self.check_keys(first_key)?;
                }
                Ok(false)
            }
            Some(_) => {
                let what = if frame == Frame::Array {
                    "Array"
                } else {
                    "Object"
                };
                Err(self.unexpected(&format!("was expecting comma to separate {what} entries")))
            }
            None => Err(self.problem("Unexpected end-of-input: a bracket is not closed")),
        }
    }

    fn push(&self, open: &mut Vec<Frame>, frame: Frame) -> Result<(), Problem> {
        if open.len() == MAX_DEPTH {
            return Err(self.problem(&format!(
                "the value nests deeper than {MAX_DEPTH} levels: flatten it"
            )));
        }
        open.push(frame);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Problem> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("was expecting double-quote to start field name"));
        }
        let at = self.at;
        let key = self.string()?;
        if key.starts_with(RESERVED_KEY_PREFIX) {
            self.at = at;
            return Err(self.problem("the field name is reserved: rename the field"));
        }
        self.keys.push((key, at));
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("was expecting a colon to separate field name and value"));
        }
        self.at += 1;
        Ok(())
    }

    /// Refuses a key that the object closed here names twice, and forgets its keys.
    fn check_keys(&mut self, first_key: usize) -> Result<(), Problem> {
        let mut keys = self.keys.split_off(first_key);
        keys.sort_unstable();
        let twice = keys.windows(2).find(|pair| pair[0].0 == pair[1].0);
        if let Some(pair) = twice {
            return Err(Problem {
                message: format!(
                    "Duplicate field '{}': an object names each key once",
                    pair[1].0
                ),
                at: pair[1].1,
            });
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Problem> {
        let start = self.at + 1;
        self.at = start;
        let mut escaped = false;
        loop {
            match self.peek() {
                None => return Err(self.problem("Unexpected end-of-input in a string")),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                Some(byte) if byte < 0x20 => {
                    return Err(self.problem(&format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped \
                         using backslash to be included in string value"
                    )));
                }
                Some(_) => self.at += 1,
            }
        }
        let inside = self.text.get(start..self.at).unwrap_or("");
        self.at += 1;
        if !escaped {
            return Ok(Cow::Borrowed(inside));
        }
        let quoted = self.text.get(start - 1..self.at).unwrap_or("\"\"");
        let decoded: String = serde_json::from_str(quoted).unwrap_or_else(|_| inside.to_owned());
        Ok(Cow::Owned(decoded))
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<(), Problem> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => self.unicode_escape(),
            Some(_) => Err(self.unexpected("Unrecognized character escape")),
            None => Err(self.problem("Unexpected end-of-input in a string")),
        }
    }

    fn unicode_escape(&mut self) -> Result<(), Problem> {
        let first = self.four_hex()?;
        if (0xDC00..0xE000).contains(&first) {
            return Err(self.lone_surrogate());
        }
        if (0xD800..0xDC00).contains(&first) {
            if self.bytes.get(self.at..self.at + 2) != Some(br"\u") {
                return Err(self.lone_surrogate());
            }
            self.at += 1;
            let second = self.four_hex()?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(self.lone_surrogate());
            }
        }
        Ok(())
    }

    fn lone_surrogate(&self) -> Problem {
        self.problem("the string holds half of a surrogate pair, which no Unicode text can carry")
    }

    /// Reads `uXXXX`.
    fn four_hex(&mut self) -> Result<u32, Problem> {
        let digits = self.bytes.get(self.at + 1..self.at + 5);
        let number = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match number {
            Some(number) => {
                self.at += 5;
                Ok(number)
            }
            None => Err(self.problem("expected a hex-digit for character escape sequence")),
        }
    }

    fn number(&mut self) -> Result<(), Problem> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => {
                self.at += 1;
                if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    return Err(self.problem("Invalid numeric value: Leading zeroes not allowed"));
                }
            }
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Problem> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unexpected("was expecting a digit"));
        }
        Ok(())
    }

    fn literal(&mut self) -> Result<(), Problem> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or(rest);
        if matches!(word, "true" | "false" | "null") {
            self.at += length;
            return Ok(());
        }
        let expected =
            "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
        if word.is_empty() {
            return Err(self.unexpected(expected));
        }
        let word: String = word.chars().take(256).collect();
        Err(self.problem(&format!("Unrecognized token '{word}': {expected}")))
    }

    /// A problem with the character at hand.
    fn unexpected(&self, expected: &str) -> Problem {
        let next = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        match next {
            Some(c) => self.problem(&format!(
                "Unexpected character ('{c}' (code {})): {expected}",
                c as u32
            )),
            None => self.problem(&format!("Unexpected end-of-input: {expected}")),
        }
    }

    fn problem(&self, message: &str) -> Problem {
        Problem {
            message: message.to_owned(),
            at: self.at,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}
