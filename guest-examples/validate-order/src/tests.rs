//! The step as the host runs it: JSON in, JSON or a named failure out.

use serde_json::{Value, json};
use stepwell_sdk::prelude::*;

use crate::validate_order;

fn checkout() -> Value {
    json!({
        "orderId": "ord-1001",
        "customer": {
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "address": {
                "street": "Hauptstrasse 1", "city": "Berlin", "postalCode": "10115", "country": "de"
            }
        },
        "currency": "eur",
        "lines": [
            { "sku": "tea-500", "quantity": 1, "unitPriceCents": 890, "weightGrams": 520 },
            { "sku": "mug-blue", "quantity": 1, "unitPriceCents": 1250, "weightGrams": 380 },
            { "sku": "mug-blue", "quantity": 1, "unitPriceCents": 1250, "weightGrams": 380 }
        ],
        "shippingCents": 490,
        "totalCents": 3880,
        "card": { "number": "4242 4242 4242 4242", "expiry": "12/29" },
        "stock": { "mug-blue": 10, "tea-500": 3 },
        "comment": "a present"
    })
}

fn run(input: &Value) -> Result<Value, TaskFailure> {
    let output = Context::fake()
        .build()
        .run_json::<validate_order>(&input.to_string())?;
    Ok(serde_json::from_str(&output).unwrap())
}

#[test]
fn a_good_order_is_normalised() {
    let output = run(&checkout()).unwrap();
    let mut expected = serde_json::to_value(shop::OrderFile::example()).unwrap();
    expected["stock"] = json!({ "mug-blue": 10, "tea-500": 3 });
    expected["comment"] = json!("a present");
    assert_eq!(output, expected);
}

#[test]
fn the_card_number_does_not_leave_the_step() {
    assert!(!run(&checkout()).unwrap().to_string().contains("42424"));
}

#[test]
fn a_bad_card_is_for_the_definition_to_decide() {
    let mut input = checkout();
    input["card"] = json!({ "number": "4242 4242 4242 4241", "expiry": "11/20" });
    let output = run(&input).unwrap();
    assert_eq!(output["paymentValid"], false);
    assert_eq!(
        output["payment"]["problems"],
        json!([
            "the card number has a typing error",
            "the card expired 11/20"
        ])
    );
}

#[test]
fn all_problems_of_an_order_are_told_at_once() {
    let mut input = checkout();
    input["totalCents"] = json!(3879);
    input["currency"] = json!("XAU");
    input["customer"]["email"] = json!("ada@example");
    input["lines"][0]["quantity"] = json!(0);
    let failure = run(&input).unwrap_err();
    assert_eq!(failure.error(), "InvalidOrder");
    assert_eq!(
        failure.cause(),
        "the order cannot be taken: \
         `customer.email` is \"ada@example\": no address of a mailbox; \
         `currency` is \"XAU\": the shop takes CHF, EUR, GBP, PLN, SEK, USD; \
         `lines[0].quantity` is 0; \
         `totalCents` is 38.79 XAU but lines and shipping make 29.90 XAU"
    );
}

#[test]
fn an_order_of_more_money_than_there_is_overflows_nothing() {
    let mut input = checkout();
    input["lines"][0]["quantity"] = json!(u64::MAX);
    let failure = run(&input).unwrap_err();
    assert!(
        failure
            .cause()
            .ends_with("the lines make more money than there is"),
        "{failure}"
    );
}

#[test]
fn a_high_total_or_a_wish_brings_a_person_in() {
    let input = checkout().to_string();
    let fake = Context::fake().config("review-above-cents", "3879").build();
    let output = fake.run_json::<validate_order>(&input).unwrap();
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(output["requiresManualReview"], true);
    assert_eq!(
        output["reviewReasons"],
        json!(["38.80 EUR is more than 38.79 EUR"])
    );

    let mut wish = checkout();
    wish["requiresManualReview"] = json!(true);
    assert_eq!(run(&wish).unwrap()["requiresManualReview"], true);
}

#[test]
fn an_input_that_is_no_order_is_refused_by_its_type() {
    let mut input = checkout();
    input["lines"][1]["quantity"] = json!("one");
    let failure = run(&input).unwrap_err();
    assert_eq!(failure.error(), "Stepwell.InvalidInput");
}
