//! JSONata expressions: `{% $states.input.total * 2 %}`.

use serde_json::Value;

use crate::data_flow::EvalFailure;
use crate::data_flow::evaluation::Evaluation;
use crate::parse::report::{Place, Report};

/// A JSONata expression, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Jsonata {
    /// Without `{%` and `%}`.
    text: String,
    /// Where it stands in its state: `Output/total`.
    field: String,
}

/// What `$states` holds besides the input and the context object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct States<'a> {
    pub(crate) result: Option<&'a Value>,
    pub(crate) error_output: Option<&'a Value>,
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
    /// Checks an expression of the form `{% … %}`.
    pub(crate) fn compile(
        text: &str,
        field: &str,
        _place: &Place,
        _report: &mut Report,
    ) -> Option<Self> {
        let inner = text.strip_prefix("{%")?.strip_suffix("%}")?.trim();
        Some(Self {
            text: inner.to_owned(),
            field: field.to_owned(),
        })
    }

    /// Returns the names of the variables that the expression refers to.
    pub(crate) fn variables(&self) -> &[String] {
        &[]
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    /// It fails, takes too long or gives nothing (`States.QueryEvaluationError`).
    pub(crate) fn evaluate(
        &self,
        _evaluation: &Evaluation<'_>,
        _states: &States<'_>,
    ) -> Result<Value, EvalFailure> {
        Err(self.failure("cannot be evaluated."))
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
        EvalFailure {
            location: Some(self.field.clone()),
            ..EvalFailure::new(
                "States.QueryEvaluationError",
                format!(
                    "The JSONata expression '{}' specified for the field '{}' {what}",
                    self.text, self.field
                ),
            )
        }
    }
}
