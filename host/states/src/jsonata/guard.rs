//! Rewrites an expression so that no single operation can take up unbounded memory
//! or time.
//!
//! The library checks its clock between operations. Four of them can make something
//! huge, or take for ever, on their own: `&`, `$pad`, `$join` and `$replace` multiply
//! texts, and `$distinct` compares all with all. Here `&`, `$join` and `$distinct`
//! become functions of ours, and the arguments of `$pad` and `$replace` pass through
//! one that measures them. `$now` takes the evaluation's time instead of the clock's.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// Name of the variable that holds the time of the evaluation.
pub(super) const NOW: &str = "#now";
/// Name of the function that `&` becomes.
pub(super) const CONCAT: &str = "#concat";
/// Name of the function that measures the width of `$pad`.
pub(super) const WIDTH: &str = "#width";
/// Name of the function that measures what `$replace` will make.
pub(super) const REPLACED: &str = "#replaced";
/// Names of the functions that are ours wherever they are named; no expression can
/// name them so.
pub(super) const JOIN: &str = "#join";
pub(super) const DISTINCT: &str = "#distinct";
pub(super) const PAD: &str = "#pad";
pub(super) const REPLACE: &str = "#replace";
/// Names of the variables that hold what `$replace` is called with.
const REPLACE_ARGS: [&str; 3] = ["#subject", "#pattern", "#replacement"];

/// Returns what a guarded name is called in rewritten expressions. Variables that
/// have such a name are renamed with it.
pub(super) fn guarded_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "join" => JOIN,
        "distinct" => DISTINCT,
        "pad" => PAD,
        "replace" => REPLACE,
        _ => return None,
    })
}

/// Rewrites an expression.
pub(super) fn guard(mut ast: AstNode) -> AstNode {
    let guard = Guard {
        shadows: Shadows::of(&mut ast),
    };
    guard.node(&mut ast);
    ast
}

/// Which of the functions that keep their name in calls the expression redefines.
#[derive(Default)]
struct Shadows {
    pad: bool,
    replace: bool,
}

impl Shadows {
    fn of(ast: &mut AstNode) -> Self {
        let mut shadows = Self::default();
        shadows.look(ast);
        shadows
    }

    fn look(&mut self, node: &mut AstNode) {
        let mut bind = |name: &str| match name {
            "pad" => self.pad = true,
            "replace" => self.replace = true,
            _ => {}
        };
        match node {
            AstNode::Binary {
                op: BinaryOp::ColonEqual,
                lhs,
                ..
            } => {
                if let AstNode::Variable(name) = &**lhs {
                    bind(name);
                }
            }
            AstNode::Lambda { params, .. } => params.iter().for_each(|param| bind(param)),
            AstNode::Path { steps } => {
                for step in steps {
                    step.focus
                        .iter()
                        .chain(&step.index_var)
                        .for_each(|name| bind(name));
                }
            }
            _ => {}
        }
        for_each_child(node, &mut |child| self.look(child));
    }
}

struct Guard {
    shadows: Shadows,
}

impl Guard {
    fn node(&self, node: &mut AstNode) {
        self.unchain(node);
        for_each_child(node, &mut |child| self.node(child));
        match node {
            AstNode::Binary {
                op: BinaryOp::Concatenate,
                lhs,
                rhs,
            } => {
                let args = vec![take(lhs), take(rhs)];
                *node = function(CONCAT, args);
            }
            AstNode::Function { name, args, .. } => {
                let is_partial = is_partial(args);
                match name.as_str() {
                    "now" => {
                        args.insert(0, AstNode::Variable(NOW.to_owned()));
                        *name = "fromMillis".to_owned();
                    }
                    "pad" if !self.shadows.pad && !is_partial => {
                        for arg in args {
                            *arg = function(WIDTH, vec![take(arg)]);
                        }
                    }
                    "replace" if !self.shadows.replace && !is_partial => {
                        *node = measured_replace(std::mem::take(args));
                    }
                    _ => rename(name),
                }
            }
            AstNode::Variable(name) => rename(name),
            AstNode::Lambda { params, .. } => params.iter_mut().for_each(rename),
            AstNode::Path { steps } => steps.iter_mut().for_each(rename_bindings),
            _ => {}
        }
    }

