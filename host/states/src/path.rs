//! Paths into JSON values: `$.orders[0].items[?(@.price > 10)]`.
//!
//! The syntax and the meaning are those of Jayway's `JsonPath`, which the language
//! names. A *definite* path (names and single indexes only) finds one value or
//! fails; any other finds a list, which may be empty. What the path starts from is
//! its [`Root`]: the input at hand (`$`), the context object (`$$`) or a variable
//! (`$name`).

mod filter;
mod parse;
mod reference;
mod select;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub(crate) use parse::is_variable_name;
pub use reference::ReferencePath;
pub(crate) use select::{Found, NotFound};

use filter::Filter;

/// A path, compiled.
#[derive(Clone)]
pub struct Path {
    text: Arc<str>,
    root: Root,
    steps: Vec<Step>,
}

/// What a path starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`: the value at hand.
    Input,
    /// `$$`: the context object.
    Context,
    /// `$name`: a variable.
    Variable(Arc<str>),
}

/// One step of a path.
#[derive(Debug, Clone)]
enum Step {
    /// `.name` or `['name']`.
    Child(String),
    /// `['a', 'b']`.
    Children(Vec<String>),
    /// `[0]`; negative counts from the end.
    Index(i64),
    /// `[0, 2]`.
    Indexes(Vec<i64>),
    /// `[from:to:by]`.
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        by: i64,
    },
    /// `.*` or `[*]`.
    Wildcard,
    /// `..`
    Descend,
    /// `[?(…)]`
    Filter(Box<Filter>),
    /// `.length()` and its like; only as the last step.
    Function(Function),
}

/// A function at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Length,
    Keys,
    Min,
    Max,
    Avg,
    Sum,
    Stddev,
    First,
    Last,
    Index(i64),
}

/// A text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {position} of '{text}'")]
pub(crate) struct PathSyntaxError {
    pub(crate) message: String,
    /// In characters, from 1.
    pub(crate) position: usize,
    pub(crate) text: String,
}

impl Path {
    /// Compiles a path.
    ///
    /// # Errors
    /// The text is no path; says what is wrong and where.
    pub(crate) fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        parse::path(text)
    }

    /// Compiles the path that a longer text starts with; returns its length, too.
    ///
    /// # Errors
    /// The text does not start with a path.
    pub(crate) fn parse_prefix(text: &str) -> Result<(Self, usize), PathSyntaxError> {
        parse::prefix(text)
    }

    /// Returns the path as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// Says whether the path is `$` alone.
    pub(crate) fn is_whole_input(&self) -> bool {
        self.root == Root::Input && self.steps.is_empty()
    }

    /// Says whether the path can only name one place: no list, slice, wildcard,
    /// filter or function.
    pub(crate) fn is_reference(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step, Step::Child(_) | Step::Index(_)))
    }

    /// Returns the name that the last step of a path asks for.
    pub(crate) fn last_name(&self) -> Option<&str> {
        match self.steps.last()? {
            Step::Child(name) => Some(name),
            _ => None,
        }
    }

    /// Writes the first `length` steps as Jayway does: `$['a'][0]`.
    fn canonical(&self, length: usize) -> String {
        canonical(self.steps.get(..length).unwrap_or(&self.steps))
    }
}

fn canonical(steps: &[Step]) -> String {
    let mut text = String::from("$");
    for step in steps {
        match step {
            Step::Child(name) => text.push_str(&format!("['{name}']")),
            Step::Children(names) => text.push_str(&format!("['{}']", names.join("','"))),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Indexes(_) => text.push_str("[…]"),
            Step::Slice { .. } => text.push_str("[:]"),
            Step::Wildcard => text.push_str("[*]"),
            Step::Descend => text.push_str(".."),
            Step::Filter(_) => text.push_str("[?]"),
            Step::Function(_) => text.push_str(".function()"),
        }
    }
    text
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({})", self.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
