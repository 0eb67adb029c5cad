//! JSONPath.
/// A path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: String,
}
/// A path to one place.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePath {
    text: String,
}
