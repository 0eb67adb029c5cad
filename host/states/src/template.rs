//! Payload templates: JSON in which some values are computed.
//!
//! In JSONPath, a field whose name ends in `.$` holds a path or an intrinsic
//! function. In JSONata, a text of the form `{% … %}` anywhere is an expression.
//! A template is compiled with the definition; parts that compute nothing are kept
//! as plain values.

use std::fmt;

use serde_json::{Map, Value};

use crate::data_flow::EvalFailure;
use crate::data_flow::evaluation::Evaluation;
use crate::definition::QueryLanguage;
use crate::intrinsic::Call;
use crate::jsonata::{self, Jsonata, States};
use crate::parse::node::{Node, NodeKind};
use crate::parse::report::{Place, Report};
use crate::path::Path;

/// A payload template, compiled.
#[derive(Clone, PartialEq)]
pub struct Template(Part);

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Fixed(Value),
    Array(Vec<Part>),
    Object(Vec<(String, Part)>),
    /// A path, and the name of the field that holds it.
    Path(Path, String),
    Call(Box<Call>),
    Jsonata(Jsonata),
}

/// What an expression may look at.
pub(crate) struct Sources<'a> {
    pub(crate) evaluation: &'a Evaluation<'a>,
    /// What `$` means in paths.
    pub(crate) dollar: &'a Value,
    /// What `$states` holds in JSONata.
    pub(crate) states: &'a States<'a>,
}

impl Template {
    /// Compiles the template of a field; `field` is its name in messages.
    pub(crate) fn compile(
        node: &Node,
        language: QueryLanguage,
        field: &str,
        place: &Place,
        report: &mut Report,
    ) -> Self {
        Self(match language {
            QueryLanguage::JsonPath => paths(node, place, report),
            QueryLanguage::Jsonata => expressions(node, field, place, report),
        })
    }

    /// Compiles a field's value that is a path or an intrinsic function.
    pub(crate) fn compile_expression(
        text: &str,
        field: &str,
        place: &Place,
        report: &mut Report,
    ) -> Option<Self> {
        expression(text, field, place, report).map(Self)
    }

    /// Computes the template's value.
    ///
    /// # Errors
    /// An expression in it fails.
    pub(crate) fn evaluate(&self, sources: &Sources<'_>) -> Result<Value, EvalFailure> {
        self.0.evaluate(sources)
    }

    /// Returns the expression that the whole template is, if it is one.
    pub(crate) fn as_expression(&self) -> Option<&Jsonata> {
        match &self.0 {
            Part::Jsonata(expression) => Some(expression),
            _ => None,
        }
    }

