//! Tells the customer that the order is on its way.

use std::fmt::Write;

use shop::{ChannelDown, Notification, OrderFile, money};
use stepwell_sdk::prelude::*;

/// An e-mail in plain text.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Email {
    subject: String,
    text: String,
}

/// Writes the customer an e-mail with the goods, the total and the tracking numbers.
#[stepwell_sdk::task]
fn notify_customer(ctx: &Context, file: OrderFile) -> Result<Notification<Email>, ChannelDown> {
    let email = Email {
        subject: format!("Your order {} is on its way", file.order.id),
        text: text(&file),
    };
    let recipient = file.order.customer.email.clone();
    Notification::hand_over(ctx, &file, "email", recipient, email)
}

fn text(file: &OrderFile) -> String {
    let order = &file.order;
    let mut text = format!(
        "Dear {},\n\nthis is what comes to you:\n\n",
        order.customer.name
    );
    for line in &order.lines {
        let price = money(
            line.quantity.saturating_mul(line.unit_price_cents),
            &order.currency,
        );
        push_line(
            &mut text,
            format_args!("{:>5} x {:<24} {price:>14}", line.quantity, line.sku),
        );
    }
    let shipping = money(order.shipping_cents, &order.currency);
    push_line(
        &mut text,
        format_args!("{:<32} {shipping:>14}", "        Shipping"),
    );
    let total = money(order.total_cents, &order.currency);
    push_line(
        &mut text,
        format_args!("{:<32} {total:>14}", "        Total"),
    );
    if let Some(shipment) = &file.shipment {
        push_line(
            &mut text,
            format_args!(
                "\nIt should arrive on {}, with {}:\n",
                shipment.expected_on, shipment.carrier
            ),
        );
        for parcel in &shipment.parcels {
            push_line(
                &mut text,
                format_args!("        {}", parcel.tracking_number),
            );
        }
    }
    text
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shop::{Parcel, Shipment};

    use super::*;

    #[test]
    fn the_mail_tells_goods_total_and_parcels() {
        let parcel = Parcel {
            tracking_number: "CS473124829DE".to_owned(),
            weight_grams: 1430,
            contents: BTreeMap::new(),
        };
        let shipment = Shipment {
            carrier: "home-post".to_owned(),
            parcels: vec![parcel],
            cost_cents: 550,
            expected_on: "2026-01-05".to_owned(),
        };
        let file = OrderFile {
            shipment: Some(shipment),
            ..OrderFile::example()
        };
        let output = notify_customer(&Context::fake().build(), file).unwrap();
        assert_eq!(output.recipient, "ada@example.com");
        assert_eq!(output.body.subject, "Your order ord-1001 is on its way");
        assert_eq!(
            output.body.text,
            "Dear Ada Lovelace,\n\
             \n\
             this is what comes to you:\n\
             \n\
             \u{20}   2 x mug-blue                      25.00 EUR\n\
             \u{20}   1 x tea-500                        8.90 EUR\n\
             \u{20}       Shipping                       4.90 EUR\n\
             \u{20}       Total                         38.80 EUR\n\
             \n\
             It should arrive on 2026-01-05, with home-post:\n\
             \n\
             \u{20}       CS473124829DE\n"
        );
    }
}
