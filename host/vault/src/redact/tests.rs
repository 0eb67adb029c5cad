//! What redaction leaves, in each form and for secrets that overlap.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[(&str, &str)]) -> Redactor {
    let named: Vec<(Arc<str>, &str)> = secrets
        .iter()
        .map(|(name, value)| (Arc::from(*name), *value))
        .collect();
    Redactor::new(named.iter().map(|(name, value)| (name, *value)))
}

const VALUE: &str = "pa\"ss/wörd &1";

#[test]
fn a_value_goes_in_every_form() {
    let redactor = redactor(&[("db", VALUE)]);
    for form in [
        VALUE.to_owned(),
        r#"{"p":"pa\"ss/wörd &1"}"#.to_owned(),
        r#"{"p":"pa\"ss/w\u00f6rd &1"}"#.to_owned(),
        "?p=pa%22ss%2Fw%C3%B6rd%20%261&x".to_owned(),
        "p=pa%22ss/w%C3%B6rd+%261".replace('/', "%2F"),
        serde_json::json!(serde_json::json!([[VALUE]]).to_string()).to_string(),
        hex::encode(VALUE),
        hex::encode_upper(VALUE),
        STANDARD.encode(VALUE),
        URL_SAFE_NO_PAD.encode(VALUE),
    ] {
        let text = format!("<{form}>");
        let redacted = redactor.redact(&text);
        assert!(redacted.contains("[redacted:db]"), "{form}: {redacted}");
        assert!(!redacted.contains("rd"), "{form}: {redacted}");
    }
    assert!(matches!(
        redactor.redact("nothing of it"),
        Cow::Borrowed("nothing of it")
    ));
}

#[test]
fn base64_is_found_wherever_the_value_begins() {
    let redactor = redactor(&[("db", "correct horse")]);
    for before in ["", "u", "us", "use", "user"] {
        for after in ["", ":", "::", ":::"] {
            let whole = STANDARD.encode(format!("{before}correct horse{after}"));
            let redacted = redactor.redact(&whole);
            assert!(
                redacted.contains("[redacted:db]"),
                "{before}|{after}: {redacted}"
            );
            // What is left on either side carries bits of a byte, and no byte.
            let left: usize = redacted.split("[redacted:db]").map(str::len).sum();
            assert!(left <= 4 + 8, "{before}|{after}: {redacted}");
        }
    }
}

#[test]
fn nothing_is_left_of_secrets_that_overlap_or_lie_within_each_other() {
    let overlapping = redactor(&[("a", "abcdefgh12"), ("b", "gh12345678")]);
    assert_eq!(overlapping.redact("<abcdefgh12345678>"), "<[redacted:a]>");
    assert_eq!(
        overlapping.redact("abcdefgh12gh12345678"),
        "[redacted:a][redacted:b]"
    );
    let nested = redactor(&[("inner", "password"), ("outer", "my password is long")]);
    assert_eq!(
        nested.redact("(my password is long) (password) (my password is)"),
        "([redacted:outer]) ([redacted:inner]) (my [redacted:inner] is)"
    );
}

#[test]
fn a_long_value_goes_as_far_as_it_is_there() {
    let value: String = (0..500).map(|n| format!("{n} ")).collect();
    let redactor = redactor(&[("long", &value)]);
    assert_eq!(redactor.redact(&format!("a{value}b")), "a[redacted:long]b");
    let part = &value[..300];
    assert_eq!(redactor.redact(&format!("a{part}!b")), "a[redacted:long]!b");
    let twice = format!("{value}{value}");
    assert_eq!(redactor.redact(&twice), "[redacted:long][redacted:long]");
}

#[test]
fn a_value_that_repeats_itself_takes_no_time_of_its_square() {
    let value = "ab".repeat(20_000);
    let redactor = redactor(&[("periodic", &value)]);
    let text = "ab".repeat(500_000);
    assert_eq!(redactor.redact(&text), "[redacted:periodic]");
}

