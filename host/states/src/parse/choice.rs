//! Choice.

use super::fields::Object;
use super::flow;
use super::node::{Node, NodeKind};
use super::report::{Place, Report};
use super::state::Draft;
use crate::choice::{Comparison, Kind, Operand, Operator, Pattern, Test};
use crate::definition::{Choice, ChoiceRule, Condition, QueryLanguage};
use crate::jsonata::{self, Jsonata};
use crate::timestamp::Timestamp;

const COMPARISONS: [(&str, Comparison); 5] = [
    ("Equals", Comparison::Equals),
    ("LessThan", Comparison::LessThan),
    ("GreaterThan", Comparison::GreaterThan),
    ("LessThanEquals", Comparison::LessThanEquals),
    ("GreaterThanEquals", Comparison::GreaterThanEquals),
];

const KINDS: [(&str, Kind); 6] = [
    ("IsNull", Kind::Null),
    ("IsPresent", Kind::Present),
    ("IsNumeric", Kind::Numeric),
    ("IsString", Kind::String),
    ("IsBoolean", Kind::Boolean),
    ("IsTimestamp", Kind::Timestamp),
];

/// Reads the fields of a Choice.
pub(crate) fn read(draft: &Draft<'_>, report: &mut Report) -> Option<Choice> {
    let object = &draft.object;
    object.require(&["Choices"], report);
    let default = object
        .get("Default")
        .and_then(|(node, place)| draft.names.target(node, &place, report));
    let (choices, place) = object.filled_array("Choices", report)?;
    let mut rules = Vec::with_capacity(choices.len());
    for (index, choice) in choices.iter().enumerate() {
        if let Some(object) = Object::of(choice, place.element(index, choice), report) {
            rules.extend(rule(draft, &object, index, report));
        }
    }
    Some(Choice { rules, default })
}

fn rule(
    draft: &Draft<'_>,
    object: &Object<'_>,
    index: usize,
    report: &mut Report,
) -> Option<ChoiceRule> {
    object.require(&["Next"], report);
    let field = format!("Choices[{index}]");
    let comment = object.owned_string("Comment", report);
    let assign = flow::assign(object, draft.language, &format!("{field}/Assign"), report);
    let next = object
        .get("Next")
        .and_then(|(node, place)| draft.names.target(node, &place, report));
    let (condition, output) = match draft.language {
        QueryLanguage::JsonPath => (test(object, true, report).map(Condition), None),
        QueryLanguage::Jsonata => (
            jsonata_condition(object, &field, report),
            flow::jsonata_template(object, "Output", &format!("{field}/Output"), report),
        ),
    };
    Some(ChoiceRule {
        condition: condition?,
        next: next?,
        assign,
        output,
        comment,
    })
}

fn jsonata_condition(object: &Object<'_>, field: &str, report: &mut Report) -> Option<Condition> {
    object.require(&["Condition"], report);
    for (name, field) in object.fields {
        if matches!(name.as_str(), "Variable" | "And" | "Or" | "Not") {
            report.schema(
                &object.place.at(field.position),
                format!(
                    "The QueryLanguage is set to 'JSONata', but field '{name}' is only supported \
                     for the 'JSONPath' QueryLanguage"
                ),
            );
        } else if !matches!(
            name.as_str(),
            "Condition" | "Next" | "Assign" | "Output" | "Comment"
        ) {
            let place = object.place.at(field.position);
            report.schema(&place, format!("Field '{name}' is not supported"));
        }
    }
    let (node, place) = object.get("Condition")?;
    match &node.kind {
        NodeKind::Bool(value) => Some(Condition(Test::Fixed(*value))),
        NodeKind::String(text) if jsonata::is_expression(text) => {
            let field = format!("{field}/Condition");
            Jsonata::compile(text, &field, &place, report)
                .map(Test::Jsonata)
                .map(Condition)
        }
        _ => {
            report.schema_hint(
                &place,
                "Value must be a JSONata expression or a boolean",
                "write the condition as '{% … %}'",
            );
            None
        }
    }
}

/// Reads a test in JSONPath; only those at the top have `Next`.
fn test(object: &Object<'_>, is_top: bool, report: &mut Report) -> Option<Test> {
    if object.has("Condition") {
        report.schema(
            &object.place,
            "The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for \
             the 'JSONata' QueryLanguage",
        );
        return None;
    }
    let forms = ["And", "Or", "Not", "Variable"];
    if forms.iter().filter(|name| object.has(name)).count() != 1 {
        report.schema(
            &object.place,
            "The object must have only one of the following fields, [And, Or, Not, Variable, \
             Condition]",
        );
        return None;
    }
    let form = forms.iter().copied().find(|name| object.has(name))?;
    let mut operators = Vec::new();
    for (name, field) in object.fields {
        let is_known = name == form
            || name == "Comment"
            || (is_top && matches!(name.as_str(), "Next" | "Assign"));
        if is_known {
            continue;
        }
        if form == "Variable" && operator_named(name) {
            operators.push(name.as_str());
        } else {
            let place = object.place.at(field.position);
            report.schema(&place, format!("Field '{name}' is not supported"));
        }
    }
    match form {
        "Variable" => compare(object, &operators, report),
        "Not" => {
            let inner = object.object("Not", report)?;
            test(&inner, false, report).map(|inner| Test::Not(Box::new(inner)))
        }
        _ => {
            let (elements, place) = object.filled_array(form, report)?;
            let mut tests = Vec::with_capacity(elements.len());
            for (index, element) in elements.iter().enumerate() {
                let place = place.element(index, element);
                tests.extend(
                    Object::of(element, place, report)
                        .and_then(|inner| test(&inner, false, report)),
                );
            }
            let all = tests.len() == elements.len();
            all.then_some(if form == "And" {
                Test::And(tests)
            } else {
                Test::Or(tests)
            })
        }
    }
}

