//! Gives the warehouse its pick list.

use std::collections::BTreeMap;

use shop::{ChannelDown, Notification, OrderFile};
use stepwell_sdk::prelude::*;

/// Where the pick list goes, unless the configuration value
/// `warehouse-printer` says otherwise.
const PRINTER: &str = "printer-1";

/// What is taken from the shelves, and into which parcels it goes.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PickList {
    order_id: String,
    /// The number under which the goods are set aside.
    reservation_id: Option<String>,
    pieces: u64,
    weight_grams: u64,
    /// In the order of the parcels; one of its own where there is no shipment.
    parcels: Vec<PickedParcel>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PickedParcel {
    tracking_number: Option<String>,
    /// SKUs and numbers of pieces, sorted by SKU as the shelves are.
    contents: BTreeMap<String, u64>,
}

/// Prints the warehouse a pick list, parcel by parcel.
#[stepwell_sdk::task]
fn notify_warehouse(ctx: &Context, file: OrderFile) -> Result<Notification<PickList>, ChannelDown> {
    let printer = ctx
        .config("warehouse-printer")
        .unwrap_or_else(|| PRINTER.to_owned());
    Notification::hand_over(ctx, &file, "pick-list", printer, pick_list(&file))
}

fn pick_list(file: &OrderFile) -> PickList {
    let order = &file.order;
    let parcels = match &file.shipment {
        Some(shipment) => shipment
            .parcels
            .iter()
            .map(|parcel| PickedParcel {
                tracking_number: Some(parcel.tracking_number.clone()),
                contents: parcel.contents.clone(),
            })
            .collect(),
        None => {
            let pieces = order
                .lines
                .iter()
                .map(|line| (line.sku.clone(), line.quantity));
            vec![PickedParcel {
                tracking_number: None,
                contents: pieces.collect(),
            }]
        }
    };
    PickList {
        order_id: order.id.clone(),
        reservation_id: file
            .reservation
            .as_ref()
            .map(|reservation| reservation.id.clone()),
        pieces: order
            .lines
            .iter()
            .fold(0, |sum, line| line.quantity.saturating_add(sum)),
        weight_grams: order.weight_grams(),
        parcels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_shipment_all_goods_are_one_parcel() {
        let output = notify_warehouse(&Context::fake().build(), OrderFile::example()).unwrap();
        assert_eq!(output.recipient, "printer-1");
        assert_eq!((output.body.pieces, output.body.weight_grams), (3, 1280));
        assert_eq!(
            output.body.parcels,
            [PickedParcel {
                tracking_number: None,
                contents: BTreeMap::from([("mug-blue".to_owned(), 2), ("tea-500".to_owned(), 1)]),
            }]
        );
    }
}