#[test]
fn json_stays_json_whatever_escapes_it_has() {
    let redactor = redactor(&[
        ("db", VALUE),
        ("pin", "12345678"),
        ("doc", r#"{"a":true,"b":[]}"#),
    ]);
    for (json, expected) in [
        (r#"{"p":"pa\"ss/wörd &1"}"#, r#"{"p":"[redacted:db]"}"#),
        (
            r#"{"p":"\u0070\u0061\"ss\/w\u00f6rd \u00261!"}"#,
            r#"{"p":"[redacted:db]!"}"#,
        ),
        (r#"{"pa\"ss/wörd &1":1}"#, r#"{"[redacted:db]":1}"#),
        ("[12345678, -1.5e3]", r#"["[redacted:pin]", -1.5e3]"#),
        (r#"{"n":9123456789}"#, r#"{"n":"[redacted:pin]"}"#),
        (r#"[{"a":true,"b":[]}]"#, r#""[redacted:doc]""#),
        (r#"["plain","\n"]"#, r#"["plain","\n"]"#),
        ("true", "true"),
    ] {
        assert_eq!(redactor.redact_json(json), expected, "{json}");
    }
}

#[test]
fn the_beginning_of_a_value_goes_from_the_end_of_a_cut_text() {
    let redactor = redactor(&[("token", "swordfish-and-chips")]);
    assert_eq!(
        redactor.redact_cut("say swordfish-a"),
        "say [redacted:token]"
    );
    assert_eq!(redactor.redact_cut("say sword"), "say sword");
    assert_eq!(redactor.redact("say swordfish-a"), "say swordfish-a");
}

#[test]
fn a_value_goes_however_often_it_was_escaped() {
    let value = "a\"b\\c\nd/e ü";
    let redactor = redactor(&[("deep", value)]);
    let mut text = value.to_owned();
    for depth in 0..6 {
        let redacted = redactor.redact(&text).into_owned();
        assert!(redacted.contains("[redacted:deep]"), "{depth}: {redacted}");
        assert!(!redacted.contains("d/e"), "{depth}: {redacted}");
        text = serde_json::json!({ "in": text }).to_string();
    }
    assert_eq!(redactor.redact(r"C:\d/e \n"), r"C:\d/e \n");
}

#[test]
fn bytes_need_not_be_text() {
    let redactor = redactor(&[("token", "swordfish")]);
    assert_eq!(
        &*redactor.redact_bytes(b"\xff\xfeswordfish\xff"),
        b"\xff\xfe[redacted:token]\xff"
    );
    assert_eq!(&*redactor.redact_bytes(b"\xff\xfe"), b"\xff\xfe");
}

#[test]
fn without_secrets_nothing_is_touched() {
    let nothing = redactor(&[]);
    assert!(nothing.is_empty());
    assert!(matches!(nothing.redact("text"), Cow::Borrowed(_)));
    assert!(matches!(
        nothing.redact_json("\"\\u0041\""),
        Cow::Borrowed(_)
    ));
}

/// Texts out of few letters, so that values meet, overlap and repeat.
fn value() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ab\"\\\\/ é7🦀\n]{8,24}")
        .unwrap()
        .prop_filter("a secret has 8 bytes", |text| text.trim().len() >= 8)
}

/// How a program may write a value.
fn encoded(value: &str, how: usize) -> String {
    match how {
        0 => value.to_owned(),
        1 => serde_json::to_string(value).unwrap(),
        2 => serde_json::to_string(&serde_json::to_string(value).unwrap()).unwrap(),
        3 => hex::encode(value),
        4 => STANDARD.encode(format!("x:{value}")),
        5 => URL_SAFE_NO_PAD.encode(value),
        _ => value
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect(),
    }
}

proptest! {
    #[test]
    fn no_value_is_left_in_any_form(
        values in proptest::collection::vec(value(), 1..4),
        pieces in proptest::collection::vec((0..4_usize, 0..7_usize, "[ab\\\\ é]{0,6}"), 1..8),
    ) {
        let names: Vec<String> = (0..values.len()).map(|n| format!("s{n}")).collect();
        let secrets: Vec<(&str, &str)> = names
            .iter()
            .zip(&values)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let redactor = redactor(&secrets);
        let mut text = String::new();
        for (which, how, between) in &pieces {
            text.push_str(&encoded(&values[which % values.len()], *how));
            text.push_str(between);
        }
        let redacted = redactor.redact(&text);
        // A mark may end up between what stood on both sides, so each side is looked at.
        for rest in redacted.split("[redacted:") {
            let rest = rest.split_once(']').map_or(rest, |(_, rest)| rest);
            for value in &values {
                prop_assert!(!rest.contains(value.as_str()), "{value:?} in {redacted:?}");
                prop_assert!(!rest.contains(&hex::encode(value)));
            }
        }
        let outcome = redactor.redact_json(&serde_json::to_string(&text).unwrap()).into_owned();
        let read: serde_json::Value = serde_json::from_str(&outcome).unwrap();
        prop_assert!(read.is_string());
    }

    #[test]
    fn redacted_json_is_json_without_the_values(
        secret in value(),
        keys in proptest::collection::vec("[a-c]{1,3}", 1..4),
        around in "[ab\\\\\"é]{0,5}",
    ) {
        let redactor = redactor(&[("s", &secret)]);
        let members: serde_json::Map<String, serde_json::Value> = keys
            .iter()
            .map(|key| (key.clone(), format!("{around}{secret}{around}").into()))
            .collect();
        let json = serde_json::to_string(&members).unwrap();
        let redacted = redactor.redact_json(&json);
        let read: serde_json::Value = serde_json::from_str(&redacted).unwrap();
        for text in read.as_object().into_iter().flat_map(|map| map.values()) {
            prop_assert!(!text.as_str().unwrap().contains(&secret));
        }
    }

    #[test]
    fn what_holds_no_value_stays(text in "[c-z ]{0,200}", secret in "[AB]{7}C") {
        prop_assert_eq!(redactor(&[("s", &secret)]).redact(&text), text.as_str());
    }
}
