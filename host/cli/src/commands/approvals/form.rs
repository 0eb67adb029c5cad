//! What an approver fills in: given on the command line, and asked for on a terminal.

use serde_json::{Map, Value};
use stepwell_engine::Payload;
use stepwell_states::{ApprovalField, ApprovalFieldType};

use crate::ask;
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::render::text::safe;

/// What was filled in, by the names of fields.
pub(super) type Filled = Map<String, Value>;

/// What somebody else has approved with: all have to fill in the same.
pub(super) struct Agreed {
    /// Who.
    pub(super) principal: String,
    /// What they filled in.
    pub(super) inputs: Filled,
}

/// The fields that an approval's content declares.
pub(super) fn fields(content: &Value) -> Vec<ApprovalField> {
    let declared = content["inputs"].as_array().into_iter().flatten();
    declared.filter_map(field).collect()
}

fn field(declared: &Value) -> Option<ApprovalField> {
    let text = |member: &str| declared[member].as_str().map(str::to_owned);
    let types = ApprovalFieldType::ALL.into_iter();
    let name_of_type = declared["type"].as_str()?;
    let mut types = types.filter(|field_type| field_type.as_str() == name_of_type);
    let allowed = declared["allowedValues"].as_array().into_iter().flatten();
    Some(ApprovalField {
        name: text("name")?,
        field_type: types.next()?,
        description: text("description"),
        required: declared["required"] == true,
        default: declared.get("default").map(Payload::from_value),
        allowed_values: allowed.map(Payload::from_value).collect(),
        pattern: text("pattern"),
    })
}

/// A field in words: `ticket: string, required, pattern OPS-[0-9]+ (the change's ticket)`.
pub(super) fn described(field: &ApprovalField) -> String {
    let mut shown = format!("{}: {}", field.name, rules(field));
    if let Some(description) = &field.description {
        shown.push_str(&format!(" ({description})"));
    }
    shown
}

/// What a field may hold.
fn rules(field: &ApprovalField) -> String {
    let mut rules = vec![field.field_type.as_str().to_owned()];
    if field.required {
        rules.push("required".to_owned());
    }
    if let Some(default) = &field.default {
        rules.push(format!("default {}", default.as_str()));
    }
    if !field.allowed_values.is_empty() {
        let allowed = field.allowed_values.iter().map(Payload::as_str);
        rules.push(format!("one of {}", allowed.collect::<Vec<_>>().join(", ")));
    }
    if let Some(pattern) = &field.pattern {
        rules.push(format!("pattern {pattern}"));
    }
    rules.join(", ")
}

/// Reads `NAME=VALUE`s, each value as its field's type says.
///
/// # Errors
/// One that is no such pair, or that is given twice.
pub(super) fn given(inputs: &[String], fields: &[ApprovalField]) -> Result<Filled, CliError> {
    let mut filled = Map::new();
    for input in inputs {
        let Some((name, text)) = input.split_once('=') else {
            return Err(CliError::usage(format!("--input {input} has no '='"))
                .hint("write --input NAME=VALUE"));
        };
        let field = fields.iter().find(|field| field.name == name);
        let value = typed(field.map(|field| field.field_type), text);
        if filled.insert(name.to_owned(), value).is_some() {
            return Err(CliError::usage(format!("--input {name} is given twice")));
        }
    }
    Ok(filled)
}

/// A text as a value of a type. What cannot be one stays a text, which is refused for what it
/// is; so does what nobody asks for.
fn typed(field_type: Option<ApprovalFieldType>, text: &str) -> Value {
    let value = match field_type {
        None | Some(ApprovalFieldType::String) => None,
        Some(ApprovalFieldType::Number) => {
            let number = serde_json::from_str(text.trim()).ok();
            number.filter(Value::is_number)
        }
        Some(ApprovalFieldType::Boolean) => {
            let truth = serde_json::from_str(text.trim()).ok();
            truth.filter(Value::is_boolean)
        }
    };
    value.unwrap_or_else(|| Value::from(text))
}

