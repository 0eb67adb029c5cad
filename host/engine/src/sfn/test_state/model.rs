//! The request of `TestState`, held against AWS's service model.

use serde_json::Value;

use crate::sfn::ApiFault;
use crate::sfn::request::Request;

/// Characters of a text that holds data, at most.
const DATA_MAX: usize = 262_144;

/// Texts, and how many characters they may have.
const TEXTS: [(&str, usize, usize); 11] = [
    ("definition", 1, 1_048_576),
    ("roleArn", 1, 256),
    ("input", 0, DATA_MAX),
    ("variables", 0, DATA_MAX),
    ("stateName", 1, 80),
    ("mock.result", 0, DATA_MAX),
    ("mock.errorOutput.error", 0, 256),
    ("mock.errorOutput.cause", 0, 32_768),
    ("context", 0, DATA_MAX),
    ("stateConfiguration.errorCausedByState", 1, 80),
    ("stateConfiguration.mapItemReaderData", 0, DATA_MAX),
];
/// Words, and which there are.
const WORDS: [(&str, &[&str]); 2] = [
    ("inspectionLevel", &["INFO", "DEBUG", "TRACE"]),
    ("mock.fieldValidationMode", &["STRICT", "PRESENT", "NONE"]),
];
/// Numbers, from 0.
const NUMBERS: [&str; 2] = [
    "stateConfiguration.retrierRetryCount",
    "stateConfiguration.mapIterationFailureCount",
];
/// What has members of its own.
const OBJECTS: [&str; 3] = ["mock", "mock.errorOutput", "stateConfiguration"];

/// Checks the members of a request, and their members.
///
/// # Errors
/// All that break a rule, in AWS's words; or one that is of another type.
pub(super) fn check(request: &Request) -> Result<(), ApiFault> {
    check_types(request)?;
    let mut broken = Vec::new();
    let mut report = |value: &str, path: &str, rule: String| {
        broken.push(format!(
            "Value {value}at '{path}' failed to satisfy constraint: {rule}"
        ));
    };
    for (path, min, max) in TEXTS {
        let text = find(request, path).and_then(Value::as_str);
        let length = text.map(|text| text.chars().count());
        // What may be secret is not repeated.
        if length.is_some_and(|length| length < min) {
            let rule = format!("Member must have length greater than or equal to {min}");
            report("", path, rule);
        }
        if length.is_some_and(|length| length > max) {
            let rule = format!("Member must have length less than or equal to {max}");
            report("", path, rule);
        }
    }
    for (path, known) in WORDS {
        let word = find(request, path).and_then(Value::as_str);
        if let Some(word) = word.filter(|word| !known.contains(word)) {
            let known = known.join(", ");
            let rule = format!("Member must satisfy enum value set: [{known}]");
            report(&format!("'{word}' "), path, rule);
        }
    }
    for path in NUMBERS {
        let number = find(request, path).and_then(Value::as_i64);
        if let Some(number) = number.filter(|number| *number < 0) {
            let rule = "Member must have value greater than or equal to 0".to_owned();
            report(&format!("'{number}' "), path, rule);
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    let plural = if broken.len() == 1 { "" } else { "s" };
    let message = format!(
        "{} validation error{plural} detected: {}",
        broken.len(),
        broken.join("; ")
    );
    Err(ApiFault::new("ValidationException", message))
}

fn check_types(request: &Request) -> Result<(), ApiFault> {
    let texts = TEXTS.iter().map(|(path, ..)| *path);
    let words = WORDS.iter().map(|(path, _)| *path);
    let mut texts = texts.chain(words);
    let is = |path: &str, fits: fn(&Value) -> bool| find(request, path).is_none_or(fits);
    let wrong = OBJECTS
        .into_iter()
        .find(|path| !is(path, Value::is_object))
        .or_else(|| texts.find(|path| !is(path, Value::is_string)))
        .or_else(|| {
            let mut numbers = NUMBERS.into_iter();
            numbers.find(|path| !is(path, |value| value.is_i64() || value.is_u64()))
        });
    match wrong {
        None => Ok(()),
        Some(path) => Err(ApiFault::new(
            "SerializationException",
            format!("the member {path} is of another type"),
        )),
    }
}

/// Finds a member, or a member of a member. Null is none.
fn find<'a>(request: &'a Request, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let mut found = request.member(names.next()?)?;
    for name in names {
        found = found.get(name)?;
    }
    (!found.is_null()).then_some(found)
}
