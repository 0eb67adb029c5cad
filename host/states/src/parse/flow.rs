//! The fields of the data flow.

use super::fields::Object;
use super::node::{Node, NodeKind};
use super::report::{Place, Report};
use super::state::Draft;
use crate::data_flow::flow::{Flow, JsonPathFlow, JsonataFlow, ResultPath, Selection};
use crate::definition::{Limit, QueryLanguage};
use crate::diagnostic::Severity;
use crate::jsonata::{self, Jsonata};
use crate::path::{Path, ReferencePath, Root, is_variable_name};
use crate::template::Template;

/// Which fields of the data flow a type of state has.
pub(crate) struct FlowFields {
    /// `InputPath`, `OutputPath`, `Output`.
    pub(crate) input_and_output: bool,
    /// `Parameters`, `Arguments`.
    pub(crate) parameters: bool,
}

/// Reads a state's data flow.
pub(crate) fn read(draft: &Draft<'_>, fields: &FlowFields, report: &mut Report) -> Flow {
    let object = &draft.object;
    let assign = assign(object, draft.language, "Assign", report);
    match draft.language {
        QueryLanguage::JsonPath => {
            let mut flow = JsonPathFlow {
                assign,
                ..JsonPathFlow::default()
            };
            if fields.input_and_output {
                flow.input_path = selection(object, "InputPath", report);
                flow.output_path = selection(object, "OutputPath", report);
                flow.result_path = result_path(object, report).unwrap_or_default();
            }
            if fields.parameters {
                flow.parameters = object_template(object, "Parameters", report);
            }
            flow.result_selector = object_template(object, "ResultSelector", report);
            Flow::JsonPath(Box::new(flow))
        }
        QueryLanguage::Jsonata => {
            let mut flow = JsonataFlow {
                assign,
                ..JsonataFlow::default()
            };
            if fields.input_and_output {
                flow.output = jsonata_template(object, "Output", "Output", report);
            }
            if fields.parameters {
                flow.arguments = jsonata_template(object, "Arguments", "Arguments", report);
            }
            Flow::Jsonata(Box::new(flow))
        }
    }
}

/// Compiles a field that holds a template in JSONata.
pub(crate) fn jsonata_template(
    object: &Object<'_>,
    name: &str,
    field: &str,
    report: &mut Report,
) -> Option<Template> {
    let (node, place) = object.get(name)?;
    Some(Template::compile(
        node,
        QueryLanguage::Jsonata,
        field,
        &place,
        report,
    ))
}

/// Compiles a field that holds an object as a template in JSONPath.
pub(crate) fn object_template(
    object: &Object<'_>,
    name: &str,
    report: &mut Report,
) -> Option<Template> {
    let (node, place) = object.get(name)?;
    if node.as_object().is_none() {
        report.schema(&place, "Expected value of type [OBJECT]");
        return None;
    }
    Some(Template::compile(
        node,
        QueryLanguage::JsonPath,
        name,
        &place,
        report,
    ))
}

/// Compiles an `Assign` and checks the names of its variables.
pub(crate) fn assign(
    object: &Object<'_>,
    language: QueryLanguage,
    field: &str,
    report: &mut Report,
) -> Option<Template> {
    let (node, place) = object.get("Assign")?;
    let Some(variables) = node.as_object() else {
        report.schema(&place, "Expected value of type [OBJECT]");
        return None;
    };
    for (name, variable) in variables {
        let place = place.field(name, &variable.value).at(variable.position);
        let name = match language {
            QueryLanguage::JsonPath => name.strip_suffix(".$").unwrap_or(name),
            QueryLanguage::Jsonata => name,
        };
        if name == "states" {
            report.add(
                Severity::Error,
                "RESERVED_VARIABLE_NAME",
                &place,
                "Cannot assign to reserved variable '$states'.".to_owned(),
                None,
            );
        } else if !is_variable_name(name) {
            report.add(
                Severity::Error,
                "INVALID_VARIABLE_NAME",
                &place,
                format!(
                    "Invalid variable name '{name}': the variable name contains invalid characters."
                ),
                Some("use a letter, then letters, digits and '_', at most 80 in all".to_owned()),
            );
        }
    }
    Some(Template::compile(node, language, field, &place, report))
}

