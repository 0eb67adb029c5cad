//! Rewrites an expression so that no single operation can take up unbounded memory
//! or time.
//!
//! The library checks its clock between operations. Some of them can make something
//! huge, or take for ever, on their own:
//!
//! - `&`, `$pad`, `$join`, `$replace` and `$string` multiply texts, and ranges elements.
//!   Some become functions of ours; the arguments of the others pass through one that
//!   measures them.
//! - `$distinct` compares all with all. It becomes a function of ours.
//! - A value may hold the same part twice, that part the same part twice, and so on:
//!   looking at all of it takes for ever, though it is small. What becomes part of
//!   another value, gets a name or leaves a function is weighed.
//!
//! `$now` takes the evaluation's time instead of the clock's, and so does `$toMillis`
//! where a text leaves out its date.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// Name of the variable that holds the time of the evaluation.
pub(super) const NOW: &str = "#now";
/// Name of the function that `&` becomes.
pub(super) const CONCAT: &str = "#concat";
/// Name of the function that measures the width of `$pad`.
pub(super) const WIDTH: &str = "#width";
/// Names of the functions that measure the ends of a range.
pub(super) const FROM: &str = "#from";
pub(super) const TO: &str = "#to";
/// Name of the function that measures what is compared.
pub(super) const WEIGHED: &str = "#weighed";
/// Names of the functions that measure what `$replace` makes, of a text or with a
/// function, and that tell the two apart.
pub(super) const REPLACED: &str = "#replaced";
pub(super) const PART: &str = "#part";
pub(super) const IS_FUNCTION: &str = "#isFunction";
/// Names of the functions that complete a text without a date, and its picture.
pub(super) const DATED: &str = "#dated";
pub(super) const DATING: &str = "#dating";
/// Names of the functions that are ours wherever they are named; no expression can
/// name them so.
pub(super) const JOIN: &str = "#join";
pub(super) const STRING: &str = "#string";
pub(super) const DISTINCT: &str = "#distinct";
pub(super) const PAD: &str = "#pad";
pub(super) const REPLACE: &str = "#replace";
/// Names of the variables that hold what `$replace` is called with.
const REPLACE_ARGS: [&str; 4] = ["#subject", "#pattern", "#replacement", "#limit"];
const MATCH: &str = "#match";

/// Returns what a guarded name is called in rewritten expressions. Variables that
/// have such a name are renamed with it.
pub(super) fn guarded_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "join" => JOIN,
        "string" => STRING,
        "distinct" => DISTINCT,
        "pad" => PAD,
        "replace" => REPLACE,
        _ => return None,
    })
}

/// Rewrites an expression.
pub(super) fn guard(mut ast: AstNode) -> AstNode {
    let mut bound = BTreeSet::new();
    bound_names(&mut ast, &mut bound);
    Guard { bound }.node(&mut ast);
    ast
}

/// Returns the names that an expression binds: they are no functions of the library.
fn bound_names(node: &mut AstNode, names: &mut BTreeSet<String>) {
    match node {
        AstNode::Binary {
            op: BinaryOp::ColonEqual,
            lhs,
            ..
        } => {
            if let AstNode::Variable(name) = &**lhs {
                names.insert(name.clone());
            }
        }
        AstNode::Lambda { params, .. } => names.extend(params.iter().cloned()),
        AstNode::Path { steps } => {
            for step in steps {
                names.extend(step.focus.iter().chain(&step.index_var).cloned());
            }
        }
        _ => {}
    }
    for_each_child(node, &mut |child| bound_names(child, names));
}

struct Guard {
    bound: BTreeSet<String>,
}

impl Guard {
    fn node(&self, node: &mut AstNode) {
        self.unchain(node);
        for_each_child(node, &mut |child| self.node(child));
        match node {
            AstNode::Binary { op, lhs, rhs } => match op {
                BinaryOp::Concatenate => {
                    let args = vec![take(lhs), take(rhs)];
                    *node = function(CONCAT, args);
                }
                BinaryOp::Range => {
                    wrap(lhs, FROM);
                    wrap(rhs, TO);
                }
                BinaryOp::Equal | BinaryOp::NotEqual if !is_literal(lhs) && !is_literal(rhs) => {
                    // No more is compared than the smaller of the two holds.
                    wrap(rhs, WEIGHED);
                }
                BinaryOp::ColonEqual => self.weigh(rhs),
                _ => {}
            },
            AstNode::Function { .. } => self.call(node),
            AstNode::Call { args, .. } => args.iter_mut().for_each(|arg| self.weigh(arg)),
            AstNode::Array(items) => items.iter_mut().for_each(|item| self.weigh(item)),
            AstNode::Object(pairs) => {
                pairs.iter_mut().for_each(|(_, value)| self.weigh(value));
            }
            AstNode::Variable(name) => rename(name),
            AstNode::Lambda { params, body, .. } => {
                params.iter_mut().for_each(rename);
                self.weigh_end(body);
            }
            AstNode::Path { steps } => steps.iter_mut().for_each(rename_bindings),
            _ => {}
        }
    }

