//! Tokens that are taken and tokens that are not, with keys of the tests' own.
//!
//! A real issuer is met in `tests/clients`; here stand the attacks that none would sign.

mod door;
mod issuers;
mod vectors;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::fetch::Document;
use super::*;

/// The issuer of these tests.
const ISSUER: &str = "https://id.example.com/realms/shop";

/// A time, from which the clocks of these tests go.
const NOW_SECONDS: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms((NOW_SECONDS + seconds) * 1_000)
}

fn settings_of(extra: &Value) -> OidcSettings {
    let mut issuer = json!({
        "issuer": ISSUER,
        "audiences": ["stepwell"],
        "groups": [
            { "group": "dev", "tenant": "shop", "role": "developer" },
            { "group": "ops", "tenant": "shop", "role": "operator" },
            { "group": "ops", "tenant": "bank", "role": "viewer" },
        ],
    });
    for (name, value) in extra.as_object().into_iter().flatten() {
        issuer[name] = value.clone();
    }
    OidcSettings::read(&json!({ "issuers": [issuer] }).to_string()).unwrap()
}

/// A key of the tests' own, for ES256.
struct SigningKey {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    fn new(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap();
        Self { id, pair }
    }

    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC",
            "crv": "P-256",
            "kid": self.id,
            "use": "sig",
            "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }

    /// Signs claims, with members of the header changed; null takes one away.
    fn sign_with(&self, claims: &Value, header: &Value) -> String {
        let mut all = json!({ "alg": "ES256", "typ": "JWT", "kid": self.id });
        for (name, value) in header.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        all.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&all), encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.unwrap()))
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_with(claims, &json!({}))
    }
}

/// Claims of a token that is taken, with some changed; null takes one away.
fn claims_with(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "sub": "user-1",
        "aud": "stepwell",
        "iat": NOW_SECONDS,
        "exp": NOW_SECONDS + 300,
        "groups": ["dev"],
        "preferred_username": "ada",
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

/// An issuer's documents, as they are now, and how often each was asked for.
#[derive(Debug, Default)]
struct Documents {
    is_down: AtomicBool,
    by_url: Mutex<BTreeMap<String, String>>,
    max_age_seconds: Mutex<Option<u64>>,
    asked: Mutex<Vec<String>>,
}

impl Documents {
    fn of(keys: &[&SigningKey]) -> Arc<Self> {
        let documents = Arc::new(Self::default());
        let discovery = json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys") });
        documents.put(
            &format!("{ISSUER}/.well-known/openid-configuration"),
            &discovery,
        );
        documents.put_keys(keys);
        documents
    }

    fn put(&self, url: &str, document: &Value) {
        let mut all = self.by_url.lock().unwrap();
        all.insert(url.to_owned(), document.to_string());
    }

    fn put_keys(&self, keys: &[&SigningKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
        self.put(&format!("{ISSUER}/keys"), &json!({ "keys": keys }));
    }

    /// How often the keys were asked for.
    fn fetches(&self) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|url| url.ends_with("/keys")).count()
    }
}

impl Fetch for Documents {
    fn get(&self, url: &str) -> Result<Document, String> {
        self.asked.lock().unwrap().push(url.to_owned());
        if self.is_down.load(SeqCst) {
            return Err(format!("{url}: connection refused"));
        }
        let all = self.by_url.lock().unwrap();
        let body = all
            .get(url)
            .ok_or_else(|| format!("{url} answered with status 404"))?;
        Ok(Document {
            body: body.clone().into_bytes(),
            max_age_seconds: *self.max_age_seconds.lock().unwrap(),
        })
    }
}

fn oidc_with(extra: &Value, documents: &Arc<Documents>) -> Oidc {
    let fetch = Arc::clone(documents) as Arc<dyn Fetch>;
    Oidc::with(&settings_of(extra), &fetch)
}

/// Shows a token at a time, for the tenant `shop`.
async fn admit_at(oidc: &Oidc, token: &str, seconds: i64) -> Result<Membership, Denial> {
    oidc.admit(token, Some("shop"), at(seconds)).await
}

/// What becomes of a token that differs from one that is taken in what is named.
async fn with_claims(changes: Value) -> Result<Membership, Denial> {
    let key = SigningKey::new("one");
    let oidc = oidc_with(&json!({}), &Documents::of(&[&key]));
    admit_at(&oidc, &key.sign(&claims_with(&changes)), 0).await
}

