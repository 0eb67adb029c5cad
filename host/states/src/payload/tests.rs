//! What a payload is, and what it is not.

use serde_json::json;

use super::Payload;

#[test]
fn valid_texts_stay_as_they_are() {
    for text in [
        "null",
        " true ",
        "-0.5e+10",
        "\"\"",
        "[]",
        "{}",
        "[1, [2, {\"a\": [null]}]]",
        r#"{"a":{"b":1},"c":"😀\n\"","d":[{},[]]}"#,
        "\t[\n1\r]",
        "123456789012345678901234567890",
    ] {
        let payload = Payload::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(payload.as_str(), text);
        assert_eq!(
            payload.to_value(),
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }
}

#[test]
fn other_texts_are_refused_with_their_place() {
    for (text, message, column) in [
        ("", "Invalid execution input.", 1),
        ("  ", "Invalid execution input.", 3),
        ("not json", "Unrecognized token 'not'", 1),
        ("{'a': 1}", "Unexpected character (''' (code 39))", 2),
        ("{\"a\" 1}", "was expecting a colon", 6),
        ("{\"a\":}", "Unexpected character ('}' (code 125))", 6),
        ("{\"a\":1,}", "double-quote to start field name", 8),
        ("[1,]", "Unexpected character (']' (code 93))", 4),
        ("[1 2]", "comma to separate Array entries", 4),
        ("[1", "Unexpected end-of-input", 3),
        ("{", "Unexpected end-of-input", 2),
        ("\"abc", "Unexpected end-of-input", 5),
        ("1 2", "one value", 3),
        ("01", "Leading zeroes", 2),
        ("1.", "was expecting a digit", 3),
        ("-", "was expecting a digit", 2),
        ("1e", "was expecting a digit", 3),
        ("\"\\x\"", "Unrecognized character escape", 3),
        ("\"\\u12\"", "hex-digit", 3),
        ("\"a\nb\"", "CTRL-CHAR, code 10", 3),
        ("nulll", "Unrecognized token 'nulll'", 1),
    ] {
        let error = Payload::parse(text).unwrap_err();
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.column, column, "{text}: {error}");
    }
    assert_eq!(Payload::parse("{\n \"a\": ?}").unwrap_err().line, 2);
}

#[test]
fn a_key_may_stand_once_in_an_object() {
    let error = Payload::parse(r#"{"a":1,"b":{"a":2},"a":3}"#).unwrap_err();
    assert!(error.message.contains("Duplicate field 'a'"), "{error}");
    assert_eq!(error.column, 20);
    assert!(Payload::parse(r#"{"a":1,"\u0061":2}"#).is_err());
    assert!(Payload::parse(r#"[{"a":1},{"a":1}]"#).is_ok());
}

#[test]
fn halves_of_surrogate_pairs_are_refused() {
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\u0041""#,
        r#""\ud800x""#,
    ] {
        let error = Payload::parse(text).unwrap_err();
        assert!(error.message.contains("surrogate"), "{text}: {error}");
    }
    assert_eq!(
        Payload::parse(r#""\ud83d\ude00""#).unwrap().to_value(),
        json!("😀")
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Payload::parse(nested(100)).is_ok());
    assert!(
        Payload::parse(nested(101))
            .unwrap_err()
            .message
            .contains("deeper than 100")
    );
    assert!(Payload::parse("[".repeat(1_000_000)).is_err());
}

#[test]
fn a_key_that_the_json_library_reads_otherwise_is_refused() {
    let text = r#"{"$serde_json::private::Number":"1"}"#;
    assert!(
        Payload::parse(text)
            .unwrap_err()
            .message
            .contains("reserved")
    );
}

#[test]
fn a_payload_is_serialised_as_a_text() {
    let payload = Payload::parse("{\"a\": 1}").unwrap();
    let stored = serde_json::to_string(&payload).unwrap();
    assert_eq!(stored, r#""{\"a\": 1}""#);
    assert_eq!(serde_json::from_str::<Payload>(&stored).unwrap(), payload);
}
