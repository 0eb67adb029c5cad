//! JSONata expressions: `{% $states.input.total * 2 %}`.
//!
//! The language itself is the library's; what is ours is what Step Functions makes
//! of it: `$states` and variables instead of a context document, six more functions,
//! and bounds. An expression is parsed, checked and guarded with the definition
//! (`check`, `guard`) and evaluated by a fresh evaluator each time, behind a wall
//! against panics. Library types do not leave this module.

mod check;
mod convert;
mod dates;
mod functions;
mod guard;
mod lookup;
mod measured;
mod names;
mod time_limit;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use crate::data_flow::EvalFailure;
use crate::data_flow::evaluation::Evaluation;
use crate::diagnostic::Severity;
use crate::parse::report::{Place, Report};
pub(crate) use convert::Converted;
pub(crate) use names::is_function;

/// Longest expression, in bytes.
const TEXT_MAX_BYTES: usize = 65_536;

/// How deep evaluation may nest. Step Functions allows 100 levels.
const DEPTH_MAX: usize = 500;

/// Most elements of a sequence: what Step Functions' memory bound comes to.
const SEQUENCE_MAX: usize = 873_782;

/// A JSONata expression, checked.
#[derive(Clone)]
pub struct Jsonata(Arc<Compiled>);

struct Compiled {
    /// Without `{%` and `%}`.
    text: String,
    /// Where it stands in its state: `Output/total`.
    field: String,
    /// Guarded: see [`guard`].
    ast: AstNode,
    /// The workflow's variables that it refers to, sorted.
    variables: Vec<String>,
    /// What it reads of `$states`.
    reads: BTreeSet<Member>,
    /// Whether it draws random values.
    draws: bool,
    /// Set if the expression only looks something up.
    lookup: Option<lookup::Lookup>,
}

/// A member of `$states`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Input,
    Result,
    ErrorOutput,
    Context,
}

/// All members, with their names.
const MEMBERS: [(Member, &str); 4] = [
    (Member::Input, "input"),
    (Member::Result, "result"),
    (Member::ErrorOutput, "errorOutput"),
    (Member::Context, "context"),
];

/// What `$states` holds besides the input and the context object.
#[derive(Debug, Default)]
pub(crate) struct States<'a> {
    pub(crate) result: Option<&'a Value>,
    pub(crate) error_output: Option<&'a Value>,
    /// The same for the library.
    pub(crate) converted: Converted,
}

/// Says whether a text is an expression.
pub(crate) fn is_expression(text: &str) -> bool {
    text.starts_with("{%") && text.ends_with("%}") && text.len() >= 4
}

/// Reports a text that starts or ends like an expression, but is none.
pub(crate) fn check_plain_text(text: &str, place: &Place, report: &mut Report) {
    if text.starts_with("{%") || text.ends_with("%}") {
        report.schema(place, "JSONata string must start with {% and end with %}");
    }
}

impl Jsonata {
    /// Compiles an expression of the form `{% … %}`; reports it if it is none.
    pub(crate) fn compile(
        text: &str,
        field: &str,
        place: &Place,
        report: &mut Report,
    ) -> Option<Self> {
        let text = text.strip_prefix("{%")?.strip_suffix("%}")?.trim();
        let mut invalid = |message: String| {
            let code = "INVALID_JSONATA_EXPRESSION";
            report.add(Severity::Error, code, place, message, None);
            None
        };
        if text.len() > TEXT_MAX_BYTES {
            return invalid(format!(
                "An expression is at most {TEXT_MAX_BYTES} bytes long"
            ));
        }
        let parsed = catch_unwind(AssertUnwindSafe(|| parser::parse(text)));
        let ast = match parsed {
            Ok(Ok(ast)) => ast,
            Ok(Err(error)) => return invalid(without_code(&error.to_string()).to_owned()),
            Err(_panic) => return invalid("The expression cannot be parsed".to_owned()),
        };
        let checked = check::check(&ast);
        if !checked.problems.is_empty() {
            for problem in checked.problems {
                let code = "UNSUPPORTED_JSONATA_EXPRESSION";
                report.add(
                    Severity::Error,
                    code,
                    place,
                    problem.message,
                    Some(problem.hint),
                );
            }
            return None;
        }
        if checked.reads.contains(&Member::ErrorOutput) && !field.starts_with("Catch[") {
            report.add(
                Severity::Error,
                "UNSUPPORTED_JSONATA_EXPRESSION",
                place,
                "Reference to '$states.errorOutput' is not supported.".to_owned(),
                Some("only a catcher's Output and Assign have an error output".to_owned()),
            );
            return None;
        }
        Some(Self(Arc::new(Compiled {
            text: text.to_owned(),
            field: field.to_owned(),
            lookup: lookup::Lookup::of(&ast),
            ast: guard::guard(ast),
            variables: checked.variables.into_iter().collect(),
            reads: checked.reads,
            draws: checked.draws,
        })))
    }

