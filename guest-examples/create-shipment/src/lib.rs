//! Packs an order into parcels and books their way.

mod packing;
mod tariff;

use shop::calendar::Day;
use shop::{OrderFile, Parcel, Shipment};
use stepwell_sdk::prelude::*;

/// Where the shop's parcels start, unless the configuration value
/// `shop-country` says otherwise.
const SHOP_COUNTRY: &str = "DE";

/// Why nothing is sent.
#[derive(Debug, PartialEq, thiserror::Error, TaskError)]
enum ShipmentError {
    /// Somebody has to find another carrier.
    #[error("one piece of {sku} weighs {weight_grams} g: a parcel takes {limit_grams} g")]
    TooHeavy {
        sku: String,
        weight_grams: u64,
        limit_grams: u64,
    },
    /// Somebody has to talk to the customer.
    #[error("the order makes {parcels} parcels: one shipment has {limit} at most")]
    TooManyParcels { parcels: u64, limit: u64 },
    /// Trying again helps.
    #[error("the carrier cannot be reached in attempt {attempt}: try again")]
    CarrierUnavailable { attempt: u32 },
}

/// Packs an order into parcels, numbers them, and says what they cost and when they arrive.
#[stepwell_sdk::task]
fn create_shipment(ctx: &Context, mut file: OrderFile) -> Result<OrderFile, ShipmentError> {
    if ctx.attempt() <= file.simulate.carrier_outages {
        warn!(attempt = ctx.attempt(), "the carrier cannot be reached");
        return Err(ShipmentError::CarrierUnavailable {
            attempt: ctx.attempt(),
        });
    }
    let home = ctx
        .config("shop-country")
        .unwrap_or_else(|| SHOP_COUNTRY.to_owned());
    let tariff = tariff::between(&home, &file.order.customer.address.country);
    let boxes = packing::pack(&file.order.lines)?;
    let mut parcels = Vec::with_capacity(boxes.len());
    for (packed, number) in boxes.into_iter().zip(0..) {
        parcels.push(Parcel {
            tracking_number: tariff::tracking_number(ctx.idempotency_key(), number, &home),
            weight_grams: packed.weight_grams,
            contents: packed.contents,
        });
        ctx.heartbeat();
    }
    let cost_cents = parcels
        .iter()
        .map(|parcel| tariff.cost_cents(parcel.weight_grams))
        .sum();
    let expected_on = Day::of_ms(ctx.now_ms()).after_working_days(tariff.working_days);
    info!(parcels = parcels.len(), cost_cents, "shipment booked");
    file.shipment = Some(Shipment {
        carrier: tariff.carrier.to_owned(),
        parcels,
        cost_cents,
        expected_on: expected_on.to_string(),
    });
    Ok(file)
}

#[cfg(test)]
mod tests {
    use shop::{Line, Simulate};

    use super::*;

    fn ship(lines: Vec<Line>, country: &str) -> Result<Shipment, ShipmentError> {
        let mut file = OrderFile::example();
        file.order.lines = lines;
        file.order.customer.address.country = country.to_owned();
        let fake = Context::fake().idempotency_key("e1/5").build();
        create_shipment(&fake, file).map(|file| file.shipment.unwrap())
    }

    fn line(sku: &str, quantity: u64, weight_grams: u64) -> Line {
        Line {
            sku: sku.to_owned(),
            quantity,
            unit_price_cents: 100,
            weight_grams,
        }
    }

    #[test]
    fn a_small_order_is_one_parcel() {
        let shipment = ship(OrderFile::example().order.lines, "DE").unwrap();
        assert_eq!(shipment.parcels.len(), 1);
        assert_eq!(
            shipment.parcels[0].weight_grams,
            2 * 380 + 520 + packing::BOX_GRAMS
        );
        assert_eq!(shipment.cost_cents, 390 + 2 * 80);
        // The fake clock stands on Thursday, 2026-01-01.
        assert_eq!(shipment.expected_on, "2026-01-05");
    }

    #[test]
    fn heavy_orders_become_several_parcels_with_numbers_of_their_own() {
        let shipment = ship(vec![line("stone", 5, 9_000)], "FR").unwrap();
        let pieces: Vec<u64> = shipment
            .parcels
            .iter()
            .map(|parcel| parcel.contents["stone"])
            .collect();
        assert_eq!(pieces, [2, 2, 1]);
        assert_ne!(
            shipment.parcels[0].tracking_number,
            shipment.parcels[1].tracking_number
        );
    }

    #[test]
    fn what_no_parcel_takes_is_refused() {
        let error = ship(vec![line("anvil", 1, 60_000)], "DE").unwrap_err();
        assert_eq!(error.name(), "TooHeavy");
        let error = ship(vec![line("stone", 1_000_000_000, 9_000)], "DE").unwrap_err();
        assert_eq!(error.name(), "TooManyParcels");
    }

    #[test]
    fn the_carrier_comes_back_in_the_attempt_that_was_asked_for() {
        let simulate = Simulate {
            carrier_outages: 1,
            ..Simulate::default()
        };
        let file = OrderFile {
            simulate,
            ..OrderFile::example()
        };
        let error = create_shipment(&Context::fake().build(), file.clone()).unwrap_err();
        assert_eq!(error, ShipmentError::CarrierUnavailable { attempt: 1 });
        let second = Context::fake().attempt(2).build();
        let output = create_shipment(&second, file).unwrap();
        assert_eq!(
            second.heartbeats(),
            output.shipment.unwrap().parcels.len() as u64
        );
    }
}
