//! What the steps of the order flow share: the document that grows from step to
//! step, and a calendar.
//!
//! Each step takes the whole document and returns it with its own part added, so
//! that steps can be put in any order that makes sense without `Parameters`.
//! Fields that no step knows, such as what an event brought, are passed on.

pub mod calendar;
mod notification;
mod order_file;

pub use self::notification::{ChannelDown, Notification};
pub use self::order_file::{
    Address, Customer, Line, Order, OrderFile, Parcel, Payment, PaymentStatus, Reservation,
    ReservedLine, Shipment, Simulate,
};

/// Writes an amount as people read it, as in `29.90 EUR`.
#[must_use]
pub fn money(cents: u64, currency: &str) -> String {
    format!("{}.{:02} {currency}", cents / 100, cents % 100)
}

/// Returns a number that depends on every byte of a text and looks like chance
/// (FNV-1a, 64 bits): for reference numbers that are the same in every attempt.
#[must_use]
pub fn stable_number(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_two_digits() {
        assert_eq!(money(2990, "EUR"), "29.90 EUR");
        assert_eq!(money(5, "USD"), "0.05 USD");
    }

    #[test]
    fn numbers_are_stable_and_differ() {
        assert_eq!(stable_number("a"), 0xAF63_DC4C_8601_EC8C);
        assert_ne!(stable_number("order/1"), stable_number("order/2"));
    }
}
