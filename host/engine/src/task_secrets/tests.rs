//! What leaves with secrets in it, and what comes back.

use super::*;

fn held(reveal: bool) -> HeldSecrets {
    let value = SecretValue::from_bytes(b"hunter2hunter2".to_vec()).unwrap();
    let secret = HeldSecret {
        name: "token".into(),
        value,
        reveal,
    };
    HeldSecrets::new(vec![secret]).unwrap()
}

fn request(headers: &[(&str, &str)]) -> Request {
    Request {
        method: "GET".to_owned(),
        url: "https://api.example.com/v1".to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: None,
    }
}

fn answer(headers: &[(&str, &str)], body: &str) -> Answer {
    Answer {
        status: 200,
        reason: "OK",
        headers: request(headers).headers,
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn a_request_leaves_with_the_value_where_its_grant_lists_it() {
    let held = held(false);
    let header = format!("Bearer {}", held.answer("token").unwrap());
    let sent = request(&[("authorization", &header), ("Accept-Encoding", "gzip")]);
    let mut filled = sent.clone();
    fill(&held, &["token".into()], &mut filled).unwrap();
    let expected = request(&[
        ("authorization", "Bearer hunter2hunter2"),
        ("accept-encoding", "identity"),
    ]);
    assert_eq!(filled, expected);
    let mut refused = sent.clone();
    let denial = fill(&held, &[], &mut refused).unwrap_err();
    assert_eq!(denial.control, Control::Secret);
    assert!(denial.reason.contains("'token'"), "{denial}");
    assert_eq!(refused, sent);
}

#[test]
fn a_part_of_an_answer_is_not_asked_for() {
    let ranged = request(&[("Range", "bytes=0-7")]);
    let denial = fill(&held(false), &[], &mut ranged.clone()).unwrap_err();
    assert_eq!(denial.control, Control::Secret);
    // Who has the value may.
    assert!(fill(&held(true), &[], &mut ranged.clone()).is_ok());
}

#[test]
fn an_answer_that_repeats_the_value_is_told_without_it() {
    let mut told = answer(
        &[
            ("x-echo", "Bearer hunter2hunter2"),
            ("content-length", "30"),
        ],
        r#"{"you": "sent hunter2hunter2"}"#,
    );
    let echoed = told.clone();
    conceal(&held(false), &mut told).unwrap();
    let expected = answer(
        &[("x-echo", "Bearer [redacted:token]")],
        r#"{"you": "sent [redacted:token]"}"#,
    );
    assert_eq!(told, expected);
    let mut revealed = echoed.clone();
    conceal(&held(true), &mut revealed).unwrap();
    assert_eq!(revealed, echoed);
}

#[test]
fn an_answer_that_cannot_be_looked_through_is_denied() {
    for (encoding, is_told) in [("gzip", false), ("br", false), ("identity", true)] {
        let mut told = answer(&[("content-encoding", encoding)], "…");
        assert_eq!(
            conceal(&held(false), &mut told).is_ok(),
            is_told,
            "{encoding}"
        );
        assert!(conceal(&held(true), &mut told).is_ok());
    }
}
