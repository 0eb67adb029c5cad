//! Charges a card through a payment service's HTTP API.
//!
//! What the state has to grant: the configuration value `payments/url`, the secret
//! `payments/key`, and `Http` to where the URL leads, with `POST` and that secret. The key
//! comes as a placeholder: the host replaces it on the way out.

use stepwell_sdk::http::{self, HttpError};
use stepwell_sdk::prelude::*;

/// What is to be paid.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Charge {
    /// In the smallest unit of the currency.
    amount: u64,
    currency: String,
}

/// What the service says of it.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
struct Receipt {
    id: String,
}

#[derive(Debug, thiserror::Error, TaskError)]
enum ChargeError {
    #[error("the configuration value payments/url is not set, or not granted")]
    NotConfigured,
    #[error(transparent)]
    NoKey(#[from] SecretDenied),
    #[error("the request was denied; the audit log says by what")]
    NotGranted,
    #[error("the payment service cannot be reached")]
    Unreachable(#[source] HttpError),
    #[error("the payment service answered {status}")]
    Refused { status: u16 },
    #[error("the payment service's answer cannot be read: {reason}")]
    BadAnswer { reason: String },
}

impl From<HttpError> for ChargeError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::HttpDenied => Self::NotGranted,
            other => Self::Unreachable(other),
        }
    }
}

/// Charges a card.
#[stepwell_sdk::task]
fn call_api(ctx: &Context, charge: Charge) -> Result<Receipt, ChargeError> {
    let url = ctx
        .config("payments/url")
        .ok_or(ChargeError::NotConfigured)?;
    let key = ctx.secret("payments/key")?;
    let answer = http::post(format!("{url}/v1/charges"))
        .header("authorization", format!("Bearer {}", key.expose()))
        // The same in every attempt, so that nobody pays twice.
        .header("idempotency-key", ctx.idempotency_key())
        .json(&charge)?
        .send(ctx)?;
    if !answer.is_success() {
        let status = answer.status();
        return Err(ChargeError::Refused { status });
    }
    let read = answer.json();
    read.map_err(|error| ChargeError::BadAnswer {
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::http::Response;

    use super::*;

    fn charge() -> Charge {
        Charge {
            amount: 1250,
            currency: "eur".to_owned(),
        }
    }

    #[test]
    fn a_charge_carries_the_key_and_is_made_once() {
        let fake = Context::fake()
            .config("payments/url", "https://pay.example")
            .secret("payments/key", "placeholder")
            .idempotency_key("order-7/2")
            .http(|request| {
                assert_eq!(request.url(), "https://pay.example/v1/charges");
                assert_eq!(
                    request.header_value("Authorization"),
                    Some("Bearer placeholder")
                );
                assert_eq!(request.header_value("Idempotency-Key"), Some("order-7/2"));
                Ok(Response::new(201).with_body(r#"{"id":"ch_1"}"#))
            })
            .build();
        let receipt = call_api(&fake, charge());
        assert_eq!(
            receipt.map(|receipt| receipt.id).ok().as_deref(),
            Some("ch_1")
        );
    }

    #[test]
    fn what_goes_wrong_has_names() {
        let fake = Context::fake();
        let failed = fake
            .config("payments/url", "https://pay.example")
            .secret("payments/key", "k");
        for (answer, name) in [
            (Err(HttpError::HttpDenied), "NotGranted"),
            (Err(HttpError::HttpTimedOut), "Unreachable"),
            (Ok(Response::new(402)), "Refused"),
            (Ok(Response::new(200).with_body("?")), "BadAnswer"),
        ] {
            let fake = failed.clone().http(move |_| answer.clone()).build();
            let error = call_api(&fake, charge()).err();
            assert_eq!(error.as_ref().map(TaskError::name), Some(name));
        }
    }
}
