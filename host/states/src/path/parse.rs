//! Text to path.

use std::sync::Arc;

use super::filter::{self, Filter};
use super::{Function, Path, PathSyntaxError, Root, Step};

/// Longest path that is taken; nobody writes longer ones.
const MAX_LENGTH: usize = 4096;

/// Most steps that a path may have.
const MAX_STEPS: usize = 256;

/// How deep filters may nest.
const MAX_FILTER_DEPTH: usize = 16;

/// Compiles a path.
pub(super) fn path(text: &str) -> Result<Path, PathSyntaxError> {
    let (path, length) = prefix(text)?;
    if length < text.len() {
        let reader = Reader { text, at: length };
        return Err(reader.error("expected '.', '[' or the end of the path"));
    }
    Ok(path)
}

/// Compiles the path that a text starts with; returns its length in bytes, too.
pub(super) fn prefix(text: &str) -> Result<(Path, usize), PathSyntaxError> {
    let mut reader = Reader { text, at: 0 };
    if !reader.eat('$') {
        return Err(reader.error("a path starts with '$'"));
    }
    let root = root(&mut reader)?;
    let steps = steps(&mut reader, 0)?;
    if reader.at > MAX_LENGTH {
        return Err(reader.error(&format!("a path is at most {MAX_LENGTH} bytes long")));
    }
    let written = text.get(..reader.at).unwrap_or(text);
    Ok((
        Path {
            text: written.into(),
            root,
            steps,
        },
        reader.at,
    ))
}

/// Says whether a text may name a variable: a letter, then letters, digits and
/// underscores, at most 80 characters.
pub(crate) fn is_variable_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|next| next.is_alphanumeric() || next == '_')
        && name.chars().count() <= 80
}

/// Reads what follows the first `$`.
fn root(reader: &mut Reader<'_>) -> Result<Root, PathSyntaxError> {
    match reader.peek() {
        Some('$') => {
            reader.next();
            Ok(Root::Context)
        }
        Some(c) if c.is_alphabetic() || c == '_' => {
            let name = reader.take_while(|c| c.is_alphanumeric() || c == '_');
            if !is_variable_name(&name) {
                return Err(reader.error("a variable's name is at most 80 characters long"));
            }
            Ok(Root::Variable(Arc::from(name)))
        }
        _ => Ok(Root::Input),
    }
}

/// Reads steps until something else comes.
pub(super) fn steps(
    reader: &mut Reader<'_>,
    filter_depth: usize,
) -> Result<Vec<Step>, PathSyntaxError> {
    let mut steps = Vec::new();
    loop {
        if steps.len() > MAX_STEPS {
            return Err(reader.error(&format!("a path has at most {MAX_STEPS} steps")));
        }
        match reader.peek() {
            Some('.') => dotted(reader, &mut steps)?,
            Some('[') => {
                reader.next();
                steps.push(bracketed(reader, filter_depth)?);
            }
            _ => return Ok(steps),
        }
        if matches!(steps.last(), Some(Step::Function(_))) {
            return Ok(steps);
        }
    }
}

/// Reads `.name`, `.*`, `..`, `.function()`.
fn dotted(reader: &mut Reader<'_>, steps: &mut Vec<Step>) -> Result<(), PathSyntaxError> {
    reader.next();
    if reader.eat('.') {
        steps.push(Step::Descend);
        if reader.peek() == Some('[') {
            return Ok(());
        }
    } else if reader.peek() == Some('[') {
        // `$.[0]` reads like `$[0]`.
        return Ok(());
    }
    if reader.eat('*') {
        steps.push(Step::Wildcard);
        return Ok(());
    }
    let name = name(reader)?;
    if reader.eat('(') {
        steps.push(Step::Function(function(reader, &name)?));
        return Ok(());
    }
    steps.push(Step::Child(name));
    Ok(())
}

/// Reads a name after a dot; a backslash takes the meaning from the next character.
fn name(reader: &mut Reader<'_>) -> Result<String, PathSyntaxError> {
    let mut name = String::new();
    while let Some(c) = reader.peek() {
        match c {
            '\\' => {
                reader.next();
                match reader.next() {
                    Some(escaped) => name.push(escaped),
                    None => return Err(reader.error("a backslash escapes the next character")),
                }
            }
            '.' | '[' | '(' | ')' | ']' | ',' | '=' | '<' | '>' | '!' | '~' | '&' | '|' | '\''
            | '"' | '?' | '@' | '*'
                if !is_plain_in_name(c, &name) =>
            {
                break;
            }
            c if c.is_whitespace() => break,
            c => {
                name.push(c);
                reader.next();
            }
        }
    }
    if name.is_empty() {
        return Err(reader.error("expected a field name"));
    }
    Ok(name)
}

/// `&` may begin a name, as the language's own examples have it.
fn is_plain_in_name(c: char, name: &str) -> bool {
    c == '&' && name.is_empty()
}