/// Reads a test of what `Variable` finds.
fn compare(object: &Object<'_>, operators: &[&str], report: &mut Report) -> Option<Test> {
    let variable = object
        .get("Variable")
        .and_then(|(node, place)| match node.as_str() {
            // Step Functions calls it a Reference Path, and takes any path.
            Some(text) if !text.starts_with('$') => flow::reference_path(node, &place, report),
            _ => flow::path(node, &place, report),
        });
    let [name] = operators else {
        if operators.is_empty() {
            report.schema_hint(
                &object.place,
                "A comparison operator is required",
                "compare with StringEquals, NumericGreaterThan, IsPresent or another operator",
            );
        } else {
            object.at_most_one_of(operators, report);
        }
        return None;
    };
    let (node, place) = object.get(name)?;
    let operator = operator(name, node, &place, report);
    Some(Test::Compare {
        variable: variable?,
        operator: operator?,
    })
}

/// Says whether an operator has that name.
fn operator_named(name: &str) -> bool {
    if name == "StringMatches" || KINDS.iter().any(|(kind, _)| *kind == name) {
        return true;
    }
    let name = name.strip_suffix("Path").unwrap_or(name);
    if name == "BooleanEquals" {
        return true;
    }
    ["String", "Numeric", "Timestamp"].iter().any(|family| {
        name.strip_prefix(family).is_some_and(|rest| {
            COMPARISONS
                .iter()
                .any(|(comparison, _)| *comparison == rest)
        })
    })
}

/// Reads an operator and what it compares with. The name has been checked.
fn operator(name: &str, node: &Node, place: &Place, report: &mut Report) -> Option<Operator> {
    if let Some((_, kind)) = KINDS.iter().find(|(kind, _)| *kind == name) {
        return boolean(node, place, report).map(|wanted| Operator::Is(*kind, wanted));
    }
    if name == "StringMatches" {
        let text = text(node, place, report)?;
        let pattern = Pattern::parse(&text);
        if pattern.is_none() {
            report.schema_hint(
                place,
                "The pattern holds a backslash that escapes nothing",
                r"write '\\*' for a star and '\\\\' for a backslash",
            );
        }
        return pattern.map(Operator::StringMatches);
    }
    let (base, path) = match name.strip_suffix("Path") {
        Some(base) => (base, Some(flow::path(node, place, report)?)),
        None => (name, None),
    };
    if base == "BooleanEquals" {
        return Some(Operator::Boolean(match path {
            Some(path) => Operand::Path(path),
            None => Operand::Value(boolean(node, place, report)?),
        }));
    }
    let comparison = |family: &str| {
        let rest = base.strip_prefix(family)?;
        COMPARISONS
            .iter()
            .find(|(name, _)| *name == rest)
            .map(|(_, comparison)| *comparison)
    };
    if let Some(comparison) = comparison("String") {
        let operand = match path {
            Some(path) => Operand::Path(path),
            None => Operand::Value(text(node, place, report)?),
        };
        return Some(Operator::String(comparison, operand));
    }
    if let Some(comparison) = comparison("Numeric") {
        let operand = match (path, &node.kind) {
            (Some(path), _) => Operand::Path(path),
            (None, NodeKind::Number(number)) => Operand::Value(number.clone()),
            (None, _) => {
                report.schema(place, "Expected value of type Number");
                return None;
            }
        };
        return Some(Operator::Numeric(comparison, operand));
    }
    let comparison = comparison("Timestamp")?;
    let operand = match path {
        Some(path) => Operand::Path(path),
        None => match Timestamp::parse_rfc3339(&text(node, place, report)?) {
            Ok(timestamp) => Operand::Value(timestamp),
            Err(error) => {
                report.schema_hint(
                    place,
                    "String does not match RFC3339 timestamp",
                    error.to_string(),
                );
                return None;
            }
        },
    };
    Some(Operator::Timestamp(comparison, operand))
}

fn text(node: &Node, place: &Place, report: &mut Report) -> Option<String> {
    let text = node.as_str().map(str::to_owned);
    if text.is_none() {
        report.schema(place, "Expected value of type [STRING]");
    }
    text
}

fn boolean(node: &Node, place: &Place, report: &mut Report) -> Option<bool> {
    match node.kind {
        NodeKind::Bool(value) => Some(value),
        _ => {
            report.schema(place, "Expected value of type [BOOLEAN]");
            None
        }
    }
}
