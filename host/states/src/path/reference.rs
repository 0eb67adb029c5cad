//! Paths that say where to put something.

use std::fmt;

use serde_json::{Map, Value};

use super::{Path, Root, Step};

/// A path of names and indexes: `$.order.items[0]`.
#[derive(Debug, Clone)]
pub struct ReferencePath {
    path: Path,
}

impl PartialEq for ReferencePath {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl ReferencePath {
    /// Takes a path that names one place in the input.
    pub(crate) fn new(path: Path) -> Option<Self> {
        (path.root == Root::Input && path.is_reference()).then_some(Self { path })
    }

    /// Puts `value` into `target`, overwriting what is there and making the objects
    /// on the way that are missing.
    ///
    /// # Errors
    /// A step names a field of something that is no object, or an element that is
    /// not there; returns the step's name.
    pub(crate) fn put(&self, target: &mut Value, value: Value) -> Result<(), String> {
        let mut place = target;
        let mut is_new = false;
        for step in &self.path.steps {
            place = match step {
                Step::Child(name) => {
                    if is_new {
                        *place = Value::Object(Map::new());
                    }
                    let Value::Object(fields) = place else {
                        return Err(name.clone());
                    };
                    is_new = !fields.contains_key(name);
                    fields.entry(name.as_str()).or_insert(Value::Null)
                }
                Step::Index(index) => {
                    let index = usize::try_from(*index).ok();
                    let element = match (place, index) {
                        (Value::Array(elements), Some(index)) if !is_new => elements.get_mut(index),
                        _ => None,
                    };
                    element.ok_or_else(|| match index {
                        Some(index) => index.to_string(),
                        None => "a negative index".to_owned(),
                    })?
                }
                _ => return Err(self.path.to_string()),
            };
        }
        *place = value;
        Ok(())
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}
