//! Conditions of a Choice as people write them.

use crate::choice::{Comparison, Condition, Kind, Operand, Operator, Test};

/// Writes a condition on one line.
pub(super) fn words(condition: &Condition) -> String {
    test(&condition.0, false)
}

/// Writes a test; in parentheses if it stands inside another and has parts.
fn test(test: &Test, is_inner: bool) -> String {
    match test {
        Test::And(parts) => joined(parts, " and ", is_inner),
        Test::Or(parts) => joined(parts, " or ", is_inner),
        Test::Not(inner) => format!("not {}", self::test(inner, true)),
        Test::Compare { variable, operator } => format!("{variable} {}", compared(operator)),
        Test::Jsonata(expression) => expression.text().to_owned(),
        Test::Fixed(value) => value.to_string(),
    }
}

fn joined(parts: &[Test], word: &str, is_inner: bool) -> String {
    let parts: Vec<String> = parts.iter().map(|part| test(part, true)).collect();
    let text = parts.join(word);
    if is_inner && parts.len() > 1 {
        return format!("({text})");
    }
    text
}

fn compared(operator: &Operator) -> String {
    match operator {
        Operator::String(how, operand) => {
            format!(
                "{} {}",
                sign(*how),
                value(operand, |text| format!("{text:?}"))
            )
        }
        Operator::Numeric(how, operand) => {
            format!("{} {}", sign(*how), value(operand, ToString::to_string))
        }
        Operator::Timestamp(how, operand) => {
            format!("{} {}", sign(*how), value(operand, ToString::to_string))
        }
        Operator::Boolean(operand) => format!("= {}", value(operand, ToString::to_string)),
        Operator::StringMatches(pattern) => format!("matches \"{pattern}\""),
        Operator::Is(kind, wanted) => {
            let not = if *wanted { "" } else { "not " };
            format!("is {not}{}", kind_word(*kind))
        }
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equals => "=",
        Comparison::LessThan => "<",
        Comparison::GreaterThan => ">",
        Comparison::LessThanEquals => "≤",
        Comparison::GreaterThanEquals => "≥",
    }
}

fn value<T>(operand: &Operand<T>, shown: impl Fn(&T) -> String) -> String {
    match operand {
        Operand::Value(value) => shown(value),
        Operand::Path(path) => path.to_string(),
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Present => "present",
        Kind::Numeric => "a number",
        Kind::String => "a string",
        Kind::Boolean => "a boolean",
        Kind::Timestamp => "a timestamp",
    }
}