    /// Makes `$replace(x, a, b)` of `x ~> $replace(a, b)`: all arguments have to be at
    /// hand to be measured.
    fn unchain(&self, node: &mut AstNode) {
        if let AstNode::Binary {
            op: BinaryOp::ChainPipe,
            lhs,
            rhs,
        } = node
            && let AstNode::Function { name, args, .. } = &mut **rhs
            && name == "replace"
            && !self.shadows.replace
            && !is_partial(args)
        {
            args.insert(0, take(lhs));
            *node = take(rhs);
        }
    }
}

fn is_partial(args: &[AstNode]) -> bool {
    args.iter().any(|arg| matches!(arg, AstNode::Placeholder))
}

fn rename(name: &mut String) {
    if let Some(guarded) = guarded_name(name) {
        *name = guarded.to_owned();
    }
}

fn rename_bindings(step: &mut PathStep) {
    step.focus
        .iter_mut()
        .chain(&mut step.index_var)
        .for_each(rename);
    for stage in &mut step.stages {
        if let Stage::Index(name) = stage {
            rename(name);
        }
    }
}

fn take(node: &mut AstNode) -> AstNode {
    std::mem::replace(node, AstNode::Null)
}

fn function(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function {
        name: name.to_owned(),
        args,
        is_builtin: true,
    }
}

/// Makes a block of `$replace(s, p, r, n)` that measures before it replaces:
/// `($a := s; $b := p; $c := r; $replace(#replaced($a, $b, $c), $b, $c, n))`.
fn measured_replace(mut args: Vec<AstNode>) -> AstNode {
    if args.len() == 2 {
        // The value at hand is the subject.
        args.insert(0, AstNode::Variable(String::new()));
    }
    let mut block = Vec::new();
    for (arg, name) in args.iter_mut().zip(REPLACE_ARGS) {
        let variable = AstNode::Variable(name.to_owned());
        block.push(AstNode::Binary {
            op: BinaryOp::ColonEqual,
            lhs: Box::new(variable.clone()),
            rhs: Box::new(std::mem::replace(arg, variable)),
        });
    }
    let measured = args.iter().take(REPLACE_ARGS.len()).cloned().collect();
    if let Some(subject) = args.first_mut() {
        *subject = function(REPLACED, measured);
    }
    block.push(function("replace", args));
    AstNode::Block(block)
}

/// Goes through a node's children.
fn for_each_child(node: &mut AstNode, visit: &mut dyn FnMut(&mut AstNode)) {
    match node {
        AstNode::Path { steps } => {
            for step in steps {
                visit(&mut step.node);
                for stage in &mut step.stages {
                    if let Stage::Filter(filter) = stage {
                        visit(filter);
                    }
                }
            }
        }
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand, .. } => visit(operand),
        AstNode::Function { args, .. } => args.iter_mut().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter_mut().for_each(visit);
        }
        AstNode::Lambda { body, .. } => visit(body),
        AstNode::Array(items) | AstNode::Block(items) | AstNode::ArrayGroup(items) => {
            items.iter_mut().for_each(visit);
        }
        AstNode::Object(pairs) => for_each_in_pairs(pairs, visit),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            for_each_in_pairs(pattern, visit);
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            visit(condition);
            visit(then_branch);
            else_branch.iter_mut().for_each(|branch| visit(branch));
        }
        AstNode::FunctionApplication(inner) => visit(inner),
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter_mut().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            visit(location);
            visit(update);
            delete.iter_mut().for_each(|delete| visit(delete));
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}

fn for_each_in_pairs(pairs: &mut [(AstNode, AstNode)], visit: &mut dyn FnMut(&mut AstNode)) {
    for (key, value) in pairs {
        visit(key);
        visit(value);
    }
}
