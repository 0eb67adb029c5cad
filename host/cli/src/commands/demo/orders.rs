//! What the demo orders.

use serde_json::{Value, json};
use stepwell_server::wire::JsonText;

use crate::exit::CliError;

/// The order flow, in the Amazon States Language.
pub(super) const ORDER_FLOW: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/order-flow.asl.json"
));

/// The approval, in the short form.
pub(super) const ORDER_APPROVAL: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/order-approval.yaml"
));

/// The order that all of the demo's orders are made of.
const ORDER: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/order.json"
));

/// The example order under another number, with some fields added or replaced.
///
/// # Errors
/// The example is no JSON, which a test excludes.
pub(super) fn order(id: &str, changes: &Value) -> Result<JsonText, CliError> {
    let wrong = |error: serde_json::Error| CliError::usage(format!("examples/order.json: {error}"));
    let mut order: Value = serde_json::from_str(ORDER).map_err(wrong)?;
    for (field, value) in changes.as_object().into_iter().flatten() {
        order[field.as_str()] = value.clone();
    }
    order["orderId"] = json!(id);
    JsonText::parse(order.to_string()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_the_example_with_its_changes() {
        let order = order(
            "ord-7",
            &json!({ "requiresManualReview": true, "stock": {} }),
        )
        .unwrap();
        let order: Value = serde_json::from_str(order.as_str()).unwrap();
        assert_eq!(order["orderId"], "ord-7");
        assert_eq!(order["requiresManualReview"], true);
        assert_eq!(order["stock"], json!({}));
        assert_eq!(order["currency"], "EUR");
    }

    #[test]
    fn the_examples_are_valid_definitions() {
        for text in [ORDER_FLOW, ORDER_APPROVAL] {
            let (_, warnings) = stepwell_states::parse(text, None).unwrap();
            assert_eq!(warnings, []);
        }
    }
}
