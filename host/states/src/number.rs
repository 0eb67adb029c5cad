//! JSON numbers, compared and rounded without losing digits.
//!
//! A number keeps the text it came with. Integers of any length compare exactly;
//! everything else compares as a double, as the language allows.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Compares two numbers by value: `1`, `1.0` and `1e0` are equal.
pub(crate) fn compare(left: &Number, right: &Number) -> Ordering {
    let (left, right) = (left.to_string(), right.to_string());
    if let (Some(left), Some(right)) = (Integer::read(&left), Integer::read(&right)) {
        return left.compare(&right);
    }
    let double = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    double(&left)
        .partial_cmp(&double(&right))
        .unwrap_or(Ordering::Equal)
}

/// Returns the value as a double.
pub(crate) fn as_f64(number: &Number) -> f64 {
    number.to_string().parse().unwrap_or(f64::NAN)
}

/// Returns the integer that the number writes as one, `3` but not `3.0`.
pub(crate) fn as_i64(number: &Number) -> Option<i64> {
    number.to_string().parse().ok()
}

/// Rounds to the nearest integer, halves towards positive infinity.
pub(crate) fn round(number: &Number) -> Option<i128> {
    let text = number.to_string();
    if let Ok(integer) = text.parse::<i128>() {
        return Some(integer);
    }
    let double: f64 = text.parse().ok()?;
    let rounded = (double + 0.5).floor();
    // Past 2^100 a double says nothing about halves anyway.
    if rounded.abs() < 1e30 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the magnitude was just checked"
        )]
        let integer = rounded as i128;
        return Some(integer);
    }
    None
}

/// Makes a JSON number of an integer of any size.
pub(crate) fn from_i128(integer: i128) -> Number {
    Number::from_i128(integer).unwrap_or_else(|| Number::from(0))
}

/// Makes a JSON number of a finite double, written as an integer where it is one.
pub(crate) fn from_f64(double: f64) -> Option<Number> {
    if double.fract() == 0.0 && double.abs() < 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "an integer below 2^53")]
        return Some(Number::from(double as i64));
    }
    Number::from_f64(double)
}

/// Says whether two values are equal, numbers by value, objects whatever the order
/// of their keys.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare(left, right) == Ordering::Equal,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, left)| right.get(key).is_some_and(|right| equal(left, right)))
        }
        _ => left == right,
    }
}

/// Writes a value so that two texts are equal exactly if [`equal`] holds of the
/// values.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => canonical_number(number),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(canonical).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{}:{}", Value::String(key.clone()), canonical(value))
            };
            let mut fields: Vec<String> = fields.iter().map(field).collect();
            fields.sort_unstable();
            format!("{{{}}}", fields.join(","))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.to_string(),
    }
}

fn canonical_number(number: &Number) -> String {
    let text = number.to_string();
    if let Some(integer) = Integer::read(&text) {
        let sign = if integer.negative { "-" } else { "" };
        let digits = if integer.digits.is_empty() {
            "0"
        } else {
            integer.digits
        };
        return format!("{sign}{digits}");
    }
    let double: f64 = text.parse().unwrap_or(f64::NAN);
    from_f64(double).map_or(text, |number| number.to_string())
}

/// An integer's text, cut into sign and digits.
struct Integer<'a> {
    negative: bool,
    digits: &'a str,
}

impl<'a> Integer<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        Some(Self {
            negative: negative && !digits.is_empty(),
            digits,
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let magnitude = |left: &Self, right: &Self| {
            left.digits
                .len()
                .cmp(&right.digits.len())
                .then_with(|| left.digits.cmp(right.digits))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => magnitude(self, other),
            (true, true) => magnitude(other, self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn long_integers_compare_by_every_digit() {
        let left = number("123456789012345678901234567890");
        let right = number("123456789012345678901234567891");
        assert_eq!(compare(&left, &right), Ordering::Less);
        assert_eq!(compare(&number("-2"), &number("-10")), Ordering::Greater);
        assert_eq!(compare(&number("-0"), &number("0")), Ordering::Equal);
    }

    #[test]
    fn spelling_does_not_matter() {
        for (left, right) in [("1", "1.0"), ("1e2", "100"), ("0.5", "5e-1")] {
            assert_eq!(
                compare(&number(left), &number(right)),
                Ordering::Equal,
                "{left} {right}"
            );
        }
    }

    #[test]
    fn halves_round_up() {
        for (text, rounded) in [
            ("1.5", 2),
            ("-1.5", -1),
            ("-1.51", -2),
            ("2.5", 3),
            ("-0.5", 0),
            ("1.49", 1),
        ] {
            assert_eq!(round(&number(text)), Some(rounded), "{text}");
        }
    }
}
