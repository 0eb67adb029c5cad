//! Books the sale.

use shop::{ChannelDown, Notification, OrderFile};
use stepwell_sdk::prelude::*;

/// The tax that prices contain, unless the configuration value `vat-percent`
/// says otherwise.
const VAT_PERCENT: u64 = 19;

/// Why nothing is booked.
#[derive(Debug, PartialEq, thiserror::Error, TaskError)]
enum BookingError {
    /// Trying again helps.
    #[error(transparent)]
    ChannelDown(#[from] ChannelDown),
    /// The configuration of the state has to be put right.
    #[error("configuration value `vat-percent` is {0:?}: set a whole number from 0 to 100")]
    InvalidConfiguration(String),
}

/// A booking in which both sides are the same.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Journal {
    order_id: String,
    currency: String,
    entries: Vec<Entry>,
}

/// One account's part; the side that is not meant is 0.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Entry {
    account: &'static str,
    debit_cents: u64,
    credit_cents: u64,
}

/// Books the sale: what the customer pays against revenue, shipping and tax.
#[stepwell_sdk::task]
fn notify_accounting(
    ctx: &Context,
    file: OrderFile,
) -> Result<Notification<Journal>, BookingError> {
    let journal = journal(&file, vat_percent(ctx)?);
    Ok(Notification::hand_over(
        ctx,
        &file,
        "journal",
        "ledger".to_owned(),
        journal,
    )?)
}

fn vat_percent(ctx: &Context) -> Result<u64, BookingError> {
    let Some(text) = ctx.config("vat-percent") else {
        return Ok(VAT_PERCENT);
    };
    match text.parse() {
        Ok(percent @ 0..=100) => Ok(percent),
        _ => Err(BookingError::InvalidConfiguration(text)),
    }
}

fn journal(file: &OrderFile, vat_percent: u64) -> Journal {
    let order = &file.order;
    let fee_cents = file.payment.fee_cents.unwrap_or(0).min(order.total_cents);
    let (goods_net, goods_vat) = split_tax(order.goods_cents, vat_percent);
    let (shipping_net, shipping_vat) = split_tax(order.shipping_cents, vat_percent);
    let debit = |account, cents| Entry {
        account,
        debit_cents: cents,
        credit_cents: 0,
    };
    let credit = |account, cents| Entry {
        account,
        debit_cents: 0,
        credit_cents: cents,
    };
    let entries = vec![
        debit("card-receivables", order.total_cents - fee_cents),
        debit("payment-fees", fee_cents),
        credit("revenue-goods", goods_net),
        credit("revenue-shipping", shipping_net),
        credit("value-added-tax", goods_vat + shipping_vat),
    ];
    Journal {
        order_id: order.id.clone(),
        currency: order.currency.clone(),
        entries,
    }
}

/// Splits what contains tax into net and tax; half a cent of tax is rounded up.
fn split_tax(gross_cents: u64, percent: u64) -> (u64, u64) {
    let (gross, share, whole) = (
        u128::from(gross_cents),
        u128::from(percent),
        u128::from(100 + percent),
    );
    let tax = (2 * gross * share + whole) / (2 * whole);
    let tax = u64::try_from(tax).expect("a share of a u64 is a u64");
    (gross_cents - tax, tax)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(config: Option<&str>) -> Vec<Entry> {
        let fake = config.into_iter().fold(Context::fake(), |fake, percent| {
            fake.config("vat-percent", percent)
        });
        let mut file = OrderFile::example();
        file.payment.fee_cents = Some(79);
        notify_accounting(&fake.build(), file).unwrap().body.entries
    }

    fn amounts(entries: &[Entry]) -> Vec<(&str, u64, u64)> {
        entries
            .iter()
            .map(|entry| (entry.account, entry.debit_cents, entry.credit_cents))
            .collect()
    }

    #[test]
    fn the_sale_is_booked_on_both_sides() {
        let entries = entries(None);
        assert_eq!(
            amounts(&entries),
            [
                ("card-receivables", 3801, 0),
                ("payment-fees", 79, 0),
                ("revenue-goods", 0, 2849),
                ("revenue-shipping", 0, 412),
                ("value-added-tax", 0, 541 + 78),
            ]
        );
        let debit: u64 = entries.iter().map(|entry| entry.debit_cents).sum();
        let credit: u64 = entries.iter().map(|entry| entry.credit_cents).sum();
        assert_eq!(debit, credit);
    }

    #[test]
    fn the_tax_can_be_configured() {
        assert_eq!(amounts(&entries(Some("0")))[2], ("revenue-goods", 0, 3390));
        let fake = Context::fake().config("vat-percent", "190").build();
        let error = notify_accounting(&fake, OrderFile::example()).unwrap_err();
        assert_eq!(error.name(), "InvalidConfiguration");
    }

    #[test]
    fn no_amount_overflows() {
        assert_eq!(split_tax(u64::MAX, 100), (u64::MAX / 2, u64::MAX / 2 + 1));
        assert_eq!(split_tax(0, 19), (0, 0));
    }
}
