//! Choice rules.
/// When a choice rule holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
}