/// Reads the rest of `name(…)`.
fn function(reader: &mut Reader<'_>, name: &str) -> Result<Function, PathSyntaxError> {
    reader.skip_space();
    let argument = match reader.peek() {
        Some(')') => None,
        _ => Some(reader.integer()?),
    };
    reader.skip_space();
    if !reader.eat(')') {
        return Err(reader.error("expected ')'"));
    }
    let function = match (name, argument) {
        ("length" | "size", None) => Function::Length,
        ("keys", None) => Function::Keys,
        ("min", None) => Function::Min,
        ("max", None) => Function::Max,
        ("avg", None) => Function::Avg,
        ("sum", None) => Function::Sum,
        ("stddev", None) => Function::Stddev,
        ("first", None) => Function::First,
        ("last", None) => Function::Last,
        ("index", Some(index)) => Function::Index(index),
        _ => {
            return Err(reader.error(&format!(
                "'{name}' is no function of paths: use length, keys, min, max, avg, sum, \
                 stddev, first, last or index(n)"
            )));
        }
    };
    Ok(function)
}

/// Reads what follows `[`, to the `]`.
fn bracketed(reader: &mut Reader<'_>, filter_depth: usize) -> Result<Step, PathSyntaxError> {
    reader.skip_space();
    let step = match reader.peek() {
        Some('*') => {
            reader.next();
            Step::Wildcard
        }
        Some('\'' | '"') => names(reader)?,
        Some('?') => {
            reader.next();
            Step::Filter(Box::new(filter_step(reader, filter_depth)?))
        }
        Some(c) if c == '-' || c == ':' || c.is_ascii_digit() => indexes(reader)?,
        _ => return Err(reader.error("expected an index, a quoted name, '*' or '?(…)'")),
    };
    reader.skip_space();
    if !reader.eat(']') {
        return Err(reader.error("expected ']'"));
    }
    Ok(step)
}

fn filter_step(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, PathSyntaxError> {
    if depth >= MAX_FILTER_DEPTH {
        return Err(reader.error(&format!("filters nest at most {MAX_FILTER_DEPTH} deep")));
    }
    reader.skip_space();
    if reader.peek() != Some('(') {
        return Err(reader.error("a filter is written '[?(…)]'"));
    }
    filter::parse(reader, depth + 1)
}

fn names(reader: &mut Reader<'_>) -> Result<Step, PathSyntaxError> {
    let mut names = vec![reader.quoted()?];
    loop {
        reader.skip_space();
        if !reader.eat(',') {
            break;
        }
        reader.skip_space();
        names.push(reader.quoted()?);
    }
    Ok(match names.len() {
        1 => Step::Child(names.swap_remove(0)),
        _ => Step::Children(names),
    })
}

/// Reads `0`, `0, 2` or `from:to:by`.
fn indexes(reader: &mut Reader<'_>) -> Result<Step, PathSyntaxError> {
    let first = reader.optional_integer()?;
    reader.skip_space();
    if reader.eat(':') {
        reader.skip_space();
        let to = reader.optional_integer()?;
        reader.skip_space();
        let by = if reader.eat(':') {
            reader.optional_integer()?.unwrap_or(1)
        } else {
            1
        };
        if by < 1 {
            return Err(reader.error("the step of a slice is a positive integer"));
        }
        return Ok(Step::Slice {
            from: first,
            to,
            by,
        });
    }
    let Some(first) = first else {
        return Err(reader.error("expected an index"));
    };
    let mut indexes = vec![first];
    while reader.eat(',') {
        reader.skip_space();
        indexes.push(reader.integer()?);
        reader.skip_space();
    }
    Ok(match indexes.len() {
        1 => Step::Index(first),
        _ => Step::Indexes(indexes),
    })
}

/// Goes through the characters of a path.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.next();
        }
        found
    }

    /// Takes a text if it comes next.
    pub(super) fn eat_text(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or("").to_owned()
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    /// Reads a quoted text. A backslash escapes the quote and itself; before anything
    /// else it stands for itself, as Step Functions has it.
    pub(super) fn quoted(&mut self) -> Result<String, PathSyntaxError> {
        let Some(quote @ ('\'' | '"')) = self.next() else {
            return Err(self.error("expected a quoted text"));
        };
        let mut text = String::new();
        loop {
            match self.next() {
                Some('\\') => match self.peek() {
                    Some(c) if c == quote || c == '\\' => {
                        self.next();
                        text.push(c);
                    }
                    _ => text.push('\\'),
                },
                Some(c) if c == quote => return Ok(text),
                Some(c) => text.push(c),
                None => return Err(self.error("the quoted text is not closed")),
            }
        }
    }

    fn optional_integer(&mut self) -> Result<Option<i64>, PathSyntaxError> {
        match self.peek() {
            Some(c) if c == '-' || c.is_ascii_digit() => self.integer().map(Some),
            _ => Ok(None),
        }
    }

    fn integer(&mut self) -> Result<i64, PathSyntaxError> {
        let start = self.at;
        self.eat('-');
        self.take_while(|c| c.is_ascii_digit());
        let text = self.text.get(start..self.at).unwrap_or("");
        text.parse()
            .map_err(|_problem| self.error("expected an integer"))
    }

    pub(super) fn error(&self, message: &str) -> PathSyntaxError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        PathSyntaxError {
            message: message.to_owned(),
            position: before.chars().count() + 1,
            text: self.text.to_owned(),
        }
    }
}
