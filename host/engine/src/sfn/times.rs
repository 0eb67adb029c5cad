//! How answers write times.

use serde_json::{Number, Value};
use stepwell_states::Timestamp;

/// How an answer writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    /// Seconds since 1970 with a fraction, as on AWS's wire.
    Seconds,
    /// RFC 3339 texts, as a task sees them.
    Text,
}

impl TimeForm {
    pub(crate) fn write(self, at: Timestamp) -> Value {
        match self {
            Self::Text => Value::String(at.to_string()),
            Self::Seconds => seconds(at),
        }
    }
}

fn seconds(at: Timestamp) -> Value {
    let (whole, rest) = (at.as_ms().div_euclid(1_000), at.as_ms().rem_euclid(1_000));
    // Digits, so that no fraction becomes a neighbour of what it was.
    let number: Result<Number, _> = format!("{whole}.{rest:03}").parse();
    number.map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_keep_the_milliseconds() {
        let at = Timestamp::from_ms(1_800_000_000_007);
        assert_eq!(TimeForm::Seconds.write(at).to_string(), "1800000000.007");
        assert_eq!(TimeForm::Text.write(at), "2027-01-15T08:00:00.007Z");
    }
}
