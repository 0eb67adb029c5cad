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
fn a_request_has_one_trace_or_none() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut given = headers(TRACEPARENT, trace);
    given.append(TRACESTATE, HeaderValue::from_static("a=1"));
    given.append(TRACESTATE, HeaderValue::from_static("b=2"));
    let read = TraceHeaders::of(&given);
    assert_eq!(read.parent.as_deref(), Some(trace));
    assert_eq!(read.state.as_deref(), Some("a=1,b=2"));

    // What is malformed is as good as none, and what goes with it too.
    given.append(TRACEPARENT, HeaderValue::from_static(trace));
    let read = TraceHeaders::of(&given);
    assert_eq!((read.parent, read.state), (None, None));
    assert_eq!(traceparent(&headers(TRACEPARENT, "nonsense")), None);
}
