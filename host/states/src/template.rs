//! Payload templates.
/// A payload template, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    text: String,
}
