//! Sets the goods of an order aside.
//!
//! The shelf is the table `stock` of the input, or else the configuration value
//! `stock`, a JSON object of the same form.

use std::collections::BTreeMap;

use shop::{OrderFile, Reservation, ReservedLine, stable_number};
use stepwell_sdk::prelude::*;

/// Why nothing is set aside.
#[derive(Debug, PartialEq, thiserror::Error, TaskError)]
enum ReserveError {
    /// A customer has to be told; trying again does not help.
    #[error("{sku} is out of stock: {wanted} ordered, {left} left")]
    OutOfStock { sku: String, wanted: u64, left: u64 },
    /// Trying again helps.
    #[error("the warehouse is busy in attempt {attempt}: try again")]
    WarehouseBusy { attempt: u32 },
    /// Somebody has to say what is on the shelf.
    #[error("nobody says what is on the shelf: give `stock` in the input or the configuration")]
    StockUnknown,
    /// The configuration of the state has to be put right.
    #[error("configuration value `stock` is no table of SKUs and numbers of pieces: {0}")]
    InvalidConfiguration(String),
}

/// Sets the goods of an order aside, all of them or none.
#[stepwell_sdk::task]
fn reserve_inventory(ctx: &Context, mut file: OrderFile) -> Result<OrderFile, ReserveError> {
    if ctx.attempt() <= file.simulate.busy_attempts {
        warn!(attempt = ctx.attempt(), "the warehouse is busy");
        return Err(ReserveError::WarehouseBusy {
            attempt: ctx.attempt(),
        });
    }
    let shelf = match file.stock.clone() {
        Some(stock) => stock,
        None => configured_stock(ctx)?,
    };
    let mut lines = Vec::new();
    for line in &file.order.lines {
        let left = shelf.get(&line.sku).copied().unwrap_or(0);
        let Some(remaining) = left.checked_sub(line.quantity) else {
            let (sku, wanted) = (line.sku.clone(), line.quantity);
            return Err(ReserveError::OutOfStock { sku, wanted, left });
        };
        lines.push(ReservedLine {
            sku: line.sku.clone(),
            quantity: line.quantity,
            remaining,
        });
    }
    let id = format!("res-{:016x}", stable_number(ctx.idempotency_key()));
    info!(reservation = id, skus = lines.len(), "goods set aside");
    file.reservation = Some(Reservation { id, lines });
    Ok(file)
}

fn configured_stock(ctx: &Context) -> Result<BTreeMap<String, u64>, ReserveError> {
    let text = ctx.config("stock").ok_or(ReserveError::StockUnknown)?;
    let table = RawJson::from_text(text).parse();
    table.map_err(|failure| ReserveError::InvalidConfiguration(failure.cause().to_owned()))
}

#[cfg(test)]
mod tests {
    use shop::Simulate;

    use super::*;

    fn file(mugs: u64, tea: u64) -> OrderFile {
        let stock = [("mug-blue".to_owned(), mugs), ("tea-500".to_owned(), tea)];
        OrderFile {
            stock: Some(BTreeMap::from(stock)),
            ..OrderFile::example()
        }
    }

    #[test]
    fn what_is_ordered_leaves_the_shelf() {
        let output = reserve_inventory(&Context::fake().build(), file(10, 1)).unwrap();
        let lines = output.reservation.unwrap().lines;
        let left: Vec<_> = lines
            .iter()
            .map(|line| (line.sku.as_str(), line.remaining))
            .collect();
        assert_eq!(left, [("mug-blue", 8), ("tea-500", 0)]);
    }

    #[test]
    fn too_few_pieces_are_out_of_stock() {
        let error = reserve_inventory(&Context::fake().build(), file(1, 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "mug-blue is out of stock: 2 ordered, 1 left"
        );
        assert_eq!(error.name(), "OutOfStock");
    }

    #[test]
    fn a_busy_warehouse_is_free_in_the_attempt_that_was_asked_for() {
        let simulate = Simulate {
            busy_attempts: 2,
            ..Simulate::default()
        };
        let busy = OrderFile {
            simulate,
            ..file(10, 10)
        };
        let attempt = |number| {
            let fake = Context::fake().attempt(number).build();
            reserve_inventory(&fake, busy.clone()).map(|file| file.reservation.unwrap().id)
        };
        assert_eq!(attempt(1), Err(ReserveError::WarehouseBusy { attempt: 1 }));
        assert_eq!(attempt(2), Err(ReserveError::WarehouseBusy { attempt: 2 }));
        assert_eq!(
            attempt(3).unwrap(),
            attempt(4).unwrap(),
            "the id stays the same"
        );
    }

    #[test]
    fn the_shelf_can_be_configured() {
        let fake = Context::fake()
            .config("stock", r#"{"mug-blue": 2, "tea-500": 1}"#)
            .build();
        assert!(reserve_inventory(&fake, OrderFile::example()).is_ok());
        let fake = Context::fake()
            .config("stock", r#"{"mug-blue": -2}"#)
            .build();
        let error = reserve_inventory(&fake, OrderFile::example()).unwrap_err();
        assert_eq!(error.name(), "InvalidConfiguration");
        let error = reserve_inventory(&Context::fake().build(), OrderFile::example()).unwrap_err();
        assert_eq!(error, ReserveError::StockUnknown);
    }
}
