//! Charges the customer's card for a validated order.
//!
//! There is no bank behind it: what is real is the arithmetic, the refusals, and
//! a charge number that is the same in every attempt, by which a bank would
//! charge once.

use shop::{OrderFile, PaymentStatus, money, stable_number};
use stepwell_sdk::prelude::*;

/// The bank keeps 1.4 % of a charge and 25 cents.
const FEE_PER_MILLE: u64 = 14;
const FEE_FIXED_CENTS: u64 = 25;

/// A card that ends in these digits is always declined, for trying that out.
const DECLINED_LAST4: &str = "0002";

/// Why nothing is charged.
#[derive(Debug, PartialEq, thiserror::Error, TaskError)]
enum ChargeError {
    /// Another card is needed.
    #[error("the card was declined: {reason}")]
    PaymentDeclined { reason: String },
    /// A person looked at the order and refused it.
    #[error("the order was not approved")]
    OrderRejected,
    /// Trying again helps.
    #[error("the payment gateway did not answer in attempt {attempt}: try again")]
    GatewayTimeout { attempt: u32 },
}

/// Charges the card of a validated order, once for all attempts.
#[stepwell_sdk::task]
fn charge_payment(ctx: &Context, mut file: OrderFile) -> Result<OrderFile, ChargeError> {
    if file.approved == Some(false) {
        return Err(ChargeError::OrderRejected);
    }
    if ctx.attempt() <= file.simulate.gateway_timeouts {
        warn!(
            attempt = ctx.attempt(),
            "the payment gateway did not answer"
        );
        return Err(ChargeError::GatewayTimeout {
            attempt: ctx.attempt(),
        });
    }
    let payment = &mut file.payment;
    if payment.status == PaymentStatus::Invalid {
        let reason = payment.problems.join("; ");
        return Err(ChargeError::PaymentDeclined { reason });
    }
    if payment.card_last4 == DECLINED_LAST4 {
        let reason = "the bank does not cover it".to_owned();
        return Err(ChargeError::PaymentDeclined { reason });
    }
    let total_cents = file.order.total_cents;
    payment.status = PaymentStatus::Charged;
    payment.charge_id = Some(format!("ch-{:016x}", stable_number(ctx.idempotency_key())));
    payment.charged_cents = Some(total_cents);
    payment.fee_cents = Some(fee_cents(total_cents));
    info!(
        amount = money(total_cents, &file.order.currency),
        "card charged"
    );
    Ok(file)
}

/// Rounds half a cent up; never more than the charge itself.
fn fee_cents(charged_cents: u64) -> u64 {
    let share = (charged_cents
        .saturating_mul(FEE_PER_MILLE)
        .saturating_add(500))
        / 1000;
    (share + FEE_FIXED_CENTS).min(charged_cents)
}

#[cfg(test)]
mod tests {
    use shop::Simulate;

    use super::*;

    #[test]
    fn a_valid_card_is_charged_the_total() {
        let fake = Context::fake().build();
        let payment = charge_payment(&fake, OrderFile::example()).unwrap().payment;
        assert_eq!(payment.status, PaymentStatus::Charged);
        assert_eq!(payment.charged_cents, Some(3880));
        // 1.4 % of 38.80 are 54.32 cents.
        assert_eq!(payment.fee_cents, Some(54 + 25));
        assert_eq!(
            fake.logs()[0].fields[0],
            ("amount".to_owned(), "38.80 EUR".to_owned())
        );
    }

    #[test]
    fn a_charge_keeps_its_number_over_attempts_and_only_there() {
        let id = |key, attempt| {
            let fake = Context::fake()
                .idempotency_key(key)
                .attempt(attempt)
                .build();
            charge_payment(&fake, OrderFile::example())
                .unwrap()
                .payment
                .charge_id
                .unwrap()
        };
        assert_eq!(id("e1/4", 1), id("e1/4", 2));
        assert_ne!(id("e1/4", 1), id("e2/4", 1));
    }

    #[test]
    fn a_bad_card_is_declined() {
        let mut file = OrderFile::example();
        file.payment.card_last4 = DECLINED_LAST4.to_owned();
        let error = charge_payment(&Context::fake().build(), file).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the card was declined: the bank does not cover it"
        );
        let mut file = OrderFile::example();
        file.payment.status = PaymentStatus::Invalid;
        file.payment.problems = vec!["the card expired 11/20".to_owned()];
        let error = charge_payment(&Context::fake().build(), file).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the card was declined: the card expired 11/20"
        );
    }

    #[test]
    fn a_refused_order_is_not_charged() {
        let file = OrderFile {
            approved: Some(false),
            ..OrderFile::example()
        };
        let error = charge_payment(&Context::fake().build(), file).unwrap_err();
        assert_eq!(error.name(), "OrderRejected");
    }

    #[test]
    fn the_gateway_answers_in_the_attempt_that_was_asked_for() {
        let simulate = Simulate {
            gateway_timeouts: 1,
            ..Simulate::default()
        };
        let file = OrderFile {
            simulate,
            ..OrderFile::example()
        };
        let error = charge_payment(&Context::fake().build(), file.clone()).unwrap_err();
        assert_eq!(error, ChargeError::GatewayTimeout { attempt: 1 });
        assert!(charge_payment(&Context::fake().attempt(2).build(), file).is_ok());
    }

    #[test]
    fn the_fee_is_rounded_and_never_more_than_the_charge() {
        assert_eq!(fee_cents(10), 10);
        assert_eq!(fee_cents(2_500), 35 + 25);
        assert_eq!(fee_cents(2_535), 35 + 25);
        assert_eq!(fee_cents(2_536), 36 + 25);
    }
}
