//! Collects diagnostics, and knows the place of what is being read.

use std::sync::Arc;

use super::node::{Node, Position};
use crate::diagnostic::{Diagnostic, Severity};

/// The code that Step Functions gives to most problems.
pub(crate) const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";

/// Most errors, and most warnings, that one definition gets; what follows is rarely of
/// use. Each has a bound of its own: warnings never hide an error.
const EACH_MAX: usize = 100;

/// Collects what is wrong with a definition.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
}

/// A diagnostic, and who is told.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) diagnostic: Diagnostic,
    /// Step Functions refuses this, and Stepwell does not.
    pub(crate) is_foreign: bool,
    /// Service and action, if it is about an integration that Step Functions does not have.
    pub(crate) integration: Option<(String, String)>,
}

/// Where something stands, both as a pointer and as line and column.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// JSON pointer.
    pub(crate) pointer: Arc<str>,
    /// The same as Step Functions writes it: `/States/A/Catch[0]`.
    pub(crate) location: Arc<str>,
    pub(crate) position: Position,
}

impl Place {
    /// The place of the whole definition.
    pub(crate) fn root(node: &Node) -> Self {
        let pointer = node.origin.clone().unwrap_or_else(|| Arc::from(""));
        Self {
            location: pointer.clone(),
            pointer,
            position: node.position,
        }
    }

    /// The place of a node that stands for another of the text.
    fn of_origin(origin: &Arc<str>, value: &Node) -> Self {
        Self {
            pointer: origin.clone(),
            location: origin.clone(),
            position: value.position,
        }
    }

    /// The place of a field.
    pub(crate) fn field(&self, name: &str, value: &Node) -> Self {
        if let Some(origin) = &value.origin {
            return Self::of_origin(origin, value);
        }
        let pointer = format!("{}/{}", self.pointer, escape(name)).into();
        let location = format!("{}/{name}", self.location).into();
        Self {
            pointer,
            location,
            position: value.position,
        }
    }

    /// The place of an element.
    pub(crate) fn element(&self, index: usize, value: &Node) -> Self {
        if let Some(origin) = &value.origin {
            return Self::of_origin(origin, value);
        }
        let pointer = format!("{}/{index}", self.pointer).into();
        let location = format!("{}[{index}]", self.location).into();
        Self {
            pointer,
            location,
            position: value.position,
        }
    }

    /// The same place, shown where a field's name stands.
    pub(crate) fn at(&self, position: Position) -> Self {
        Self {
            position,
            ..self.clone()
        }
    }

    /// The same place, which Step Functions calls by another's location.
    pub(crate) fn located_at(&self, other: &Self) -> Self {
        Self {
            location: other.location.clone(),
            ..self.clone()
        }
    }
}

/// Escapes a name as a JSON pointer's part.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl Report {
    /// Adds an error of the schema.
    pub(crate) fn schema(&mut self, place: &Place, message: impl Into<String>) {
        self.add(Severity::Error, SCHEMA, place, message.into(), None);
    }

    /// Adds an error of the schema with advice.
    pub(crate) fn schema_hint(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(
            Severity::Error,
            SCHEMA,
            place,
            message.into(),
            Some(hint.into()),
        );
    }

    /// Adds an error that only Step Functions makes of it.
    pub(crate) fn foreign(&mut self, code: &str, place: &Place, message: String) {
        if self.findings.len() < 3 * EACH_MAX {
            self.findings.push(Finding {
                diagnostic: diagnostic(Severity::Error, code, place, message, None),
                is_foreign: true,
                integration: None,
            });
        }
    }

    /// Reports an integration that Step Functions does not have.
    pub(crate) fn unknown_integration(
        &mut self,
        (service, action): (&str, &str),
        place: &Place,
        message: String,
    ) {
        let count = self.findings.len();
        self.foreign(SCHEMA, place, message);
        if let Some(finding) = self.findings.get_mut(count) {
            finding.integration = Some((service.to_owned(), action.to_owned()));
        }
    }

    /// Adds any diagnostic.
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &str,
        place: &Place,
        message: String,
        hint: Option<String>,
    ) {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= EACH_MAX {
            self.findings.push(Finding {
                diagnostic: diagnostic(severity, code, place, message, hint),
                is_foreign: false,
                integration: None,
            });
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Returns what Stepwell says.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.findings
            .into_iter()
            .filter(|finding| !finding.is_foreign)
            .map(|finding| finding.diagnostic)
            .collect()
    }

    /// Returns everything.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

fn diagnostic(
    severity: Severity,
    code: &str,
    place: &Place,
    message: String,
    hint: Option<String>,
) -> Diagnostic {
    Diagnostic {
        severity,
        code: code.to_owned(),
        message,
        pointer: place.pointer.to_string(),
        location: place.location.to_string(),
        line: place.position.line,
        column: place.position.column,
        hint,
    }
}
