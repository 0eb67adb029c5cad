//! An issuer's keys over time: fetched once, changed, withdrawn, out of reach.

use super::*;

/// A fresh token, as the issuer would make it at a time.
fn token_at(key: &SigningKey, seconds: i64) -> String {
    let now = NOW_SECONDS + seconds;
    key.sign(&claims_with(&json!({ "iat": now, "exp": now + 300 })))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_after_their_lifetime() {
    let key = SigningKey::new("one");
    let documents = Documents::of(&[&key]);
    let oidc = oidc_with(&json!({}), &documents);
    for (seconds, fetches) in [(0, 1), (1, 1), (899, 1), (900, 2), (1_799, 2), (1_800, 3)] {
        admit_at(&oidc, &token_at(&key, seconds), seconds)
            .await
            .unwrap();
        assert_eq!(documents.fetches(), fetches, "at {seconds}");
    }
}

/// The lifetime is what the issuer says, within bounds: it can neither make the host ask
/// for each request nor make it keep keys for a year.
#[tokio::test]
async fn keys_live_as_long_as_their_server_says_within_bounds() {
    for (said, seconds) in [(0, 60), (3_600, 3_600), (31_536_000, 21_600)] {
        let key = SigningKey::new("one");
        let documents = Documents::of(&[&key]);
        *documents.max_age_seconds.lock().unwrap() = Some(said);
        let oidc = oidc_with(&json!({}), &documents);
        for (at, fetches) in [(0, 1), (seconds - 1, 1), (seconds, 2)] {
            admit_at(&oidc, &token_at(&key, at), at).await.unwrap();
            assert_eq!(documents.fetches(), fetches, "max-age={said} at {at}");
        }
    }
}

#[tokio::test]
async fn a_new_key_is_taken_up_when_the_first_token_names_it() {
    let (old, new) = (SigningKey::new("old"), SigningKey::new("new"));
    let documents = Documents::of(&[&old]);
    let oidc = oidc_with(&json!({}), &documents);
    admit_at(&oidc, &token_at(&old, 0), 0).await.unwrap();
    documents.put_keys(&[&new, &old]);
    admit_at(&oidc, &token_at(&new, 30), 30).await.unwrap();
    admit_at(&oidc, &token_at(&old, 30), 30).await.unwrap();
    assert_eq!(documents.fetches(), 2);
    // The old one is withdrawn: known until the lifetime ends, and then no more.
    documents.put_keys(&[&new]);
    admit_at(&oidc, &token_at(&old, 900), 900).await.unwrap();
    let refused = refusal(admit_at(&oidc, &token_at(&old, 930), 930).await);
    assert!(matches!(refused, Refusal::UnknownKey { .. }), "{refused}");
    admit_at(&oidc, &token_at(&new, 930), 930).await.unwrap();
}

#[tokio::test]
async fn unknown_key_ids_make_a_fetch_at_most_once_in_ten_seconds() {
    let (key, stranger) = (SigningKey::new("one"), SigningKey::new("stranger"));
    let documents = Documents::of(&[&key]);
    let oidc = oidc_with(&json!({}), &documents);
    for (seconds, fetches) in [(0, 1), (1, 1), (9, 1), (10, 2), (11, 2), (19, 2), (20, 3)] {
        let refused = refusal(admit_at(&oidc, &token_at(&stranger, seconds), seconds).await);
        assert!(matches!(refused, Refusal::UnknownKey { .. }), "{refused}");
        assert_eq!(documents.fetches(), fetches, "at {seconds}");
    }
    admit_at(&oidc, &token_at(&key, 20), 20).await.unwrap();
    assert_eq!(documents.fetches(), 3);
}

#[tokio::test]
async fn while_the_issuer_is_down_its_keys_go_on_for_some_hours() {
    let (key, stranger) = (SigningKey::new("one"), SigningKey::new("stranger"));
    let documents = Documents::of(&[&key]);
    let oidc = oidc_with(&json!({}), &documents);
    admit_at(&oidc, &token_at(&key, 0), 0).await.unwrap();
    documents.is_down.store(true, SeqCst);
    for seconds in [900, 1_000, 15_299] {
        admit_at(&oidc, &token_at(&key, seconds), seconds)
            .await
            .unwrap();
    }
    // Whether there is such a key by now cannot be told.
    let unclear = refusal(admit_at(&oidc, &token_at(&stranger, 15_299), 15_299).await);
    assert!(unclear.is_passing(), "{unclear}");
    let late = 900 + 4 * 3_600;
    let refused = refusal(admit_at(&oidc, &token_at(&key, late), late).await);
    assert!(refused.is_passing(), "{refused}");
    assert!(
        refused.to_string().contains("connection refused"),
        "{refused}"
    );
    documents.is_down.store(false, SeqCst);
    let back = late + 80;
    admit_at(&oidc, &token_at(&key, back), back).await.unwrap();
}

#[tokio::test]
async fn an_issuer_that_is_down_is_asked_less_and_less() {
    let key = SigningKey::new("one");
    let documents = Documents::of(&[&key]);
    documents.is_down.store(true, SeqCst);
    let oidc = oidc_with(&json!({}), &documents);
    let mut asked_at = Vec::new();
    for seconds in 0..400 {
        let before = documents.asked.lock().unwrap().len();
        let refused = refusal(admit_at(&oidc, &token_at(&key, seconds), seconds).await);
        assert!(refused.is_passing(), "{refused}");
        if documents.asked.lock().unwrap().len() > before {
            asked_at.push(seconds);
        }
    }
    assert_eq!(asked_at, [0, 10, 30, 70, 150, 230, 310, 390]);
}

#[tokio::test]
async fn documents_that_are_wrong_let_nobody_in() {
    let key = SigningKey::new("one");
    let discovery = format!("{ISSUER}/.well-known/openid-configuration");
    let keys = format!("{ISSUER}/keys");
    for (url, document, reason) in [
        (
            &discovery,
            json!({ "issuer": "https://evil.example.com", "jwks_uri": keys }),
            "configure that one",
        ),
        (
            &discovery,
            json!({ "issuer": format!("{ISSUER}/"), "jwks_uri": keys }),
            "configure that one",
        ),
        (
            &discovery,
            json!({ "jwks_uri": keys }),
            "configure that one",
        ),
        (&discovery, json!({ "issuer": ISSUER }), "no jwks_uri"),
        (
            &discovery,
            json!({ "issuer": ISSUER, "jwks_uri": "http://id.example.com/keys" }),
            "https",
        ),
        (
            &discovery,
            json!({ "issuer": ISSUER, "jwks_uri": "file:///etc/passwd" }),
            "jwks_uri",
        ),
        (
            &discovery,
            json!({ "issuer": ISSUER, "jwks_uri": "https://id.example.com/gone" }),
            "404",
        ),
        (&keys, json!([]), "no JSON object"),
        (&keys, json!({ "keys": "none" }), "no array"),
    ] {
        let documents = Documents::of(&[&key]);
        documents.put(url, &document);
        let oidc = oidc_with(&json!({}), &documents);
        let refused = refusal(admit_at(&oidc, &token_at(&key, 0), 0).await);
        assert!(refused.is_passing(), "{document}: {refused}");
        assert!(
            refused.to_string().contains(reason),
            "{document}: {refused}"
        );
    }
    // With the keys' place pinned there is no discovery to go wrong.
    let documents = Documents::of(&[&key]);
    documents.by_url.lock().unwrap().remove(&discovery);
    let oidc = oidc_with(&json!({ "jwksUri": keys }), &documents);
    admit_at(&oidc, &token_at(&key, 0), 0).await.unwrap();
}

#[tokio::test]
async fn keys_for_other_uses_verify_nothing() {
    let key = SigningKey::new("one");
    for (field, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("alg", json!("ES384")),
        ("alg", json!("ECDH-ES")),
        ("kty", json!("oct")),
        ("crv", json!("secp256k1")),
        ("crv", json!("P-384")),
        ("x", json!("AAAA")),
        ("y", json!("!")),
        ("d", json!("AAAA")),
    ] {
        let documents = Documents::of(&[]);
        let mut shown = key.public();
        shown[field] = value.clone();
        documents.put(&format!("{ISSUER}/keys"), &json!({ "keys": [shown] }));
        let oidc = oidc_with(&json!({}), &documents);
        let refused = refusal(admit_at(&oidc, &token_at(&key, 0), 0).await);
        let told = format!("{field} {value}: {refused}");
        assert!(matches!(refused, Refusal::UnknownKey { .. }), "{told}");
    }
    // One that cannot be read does not take the others with it.
    let documents = Documents::of(&[]);
    let strange = json!({ "kty": "quantum", "kid": "q" });
    let keys = json!({ "keys": [7, strange, key.public()] });
    documents.put(&format!("{ISSUER}/keys"), &keys);
    let oidc = oidc_with(&json!({}), &documents);
    admit_at(&oidc, &token_at(&key, 0), 0).await.unwrap();
}

/// Many at once wait for one fetch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_share_a_fetch() {
    let key = SigningKey::new("one");
    let documents = Documents::of(&[&key]);
    let oidc = Arc::new(oidc_with(&json!({}), &documents));
    let token = token_at(&key, 0);
    let asking = (0..50).map(|_| {
        let (oidc, token) = (Arc::clone(&oidc), token.clone());
        tokio::spawn(async move { admit_at(&oidc, &token, 0).await })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(documents.fetches(), 1);
}
