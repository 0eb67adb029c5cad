//! Tells a secret in every way that a task can tell something.

use serde_json::{Value, json};
use stepwell_sdk::prelude::*;

/// Where the secret is told.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Way {
    /// In the output, in all encodings, as a key, within other text.
    Output,
    /// In the name of an error, and in its cause.
    Failure,
    /// In a panic.
    Panic,
    /// In log lines and their fields, on standard output and error, and as a word on the
    /// progress; returns its length.
    Log,
    /// Nowhere: returns its length, and whether it looks like a placeholder.
    Nowhere,
}

pub(crate) fn tell(ctx: &Context, name: &str, way: &Way) -> Result<RawJson, TaskFailure> {
    let secret = ctx.secret(name)?;
    let value = secret.expose();
    match way {
        Way::Output => RawJson::from_value(&everything(value)),
        Way::Failure => Err(TaskFailure::new(
            format!("Leaked-{value}"),
            everything(value).to_string(),
        )),
        Way::Panic => panic!("the secret is {value}"),
        Way::Log => {
            let encoded = everything(value).to_string();
            ctx.log(Level::Error, &encoded, &[("field", value), (value, "name")]);
            println!("stdout says {value}");
            eprintln!("stderr says {value}");
            // So long that the host cuts it, within the value.
            let long = "x".repeat(16 * 1_024 - value.len() / 2);
            println!("{long}{value}");
            ctx.log(Level::Error, &format!("{long}{value}"), &[]);
            // Hidden from who looks before control characters are taken out.
            let (head, tail) = value.split_at(value.len() / 2);
            ctx.log(Level::Error, &format!("{head}\u{1b}[1m{tail}"), &[]);
            ctx.progress(0.5, value);
            RawJson::from_value(&value.len())
        }
        Way::Nowhere => RawJson::from_value(&json!({
            "length": value.len(),
            "isPlaceholder": value.starts_with("swph_"),
        })),
    }
}

/// A value in the forms that programs write values in.
fn everything(value: &str) -> Value {
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let object = json!({ value: 1 });
    json!({
        "plain": value,
        "within": format!("before {value} after"),
        "list": [value, [value]],
        "asKey": object,
        "json": json!({ "password": value }).to_string(),
        "jsonTwice": json!(json!({ "password": value }).to_string()).to_string(),
        "hex": hex,
        "upperHex": hex.to_uppercase(),
        "percent": percent,
        "base64": [base64(value), base64(&format!("u:{value}")), base64(&format!("us:{value}!"))],
    })
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bytes = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let bits = (bytes[0] << 16) | (bytes[1] << 8) | bytes[2];
        for (number, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = LETTERS[((bits >> shift) & 63) as usize];
            let is_there = number <= chunk.len();
            encoded.push(if is_there { char::from(letter) } else { '=' });
        }
    }
    encoded
}
