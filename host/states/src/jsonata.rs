//! JSONata.
/// A JSONata expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Jsonata {
    text: String,
}
