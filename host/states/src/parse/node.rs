//! A definition's text as a tree that remembers where everything stands.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Number, Value};

/// How deep a definition may nest; also what keeps every recursion over it short.
pub(crate) const MAX_DEPTH: usize = 100;

/// A place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// From 1.
    pub(crate) line: u32,
    /// In characters, from 1.
    pub(crate) column: u32,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) position: Position,
    /// JSON pointer into the text that the author wrote, where that differs from the
    /// place of the node in the tree: what the short form was lowered from.
    pub(crate) origin: Option<Arc<str>>,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Fields),
}

/// An object's fields by name, in the order of the text.
pub(crate) type Fields = IndexMap<String, Field>;

/// A field of an object.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Where the name stands.
    pub(crate) position: Position,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn new(kind: NodeKind, position: Position) -> Self {
        Self {
            kind,
            position,
            origin: None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match &self.kind {
            NodeKind::Array(elements) => Some(elements),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Fields> {
        match &self.kind {
            NodeKind::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// Returns a field's value.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name).map(|field| &field.value)
    }

    /// Returns the value without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Number(number) => Value::Number(number.clone()),
            NodeKind::String(text) => Value::String(text.clone()),
            NodeKind::Array(elements) => elements.iter().map(Self::to_value).collect(),
            NodeKind::Object(fields) => {
                let mut object = Map::new();
                for (name, field) in fields {
                    object.insert(name.clone(), field.value.to_value());
                }
                Value::Object(object)
            }
        }
    }
}