fn refusal(result: Result<Membership, Denial>) -> Refusal {
    match result {
        Err(Denial::Token(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_good_token_tells_who_it_is_and_what_their_groups_may_do() {
    let admitted = with_claims(json!({})).await.unwrap();
    let Membership {
        identity,
        tenant,
        roles,
    } = admitted;
    assert_eq!(identity.principal, format!("oidc:{ISSUER}#user-1"));
    assert_eq!(identity.name.as_deref(), Some("ada"));
    assert_eq!(tenant, "shop");
    assert_eq!(roles, BTreeSet::from(["developer".to_owned()]));
    assert_eq!(identity.until, at(360));
}

#[tokio::test]
async fn a_token_is_good_from_its_beginning_to_its_end_with_a_minute_of_skew() {
    let key = SigningKey::new("one");
    let oidc = oidc_with(&json!({}), &Documents::of(&[&key]));
    let token = key.sign(&claims_with(&json!({ "nbf": NOW_SECONDS + 100 })));
    for (seconds, expected) in [
        (39, "the token is not valid yet"),
        (40, ""),
        (359, ""),
        (360, "the token has expired"),
    ] {
        let told = match admit_at(&oidc, &token, seconds).await {
            Ok(_) => "".into(),
            Err(Denial::Token(refusal)) => refusal.public(),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(told, expected, "at {seconds}");
    }
    let from_the_future = key.sign(&claims_with(&json!({ "iat": NOW_SECONDS + 61 })));
    let refused = refusal(admit_at(&oidc, &from_the_future, 0).await);
    assert!(matches!(refused, Refusal::NotYetValid { .. }), "{refused}");
}

#[tokio::test]
async fn claims_that_are_missing_or_strange_are_refused_by_their_name() {
    for (changes, claim) in [
        (json!({ "sub": null }), "sub"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "sub": 7 }), "sub"),
        (json!({ "sub": "a\nb" }), "sub"),
        (json!({ "sub": "x".repeat(256) }), "sub"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": "tomorrow" }), "exp"),
        (json!({ "exp": -1 }), "exp"),
        (json!({ "exp": 1e300 }), "exp"),
        (json!({ "iat": null }), "iat"),
        (json!({ "nbf": [] }), "nbf"),
        (json!({ "aud": null }), "aud"),
        (json!({ "aud": ["stepwell", 1] }), "aud"),
        (json!({ "iss": null }), "iss"),
    ] {
        let refused = refusal(with_claims(changes.clone()).await);
        let expected = match changes[claim] {
            Value::Null => Refusal::Claim(claim),
            _ => Refusal::ClaimKind(claim),
        };
        assert_eq!(refused, expected, "{changes}");
    }
    // A fraction of a second is no reason.
    let exact = json!({ "exp": 1_800_000_100.5, "iat": 1_800_000_000.25 });
    with_claims(exact).await.unwrap();
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let audience = |claims: Value| async { refusal(with_claims(claims).await) };
    for claims in [
        json!({ "aud": "other" }),
        json!({ "aud": [] }),
        json!({ "aud": ["other", "another"] }),
        json!({ "aud": "Stepwell" }),
    ] {
        let refused = audience(claims.clone()).await;
        assert!(matches!(refused, Refusal::Audience { .. }), "{claims}");
    }
    let bound = refusal(with_claims(json!({ "cnf": { "jkt": "x" } })).await);
    assert!(matches!(bound, Refusal::Bound(_)), "{bound}");
    let logout = json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } });
    let logout = refusal(with_claims(logout).await);
    assert!(matches!(logout, Refusal::Kind(_)), "{logout}");
    let long = refusal(with_claims(json!({ "exp": NOW_SECONDS + 7_201 })).await);
    assert!(matches!(long, Refusal::LivesTooLong { .. }), "{long}");
    let stranger = refusal(with_claims(json!({ "iss": "https://id.example.com" })).await);
    assert!(matches!(stranger, Refusal::UnknownIssuer(_)), "{stranger}");
}

/// A token that others may get hold of, since it is for them too, is only taken from the
/// client that is named.
#[tokio::test]
async fn a_token_for_others_too_names_the_client_that_it_was_given_to() {
    let both = json!(["account", "stepwell"]);
    let key = SigningKey::new("one");
    let documents = Documents::of(&[&key]);
    let open = oidc_with(&json!({}), &documents);
    let named = json!({ "authorizedParties": ["shop-cli"] });
    let named = oidc_with(&named, &documents);
    for (oidc, changes, taken) in [
        (&open, json!({ "aud": both }), false),
        (&open, json!({ "aud": both, "azp": "account" }), false),
        (&open, json!({ "aud": both, "azp": "stepwell" }), true),
        (&open, json!({ "azp": "any-client" }), true),
        (&named, json!({ "aud": both, "azp": "shop-cli" }), true),
        (
            &named,
            json!({ "aud": both, "client_id": "shop-cli" }),
            true,
        ),
        (&named, json!({ "azp": "shop-cli" }), true),
        (&named, json!({ "azp": "any-client" }), false),
        (&named, json!({}), false),
    ] {
        let admitted = admit_at(oidc, &key.sign(&claims_with(&changes)), 0).await;
        assert_eq!(admitted.is_ok(), taken, "{changes}: {admitted:?}");
    }
}

#[tokio::test]
async fn headers_that_lead_astray_are_refused() {
    let key = SigningKey::new("one");
    let other = SigningKey::new("two");
    let oidc = oidc_with(&json!({}), &Documents::of(&[&key, &other]));
    let claims = claims_with(&json!({}));
    for (header, reason) in [
        (json!({ "alg": "none" }), "algorithm"),
        (json!({ "alg": "None" }), "algorithm"),
        (json!({ "alg": "HS256" }), "algorithm"),
        (json!({ "alg": "es256" }), "algorithm"),
        (json!({ "alg": "RS256" }), "key of the token is not for"),
        (json!({ "alg": "EdDSA" }), "key of the token is not for"),
        (json!({ "alg": null }), "cannot be read"),
        (json!({ "alg": ["ES256"] }), "cannot be read"),
        (json!({ "crit": ["b64"], "b64": false }), "critical"),
        (json!({ "crit": [] }), "critical"),
        (json!({ "typ": "logout+jwt" }), "no access or ID token"),
        (json!({ "typ": "dpop+jwt" }), "no access or ID token"),
        (json!({ "kid": "two" }), "signature"),
        (json!({ "kid": "three" }), "does not publish"),
        (json!({ "kid": 1 }), "cannot be read"),
        (json!({ "kid": "x".repeat(300) }), "cannot be read"),
        (json!({ "kid": null }), "does not name its key"),
    ] {
        let token = key.sign_with(&claims, &header);
        let refused = refusal(admit_at(&oidc, &token, 0).await);
        assert!(refused.public().contains(reason), "{header}: {refused}");
    }
    for header in [
        json!({ "typ": null }),
        json!({ "typ": "at+JWT" }),
        json!({ "typ": "application/at+jwt" }),
        // What offers another key is not looked at.
        json!({ "jwk": other.public(), "jku": "https://evil.example.com/keys" }),
    ] {
        admit_at(&oidc, &key.sign_with(&claims, &header), 0)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_token_that_was_changed_or_is_no_token_is_refused() {
    let key = SigningKey::new("one");
    let documents = Documents::of(&[&key]);
    let oidc = oidc_with(&json!({}), &documents);
    let good = key.sign(&claims_with(&json!({})));
    let richer = key.sign(&claims_with(&json!({ "groups": ["dev", "ops"] })));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (other_head, _) = richer.rsplit_once('.').unwrap();
    let unsigned = format!("{head}.");
    let swapped = format!("{other_head}.{signature}");
    let padded = format!("{good}=");
    let long = format!("{head}.{}", "A".repeat(20_000));
    for text in [
        "",
        "..",
        "a.b.c",
        "....",
        "e30.e30.",
        &unsigned,
        &swapped,
        &padded,
        &long,
        &format!("{good}.{signature}"),
        &good.replacen('.', "\u{e9}.", 1),
    ] {
        let refused = refusal(admit_at(&oidc, text, 0).await);
        assert!(!refused.is_passing(), "{refused}");
    }
    // Deep nesting is no way in, nor a way to bring the host down.
    let deep = URL_SAFE_NO_PAD.encode(format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)));
    let deep = format!("{deep}.{deep}.{signature}");
    refusal(admit_at(&oidc, &deep, 0).await);
    admit_at(&oidc, &good, 0).await.unwrap();
}

/// Every character counts: also those that decode to the same bytes in lax readers.
#[tokio::test]
async fn a_token_with_any_character_changed_is_refused() {
    let key = SigningKey::new("one");
    let oidc = oidc_with(&json!({}), &Documents::of(&[&key]));
    let good = key.sign(&claims_with(&json!({})));
    admit_at(&oidc, &good, 0).await.unwrap();
    for place in 0..good.len() {
        for other in ["A", "B", "_", "=", ".", ""] {
            let mut changed = good.clone();
            changed.replace_range(place..=place, other);
            if changed != good {
                let refused = refusal(admit_at(&oidc, &changed, 0).await);
                assert!(!refused.is_passing(), "{place} {other:?}: {refused}");
            }
        }
    }
}

/// All that a caller is told of fits the quotes of a header (RFC 6750, section 3).
#[tokio::test]
async fn what_a_caller_is_told_fits_a_header_and_names_nothing() {
    let told = Told::new("\"evil\\\n");
    for refused in [
        Refusal::TooLong(1),
        Refusal::Malformed("x"),
        Refusal::Algorithm(told.clone()),
        Refusal::Critical,
        Refusal::Kind(told.clone()),
        Refusal::UnknownIssuer(told.clone()),
        Refusal::NoKeyId,
        Refusal::KeyMismatch(told.clone()),
        Refusal::Signature,
        Refusal::Claim("x"),
        Refusal::ClaimKind("x"),
        Refusal::Bound(told),
    ] {
        let fits = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        assert!(refused.public().chars().all(fits), "{refused}");
        assert!(!refused.to_string().contains('\n'), "{refused}");
        assert!(!refused.public().contains("evil"), "{refused}");
    }
}

#[tokio::test]
async fn the_configured_algorithms_and_no_other_are_taken() {
    let key = SigningKey::new("one");
    let documents = Documents::of(&[&key]);
    let token = key.sign(&claims_with(&json!({})));
    for (algorithms, taken) in [
        (json!([]), true),
        (json!(["RS256", "ES256"]), true),
        (json!(["RS256", "EdDSA"]), false),
    ] {
        let oidc = oidc_with(&json!({ "algorithms": algorithms }), &documents);
        let admitted = admit_at(&oidc, &token, 0).await;
        assert_eq!(admitted.is_ok(), taken, "{algorithms}: {admitted:?}");
    }
}

#[tokio::test]
async fn groups_lead_to_roles_in_one_tenant() {
    let key = SigningKey::new("one");
    let oidc = oidc_with(&json!({}), &Documents::of(&[&key]));
    let admit = async |groups: Value, wanted: Option<&str>| {
        let token = key.sign(&claims_with(&json!({ "groups": groups })));
        oidc.admit(&token, wanted, at(0)).await
    };
    let roles = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    // Several groups in one tenant add up.
    let both = admit(json!(["dev", "ops"]), Some("shop")).await.unwrap();
    let wanted: BTreeSet<String> = roles(&["developer", "operator"]);
    assert_eq!(both.roles, wanted);
    let other = admit(json!(["dev", "ops"]), Some("bank")).await.unwrap();
    assert_eq!(
        (other.tenant.as_str(), other.roles),
        ("bank", roles(&["viewer"]))
    );
    let only = admit(json!("dev"), None).await.unwrap();
    assert_eq!(only.tenant, "shop");
    let unclear = admit(json!(["ops"]), None).await.unwrap_err();
    assert_eq!(
        unclear,
        Denial::ChooseTenant(vec!["bank".to_owned(), "shop".to_owned()])
    );
    // A tenant that is there, and one that is not, are told alike.
    let elsewhere = Denial::OtherTenant(vec!["shop".to_owned()]);
    for wanted in ["bank", "nobodys"] {
        let denied = admit(json!(["dev"]), Some(wanted)).await.unwrap_err();
        assert_eq!(denied, elsewhere, "{wanted}");
    }
    for groups in [
        json!([]),
        json!(["others"]),
        json!({ "dev": true }),
        json!([["dev"]]),
        json!("DEV"),
    ] {
        let denied = admit(groups.clone(), None).await.unwrap_err();
        assert!(
            matches!(denied, Denial::NoRole { .. }),
            "{groups}: {denied:?}"
        );
    }
}

#[tokio::test]
async fn groups_are_found_where_the_provider_has_them() {
    let key = SigningKey::new("one");
    let documents = Documents::of(&[&key]);
    for (claim, changes) in [
        (
            "/realm_access/roles",
            json!({ "realm_access": { "roles": ["dev"] } }),
        ),
        (
            "https://example.com/groups",
            json!({ "https://example.com/groups": ["dev"] }),
        ),
        (
            "/https:~1~1example.com~1groups",
            json!({ "https://example.com/groups": ["dev"] }),
        ),
        ("hd", json!({ "hd": "dev" })),
    ] {
        let mut changes = changes;
        changes["groups"] = Value::Null;
        let oidc = oidc_with(&json!({ "groupsClaim": claim }), &documents);
        let token = key.sign(&claims_with(&changes));
        admit_at(&oidc, &token, 0).await.unwrap();
    }
    let oidc = oidc_with(&json!({}), &documents);
    let left_out = json!({ "groups": null, "_claim_names": { "groups": "src1" } });
    let denied = admit_at(&oidc, &key.sign(&claims_with(&left_out)), 0).await;
    assert!(denied.unwrap_err().to_string().contains("too many"));
}

/// Fields of an issuer with what is wrong in them, as JSON, and what is told of it.
const WRONG_FIELDS: &[(&str, &str, &str)] = &[
    (
        "issuer",
        r#""http://id.example.com""#,
        "issuers[0].issuer: must begin",
    ),
    ("issuer", r#""id.example.com""#, "issuers[0].issuer"),
    (
        "issuer",
        r#""https://a@b""#,
        "issuers[0].issuer: has a user",
    ),
    (
        "issuer",
        r##""https://a/#b""##,
        "issuers[0].issuer: has a query",
    ),
    ("issuer", r#""ftp://a""#, "issuers[0].issuer"),
    ("issuer", "1", "issuers[0].issuer: invalid type"),
    (
        "jwksUri",
        r#""http://id.example.com/keys""#,
        "issuers[0].jwksUri",
    ),
    ("audiences", "[]", "issuers[0].audiences: name"),
    ("audiences", r#"["a", " "]"#, "issuers[0].audiences: name"),
    (
        "audiences",
        r#""stepwell""#,
        "issuers[0].audiences: invalid type",
    ),
    (
        "authorizedParties",
        r#"[""]"#,
        "issuers[0].authorizedParties",
    ),
    (
        "algorithms",
        r#"["RS256", "HS256"]"#,
        "issuers[0].algorithms[1]: \"HS256\"",
    ),
    ("algorithms", r#"["none"]"#, "issuers[0].algorithms[0]"),
    ("groupsClaim", r#""""#, "issuers[0].groupsClaim"),
    (
        "tokenLifetimeMaxSeconds",
        "0",
        "issuers[0].tokenLifetimeMaxSeconds",
    ),
    (
        "tokenLifetimeMaxSeconds",
        "86401",
        "issuers[0].tokenLifetimeMaxSeconds",
    ),
    ("groups", "[]", "issuers[0].groups: map"),
    (
        "groups",
        r#"[{"group": "a", "tenant": "", "role": "b"}]"#,
        "groups[0].tenant",
    ),
    (
        "groups",
        r#"[{"group": "a", "tenant": "b"}]"#,
        "issuers[0].groups[0]: missing",
    ),
    ("secret", r#""x""#, "issuers[0].secret: unknown field"),
];

#[test]
fn a_wrong_configuration_is_refused_by_its_field() {
    let good = json!({
        "issuer": ISSUER,
        "audiences": ["stepwell"],
        "groups": [{ "group": "dev", "tenant": "shop", "role": "developer" }],
    });
    for (field, value, named) in WRONG_FIELDS {
        let mut issuer = good.clone();
        issuer[*field] = serde_json::from_str(value).unwrap();
        let text = json!({ "issuers": [issuer] }).to_string();
        let error = OidcSettings::read(&text).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
    for (text, named) in [
        ("", "the file"),
        ("[", "the file: is no YAML or JSON"),
        ("{}", "missing field `issuers`"),
        ("issuers: []", "issuers: names none"),
    ] {
        let error = OidcSettings::read(text).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
    let twice = json!({ "issuers": [good.clone(), good] }).to_string();
    let error = OidcSettings::read(&twice).unwrap_err().to_string();
    assert!(
        error.starts_with("issuers[1].issuer: is there twice"),
        "{error}"
    );
}

#[test]
fn a_configuration_may_be_yaml_and_on_this_machine_plain_http() {
    let text = "
issuers:
  - issuer: http://127.0.0.1:8080/realms/shop
    audiences: [stepwell]
    tokenLifetimeMaxSeconds: 3600
    groups:
      - { group: dev, tenant: shop, role: developer }
      - { group: ops, tenant: shop, role: operator }
";
    let settings = OidcSettings::read(text).unwrap();
    let pairs = [("shop", "developer"), ("shop", "operator")];
    assert_eq!(settings.tenants_and_roles(), pairs);
}
