//! Wait and Fail.

use super::fields::NUMBER_MAX;
use super::flow;
use super::report::Report;
use super::state::Draft;
use crate::definition::{Fail, FailText, QueryLanguage, Wait, WaitUntil};
use crate::jsonata::{self, Jsonata};
use crate::template::Template;
use crate::timestamp::Timestamp;

/// Reads the fields of a Wait.
pub(crate) fn wait(draft: &Draft<'_>, report: &mut Report) -> Option<Wait> {
    let object = &draft.object;
    let fields: &[&str] = match draft.language {
        QueryLanguage::JsonPath => &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"],
        QueryLanguage::Jsonata => &["Seconds", "Timestamp"],
    };
    object.exactly_one_of(fields, report);
    if let Some((node, place)) = object.get("SecondsPath") {
        let path = flow::reference_path(node, &place, report)?;
        return Some(Wait {
            until: WaitUntil::SecondsPath(path),
        });
    }
    if let Some((node, place)) = object.get("TimestampPath") {
        let path = flow::reference_path(node, &place, report)?;
        return Some(Wait {
            until: WaitUntil::TimestampPath(path),
        });
    }
    for name in ["Seconds", "Timestamp"] {
        let expression = match (object.get(name), draft.language) {
            (Some((node, place)), QueryLanguage::Jsonata) => node
                .as_str()
                .filter(|text| jsonata::is_expression(text))
                .map(|text| (text, place)),
            _ => None,
        };
        if let Some((text, place)) = expression {
            let expression = Jsonata::compile(text, name, &place, report)?;
            let until = match name {
                "Seconds" => WaitUntil::SecondsJsonata(expression),
                _ => WaitUntil::TimestampJsonata(expression),
            };
            return Some(Wait { until });
        }
    }
    if object.has("Seconds") {
        let seconds = object.integer("Seconds", 0, NUMBER_MAX, report)?;
        return Some(Wait {
            until: WaitUntil::Seconds(seconds),
        });
    }
    let text = object.string("Timestamp", report)?;
    match Timestamp::parse_rfc3339(text) {
        Ok(timestamp) => Some(Wait {
            until: WaitUntil::Timestamp(timestamp),
        }),
        Err(error) => {
            report.schema_hint(
                &object.place_of("Timestamp"),
                "String does not match RFC3339 timestamp",
                error.to_string(),
            );
            None
        }
    }
}

/// Reads the fields of a Fail.
pub(crate) fn fail(draft: &Draft<'_>, report: &mut Report) -> Fail {
    Fail {
        error: text(draft, "Error", report),
        cause: text(draft, "Cause", report),
    }
}

/// Reads `Error` or `Cause`, or the same by path.
fn text(draft: &Draft<'_>, name: &str, report: &mut Report) -> FailText {
    let object = &draft.object;
    let path_name = format!("{name}Path");
    if draft.language == QueryLanguage::JsonPath {
        object.at_most_one_of(&[name, &path_name], report);
        if let Some(text) = object.string(&path_name, report) {
            let place = object.place_of(&path_name);
            return match Template::compile_expression(text, &path_name, &place, report) {
                Some(template) => FailText::Template(template, text.to_owned()),
                None => FailText::None,
            };
        }
    }
    let Some(text) = object.string(name, report) else {
        return FailText::None;
    };
    if draft.language == QueryLanguage::Jsonata {
        let place = object.place_of(name);
        if jsonata::is_expression(text) {
            return match Jsonata::compile(text, name, &place, report) {
                Some(expression) => FailText::Jsonata(expression),
                None => FailText::None,
            };
        }
        jsonata::check_plain_text(text, &place, report);
    }
    FailText::Literal(text.to_owned())
}
