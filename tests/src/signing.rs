//! Signs requests as AWS's tools do (Signature Version 4, header form), for tests.
//!
//! Written from "Signature Version 4 for API requests" in the AWS IAM user guide, and
//! apart from what verifies it, so that an error in one is not in the other.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Who signs, and for where.
#[derive(Debug, Clone)]
pub struct Signer {
    /// Id of the access key.
    pub key_id: String,
    /// Its secret.
    pub secret: String,
    /// Region of the signature's scope.
    pub region: String,
}

/// A request to be signed: `POST /` with one operation and its members.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The header `Host`.
    pub host: &'a str,
    /// The operation: `StartExecution`.
    pub operation: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// When it is signed, in RFC 3339, UTC: `2026-11-21T12:00:00Z`.
    pub at: &'a str,
}

impl Signer {
    /// The key that a host in development mode has.
    pub fn dev(region: &str) -> Self {
        Self {
            key_id: "test".to_owned(),
            secret: "test".to_owned(),
            region: region.to_owned(),
        }
    }

    /// Returns all headers of the request, its signature among them.
    pub fn headers(&self, request: Unsigned<'_>) -> Vec<(&'static str, String)> {
        let at = basic(request.at);
        let day = at.get(..8).unwrap_or_default().to_owned();
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("host", request.host.to_owned()),
            ("x-amz-date", at.clone()),
            (
                "x-amz-target",
                format!("AWSStepFunctions.{}", request.operation),
            ),
        ];
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let body = hex::encode(Sha256::digest(request.body));
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{body}");
        let scope = format!("{day}/{}/states/aws4_request", self.region);
        let hashed = hex::encode(Sha256::digest(canonical));
        let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashed}");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in scope.split('/').chain([to_sign.as_str()]) {
            key = mac(&key, part);
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.key_id,
            hex::encode(key)
        );
        headers.push(("authorization", authorization));
        headers
    }
}

/// RFC 3339 in the form of the header: `20261121T120000Z`.
fn basic(at: &str) -> String {
    let whole_seconds = at.split('.').next().unwrap_or_default();
    let digits = whole_seconds.trim_end_matches('Z').replace(['-', ':'], "");
    digits + "Z"
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length is one.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_any_length| Vec::new(),
        |mac| mac.chain_update(text).finalize().into_bytes().to_vec(),
    )
}