    /// Returns the expression without `{%` and `%}`.
    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the names of the workflow's variables that the expression refers to.
    pub(crate) fn variables(&self) -> &[String] {
        &self.0.variables
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    /// It fails, takes too long or gives nothing (`States.QueryEvaluationError`).
    pub(crate) fn evaluate(
        &self,
        evaluation: &Evaluation<'_>,
        states: &States<'_>,
    ) -> Result<Value, EvalFailure> {
        if let Some(found) = self
            .0
            .lookup
            .as_ref()
            .and_then(|it| it.find(evaluation, states))
        {
            return Ok(found);
        }
        let evaluated = catch_unwind(AssertUnwindSafe(|| {
            let result = self.run(evaluation, states)?;
            match result {
                JValue::Undefined => Err(self.failure("returned nothing (undefined).")),
                value => {
                    convert::from_library(&value).map_err(|problem| self.failure(problem.message()))
                }
            }
        }));
        match evaluated {
            Ok(result) => result,
            Err(_panic) => Err(self
                .failure("threw an error during evaluation. The expression cannot be evaluated.")),
        }
    }

    /// Has the library evaluate the expression.
    fn run(&self, evaluation: &Evaluation<'_>, states: &States<'_>) -> Result<JValue, EvalFailure> {
        let compiled = &*self.0;
        let draws = compiled.draws.then(|| evaluation.draws());
        let now = evaluation.env.now;
        let evaluated = time_limit::within(evaluation.env.limits.expression_ms, |wall_ms| {
            let context = self.context(evaluation, states);
            let mut evaluator = Evaluator::with_options(context, options(wall_ms));
            functions::register(&mut evaluator, now, draws.clone())?;
            evaluator.evaluate(&compiled.ast, &JValue::Undefined)
        });
        evaluated.map_err(|error| {
            self.failure(&format!(
                "threw an error during evaluation. {}",
                error.message()
            ))
        })
    }

    /// Makes what the expression can refer to.
    fn context(&self, evaluation: &Evaluation<'_>, states: &States<'_>) -> Context {
        let compiled = &*self.0;
        let mut context = Context::new();
        if !compiled.reads.is_empty() {
            context.bind(
                "states".to_owned(),
                members(&compiled.reads, evaluation, states),
            );
        }
        for name in &compiled.variables {
            if let Some(value) = evaluation.env.variables.variable(name) {
                let name = guard::guarded_name(name).unwrap_or(name);
                context.bind(name.to_owned(), convert::to_library(&value));
            }
        }
        let now_ms = evaluation.env.now.as_ms();
        context.bind(guard::NOW.to_owned(), JValue::from_i64(now_ms));
        context
    }

    /// Evaluates an expression that has to give a boolean.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), or it gives something else.
    pub(crate) fn boolean(
        &self,
        evaluation: &Evaluation<'_>,
        states: &States<'_>,
    ) -> Result<bool, EvalFailure> {
        match self.evaluate(evaluation, states)? {
            Value::Bool(value) => Ok(value),
            other => Err(self.unexpected("boolean", &other)),
        }
    }

    /// The failure of an expression that gave a value of the wrong type.
    pub(crate) fn unexpected(&self, expected: &str, value: &Value) -> EvalFailure {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.failure(&format!(
            "returned an unexpected result type. Expected '{expected}', but was '{found}' for \
             value: {value}"
        ))
    }

    fn failure(&self, what: &str) -> EvalFailure {
        let Compiled { text, field, .. } = &*self.0;
        EvalFailure {
            location: Some(field.clone()),
            ..EvalFailure::new(
                "States.QueryEvaluationError",
                format!("The JSONata expression '{text}' specified for the field '{field}' {what}"),
            )
        }
    }
}

/// Makes the members of `$states` that an expression reads.
fn members(reads: &BTreeSet<Member>, evaluation: &Evaluation<'_>, states: &States<'_>) -> JValue {
    let mut object = indexmap::IndexMap::new();
    for (member, name) in MEMBERS {
        if !reads.contains(&member) {
            continue;
        }
        let value = match member {
            Member::Input => Some(evaluation.converted().input(|| evaluation.input())),
            Member::Context => Some(evaluation.converted().context(|| evaluation.context())),
            Member::Result => states.result.map(|result| states.converted.result(result)),
            Member::ErrorOutput => states.error_output.map(convert::to_library),
        };
        object.extend(value.map(|value| (name.to_owned(), value)));
    }
    JValue::object(object)
}

/// Returns `$states` as a value, whole.
fn states_value(evaluation: &Evaluation<'_>, states: &States<'_>) -> Value {
    let mut object = Map::new();
    object.insert("input".to_owned(), evaluation.input().clone());
    for (name, value) in [
        ("result", states.result),
        ("errorOutput", states.error_output),
    ] {
        if let Some(value) = value {
            object.insert(name.to_owned(), value.clone());
        }
    }
    object.insert("context".to_owned(), evaluation.context().clone());
    Value::Object(object)
}

/// Cuts the code off a message of the library: Step Functions shows parsers' messages
/// without it.
fn without_code(message: &str) -> &str {
    match message.split_once(": ") {
        Some((code, rest))
            if code.len() == 5 && code.starts_with(|c: char| c.is_ascii_uppercase()) =>
        {
            rest
        }
        _ => message,
    }
}

impl fmt::Debug for Jsonata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jsonata({})", self.0.text)
    }
}

