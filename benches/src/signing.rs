//! Signs requests as AWS's tools do: Signature Version 4, for one host and one key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const SERVICE: &str = "states";
const REGION: &str = "us-east-1";
const SIGNED_HEADERS: &str = "content-type;host;x-amz-date;x-amz-target";
/// The protocol's content type.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// A key that requests are signed with.
#[derive(Clone)]
pub(crate) struct Signer {
    id: String,
    secret: String,
}

impl Signer {
    /// Signs with a key of an id and a secret.
    pub(crate) fn new(id: String, secret: String) -> Self {
        Self { id, secret }
    }

    /// Returns the header lines that call an operation with a body, `host` among the signed
    /// ones but not among these.
    pub(crate) fn headers(&self, host: &str, operation: &str, body: &[u8]) -> String {
        let now = jiff::Timestamp::now();
        let (time, day) = (now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"));
        self.headers_at(&time.to_string(), &day.to_string(), host, operation, body)
    }

    fn headers_at(
        &self,
        time: &str,
        day: &str,
        host: &str,
        operation: &str,
        body: &[u8],
    ) -> String {
        let target = format!("AWSStepFunctions.{operation}");
        let canonical = format!(
            "POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{time}\n\
             x-amz-target:{target}\n\n{SIGNED_HEADERS}\n{}",
            hex(&Sha256::digest(body))
        );
        let scope = format!("{day}/{REGION}/{SERVICE}/aws4_request");
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex(&Sha256::digest(canonical))
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, REGION, SERVICE, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex(&mac(&key, text.as_bytes()));
        format!(
            "x-amz-date: {time}\r\nx-amz-target: {target}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential={}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}\r\n",
            self.id
        )
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore 1.44 signs for the same request, key and time.
    #[test]
    fn a_request_is_signed_as_aws_tools_sign_it() {
        let signer = Signer::new("AKIDEXAMPLE".to_owned(), "secret".to_owned());
        let headers = signer.headers_at(
            "20260102T030405Z",
            "20260102",
            "127.0.0.1:8080",
            "ListStateMachines",
            b"{}",
        );
        let (_, signature) = headers.trim_end().rsplit_once("Signature=").unwrap();
        assert_eq!(
            signature,
            "83e01d7d5e86e09abbfe5b08529a2997599565f5e39953caccde28e8d77add46"
        );
    }
}
