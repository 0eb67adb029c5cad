//! Tokens that another implementation made (jwcrypto, with keys that were thrown away), one
//! for each algorithm.

use super::*;

#[tokio::test]
async fn each_algorithm_is_verified_as_others_sign_it() {
    let (oidc, vectors) = vectors();
    let tokens = vectors["tokens"].as_object().unwrap();
    let names: BTreeSet<&str> = tokens.keys().map(String::as_str).collect();
    let accepted = token::Algorithm::ALL.map(token::Algorithm::name);
    assert_eq!(names, BTreeSet::from(accepted));
    for (name, token) in tokens {
        let token = token.as_str().unwrap();
        let admitted = admit_at(&oidc, token, 0).await;
        assert!(admitted.is_ok(), "{name}: {admitted:?}");
        // One bit of the signature, and it is nobody's.
        let (head, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[10] ^= 1;
        let forged = format!("{head}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(
            refusal(admit_at(&oidc, &forged, 0).await),
            Refusal::Signature,
            "{name}"
        );
    }
}

/// The public key is known to all: as the secret of an HMAC it would let anybody sign.
#[tokio::test]
async fn a_public_key_is_no_shared_secret_and_a_weak_key_is_no_key() {
    let (oidc, vectors) = vectors();
    let confused = vectors["hs256WithThePublicKey"].as_str().unwrap();
    let refused = refusal(admit_at(&oidc, confused, 0).await);
    assert!(matches!(refused, Refusal::Algorithm(_)), "{refused}");
    let weak = vectors["rsaOf1024Bits"].as_str().unwrap();
    assert_eq!(refusal(admit_at(&oidc, weak, 0).await), Refusal::Signature);
}

/// A signature of one kind does not pass for one of another kind by the same key.
#[tokio::test]
async fn a_key_that_names_its_algorithm_is_for_no_other() {
    let (_, vectors) = vectors();
    let mut rsa = vectors["keys"][0].clone();
    rsa["alg"] = json!("PS256");
    let documents = Documents::of(&[]);
    documents.put(&format!("{ISSUER}/keys"), &json!({ "keys": [rsa] }));
    let oidc = oidc_with(&json!({}), &documents);
    for (name, token) in vectors["tokens"].as_object().unwrap() {
        let admitted = admit_at(&oidc, token.as_str().unwrap(), 0).await;
        assert_eq!(admitted.is_ok(), name == "PS256", "{name}: {admitted:?}");
    }
}

fn vectors() -> (Oidc, Value) {
    let vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let documents = Documents::of(&[]);
    let keys = json!({ "keys": vectors["keys"] });
    documents.put(&format!("{ISSUER}/keys"), &keys);
    (oidc_with(&json!({}), &documents), vectors)
}
