//! Expressions that only look something up: `$states.input.order.id`, `$total`.
//!
//! They are most of all expressions. Answering them without the library saves its
//! work, and keeps digits that its doubles would lose.

use jsonata_core::ast::AstNode;
use serde_json::Value;

use super::{MEMBERS, Member, States, states_value};
use crate::data_flow::evaluation::Evaluation;

/// An expression that only looks something up.
#[derive(Debug)]
pub(super) struct Lookup {
    root: Root,
    names: Vec<String>,
}

#[derive(Debug)]
enum Root {
    /// `$states` as a whole.
    States,
    Member(Member),
    Variable(String),
}

impl Lookup {
    /// Recognises such an expression.
    pub(super) fn of(ast: &AstNode) -> Option<Self> {
        let (root, rest) = match ast {
            AstNode::Variable(name) => (name, &[][..]),
            AstNode::Path { steps } => {
                let is_plain = steps.iter().all(|step| {
                    step.stages.is_empty()
                        && step.focus.is_none()
                        && step.index_var.is_none()
                        && step.ancestor_label.is_none()
                        && !step.is_tuple
                });
                match steps.split_first() {
                    Some((first, rest)) if is_plain => match &first.node {
                        AstNode::Variable(name) => (name, rest),
                        _ => return None,
                    },
                    _ => return None,
                }
            }
            _ => return None,
        };
        let names: Option<Vec<String>> = rest
            .iter()
            .map(|step| match &step.node {
                AstNode::Name(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let names = names?;
        match (root.as_str(), names.split_first()) {
            ("", _) => None,
            ("states", None) => Some(Self {
                root: Root::States,
                names,
            }),
            ("states", Some((member, rest))) => {
                let (member, _) = MEMBERS.iter().find(|(_, name)| name == member)?;
                Some(Self {
                    root: Root::Member(*member),
                    names: rest.to_vec(),
                })
            }
            (variable, _) => Some(Self {
                root: Root::Variable(variable.to_owned()),
                names,
            }),
        }
    }

    /// Looks it up; nothing if it is not there, or not this simple after all.
    pub(super) fn find(&self, evaluation: &Evaluation<'_>, states: &States<'_>) -> Option<Value> {
        match &self.root {
            Root::States => Some(states_value(evaluation, states)),
            Root::Member(Member::Input) => self.walk(evaluation.input()),
            Root::Member(Member::Context) => self.walk(evaluation.context()),
            Root::Member(Member::Result) => self.walk(states.result?),
            Root::Member(Member::ErrorOutput) => self.walk(states.error_output?),
            Root::Variable(name) => self.walk(&evaluation.env.variables.variable(name)?),
        }
    }

    /// Follows the names through objects. Lists are left to the library: a name
    /// applies to each of their elements.
    fn walk(&self, start: &Value) -> Option<Value> {
        let mut value = start;
        for name in &self.names {
            value = value.as_object()?.get(name)?;
        }
        Some(value.clone())
    }
}
