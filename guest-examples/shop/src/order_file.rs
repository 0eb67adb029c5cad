//! The document of one order, as it travels through the flow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything that is known of an order; each step adds to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderFile {
    /// What was ordered, checked and normalised.
    pub order: Order,
    /// The card, and what has been done with it.
    pub payment: Payment,
    /// Whether the card can be charged, for a Choice.
    pub payment_valid: bool,
    /// Whether a person has to look at the order, for a Choice.
    pub requires_manual_review: bool,
    /// Why a person has to look at it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub review_reasons: Vec<String>,
    /// What the person said, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// The goods set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reservation>,
    /// The parcels on their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<Shipment>,
    /// How many of each SKU are on the shelf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<BTreeMap<String, u64>>,
    /// Transient failures that are asked for.
    #[serde(default, skip_serializing_if = "Simulate::is_none")]
    pub simulate: Simulate,
    /// What came along and concerns no step.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What was ordered. Amounts are whole cents of the currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The shop's number of the order.
    pub id: String,
    /// Who ordered.
    pub customer: Customer,
    /// ISO 4217 code.
    pub currency: String,
    /// The goods, one line per SKU, sorted by SKU.
    pub lines: Vec<Line>,
    /// Sum of the lines.
    pub goods_cents: u64,
    /// What the customer pays for the way.
    pub shipping_cents: u64,
    /// What the customer pays.
    pub total_cents: u64,
}

/// Who ordered, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// As on the parcel.
    pub name: String,
    /// Where messages go.
    pub email: String,
    /// Where the parcels go.
    pub address: Address,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// Postal code, as the country writes it.
    pub postal_code: String,
    /// ISO 3166 code of two letters.
    pub country: String,
}

/// Some pieces of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The shop's code of the article.
    pub sku: String,
    /// Number of pieces.
    pub quantity: u64,
    /// Price of one piece.
    pub unit_price_cents: u64,
    /// Weight of one piece.
    pub weight_grams: u64,
}

/// A card, without what could be misused, and what has been done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// How far the payment is.
    pub status: PaymentStatus,
    /// Who issued the card, as far as its number tells.
    pub card_brand: String,
    /// The last four digits of the card's number.
    pub card_last4: String,
    /// What is wrong with the card.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// The charge's number; the same in every attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// What was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_cents: Option<u64>,
    /// What the bank keeps of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_cents: Option<u64>,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PaymentStatus {
    /// The card cannot be charged.
    Invalid,
    /// The card can be charged.
    Valid,
    /// The card has been charged.
    Charged,
}

/// Goods set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    /// The reservation's number; the same in every attempt.
    pub id: String,
    /// What is set aside.
    pub lines: Vec<ReservedLine>,
}

/// Some pieces of one SKU set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservedLine {
    /// The shop's code of the article.
    pub sku: String,
    /// Number of pieces set aside.
    pub quantity: u64,
    /// Number of pieces that others can still order.
    pub remaining: u64,
}

/// Parcels on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// Who carries them.
    pub carrier: String,
    /// What goes together.
    pub parcels: Vec<Parcel>,
    /// What the carrier takes for all parcels.
    pub cost_cents: u64,
    /// The day of arrival, as in `2026-01-31`.
    pub expected_on: String,
}

/// One parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parcel {
    /// The carrier's number of the parcel; the same in every attempt.
    pub tracking_number: String,
    /// Weight with the box.
    pub weight_grams: u64,
    /// SKUs and numbers of pieces in it.
    pub contents: BTreeMap<String, u64>,
}

/// Transient failures that an input can ask for: each number is that of the
/// first attempts that fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Simulate {
    /// Attempts of reserve-inventory that end in `WarehouseBusy`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub busy_attempts: u32,
    /// Attempts of charge-payment that end in `GatewayTimeout`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gateway_timeouts: u32,
    /// Attempts of create-shipment that end in `CarrierUnavailable`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub carrier_outages: u32,
    /// Attempts of each of the three notifications that end in `ChannelDown`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub channel_outages: u32,
}

impl Simulate {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Order {
    /// Returns the weight of all goods, without boxes.
    #[must_use]
    pub fn weight_grams(&self) -> u64 {
        self.lines
            .iter()
            .map(|line| line.quantity.saturating_mul(line.weight_grams))
            .sum()
    }
}

impl OrderFile {
    /// Returns the file of a small validated order, for unit tests.
    #[must_use]
    pub fn example() -> Self {
        Self {
            order: Order {
                id: "ord-1001".to_owned(),
                customer: Customer {
                    name: "Ada Lovelace".to_owned(),
                    email: "ada@example.com".to_owned(),
                    address: Address {
                        street: "Hauptstrasse 1".to_owned(),
                        city: "Berlin".to_owned(),
                        postal_code: "10115".to_owned(),
                        country: "DE".to_owned(),
                    },
                },
                currency: "EUR".to_owned(),
                lines: vec![
                    Line {
                        sku: "mug-blue".to_owned(),
                        quantity: 2,
                        unit_price_cents: 1250,
                        weight_grams: 380,
                    },
                    Line {
                        sku: "tea-500".to_owned(),
                        quantity: 1,
                        unit_price_cents: 890,
                        weight_grams: 520,
                    },
                ],
                goods_cents: 3390,
                shipping_cents: 490,
                total_cents: 3880,
            },
            payment: Payment {
                status: PaymentStatus::Valid,
                card_brand: "visa".to_owned(),
                card_last4: "4242".to_owned(),
                problems: Vec::new(),
                charge_id: None,
                charged_cents: None,
                fee_cents: None,
            },
            payment_valid: true,
            requires_manual_review: false,
            review_reasons: Vec::new(),
            approved: None,
            reservation: None,
            shipment: None,
            stock: None,
            simulate: Simulate::default(),
            rest: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_step_knows_is_passed_on() {
        let mut value = serde_json::to_value(OrderFile::example()).unwrap();
        value["comment"] = "leave it with the neighbour".into();
        let file: OrderFile = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(file).unwrap(), value);
    }

    #[test]
    fn what_is_not_there_yet_is_left_out() {
        let value = serde_json::to_value(OrderFile::example()).unwrap();
        assert_eq!(value.get("shipment"), None);
        assert_eq!(value.get("simulate"), None);
    }
}
