//! What a card's number and expiry tell without asking the bank.

use schemars::JsonSchema;
use serde::Deserialize;
use shop::calendar::Month;
use shop::{Payment, PaymentStatus};

/// A card as the checkout form has it. It goes no further than this step.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Card {
    /// The number; spaces and dashes do not count.
    pub(crate) number: String,
    /// The last month in which the card works, as in `12/29`.
    pub(crate) expiry: String,
}

/// Says whether the card can be charged in this month.
pub(crate) fn check(card: &Card, now: Month) -> Payment {
    let mut problems = Vec::new();
    let digits: Vec<u8> = card
        .number
        .bytes()
        .filter(|byte| !matches!(byte, b' ' | b'-'))
        .collect();
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let brand = if is_number { brand(&digits) } else { "unknown" };
    if !is_number {
        problems.push("the card number has characters that are no digits".to_owned());
    } else if !length_fits(brand, digits.len()) {
        problems.push(format!(
            "a card number of {} digits does not exist",
            digits.len()
        ));
    } else if !has_luhn_checksum(&digits) {
        problems.push("the card number has a typing error".to_owned());
    }
    match expiry(&card.expiry) {
        None => problems.push("the expiry is not written as MM/YY".to_owned()),
        Some(last) if last < now => problems.push(format!("the card expired {}", card.expiry)),
        Some(_) => {}
    }
    let last4 = digits
        .iter()
        .skip(digits.len().saturating_sub(4))
        .map(|&byte| char::from(byte));
    Payment {
        status: if problems.is_empty() {
            PaymentStatus::Valid
        } else {
            PaymentStatus::Invalid
        },
        card_brand: brand.to_owned(),
        card_last4: if is_number {
            last4.collect()
        } else {
            String::new()
        },
        problems,
        charge_id: None,
        charged_cents: None,
        fee_cents: None,
    }
}

/// Returns the issuer by the number's first digits.
fn brand(digits: &[u8]) -> &'static str {
    let prefix = digits
        .iter()
        .take(4)
        .fold(0, |prefix, digit| prefix * 10 + u32::from(digit - b'0'));
    match prefix {
        4000..=4999 => "visa",
        2221..=2720 | 5100..=5599 => "mastercard",
        3400..=3499 | 3700..=3799 => "amex",
        _ => "other",
    }
}

fn length_fits(brand: &str, length: usize) -> bool {
    match brand {
        "visa" => matches!(length, 13 | 16 | 19),
        "mastercard" => length == 16,
        "amex" => length == 15,
        _ => (12..=19).contains(&length),
    }
}

/// Whether the digits, every second one from the right doubled, sum up to a
/// multiple of ten (ISO/IEC 7812).
fn has_luhn_checksum(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip(1_u32..)
        .map(|(digit, place)| {
            let value = u32::from(digit - b'0');
            match place % 2 {
                1 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Reads `MM/YY`, in this century.
fn expiry(text: &str) -> Option<Month> {
    let (month, year) = text.trim().split_once('/')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(month) || !two_digits(year) {
        return None;
    }
    let month = month
        .parse()
        .ok()
        .filter(|month| (1..=12).contains(month))?;
    Some(Month {
        year: 2000 + year.parse::<u64>().ok()?,
        month,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(number: &str, expiry: &str) -> Vec<String> {
        let card = Card {
            number: number.to_owned(),
            expiry: expiry.to_owned(),
        };
        check(
            &card,
            Month {
                year: 2026,
                month: 1,
            },
        )
        .problems
    }

    #[test]
    fn known_test_numbers_pass() {
        for (number, brand) in [
            ("4242 4242 4242 4242", "visa"),
            ("5555-5555-5555-4444", "mastercard"),
            ("2223003122003222", "mastercard"),
            ("378282246310005", "amex"),
            ("6011111111111117", "other"),
        ] {
            let card = Card {
                number: number.to_owned(),
                expiry: "01/26".to_owned(),
            };
            let payment = check(
                &card,
                Month {
                    year: 2026,
                    month: 1,
                },
            );
            assert_eq!(
                (payment.card_brand.as_str(), payment.problems),
                (brand, vec![])
            );
        }
    }

    #[test]
    fn one_wrong_digit_is_found() {
        assert_eq!(
            problems("4242424242424241", "12/29"),
            ["the card number has a typing error"]
        );
    }

    #[test]
    fn a_number_is_as_long_as_its_brand_says() {
        assert_eq!(
            problems("42424242424242", "12/29"),
            ["a card number of 14 digits does not exist"]
        );
        assert_eq!(
            problems("", "12/29"),
            ["a card number of 0 digits does not exist"]
        );
    }

    #[test]
    fn a_card_works_until_its_last_month_is_over() {
        assert_eq!(
            problems("4242424242424242", "12/25"),
            ["the card expired 12/25"]
        );
        assert_eq!(
            problems("4242424242424242", "13/29"),
            ["the expiry is not written as MM/YY"]
        );
        assert_eq!(
            problems("4242424242424242", "1/2029"),
            ["the expiry is not written as MM/YY"]
        );
    }

    #[test]
    fn only_the_last_four_digits_are_kept() {
        let card = Card {
            number: "4242 4242 4242 4242".to_owned(),
            expiry: "12/29".to_owned(),
        };
        let payment = check(
            &card,
            Month {
                year: 2026,
                month: 1,
            },
        );
        assert_eq!(payment.card_last4, "4242");
        let card = Card {
            number: "hello".to_owned(),
            expiry: "12/29".to_owned(),
        };
        assert_eq!(
            check(
                &card,
                Month {
                    year: 2026,
                    month: 1
                }
            )
            .card_last4,
            ""
        );
    }
}
