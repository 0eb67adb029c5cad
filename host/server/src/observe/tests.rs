//! Ids of requests, and trace contexts.

use super::*;

fn headers(name: HeaderName, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
}

#[test]
fn a_decent_id_is_taken_over_and_another_replaced() {
    let kept = request_id(&headers(REQUEST_ID, "build-7.step_2"));
    assert_eq!(kept, "build-7.step_2");
    for other in ["", "two words", "a\"b", &"x".repeat(65)] {
        let made = request_id(&headers(REQUEST_ID, other));
        assert_ne!(made, other);
        assert!(!made.is_empty());
    }
    assert_ne!(new_request_id(), new_request_id());
}

#[test]
fn a_trace_context_is_taken_as_w3c_defines_it() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let span = "00f067aa0ba902b7";
    for valid in [
        format!("00-{trace}-{span}-01"),
        format!("01-{trace}-{span}-01-more"),
    ] {
        assert_eq!(
            traceparent(&headers(TRACEPARENT, &valid)),
            Some(valid.as_str())
        );
    }
    for invalid in [
        String::new(),
        format!("00-{trace}-{span}"),
        format!("00-{trace}-{span}-01-more"),
        format!("ff-{trace}-{span}-01"),
        format!("00-{}-{span}-01", "0".repeat(32)),
        format!("00-{trace}-{}-01", "0".repeat(16)),
        format!("00-{}-{span}-01", trace.to_uppercase()),
        format!("00-{trace}-{span}-0g"),
        format!("01-{trace}-{span}-01-{}", "x".repeat(256)),
    ] {
        assert_eq!(
            traceparent(&headers(TRACEPARENT, &invalid)),
            None,
            "{invalid}"
        );
    }
}