    /// Guards a call of a named function.
    fn call(&self, node: &mut AstNode) {
        let AstNode::Function { name, args, .. } = node else {
            return;
        };
        let is_partial = is_partial(args);
        match name.as_str() {
            bound if self.bound.contains(bound) => {
                args.iter_mut().for_each(|arg| self.weigh(arg));
                rename(name);
            }
            "now" => {
                args.insert(0, AstNode::Variable(NOW.to_owned()));
                *name = "fromMillis".to_owned();
            }
            "boolean" | "keys" | "lookup" | "not" | "spread" if !is_partial => {
                if let Some(first) = args.first_mut() {
                    self.weigh(first);
                }
            }
            "pad" if !is_partial => args.iter_mut().for_each(|arg| wrap(arg, WIDTH)),
            "replace" if !is_partial => *node = measured_replace(std::mem::take(args)),
            "toMillis" if !is_partial => {
                if let [text, picture, ..] = args.as_mut_slice() {
                    *text = function(DATED, vec![take(text), picture.clone()]);
                    wrap(picture, DATING);
                }
            }
            "string" if args.is_empty() => {
                // The value at hand is the argument.
                args.push(AstNode::Variable(String::new()));
                rename(name);
            }
            _ => rename(name),
        }
    }

    /// Measures a value that is about to become part of another, or to get a name. It
    /// may hold the same part often: each level of such parts multiplies what
    /// operations look at.
    fn weigh(&self, node: &mut AstNode) {
        match node {
            AstNode::Variable(_)
            | AstNode::Path { .. }
            | AstNode::Function { .. }
            | AstNode::Call { .. } => wrap(node, WEIGHED),
            AstNode::Binary {
                op: BinaryOp::ChainPipe,
                ..
            } => wrap(node, WEIGHED),
            AstNode::Conditional {
                then_branch,
                else_branch,
                ..
            } => {
                self.weigh(then_branch);
                else_branch.iter_mut().for_each(|branch| self.weigh(branch));
            }
            _ => {}
        }
    }

    /// Measures what a function ends with, unless it ends with a call of a function
    /// of the expression, which measures its own end.
    fn weigh_end(&self, node: &mut AstNode) {
        match node {
            AstNode::Variable(_) | AstNode::Path { .. } => wrap(node, WEIGHED),
            AstNode::Function { name, .. } if !self.bound.contains(name) => wrap(node, WEIGHED),
            AstNode::Conditional {
                then_branch,
                else_branch,
                ..
            } => {
                self.weigh_end(then_branch);
                else_branch
                    .iter_mut()
                    .for_each(|branch| self.weigh_end(branch));
            }
            AstNode::Block(items) => {
                if let Some(last) = items.last_mut() {
                    self.weigh_end(last);
                }
            }
            _ => {}
        }
    }

    /// Makes `$replace(x, a, b)` of `x ~> $replace(a, b)`: all arguments have to be at
    /// hand.
    fn unchain(&self, node: &mut AstNode) {
        if let AstNode::Binary {
            op: BinaryOp::ChainPipe,
            lhs,
            rhs,
        } = node
            && let AstNode::Function { name, args, .. } = &mut **rhs
            && matches!(name.as_str(), "replace" | "string")
            && !self.bound.contains(name)
            && !is_partial(args)
        {
            args.insert(0, take(lhs));
            *node = take(rhs);
        }
    }
}

fn is_literal(node: &AstNode) -> bool {
    matches!(
        node,
        AstNode::String(_) | AstNode::Number(_) | AstNode::Boolean(_) | AstNode::Null
    )
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

/// Passes what a node gives through a function.
fn wrap(node: &mut AstNode, name: &str) {
    *node = function(name, vec![take(node)]);
}

fn function(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function {
        name: name.to_owned(),
        args,
        is_builtin: true,
    }
}

/// Makes a block of `$replace(s, p, r, n)` that measures what it makes. After
/// `$s := s` and so on it is
///
/// ```text
/// #isFunction($r) ? $replace($s, $p, function($m) { #part($r($m)) }, $n)
///                 : $replace(#replaced($s, $p, $r), $p, $r, $n)
/// ```
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
    let (mut with_text, mut with_function) = (args.clone(), args);
    let measured = with_text.iter().take(3).cloned().collect();
    if let Some(subject) = with_text.first_mut() {
        *subject = function(REPLACED, measured);
    }
    let [_, _, replacement, _] = REPLACE_ARGS;
    if let Some(called) = with_function.get_mut(2) {
        let found = AstNode::Variable(MATCH.to_owned());
        *called = AstNode::Lambda {
            params: vec![MATCH.to_owned()],
            body: Box::new(function(PART, vec![function(replacement, vec![found])])),
            signature: None,
            thunk: false,
        };
    }
    block.push(AstNode::Conditional {
        condition: Box::new(function(
            IS_FUNCTION,
            vec![AstNode::Variable(replacement.to_owned())],
        )),
        then_branch: Box::new(function("replace", with_function)),
        else_branch: Some(Box::new(function("replace", with_text))),
    });
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
