//! Where placeholders may stand, and where they may not.

use super::*;
use crate::held::HeldSecret;
use crate::secret::SecretValue;

fn held() -> HeldSecrets {
    let secrets = [
        ("token", "s3cr3t value&="),
        ("other", "another value"),
        ("broken", "value\r\nX-Evil: 1"),
    ];
    let secrets = secrets.map(|(name, value)| HeldSecret {
        name: name.into(),
        value: SecretValue::new(Zeroizing::new(value.as_bytes().to_vec())).unwrap(),
        reveal: false,
    });
    HeldSecrets::new(secrets.into()).unwrap()
}

fn request(target: &str, headers: &[(&str, &str)]) -> OutgoingRequest {
    OutgoingRequest {
        target: Zeroizing::new(target.to_owned()),
        headers: headers
            .iter()
            .map(|(name, value)| {
                let value = Zeroizing::new(value.as_bytes().to_vec());
                ((*name).to_owned(), value)
            })
            .collect(),
    }
}

fn filled(
    held: &HeldSecrets,
    mut request: OutgoingRequest,
    allowed: &[&str],
) -> Result<OutgoingRequest, Misplaced> {
    let allowed: Vec<Arc<str>> = allowed.iter().map(|name| Arc::from(*name)).collect();
    held.fill(&mut request, &allowed).map(|_used| request)
}

#[test]
fn values_of_headers_and_of_the_query_are_filled() {
    let held = held();
    let token = held.answer("token").unwrap();
    let sent = request(
        &format!("/v1/a?key={token}&n=1&both={token}-{token}#top"),
        &[
            ("authorization", &format!("Bearer {token}")),
            ("accept", "*/*"),
        ],
    );
    let mut sent = sent;
    let used = held.fill(&mut sent, &["token".into()]).unwrap();
    assert_eq!(used, ["token".into()]);
    assert_eq!(
        sent,
        request(
            "/v1/a?key=s3cr3t%20value%26%3D&n=1&both=s3cr3t%20value%26%3D-s3cr3t%20value%26%3D#top",
            &[
                ("authorization", "Bearer s3cr3t value&="),
                ("accept", "*/*")
            ],
        )
    );
}

#[test]
fn a_password_of_basic_is_filled_where_it_is_encoded() {
    let held = held();
    let inner = STANDARD.encode(format!("user:{}", held.answer("token").unwrap()));
    let sent = request("/", &[("Authorization", &format!("Basic {inner}"))]);
    let expected = format!("Basic {}", STANDARD.encode("user:s3cr3t value&="));
    assert_eq!(
        filled(&held, sent.clone(), &["token"]).unwrap(),
        request("/", &[("Authorization", &expected)])
    );
    let refused = filled(&held, sent, &["other"]).unwrap_err();
    assert_eq!(refused, Misplaced::NotForThisHost("token".into()));
}

#[test]
fn a_secret_goes_nowhere_but_where_its_grant_says() {
    let held = held();
    let token = held.answer("token").unwrap();
    for sent in [
        request("/", &[("authorization", token)]),
        request(&format!("/?q={token}"), &[]),
    ] {
        for allowed in [&[][..], &["other"]] {
            let refused = filled(&held, sent.clone(), allowed).unwrap_err();
            assert_eq!(refused, Misplaced::NotForThisHost("token".into()));
            assert!(!refused.to_string().contains(token));
        }
    }
}

#[test]
fn a_placeholder_in_another_place_is_refused() {
    let held = held();
    let token = held.answer("token").unwrap();
    for sent in [
        request(&format!("/hooks/{token}/x"), &[]),
        request(&format!("https://{token}.example.org/"), &[]),
        request(&format!("/?{token}=1"), &[]),
        request(&format!("/?{token}"), &[]),
        request(&format!("/?a=1#{token}"), &[]),
        request("/", &[(token, "1")]),
    ] {
        let refused = filled(&held, sent.clone(), &["token"]).unwrap_err();
        assert_eq!(refused, Misplaced::Elsewhere("token".into()), "{sent:?}");
    }
}

#[test]
fn a_filled_request_shows_no_value() {
    let held = held();
    let token = held.answer("token").unwrap();
    let sent = request(&format!("/?key={token}"), &[("authorization", token)]);
    let shown = format!("{:?}", filled(&held, sent, &["token"]).unwrap());
    assert!(shown.contains("authorization"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn a_value_cannot_end_its_header() {
    let held = held();
    let broken = held.answer("broken").unwrap();
    let refused = filled(&held, request("/", &[("x-a", broken)]), &["broken"]);
    assert_eq!(refused, Err(Misplaced::NotForHeaders("broken".into())));
    let in_query = filled(&held, request(&format!("/?a={broken}"), &[]), &["broken"]).unwrap();
    assert_eq!(in_query.target.as_str(), "/?a=value%0D%0AX-Evil%3A%201");
}

#[test]
fn the_placeholder_of_another_call_is_refused() {
    let (mine, others) = (held(), held());
    let foreign = others.answer("token").unwrap();
    for sent in [
        request("/", &[("authorization", foreign)]),
        request(&format!("/{foreign}"), &[]),
    ] {
        assert_eq!(filled(&mine, sent, &["token"]), Err(Misplaced::Foreign));
    }
}

#[test]
fn a_request_without_placeholders_stays_as_it_is() {
    let held = held();
    for target in ["/", "/?", "/?a&b=&=c&&", "/a#b?c=d", "*", "https://h/p?q#f"] {
        let sent = request(
            target,
            &[("x-a", "swph_ but no placeholder"), ("b", "\u{fc}")],
        );
        assert_eq!(filled(&held, sent.clone(), &[]).unwrap(), sent, "{target}");
    }
}
