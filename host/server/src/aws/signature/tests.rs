//! Signatures: the documented example, and each way in which one may be wrong.

use axum::http::HeaderValue;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: &str = "2015-08-30T12:36:00Z";

fn now() -> Timestamp {
    Timestamp::parse_rfc3339(NOW).unwrap()
}

pub(in crate::aws) fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// Signs as a client does, by the same steps in the other direction.
fn signed_by(secret: &str, headers: HeaderMap, body: &[u8]) -> HeaderMap {
    signed_with("KEY", secret, headers, body)
}

/// Signs with a key of this id.
pub(in crate::aws) fn signed_with(
    key_id: &str,
    secret: &str,
    mut headers: HeaderMap,
    body: &[u8],
) -> HeaderMap {
    let names: Vec<String> = headers.keys().map(ToString::to_string).collect();
    let at = headers["x-amz-date"].to_str().unwrap().to_owned();
    let mut signed = Signed {
        key_id: key_id.to_owned(),
        day: at[..8].to_owned(),
        region: "us-east-1".to_owned(),
        headers: names.clone(),
        signature: Vec::new(),
        at,
    };
    let request = SignedRequest {
        method: &Method::POST,
        uri: &Uri::from_static("/"),
        headers: &headers,
        body,
    };
    let canonical = canonical_request(&signed, request).unwrap();
    signed.signature = signature_of(&signed, secret, &canonical)
        .finalize()
        .into_bytes()
        .to_vec();
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={key_id}/{}/us-east-1/states/aws4_request, SignedHeaders={}, Signature={}",
        signed.day,
        names.join(";"),
        hex::encode(&signed.signature)
    );
    headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
    headers
}

fn outcome(headers: &HeaderMap, secret: &str, body: &[u8]) -> Result<(), Refused> {
    let signed = read(headers, now())?;
    let request = SignedRequest {
        method: &Method::POST,
        uri: &Uri::from_static("/"),
        headers,
        body,
    };
    verify(&signed, secret, request)
}

fn start_execution() -> HeaderMap {
    headers(&[
        ("host", "127.0.0.1:7400"),
        ("x-amz-date", "20150830T123600Z"),
        ("x-amz-target", "AWSStepFunctions.StartExecution"),
    ])
}

/// The example of AWS's own documentation, "Create a signed AWS API request".
#[test]
fn the_documented_example_has_the_documented_signature() {
    let headers = headers(&[
        (
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
    ]);
    let signed = Signed {
        key_id: "AKIDEXAMPLE".to_owned(),
        day: "20150830".to_owned(),
        region: "us-east-1".to_owned(),
        headers: ["content-type", "host", "x-amz-date"]
            .map(str::to_owned)
            .to_vec(),
        signature: Vec::new(),
        at: "20150830T123600Z".to_owned(),
    };
    let request = SignedRequest {
        method: &Method::GET,
        uri: &Uri::from_static("/?Action=ListUsers&Version=2010-05-08"),
        headers: &headers,
        body: b"",
    };
    let canonical = canonical_request(&signed, request).unwrap();
    assert_eq!(
        hex::encode(Sha256::digest(canonical)),
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    );
}

#[test]
fn a_request_signed_with_the_key_passes() {
    let headers = signed_by(SECRET, start_execution(), b"{}");
    assert_eq!(outcome(&headers, SECRET, b"{}"), Ok(()));
}

#[test]
fn another_key_body_or_target_does_not() {
    let good = signed_by(SECRET, start_execution(), b"{}");
    let mut retargeted = good.clone();
    retargeted.insert(
        "x-amz-target",
        HeaderValue::from_static("AWSStepFunctions.StopExecution"),
    );
    for (headers, secret, body) in [
        (&good, "another", &b"{}"[..]),
        (&good, SECRET, b"{ }"),
        (&retargeted, SECRET, b"{}"),
    ] {
        let refused = outcome(headers, secret, body).unwrap_err();
        assert_eq!(refused.parts().0, "InvalidSignatureException");
    }
}

#[test]
fn what_says_where_when_and_what_must_be_signed() {
    let mut headers = start_execution();
    headers.remove("x-amz-target");
    let mut headers = signed_by(SECRET, headers, b"{}");
    headers.insert(
        "x-amz-target",
        HeaderValue::from_static("AWSStepFunctions.StopExecution"),
    );
    let refused = outcome(&headers, SECRET, b"{}").unwrap_err();
    assert!(
        refused.parts().1.contains("'x-amz-target' must be"),
        "{refused:?}"
    );
}

#[test]
fn clocks_may_lie_five_minutes_apart() {
    for (at, words) in [
        ("20150830T123101Z", None),
        ("20150830T124059Z", None),
        (
            "20150830T123059Z",
            Some(
                "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z \
                 (20150830T123600Z - 5 min.)",
            ),
        ),
        (
            "20150830T124101Z",
            Some(
                "Signature not yet current: 20150830T124101Z is still later than \
                 20150830T124100Z (20150830T123600Z + 5 min.)",
            ),
        ),
    ] {
        let mut headers = start_execution();
        headers.insert("x-amz-date", HeaderValue::from_str(at).unwrap());
        let refused = outcome(&signed_by(SECRET, headers, b"{}"), SECRET, b"{}");
        let expected = words.map_or(Ok(()), |words| Err(Refused::Invalid(words.to_owned())));
        assert_eq!(refused, expected);
    }
}

#[test]
fn a_header_that_is_not_as_it_must_be_is_named() {
    let cases = [
        ("Basic dGVzdA==", "Unsupported AWS 'algorithm': 'Basic'."),
        (
            "AWS4-HMAC-SHA256",
            "requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=KEY/20150830, SignedHeaders=host, Signature=00",
            "exactly 5 slash-delimited elements",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=KEY/20150830/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00",
            "scoped to correct service: 'states'",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=KEY/20150829/us-east-1/states/aws4_request, SignedHeaders=host, Signature=00",
            "Date in Credential scope",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=KEY/20150830/us-east-1/states/aws4_request, SignedHeaders=host, Signature=xy",
            "hexadecimal",
        ),
    ];
    for (authorization, words) in cases {
        let mut headers = start_execution();
        headers.insert(
            "authorization",
            HeaderValue::from_str(authorization).unwrap(),
        );
        let refused = outcome(&headers, SECRET, b"{}").unwrap_err();
        assert!(refused.parts().1.contains(words), "{refused:?}");
    }
    assert_eq!(
        outcome(&start_execution(), SECRET, b"{}"),
        Err(Refused::Missing)
    );
    let mut headers = signed_by(SECRET, start_execution(), b"{}");
    headers.insert("x-amz-date", HeaderValue::from_static("20150830Tlunch"));
    assert!(outcome(&headers, SECRET, b"{}").is_err());
}
