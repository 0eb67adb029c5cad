//! What a way costs, how long it takes, and how its parcels are numbered.

use shop::stable_number;

/// Members of the European Union, which share a tariff.
const UNION: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// A carrier's conditions between two countries.
pub(crate) struct Tariff {
    pub(crate) carrier: &'static str,
    pub(crate) working_days: u32,
    base_cents: u64,
    cents_per_kg: u64,
}

/// Returns the conditions from one country to another, by their ISO codes.
pub(crate) fn between(from: &str, to: &str) -> Tariff {
    let in_union = |country| UNION.contains(&country);
    if from == to {
        Tariff {
            carrier: "home-post",
            working_days: 2,
            base_cents: 390,
            cents_per_kg: 80,
        }
    } else if in_union(from) && in_union(to) {
        Tariff {
            carrier: "union-parcel",
            working_days: 4,
            base_cents: 890,
            cents_per_kg: 140,
        }
    } else {
        Tariff {
            carrier: "world-air",
            working_days: 9,
            base_cents: 1_990,
            cents_per_kg: 650,
        }
    }
}

impl Tariff {
    /// Returns what one parcel costs; each kilogram that is begun counts.
    pub(crate) fn cost_cents(&self, weight_grams: u64) -> u64 {
        self.base_cents + weight_grams.div_ceil(1_000) * self.cents_per_kg
    }
}

/// Returns a parcel's number in the form of the Universal Postal Union (S10):
/// two letters, eight digits, a check digit, the country. It follows from the
/// idempotency key, so that a second attempt books the same parcel.
pub(crate) fn tracking_number(idempotency_key: &str, parcel: u32, country: &str) -> String {
    let serial = stable_number(&format!("{idempotency_key}/parcel/{parcel}")) % 100_000_000;
    format!("CS{serial:08}{}{country}", check_digit(serial))
}

/// The check digit of S10: a weighted sum modulo 11.
fn check_digit(serial: u64) -> u64 {
    const WEIGHTS: [u64; 8] = [8, 6, 4, 2, 3, 5, 9, 7];
    let digits = (0..8).rev().map(|place| serial / 10_u64.pow(place) % 10);
    let sum: u64 = digits
        .zip(WEIGHTS)
        .map(|(digit, weight)| digit * weight)
        .sum();
    match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_follow_the_standard() {
        // The example of the standard: RR 473124829.
        assert_eq!(check_digit(47_312_482), 9);
    }

    #[test]
    fn a_parcel_keeps_its_number() {
        let number = tracking_number("e1/5", 0, "DE");
        assert_eq!(number.len(), 13);
        assert_eq!(number, tracking_number("e1/5", 0, "DE"));
        assert_ne!(number, tracking_number("e1/5", 1, "DE"));
    }

    #[test]
    fn begun_kilograms_and_farther_ways_cost_more() {
        assert_eq!(between("DE", "DE").cost_cents(1_000), 470);
        assert_eq!(between("DE", "DE").cost_cents(1_001), 550);
        assert_eq!(between("DE", "FR").cost_cents(1_000), 1_030);
        assert_eq!(between("DE", "GB").cost_cents(1_000), 2_640);
    }
}
