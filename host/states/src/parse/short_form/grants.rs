//! `grants` of the short form: the language's `Grants` with its fields in snake case.

use super::super::fields::Object;
use super::super::node::{Node, NodeKind};
use super::super::report::Place;
use super::{Lowered, Lowering, pascal_case};

impl Lowering<'_> {
    /// Lowers `grants: {secrets: […], http: […], config: […]}`.
    pub(super) fn grants(&mut self, state: &mut Lowered, node: &Node, place: &Place) {
        let grants = self.renamed(node, place, &["secrets", "http", "config"]);
        state.set("Grants", grants);
    }

    /// Renames the keys of an object, and of the objects in its lists. What has another
    /// form is left to the language to refuse.
    fn renamed(&mut self, node: &Node, place: &Place, keys: &[&str]) -> Node {
        let Some(fields) = node.as_object() else {
            return with_origin(node, place);
        };
        let object = Object {
            fields,
            place: place.clone(),
        };
        self.only(&object, keys);
        let mut renamed = Lowered::of(place);
        for (key, field) in fields {
            let place = place.field(key, &field.value);
            let inner: &[&str] = match key.as_str() {
                // Of a state: secrets; of a destination: names.
                "secrets" => &["name", "reveal"],
                "http" => &["host", "methods", "paths", "schemes", "secrets"],
                _ => &[],
            };
            if !keys.contains(&key.as_str()) {
                continue;
            }
            match field.value.as_array() {
                Some(elements) => {
                    let elements = elements
                        .iter()
                        .enumerate()
                        .map(|(index, element)| {
                            let place = place.element(index, element);
                            self.renamed(element, &place, inner)
                        })
                        .collect();
                    renamed.make(&pascal_case(key), NodeKind::Array(elements), &place);
                }
                None => renamed.copy(&pascal_case(key), &field.value, &place),
            }
        }
        renamed.into_node()
    }
}

fn with_origin(node: &Node, place: &Place) -> Node {
    let mut node = node.clone();
    node.origin = Some(place.pointer.clone());
    node
}