/// Asks for all fields that are not filled in, or not as they have to be, and returns them
/// with the defaults.
///
/// # Errors
/// Fields that the approval does not ask for; [`Exit::Declined`] if no answer comes.
pub(super) fn ask_for(
    fields: &[ApprovalField],
    mut given: Filled,
    agreed: Option<&Agreed>,
    console: &Console,
) -> Result<Filled, CliError> {
    let mut filled = Map::new();
    for field in fields {
        let mut value = given.remove(&field.name);
        loop {
            if let Some(known) = value.take() {
                match problem(field, &known, agreed) {
                    None => {
                        filled.insert(field.name.clone(), known);
                        break;
                    }
                    Some(reason) => console.say(safe(&format!("{}: {reason}", field.name))),
                }
            }
            value = ask_one(field, agreed)?;
            if value.is_none() && !field.required {
                break;
            }
            if value.is_none() {
                let wanted = field.field_type.as_str();
                console.say(format!(
                    "{} is required: give a {wanted}",
                    safe(&field.name)
                ));
            }
        }
    }
    // What is left is of no field: the same words as for a missing one tell of it.
    filled.extend(given);
    ApprovalField::fill_in(fields, &filled).map_err(|problem| {
        let reason = safe(&format!("{}: {}", problem.field, problem.reason));
        CliError::new(Exit::Refused, reason)
    })
}

/// What is wrong with a value.
fn problem(field: &ApprovalField, value: &Value, agreed: Option<&Agreed>) -> Option<String> {
    let alone = Map::from_iter([(field.name.clone(), value.clone())]);
    // What is agreed on is compared as it is kept.
    let kept = match ApprovalField::fill_in(std::slice::from_ref(field), &alone) {
        Ok(mut kept) => kept.remove(&field.name),
        Err(problem) => return Some(problem.reason),
    };
    let agreed = agreed?;
    let theirs = agreed.inputs.get(&field.name);
    if theirs == kept.as_ref() {
        return None;
    }
    let with = theirs.map_or_else(|| "nothing".to_owned(), Value::to_string);
    Some(format!(
        "{} has approved with {with}: approve with the same, or reject",
        agreed.principal
    ))
}

/// Asks for one field. An empty answer takes what is proposed, or leaves it out.
fn ask_one(field: &ApprovalField, agreed: Option<&Agreed>) -> Result<Option<Value>, CliError> {
    let proposed = match agreed {
        Some(agreed) => agreed.inputs.get(&field.name).cloned(),
        None => field.default.as_ref().map(Payload::to_value),
    };
    let mut question = described(field);
    if let Some(proposed) = &proposed {
        question.push_str(&format!(" [{proposed}]"));
    }
    let Some(answer) = ask::line(&safe(&format!("{question}:")))? else {
        return Err(CliError::new(Exit::Declined, "nothing was decided"));
    };
    if answer.trim().is_empty() {
        return Ok(proposed);
    }
    Ok(Some(typed(Some(field.field_type), &answer)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared() -> Vec<ApprovalField> {
        fields(&json!({"inputs": [
            {"name": "free", "type": "string", "required": true},
            {"name": "share", "type": "number", "required": false, "default": 10,
                "allowedValues": [10, 50]},
            {"name": "notify", "type": "boolean", "required": false},
            {"name": "ticket", "type": "string", "required": true, "pattern": "OPS-[0-9]+",
                "description": "the change's ticket"},
        ]}))
    }

    #[test]
    fn a_value_is_what_its_field_says() {
        let inputs = [
            ("free=10", json!("10")),
            ("free=true", json!("true")),
            ("free=\"x\"", json!("\"x\"")),
            ("free=a=b", json!("a=b")),
            ("free=", json!("")),
            ("share=50", json!(50)),
            ("share=lots", json!("lots")),
            ("notify=true", json!(true)),
            ("notify=1", json!("1")),
            ("unknown=1", json!("1")),
        ];
        for (input, expected) in inputs {
            let filled = given(&[input.to_owned()], &declared()).unwrap();
            assert_eq!(filled.values().next(), Some(&expected), "{input}");
        }
        let refused = |inputs: &[&str]| {
            let inputs: Vec<String> = inputs.iter().map(ToString::to_string).collect();
            given(&inputs, &declared()).is_err()
        };
        assert!(refused(&["free"]) && refused(&["free=1", "free=1"]));
    }

    #[test]
    fn a_field_is_told_with_its_rules() {
        let told: Vec<String> = declared().iter().map(described).collect();
        let expected = [
            "free: string, required",
            "share: number, default 10, one of 10, 50",
            "notify: boolean",
            "ticket: string, required, pattern OPS-[0-9]+ (the change's ticket)",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_others_approved_with_is_what_everybody_fills_in() {
        let fields = declared();
        let agreed = Agreed {
            principal: "token:ann".to_owned(),
            inputs: Map::from_iter([("free".to_owned(), json!("x"))]),
        };
        assert_eq!(problem(&fields[0], &json!("x"), Some(&agreed)), None);
        let told = problem(&fields[0], &json!("y"), Some(&agreed)).unwrap();
        assert!(told.contains("token:ann has approved with \"x\""), "{told}");
        let told = problem(&fields[3], &json!("OPS"), Some(&agreed)).unwrap();
        assert!(told.contains("does not match"), "{told}");
    }
}