    /// Returns the names of the fields of a template that is an object.
    pub(crate) fn field_names(&self) -> Vec<&str> {
        match &self.0 {
            Part::Object(fields) => fields.iter().map(|(name, _)| name.as_str()).collect(),
            Part::Fixed(Value::Object(fields)) => fields.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns a field's text, where the template is an object and computes nothing there.
    pub(crate) fn fixed_text(&self, field: &str) -> Option<&str> {
        let value = match &self.0 {
            Part::Fixed(Value::Object(fields)) => fields.get(field),
            Part::Object(fields) => fields.iter().find_map(|(name, part)| match part {
                Part::Fixed(value) if name == field => Some(value),
                _ => None,
            }),
            _ => None,
        };
        value.and_then(Value::as_str)
    }

    /// Goes through all paths and expressions.
    pub(crate) fn visit(&self, visitor: &mut dyn FnMut(Reference<'_>)) {
        self.0.visit(visitor);
    }
}

/// A path or expression in a template.
pub(crate) enum Reference<'a> {
    Path(&'a Path),
    Jsonata(&'a Jsonata),
}

impl Part {
    fn evaluate(&self, sources: &Sources<'_>) -> Result<Value, EvalFailure> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Array(parts) => {
                let values: Result<Vec<Value>, _> =
                    parts.iter().map(|part| part.evaluate(sources)).collect();
                Ok(Value::Array(values?))
            }
            Self::Object(fields) => {
                let mut object = Map::new();
                for (name, part) in fields {
                    object.insert(name.clone(), part.evaluate(sources)?);
                }
                Ok(Value::Object(object))
            }
            Self::Path(path, field) => {
                sources
                    .evaluation
                    .find(path, sources.dollar)
                    .map_err(|_problem| {
                        EvalFailure::runtime(format!(
                            "The JSONPath '{path}' specified for the field '{field}' could not be \
                         found in the input '{}'",
                            sources.dollar
                        ))
                    })
            }
            Self::Call(call) => call.evaluate(sources.evaluation, sources.dollar),
            Self::Jsonata(expression) => expression.evaluate(sources.evaluation, sources.states),
        }
    }

    fn visit(&self, visitor: &mut dyn FnMut(Reference<'_>)) {
        match self {
            Self::Fixed(_) => {}
            Self::Array(parts) => parts.iter().for_each(|part| part.visit(visitor)),
            Self::Object(fields) => fields.iter().for_each(|(_, part)| part.visit(visitor)),
            Self::Path(path, _) => visitor(Reference::Path(path)),
            Self::Call(call) => call.paths(&mut |path| visitor(Reference::Path(path))),
            Self::Jsonata(expression) => visitor(Reference::Jsonata(expression)),
        }
    }

    fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

/// Compiles a template in JSONPath.
fn paths(node: &Node, place: &Place, report: &mut Report) -> Part {
    let part = match &node.kind {
        NodeKind::Array(elements) => Part::Array(
            elements
                .iter()
                .enumerate()
                .map(|(index, element)| paths(element, &place.element(index, element), report))
                .collect(),
        ),
        NodeKind::Object(fields) => {
            let mut parts: Vec<(String, Part)> = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                // Step Functions locates a field that is computed at the object around it.
                let around = place;
                let place = around.field(name, &field.value);
                let (target, part) = match name.strip_suffix(".$") {
                    None => (name.as_str(), Some(paths(&field.value, &place, report))),
                    Some(target) => {
                        if fields.contains_key(target) {
                            report.schema_hint(
                                &place.at(field.position),
                                format!("The fields '{target}' and '{name}' have the same name"),
                                "keep one of the two: '.$' is cut off the name",
                            );
                        }
                        let place = place.located_at(around);
                        (target, computed(name, &field.value, &place, report))
                    }
                };
                parts.extend(part.map(|part| (target.to_owned(), part)));
            }
            Part::Object(parts)
        }
        _ => return Part::Fixed(node.to_value()),
    };
    fixed_if_possible(part)
}

/// Compiles the value of a field whose name ends in `.$`.
fn computed(name: &str, node: &Node, place: &Place, report: &mut Report) -> Option<Part> {
    match node.as_str() {
        Some(text) => expression(text, name, place, report),
        None => {
            report.schema(
                place,
                format!(
                    "The value for the field '{name}' must be a valid JSONPath or a valid \
                     intrinsic function call"
                ),
            );
            None
        }
    }
}

fn expression(text: &str, field: &str, place: &Place, report: &mut Report) -> Option<Part> {
    let compiled = if text.starts_with('$') {
        Path::parse(text)
            .map(|path| Part::Path(path, field.to_owned()))
            .map_err(|error| error.to_string())
    } else {
        Call::parse(text)
            .map(|call| Part::Call(Box::new(call)))
            .map_err(|error| error.to_string())
    };
    match compiled {
        Ok(part) => Some(part),
        Err(error) => {
            report.schema_hint(
                place,
                format!(
                    "The value for the field '{field}' must be a valid JSONPath or a valid \
                     intrinsic function call"
                ),
                error,
            );
            None
        }
    }
}

/// Compiles a template in JSONata; `field` names the place in messages.
fn expressions(node: &Node, field: &str, place: &Place, report: &mut Report) -> Part {
    let part = match &node.kind {
        NodeKind::String(text) if jsonata::is_expression(text) => {
            return match Jsonata::compile(text, field, place, report) {
                Some(expression) => Part::Jsonata(expression),
                None => Part::Fixed(Value::Null),
            };
        }
        NodeKind::String(text) => {
            jsonata::check_plain_text(text, place, report);
            return Part::Fixed(node.to_value());
        }
        NodeKind::Array(elements) => {
            let compile = |(index, element): (usize, &Node)| {
                let field = format!("{field}[{index}]");
                expressions(element, &field, &place.element(index, element), report)
            };
            Part::Array(elements.iter().enumerate().map(compile).collect())
        }
        NodeKind::Object(fields) => {
            let compile = |(name, each): (&String, &crate::parse::node::Field)| {
                let field = format!("{field}/{name}");
                let place = place.field(name, &each.value);
                (
                    name.clone(),
                    expressions(&each.value, &field, &place, report),
                )
            };
            Part::Object(fields.iter().map(compile).collect())
        }
        _ => return Part::Fixed(node.to_value()),
    };
    fixed_if_possible(part)
}

/// Turns a collection that computes nothing into a plain value.
fn fixed_if_possible(part: Part) -> Part {
    let plain = |part: Part| match part {
        Part::Fixed(value) => value,
        _ => Value::Null,
    };
    match part {
        Part::Array(parts) if parts.iter().all(Part::is_fixed) => {
            Part::Fixed(parts.into_iter().map(plain).collect())
        }
        Part::Object(fields) if fields.iter().all(|(_, part)| part.is_fixed()) => Part::Fixed(
            fields
                .into_iter()
                .map(|(name, part)| (name, plain(part)))
                .collect(),
        ),
        part => part,
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
