//! `Retry` and `Catch`.

use super::fields::{NUMBER_MAX, Object};
use super::flow;
use super::node::{Node, NodeKind};
use super::report::Report;
use super::state::Draft;
use crate::data_flow::flow::ResultPath;
use crate::definition::QueryLanguage;
use crate::number;
use crate::retry::{Backoff, Catcher, Jitter, Retrier};

/// Longest `MaxDelaySeconds`: a year and a day.
const MAX_DELAY_SECONDS_MAX: u64 = 31_622_400;

/// Reads `Retry`.
pub(crate) fn retriers(draft: &Draft<'_>, report: &mut Report) -> Vec<Retrier> {
    let Some((entries, place)) = draft.object.array("Retry", report) else {
        return Vec::new();
    };
    let mut retriers = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let Some(object) = Object::of(entry, place.element(index, entry), report) else {
            continue;
        };
        object.only(
            &[
                "ErrorEquals",
                "IntervalSeconds",
                "MaxAttempts",
                "BackoffRate",
                "BackoffStrategy",
                "MaxDelaySeconds",
                "JitterStrategy",
                "Comment",
            ],
            report,
        );
        let is_last = index + 1 == entries.len();
        retriers.push(Retrier {
            error_equals: error_equals(&object, is_last, report),
            interval_seconds: small(&object, "IntervalSeconds", 0, NUMBER_MAX, report).unwrap_or(1),
            max_attempts: small(&object, "MaxAttempts", 0, NUMBER_MAX, report).unwrap_or(3),
            backoff: backoff(&object, report),
            max_delay_seconds: small(&object, "MaxDelaySeconds", 1, MAX_DELAY_SECONDS_MAX, report),
            jitter: match object.word("JitterStrategy", &["NONE", "FULL"], report) {
                Some("FULL") => Jitter::Full,
                _ => Jitter::None,
            },
            comment: object.owned_string("Comment", report),
        });
    }
    retriers
}

/// Reads `Catch`.
pub(crate) fn catchers(draft: &Draft<'_>, report: &mut Report) -> Vec<Catcher> {
    let Some((entries, place)) = draft.object.array("Catch", report) else {
        return Vec::new();
    };
    let mut catchers = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let Some(object) = Object::of(entry, place.element(index, entry), report) else {
            continue;
        };
        catchers.extend(catcher(draft, &object, (index, entries), report));
    }
    catchers
}

fn catcher(
    draft: &Draft<'_>,
    object: &Object<'_>,
    (index, entries): (usize, &[Node]),
    report: &mut Report,
) -> Option<Catcher> {
    object.only(
        &[
            "ErrorEquals",
            "Next",
            "ResultPath",
            "Output",
            "Assign",
            "Comment",
        ],
        report,
    );
    object.require(&["Next"], report);
    let error_equals = error_equals(object, index + 1 == entries.len(), report);
    let field = format!("Catch[{index}]");
    let (foreign, other) = match draft.language {
        QueryLanguage::JsonPath => ("Output", QueryLanguage::Jsonata),
        QueryLanguage::Jsonata => ("ResultPath", QueryLanguage::JsonPath),
    };
    if object.has(foreign) {
        report.schema(
            &object.place,
            format!(
                "The QueryLanguage is set to '{}', but field '{foreign}' is only supported for \
                 the '{other}' QueryLanguage",
                draft.language
            ),
        );
    }
    let is_jsonata = draft.language == QueryLanguage::Jsonata;
    let result_path = if is_jsonata {
        None
    } else {
        flow::result_path(object, report)
    };
    let output = is_jsonata
        .then(|| flow::jsonata_template(object, "Output", &format!("{field}/Output"), report))
        .flatten();
    let assign = flow::assign(object, draft.language, &format!("{field}/Assign"), report);
    let comment = object.owned_string("Comment", report);
    let (next, place) = object.get("Next")?;
    Some(Catcher {
        error_equals,
        next: draft.names.target(next, &place, report)?,
        result_path: result_path.unwrap_or(ResultPath::Replace),
        output,
        assign,
        comment,
    })
}

/// Reads the errors that an entry takes care of.
fn error_equals(object: &Object<'_>, is_last: bool, report: &mut Report) -> Vec<String> {
    object.require(&["ErrorEquals"], report);
    let Some((elements, place)) = object.filled_array("ErrorEquals", report) else {
        return Vec::new();
    };
    let mut names = Vec::with_capacity(elements.len());
    for (index, element) in elements.iter().enumerate() {
        match element.as_str() {
            Some(name) => names.push(name.to_owned()),
            None => {
                report.schema(
                    &place.element(index, element),
                    "Expected value of type [STRING]",
                );
            }
        }
    }
    for (index, element) in elements.iter().enumerate() {
        if element.as_str() == Some("States.ALL") && (elements.len() > 1 || !is_last) {
            report.schema(
                &place.element(index, element),
                "States.ALL must appear alone and at end of list",
            );
        }
    }
    names
}

fn small(object: &Object<'_>, name: &str, min: u64, max: u64, report: &mut Report) -> Option<u32> {
    u32::try_from(object.integer(name, min, max, report)?).ok()
}

/// Reads `BackoffRate`, or Stepwell's own `BackoffStrategy`.
fn backoff(object: &Object<'_>, report: &mut Report) -> Backoff {
    let mut backoff = Backoff::Exponential { rate: 2.0 };
    object.at_most_one_of(&["BackoffRate", "BackoffStrategy"], report);
    let strategy = object.word("BackoffStrategy", &["EXPONENTIAL", "LINEAR"], report);
    if strategy == Some("LINEAR") {
        backoff = Backoff::Linear;
    }
    if let Some((node, place)) = object.get("BackoffRate") {
        let NodeKind::Number(rate) = &node.kind else {
            report.schema(&place, "Expected value of type Number");
            return backoff;
        };
        let rate = number::as_f64(rate);
        if rate < 1.0 {
            report.schema(&place, "Minimum value is 1.0");
        } else if !rate.is_finite() {
            report.schema(&place, "The number is too large");
        }
        backoff = Backoff::Exponential { rate };
    }
    backoff
}