impl PartialEq for Jsonata {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text && self.0.field == other.0.field
    }
}

/// The bounds of an evaluation.
fn options(wall_ms: u64) -> EvaluatorOptions {
    EvaluatorOptions {
        timeout_ms: Some(wall_ms),
        cancel: None,
        max_stack_depth: Some(DEPTH_MAX),
        max_sequence_length: Some(SEQUENCE_MAX),
    }
}

/// Evaluates an expression over a document, as the language itself has it and with
/// all our bounds and functions; nothing if the result is undefined.
///
/// For the language's own test suite, whose expressions read a document where those
/// of a definition read `$states`.
///
/// # Errors
/// The expression cannot be parsed or evaluated; the message has the language's code.
#[doc(hidden)]
pub fn evaluate_over_document(
    text: &str,
    document: Option<&Value>,
    bindings: &[(String, Value)],
) -> Result<Option<Value>, String> {
    let ast = parser::parse(text).map_err(|error| error.to_string())?;
    let draws = crate::data_flow::evaluation::Draws::new([0; 32]);
    let document = document.map_or(JValue::Undefined, convert::to_library);
    let ast = guard::guard(ast);
    let evaluated = time_limit::within(1_000, |wall_ms| {
        let mut context = Context::new();
        for (name, value) in bindings {
            let name = guard::guarded_name(name).unwrap_or(name);
            context.bind(name.to_owned(), convert::to_library(value));
        }
        context.bind(guard::NOW.to_owned(), JValue::from_i64(0));
        let mut evaluator = Evaluator::with_options(context, options(wall_ms));
        let now = crate::Timestamp::from_ms(0);
        functions::register(&mut evaluator, now, Some(draws.clone()))?;
        evaluator.evaluate(&ast, &document)
    });
    match evaluated {
        Ok(JValue::Undefined) => Ok(None),
        Ok(value) => convert::from_library(&value)
            .map(Some)
            .map_err(|problem| problem.message().to_owned()),
        Err(error) => Err(error.message().to_owned()),
    }
}
