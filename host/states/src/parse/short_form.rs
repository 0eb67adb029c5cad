//! short form placeholder
use super::node::Node;
use super::report::Report;
pub(crate) fn is_short(_node: &Node) -> bool {
    false
}
pub(crate) fn lower(node: &Node, _report: &mut Report) -> (Node, Option<String>) {
    (node.clone(), None)
}
