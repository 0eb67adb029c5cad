//! What an expression refers to, and whether Step Functions lets it.
//!
//! Expressions run without a context document: a path has to start from `$states`, a
//! variable or a value that the expression makes.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::{MEMBERS, Member};

/// How deep an expression may nest. Evaluation allows fewer levels in practice.
const NESTING_MAX: usize = 300;

/// What a check found.
pub(super) struct Checked {
    pub(super) problems: Vec<Problem>,
    /// Variables that the expression does not bind itself.
    pub(super) variables: BTreeSet<String>,
    pub(super) reads: BTreeSet<Member>,
    /// Whether it calls `$random`, `$uuid` or `$shuffle`.
    pub(super) draws: bool,
}

/// Something that is not supported.
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) hint: String,
}

/// Checks an expression.
pub(super) fn check(ast: &AstNode) -> Checked {
    let mut walk = Walk::default();
    walk.node(ast, true, 0);
    let variables = walk.referred.difference(&walk.bound).cloned().collect();
    Checked {
        problems: walk.problems,
        variables,
        reads: walk.reads,
        draws: walk.draws,
    }
}

#[derive(Default)]
struct Walk {
    problems: Vec<Problem>,
    referred: BTreeSet<String>,
    bound: BTreeSet<String>,
    reads: BTreeSet<Member>,
    draws: bool,
}

impl Walk {
    fn problem(&mut self, message: String, hint: &str) {
        if !self
            .problems
            .iter()
            .any(|problem| problem.message == message)
        {
            self.problems.push(Problem {
                message,
                hint: hint.to_owned(),
            });
        }
    }

    /// Looks at a node; `is_top` says that no document is at hand there.
    fn node(&mut self, node: &AstNode, is_top: bool, depth: usize) {
        if depth > NESTING_MAX {
            self.problem(
                format!("Expression nests deeper than {NESTING_MAX} levels."),
                "take parts of it into variables",
            );
            return;
        }
        let depth = depth + 1;
        match node {
            AstNode::Name(name) if is_top => self.problem(
                format!("Reference to '{name}' at the top level is not supported."),
                "start from '$states.input' or from a variable",
            ),
            AstNode::ParentVariable(_) => self.problem(
                "Reference to '$$' is not supported.".to_owned(),
                "write '$states.input'",
            ),
            AstNode::Variable(name) => self.variable(name),
            AstNode::Path { steps } => self.path(steps, is_top, depth),
            AstNode::Binary { op, lhs, rhs } => {
                match (op, &**lhs) {
                    (BinaryOp::ColonEqual, AstNode::Variable(name)) => {
                        self.bound.insert(name.clone());
                    }
                    _ => self.node(lhs, is_top, depth),
                }
                self.node(rhs, is_top, depth);
            }
            AstNode::Function { name, args, .. } => {
                self.function(name);
                self.nodes(args, is_top, depth);
            }
            AstNode::Lambda { params, body, .. } => {
                self.bound.extend(params.iter().cloned());
                self.node(body, is_top, depth);
            }
            other => self.parts(other, is_top, depth),
        }
    }

    /// Looks at the parts of a node that itself refers to nothing.
    fn parts(&mut self, node: &AstNode, is_top: bool, depth: usize) {
        match node {
            AstNode::Unary { operand, .. } => self.node(operand, is_top, depth),
            AstNode::Call { procedure, args } => {
                self.node(procedure, is_top, depth);
                self.nodes(args, is_top, depth);
            }
            AstNode::Array(items) | AstNode::Block(items) | AstNode::ArrayGroup(items) => {
                self.nodes(items, is_top, depth);
            }
            AstNode::Object(pairs) => self.pairs(pairs, is_top, depth),
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input, is_top, depth);
                self.pairs(pattern, false, depth);
            }
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                self.node(condition, is_top, depth);
                self.node(then_branch, is_top, depth);
                if let Some(branch) = else_branch {
                    self.node(branch, is_top, depth);
                }
            }
            AstNode::FunctionApplication(inner) => self.node(inner, is_top, depth),
            AstNode::Sort { input, terms } => {
                self.node(input, is_top, depth);
                terms
                    .iter()
                    .for_each(|(term, _)| self.node(term, false, depth));
            }
            AstNode::Transform {
                location,
                update,
                delete,
            } => {
                self.node(location, false, depth);
                self.node(update, false, depth);
                if let Some(delete) = delete {
                    self.node(delete, false, depth);
                }
            }
            // What is left has no parts.
            _ => {}
        }
    }

    fn nodes(&mut self, nodes: &[AstNode], is_top: bool, depth: usize) {
        nodes.iter().for_each(|node| self.node(node, is_top, depth));
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], is_top: bool, depth: usize) {
        for (key, value) in pairs {
            self.node(key, is_top, depth);
            self.node(value, is_top, depth);
        }
    }

    /// Looks at a path: only its first step is read without a document.
    fn path(&mut self, steps: &[PathStep], is_top: bool, depth: usize) {
        let mut rest = steps;
        if let [first, after @ ..] = steps
            && let [second, ..] = after
            && let Some(member) = member(first, second)
        {
            // Only this member is read, not all of `$states`.
            self.reads.insert(member);
            self.bindings(first);
            rest = after;
        }
        for (position, step) in rest.iter().enumerate() {
            let is_first = position == 0 && rest.len() == steps.len();
            self.node(&step.node, is_top && is_first, depth);
            for stage in &step.stages {
                match stage {
                    Stage::Filter(filter) => self.node(filter, false, depth),
                    Stage::Index(name) => {
                        self.bound.insert(name.clone());
                    }
                    Stage::KeepArray => {}
                }
            }
            self.bindings(step);
        }
    }

    fn bindings(&mut self, step: &PathStep) {
        self.bound
            .extend(step.focus.iter().chain(&step.index_var).cloned());
    }

    fn variable(&mut self, name: &str) {
        match name {
            "" => {}
            "states" => self.reads.extend(
                MEMBERS
                    .iter()
                    .map(|(member, _)| *member)
                    .filter(|m| *m != Member::ErrorOutput),
            ),
            name => {
                self.function(name);
                self.referred.insert(name.to_owned());
            }
        }
    }

    /// Looks at a function that is called or passed on.
    fn function(&mut self, name: &str) {
        match name {
            "eval" => self.problem(
                "Function '$eval' is not supported.".to_owned(),
                "use '$parse' to read JSON",
            ),
            "random" | "uuid" | "shuffle" => self.draws = true,
            _ => {}
        }
    }
}

/// Returns the member of `$states` that a path's first two steps read.
fn member(first: &PathStep, second: &PathStep) -> Option<Member> {
    match (&first.node, &second.node) {
        (AstNode::Variable(root), AstNode::Name(name))
            if root == "states" && first.stages.is_empty() =>
        {
            let (member, _) = MEMBERS.iter().find(|(_, known)| known == name)?;
            Some(*member)
        }
        _ => None,
    }
}
