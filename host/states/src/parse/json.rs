//! JSON text to [`Node`]s.
//!
//! `serde_json` forgets where things stand and takes a key twice, so definitions
//! have a reader of their own. It goes on past duplicate keys to report all of them.

use indexmap::map::Entry;
use serde_json::Number;

use super::node::{Field, Fields, MAX_DEPTH, Node, NodeKind, Position};

/// Longest word of a text that an error repeats, in characters.
const WORD_MAX: usize = 256;

/// The text cannot be read any further.
#[derive(Debug, Clone)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) position: Position,
    /// What should stand there, where that can be said in a word.
    pub(crate) expected: Option<Expected>,
    /// What stands there instead: a word or a character; nothing at the end.
    pub(crate) found: String,
}

impl SyntaxError {
    /// Says that something is wrong at a place.
    pub(crate) fn at(position: Position, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            position,
            expected: None,
            found: String::new(),
        }
    }
}

/// What JSON may go on with at some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Value,
    FieldName,
    Colon,
    /// `,` or `}`.
    ObjectComma,
    /// `,` or `]`.
    ArrayComma,
}

/// A field whose name its object has already.
#[derive(Debug, Clone)]
pub(crate) struct Duplicate {
    pub(crate) name: String,
    pub(crate) position: Position,
    /// Where the first field of that name stands.
    pub(crate) first: Position,
}

/// Reads a whole text. Fields whose name their object has already come back beside
/// the tree, which keeps the first one's place and the last one's value.
pub(crate) fn read(text: &str) -> Result<(Node, Vec<Duplicate>), SyntaxError> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        known: (0, Position::START),
        duplicates: Vec::new(),
    };
    // A byte order mark says nothing.
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
        reader.known.0 = reader.at;
    }
    reader.skip_space();
    let node = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.error("unexpected text after the definition: it is one JSON object"));
    }
    Ok((node, reader.duplicates))
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// A place further up whose line and column are known: columns are counted on
    /// from there, so that a text in one line costs no more than any other.
    known: (usize, Position),
    duplicates: Vec<Duplicate>,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let position = self.position();
        if depth > MAX_DEPTH {
            return Err(self.error(&format!(
                "the definition nests deeper than {MAX_DEPTH} levels"
            )));
        }
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => NodeKind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => self.literal()?,
            None => {
                let message = "the text ends where a value is expected";
                return Err(self.expected(Expected::Value, message));
            }
        };
        Ok(Node::new(kind, position))
    }

    fn object(&mut self, depth: usize) -> Result<NodeKind, SyntaxError> {
        self.at += 1;
        let mut fields = Fields::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(NodeKind::Object(fields));
        }
        loop {
            self.skip_space();
            let position = self.position();
            if self.peek() != Some(b'"') {
                let message = "expected a field name in double quotes";
                return Err(self.expected(Expected::FieldName, message));
            }
            let name = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.expected(Expected::Colon, "expected ':' after the field name"));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value(depth + 1)?;
            let field = Field { position, value };
            match fields.entry(name) {
                Entry::Vacant(vacant) => {
                    vacant.insert(field);
                }
                Entry::Occupied(mut taken) => {
                    self.duplicates.push(Duplicate {
                        name: taken.key().clone(),
                        position,
                        first: taken.get().position,
                    });
                    taken.get_mut().value = field.value;
                }
            }
            if self.comma_or(b'}')? {
                return Ok(NodeKind::Object(fields));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<NodeKind, SyntaxError> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(NodeKind::Array(elements));
        }
        loop {
            self.skip_space();
            elements.push(self.value(depth + 1)?);
            if self.comma_or(b']')? {
                return Ok(NodeKind::Array(elements));
            }
        }
    }

    /// Reads `,` (false) or the closing bracket (true).
    fn comma_or(&mut self, close: u8) -> Result<bool, SyntaxError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            _ => {
                let expected = match close {
                    b'}' => Expected::ObjectComma,
                    _ => Expected::ArrayComma,
                };
                Err(self.expected(
                    expected,
                    &format!("expected ',' or '{}'", char::from(close)),
                ))
            }
        }
    }

    /// Finds the end of a string and has `serde_json` decode it.
    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(byte) if byte < 0x20 => {
                    return Err(self.error("control characters in a string have to be escaped"));
                }
                Some(_) => self.at += 1,
                None => return Err(self.error("the string is not closed")),
            }
        }
        self.at += 1;
        let quoted = self.text.get(start..self.at).unwrap_or("");
        match serde_json::from_str(quoted) {
            Ok(text) => Ok(text),
            Err(_) => {
                self.at = start;
                Err(self.error(
                    "the string has an escape that JSON does not know, or half a surrogate pair",
                ))
            }
        }
    }

    fn number(&mut self) -> Result<NodeKind, SyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let length = rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')))
            .unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or(rest);
        let Ok(number) = serde_json::from_str::<Number>(text) else {
            return Err(self.error("this is no JSON number"));
        };
        self.at += length;
        Ok(NodeKind::Number(number))
    }

    fn literal(&mut self) -> Result<NodeKind, SyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        for (word, kind) in [
            ("true", NodeKind::Bool(true)),
            ("false", NodeKind::Bool(false)),
            ("null", NodeKind::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.expected(Expected::Value, "expected a JSON value"))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn position(&mut self) -> Position {
        let (from, mut position) = self.known;
        for c in self.text.get(from..self.at).unwrap_or("").chars() {
            if c == '\n' {
                position = Position {
                    line: position.line.saturating_add(1),
                    column: 1,
                };
            } else {
                position.column = position.column.saturating_add(1);
            }
        }
        self.known = (self.at.max(from), position);
        position
    }

    fn error(&mut self, message: &str) -> SyntaxError {
        SyntaxError::at(self.position(), message)
    }

    fn expected(&mut self, expected: Expected, message: &str) -> SyntaxError {
        let rest = self.text.get(self.at..).unwrap_or("");
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let word: String = rest
            .chars()
            .take(WORD_MAX)
            .take_while(|c| is_word(*c))
            .collect();
        let found = match rest.chars().next() {
            Some(first) if word.is_empty() => first.to_string(),
            _ => word,
        };
        SyntaxError {
            expected: Some(expected),
            found,
            ..self.error(message)
        }
    }
}
