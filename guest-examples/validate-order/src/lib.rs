//! Checks an order and its card before anything is promised.
//!
//! An order that makes no sense fails the step. A card that cannot be charged
//! does not: the definition decides what becomes of it.

mod card;
mod checkout;

use shop::calendar::Day;
use shop::{OrderFile, money};
use stepwell_sdk::prelude::*;

use crate::checkout::Checkout;

/// Orders above this are looked at by a person, where the configuration value
/// `review-above-cents` says nothing else.
const REVIEW_ABOVE_CENTS: u64 = 50_000;

/// Why an order is refused.
#[derive(Debug, PartialEq, thiserror::Error, TaskError)]
enum ValidationError {
    /// All that is wrong with the order, joined by semicolons.
    #[error("the order cannot be taken: {0}")]
    InvalidOrder(String),
    /// The configuration of the state has to be put right.
    #[error("configuration value `review-above-cents` is {0:?}: set a whole number of cents")]
    InvalidConfiguration(String),
}

/// Checks totals, address and card of an order, and says whether a person has to look at it.
#[stepwell_sdk::task]
fn validate_order(ctx: &Context, checkout: Checkout) -> Result<OrderFile, ValidationError> {
    let order = checkout
        .order()
        .map_err(|problems| ValidationError::InvalidOrder(problems.join("; ")))?;
    let payment = card::check(&checkout.card, Day::of_ms(ctx.now_ms()).month());
    let payment_valid = payment.problems.is_empty();

    let limit_cents = review_limit(ctx)?;
    let mut review_reasons = Vec::new();
    if order.total_cents > limit_cents {
        let (total, limit) = (
            money(order.total_cents, &order.currency),
            money(limit_cents, &order.currency),
        );
        review_reasons.push(format!("{total} is more than {limit}"));
    }
    if checkout.requires_manual_review {
        review_reasons.push("asked for by the customer's service".to_owned());
    }

    info!(
        order = order.id,
        total_cents = order.total_cents,
        payment_valid,
        review = !review_reasons.is_empty(),
        "order checked"
    );
    Ok(OrderFile {
        order,
        payment,
        payment_valid,
        requires_manual_review: !review_reasons.is_empty(),
        review_reasons,
        approved: None,
        reservation: None,
        shipment: None,
        stock: checkout.stock,
        simulate: checkout.simulate,
        rest: checkout.rest,
    })
}

fn review_limit(ctx: &Context) -> Result<u64, ValidationError> {
    match ctx.config("review-above-cents") {
        None => Ok(REVIEW_ABOVE_CENTS),
        Some(text) => text
            .parse()
            .map_err(|_| ValidationError::InvalidConfiguration(text.clone())),
    }
}

#[cfg(test)]
mod tests;
