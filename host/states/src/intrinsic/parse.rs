//! Text to call.

use serde_json::Number;

use super::{Argument, Call, CallSyntaxError, FUNCTIONS, MAX_NESTING, Text};
use crate::path::Path;

/// Longest text of a call.
const MAX_LENGTH: usize = 10_000;

/// Compiles a call.
pub(super) fn call(text: &str) -> Result<Call, CallSyntaxError> {
    let mut reader = Reader { text, at: 0 };
    if text.len() > MAX_LENGTH {
        return Err(reader.error(&format!("a call is at most {MAX_LENGTH} bytes long")));
    }
    let call = reader.call(1)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.error("unexpected text after the call"));
    }
    Ok(call)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn call(&mut self, level: usize) -> Result<Call, CallSyntaxError> {
        let start = self.at;
        if level > MAX_NESTING {
            return Err(self.error(&format!("calls nest at most {MAX_NESTING} levels deep")));
        }
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
        let Some((_, function, fewest, most)) = FUNCTIONS.iter().find(|each| each.0 == name) else {
            self.at = start;
            return Err(self.error(&format!("'{name}' is no intrinsic function")));
        };
        if !self.eat('(') {
            return Err(self.error("expected '(' after the function's name"));
        }
        let mut arguments = Vec::new();
        self.skip_space();
        if !self.eat(')') {
            loop {
                self.skip_space();
                arguments.push(self.argument(level)?);
                self.skip_space();
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err(self.error("expected ',' or ')'"));
                }
            }
        }
        if !(*fewest..=*most).contains(&arguments.len()) {
            let wanted = match (fewest, most) {
                (fewest, &usize::MAX) => format!("at least {fewest}"),
                (fewest, most) if fewest == most => fewest.to_string(),
                (fewest, most) => format!("{fewest} to {most}"),
            };
            let given = arguments.len();
            return Err(self.error(&format!("{name} takes {wanted} arguments, not {given}")));
        }
        let text = self
            .text
            .get(start..self.at)
            .unwrap_or(self.text)
            .to_owned();
        Ok(Call {
            text,
            function: *function,
            arguments,
        })
    }

    fn argument(&mut self, level: usize) -> Result<Argument, CallSyntaxError> {
        match self.peek() {
            Some('\'') => self.quoted().map(Argument::Text),
            Some('$') => self.path().map(Argument::Path),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number().map(Argument::Number),
            Some(c) if c.is_ascii_alphabetic() => {
                let start = self.at;
                let word = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
                match word {
                    "true" => Ok(Argument::Bool(true)),
                    "false" => Ok(Argument::Bool(false)),
                    "null" => Ok(Argument::Null),
                    _ => {
                        self.at = start;
                        self.call(level + 1).map(Argument::Call)
                    }
                }
            }
            _ => Err(self.error(
                "expected a text in apostrophes, a number, true, false, null, a path or a call",
            )),
        }
    }

    /// Reads a text in apostrophes, with and without its escapes.
    fn quoted(&mut self) -> Result<Text, CallSyntaxError> {
        let opened = self.at;
        self.at += 1;
        let start = self.at;
        let mut plain = Some(String::new());
        loop {
            match self.next() {
                Some('\\') => match (self.next(), &mut plain) {
                    (Some(c @ ('\'' | '{' | '}' | '\\')), Some(plain)) => plain.push(c),
                    (Some(_), plain) => *plain = None,
                    (None, _) => break,
                },
                Some('\'') => {
                    let raw = self.text.get(start..self.at - 1).unwrap_or("").to_owned();
                    return Ok(Text { raw, plain });
                }
                Some(c) => {
                    if let Some(plain) = &mut plain {
                        plain.push(c);
                    }
                }
                None => break,
            }
        }
        self.at = opened;
        Err(self.error("the text is not closed: end it with an apostrophe"))
    }

    fn path(&mut self) -> Result<Path, CallSyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        match Path::parse_prefix(rest) {
            Ok((path, length)) => {
                self.at += length;
                Ok(path)
            }
            Err(error) => Err(self.error(&error.to_string())),
        }
    }

    fn number(&mut self) -> Result<Number, CallSyntaxError> {
        let text =
            self.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
        serde_json::from_str(text).map_err(|_problem| self.error("this is no number"))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or("");
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or(rest)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.next();
        }
        found
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn error(&self, message: &str) -> CallSyntaxError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        CallSyntaxError {
            message: message.to_owned(),
            position: before.chars().count() + 1,
        }
    }
}