/// Compiles an `InputPath` or `OutputPath`.
fn selection(object: &Object<'_>, name: &str, report: &mut Report) -> Selection {
    let Some((node, place)) = object.get(name) else {
        return Selection::Whole;
    };
    if matches!(node.kind, NodeKind::Null) {
        return Selection::Nothing;
    }
    match path(node, &place, report) {
        Some(path) if path.is_whole_input() => Selection::Whole,
        Some(path) => Selection::Part(path),
        None => Selection::Whole,
    }
}

/// Compiles a `ResultPath`; nothing if there is none.
pub(crate) fn result_path(object: &Object<'_>, report: &mut Report) -> Option<ResultPath> {
    let (node, place) = object.get("ResultPath")?;
    if matches!(node.kind, NodeKind::Null) {
        return Some(ResultPath::Discard);
    }
    let path = reference_path(node, &place, report)?;
    if path.is_whole_input() {
        return Some(ResultPath::Replace);
    }
    if *path.root() != Root::Input {
        report.schema_hint(
            &place,
            "Value is not a Reference Path: ResultPath must address the state's input",
            "start the path with '$.'; the context object and variables cannot be written so",
        );
        return None;
    }
    ReferencePath::new(path).map(ResultPath::At)
}

/// Compiles a path.
pub(crate) fn path(node: &Node, place: &Place, report: &mut Report) -> Option<Path> {
    let Some(text) = node.as_str() else {
        report.schema(place, "Expected value of type [STRING]");
        return None;
    };
    match Path::parse(text) {
        Ok(path) => Some(path),
        Err(error) => {
            report.schema_hint(place, "Value must be a valid JSONPath.", error.to_string());
            None
        }
    }
}

/// Compiles a path that can only name one place.
pub(crate) fn reference_path(node: &Node, place: &Place, report: &mut Report) -> Option<Path> {
    let Some(text) = node.as_str() else {
        report.schema(place, "Expected value of type [STRING]");
        return None;
    };
    let problem = match Path::parse(text) {
        Ok(path) if path.is_reference() => return Some(path),
        Ok(_) => "only names and single indexes may follow '$'".to_owned(),
        Err(_) if !text.starts_with('$') => "Reference path didn't start with '$'".to_owned(),
        Err(error) => error.to_string(),
    };
    report.schema(place, format!("Value is not a Reference Path: {problem}"));
    None
}

/// Bounds of a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) min: u64,
    pub(crate) max: u64,
    /// Whether the number need not be an integer.
    pub(crate) fractions: bool,
}

/// Turns an integer into a double; all bounds are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "all bounds are far below 2^53")]
fn as_f64(integer: u64) -> f64 {
    integer as f64
}

/// Reads a number that is given, found by a path (`…Path`) or computed in JSONata.
pub(crate) fn limit(
    object: &Object<'_>,
    name: &str,
    language: QueryLanguage,
    bounds: Bounds,
    report: &mut Report,
) -> Limit {
    let path_name = format!("{name}Path");
    if language == QueryLanguage::JsonPath {
        object.at_most_one_of(&[name, &path_name], report);
        if let Some((node, place)) = object.get(&path_name) {
            return match reference_path(node, &place, report) {
                Some(path) => Limit::Path(path),
                None => Limit::None,
            };
        }
    }
    let Some((node, place)) = object.get(name) else {
        return Limit::None;
    };
    if let (QueryLanguage::Jsonata, Some(text)) = (language, node.as_str())
        && jsonata::is_expression(text)
    {
        return match Jsonata::compile(text, name, &place, report) {
            Some(expression) => Limit::Jsonata(expression),
            None => Limit::None,
        };
    }
    let value = match bounds.fractions {
        true => object.number(name, bounds.min, bounds.max, report),
        false => object
            .integer(name, bounds.min, bounds.max, report)
            .map(as_f64),
    };
    value.map_or(Limit::None, Limit::Value)
}
