//! The order as the checkout form sends it, and what must hold of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use shop::{Customer, Line, Order, Simulate, money};

use crate::card::Card;

/// Currencies that the shop takes: all of them have a hundred cents.
const CURRENCIES: [&str; 6] = ["CHF", "EUR", "GBP", "PLN", "SEK", "USD"];

/// An order as it comes in.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checkout {
    /// The shop's number of the order.
    pub(crate) order_id: String,
    /// Who ordered, and where it goes.
    pub(crate) customer: Customer,
    /// ISO 4217 code.
    pub(crate) currency: String,
    /// The goods; a SKU may occur more than once, at one price.
    pub(crate) lines: Vec<Line>,
    /// What the customer pays for the way.
    #[serde(default)]
    pub(crate) shipping_cents: u64,
    /// What the customer was shown as the total.
    pub(crate) total_cents: u64,
    /// The card to charge.
    pub(crate) card: Card,
    /// Whether somebody asked for a person to look at the order.
    #[serde(default)]
    pub(crate) requires_manual_review: bool,
    /// How many of each SKU are on the shelf, for reserve-inventory.
    pub(crate) stock: Option<BTreeMap<String, u64>>,
    /// Transient failures that are asked for.
    #[serde(default)]
    pub(crate) simulate: Simulate,
    /// What came along and concerns no step.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl Checkout {
    /// Returns the order, normalised, or everything that is wrong with it.
    pub(crate) fn order(&self) -> Result<Order, Vec<String>> {
        let mut problems = Vec::new();
        if self.order_id.trim().is_empty() {
            problems.push("`orderId` is empty".to_owned());
        }
        self.check_customer(&mut problems);
        let currency = self.currency.trim().to_ascii_uppercase();
        if !CURRENCIES.contains(&currency.as_str()) {
            problems.push(format!(
                "`currency` is {:?}: the shop takes {}",
                self.currency,
                CURRENCIES.join(", ")
            ));
        }
        let lines = self.merged_lines(&mut problems);
        let goods_cents = self.check_total(&lines, &currency, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut customer = self.customer.clone();
        customer.address.country.make_ascii_uppercase();
        Ok(Order {
            id: self.order_id.trim().to_owned(),
            customer,
            currency,
            lines,
            goods_cents,
            shipping_cents: self.shipping_cents,
            total_cents: self.total_cents,
        })
    }

    fn check_customer(&self, problems: &mut Vec<String>) {
        let Customer {
            name,
            email,
            address,
        } = &self.customer;
        for (field, value) in [
            ("customer.name", name),
            ("customer.address.street", &address.street),
            ("customer.address.city", &address.city),
            ("customer.address.postalCode", &address.postal_code),
        ] {
            if value.trim().is_empty() {
                problems.push(format!("`{field}` is empty"));
            }
        }
        if !looks_like_email(email) {
            problems.push(format!(
                "`customer.email` is {email:?}: no address of a mailbox"
            ));
        }
        let country = &address.country;
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            problems.push(format!(
                "`customer.address.country` is {country:?}: write its ISO code of two letters"
            ));
        }
    }

    /// Returns one line per SKU.
    fn merged_lines(&self, problems: &mut Vec<String>) -> Vec<Line> {
        if self.lines.is_empty() {
            problems.push("`lines` is empty".to_owned());
        }
        let mut by_sku: BTreeMap<&str, Line> = BTreeMap::new();
        for (index, line) in self.lines.iter().enumerate() {
            if line.sku.trim().is_empty() {
                problems.push(format!("`lines[{index}].sku` is empty"));
            }
            if line.quantity == 0 {
                problems.push(format!("`lines[{index}].quantity` is 0"));
            }
            let Some(known) = by_sku.get_mut(line.sku.trim()) else {
                let sku = line.sku.trim();
                by_sku.insert(
                    sku,
                    Line {
                        sku: sku.to_owned(),
                        ..line.clone()
                    },
                );
                continue;
            };
            if known.unit_price_cents != line.unit_price_cents
                || known.weight_grams != line.weight_grams
            {
                problems.push(format!(
                    "`lines[{index}]` has another price or weight than an earlier line of {:?}",
                    line.sku
                ));
            }
            known.quantity = known.quantity.saturating_add(line.quantity);
        }
        by_sku.into_values().collect()
    }

    /// Returns the sum of the lines; the total must be that and the shipping.
    fn check_total(&self, lines: &[Line], currency: &str, problems: &mut Vec<String>) -> u64 {
        let goods_cents = lines.iter().try_fold(0_u64, |sum, line| {
            sum.checked_add(line.quantity.checked_mul(line.unit_price_cents)?)
        });
        let total_cents = goods_cents.and_then(|goods| goods.checked_add(self.shipping_cents));
        match (goods_cents, total_cents) {
            (Some(goods), Some(total)) if total == self.total_cents => goods,
            (Some(goods), Some(total)) => {
                problems.push(format!(
                    "`totalCents` is {} but lines and shipping make {}",
                    money(self.total_cents, currency),
                    money(total, currency)
                ));
                goods
            }
            _ => {
                problems.push("the lines make more money than there is".to_owned());
                0
            }
        }
    }
}

fn looks_like_email(text: &str) -> bool {
    let Some((mailbox, domain)) = text.split_once('@') else {
        return false;
    };
    let is_label = |label: &str| !label.is_empty() && !label.contains(['@', ' ']);
    is_label(mailbox) && domain.contains('.') && domain.split('.').all(is_label)
}
