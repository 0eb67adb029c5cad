//! Through the door: an issuer that answers on loopback, and what callers are told.

use axum::Router;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::routing::get;
use stepwell_engine::{AccessOrder, NewTenantOrder, RoleOrder, SimulatedClock};

use super::*;
use crate::testing::{Answer, TestApi, request};
use crate::{Auth, ServerConfig};

/// Serves an issuer's documents on a port of its own, and returns the issuer's URL.
async fn serve_issuer(key: &SigningKey) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
    let keys = json!({ "keys": [key.public()] });
    let document = |value: Value| {
        let text = value.to_string();
        get(move || std::future::ready(text))
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", document(discovery))
        .route("/keys", document(keys));
    tokio::spawn(axum::serve(listener, router).into_future());
    issuer
}

/// The API with an issuer of which groups are mapped to roles of tenants.
struct Door {
    api: TestApi,
    key: SigningKey,
    issuer: String,
}

impl Door {
    async fn new() -> Self {
        let key = SigningKey::new("one");
        let issuer = serve_issuer(&key).await;
        Self::at(key, issuer).await
    }

    async fn at(key: SigningKey, issuer: String) -> Self {
        let settings = settings_of(&json!({
            "issuer": issuer,
            "groups": [
                { "group": "view", "tenant": "dev", "role": "viewer" },
                { "group": "data", "tenant": "dev", "role": "data-reader" },
                { "group": "both", "tenant": "dev", "role": "viewer" },
                { "group": "both", "tenant": "shop", "role": "operator" },
                { "group": "lost", "tenant": "nobodys", "role": "admin" },
                { "group": "bare", "tenant": "dev", "role": "not-made" },
            ],
        }));
        let clock = SimulatedClock::new(at(0));
        let api = TestApi::at(Arc::new(clock), |_| ServerConfig {
            oidc: Some(settings),
            ..ServerConfig::new(Auth::Tokens)
        })
        .await;
        let shop = NewTenantOrder {
            name: "shop".to_owned(),
            account: "222222222222".to_owned(),
            region: "us-east-1".to_owned(),
        };
        api.engine.ensure_tenant(shop).await.unwrap();
        let role = RoleOrder {
            name: "data-reader".to_owned(),
            about: None,
            permissions: vec!["data:read".to_owned()],
        };
        api.engine.put_role(&api.caller, role).await.unwrap();
        Self { api, key, issuer }
    }

    /// A token of somebody in these groups.
    fn token(&self, groups: &Value, changes: &Value) -> String {
        let mut all = json!({ "iss": self.issuer, "groups": groups });
        for (name, value) in changes.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        self.key.sign(&claims_with(&all))
    }

    async fn get(&self, path: &str, token: &str, tenant: Option<&str>) -> Answer {
        let mut request = request(Method::GET, path, None, "");
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        if let Some(tenant) = tenant {
            headers.insert("stepwell-tenant", tenant.parse().unwrap());
        }
        self.api.send(request).await
    }
}

#[tokio::test]
async fn a_callers_groups_say_what_they_may_do() {
    let door = Door::new().await;
    let token = door.token(&json!(["view", "data"]), &json!({}));
    let answer = door.get("/v1/caller", &token, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let caller = answer.json();
    assert_eq!(caller["principal"], format!("oidc:{}#user-1", door.issuer));
    assert_eq!(caller["name"], "ada");
    assert_eq!(caller["tenant"], "dev");
    assert_eq!(caller["role"], "data-reader, viewer");
    let permissions = caller["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("data:read")), "{caller}");
    let list = door.get("/v1/executions", &token, None).await;
    assert_eq!(list.status, StatusCode::OK, "{list:?}");
    let tokens = door.get("/v1/api-tokens", &token, None).await;
    assert_eq!(tokens.status, StatusCode::FORBIDDEN, "{tokens:?}");
    // A role that is changed is another one for the next request.
    let role = RoleOrder {
        name: "data-reader".to_owned(),
        about: None,
        permissions: vec!["access:read".to_owned()],
    };
    door.api
        .engine
        .put_role(&door.api.caller, role)
        .await
        .unwrap();
    let tokens = door.get("/v1/api-tokens", &token, None).await;
    assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
}

#[tokio::test]
async fn who_has_roles_in_several_tenants_says_which_is_meant() {
    let door = Door::new().await;
    let token = door.token(&json!(["both"]), &json!({}));
    let unclear = door.get("/v1/caller", &token, None).await;
    assert_eq!(unclear.status, StatusCode::BAD_REQUEST);
    assert_eq!(unclear.code(), "TenantNotChosen");
    assert!(unclear.body.contains("dev, shop"), "{unclear:?}");
    for (tenant, role) in [("dev", "viewer"), ("shop", "operator")] {
        let answer = door.get("/v1/caller", &token, Some(tenant)).await;
        assert_eq!(answer.json()["role"], role, "{answer:?}");
        assert_eq!(answer.json()["tenant"], tenant);
    }
}

/// A tenant that is there and one that is not are told alike, whatever is shown.
#[tokio::test]
async fn a_tenant_that_is_not_the_callers_answers_as_one_that_is_not_there() {
    let door = Door::new().await;
    let order = AccessOrder::new("one", "admin");
    let made = door.api.engine.make_api_token(&door.api.caller, order);
    let api_token = made.await.unwrap();
    let own = door.get("/v1/caller", &api_token, Some("dev")).await;
    assert_eq!(own.status, StatusCode::OK, "{own:?}");
    for token in [api_token, door.token(&json!(["view"]), &json!({}))] {
        let theirs = door.get("/v1/caller", &token, Some("shop")).await;
        let nobodys = door.get("/v1/caller", &token, Some("nobody")).await;
        assert_eq!(theirs.code(), "Forbidden");
        assert_eq!(
            (theirs.status, &theirs.body),
            (nobodys.status, &nobodys.body)
        );
    }
}

#[tokio::test]
async fn who_has_no_role_is_told_what_to_do() {
    let door = Door::new().await;
    for (groups, told) in [
        (
            json!(["others"]),
            "none of your groups has a role here (groups: \\\"others\\\")",
        ),
        (json!([]), "(groups: none)"),
        (
            json!(["lost"]),
            "the tenant nobodys that your groups lead to is not here",
        ),
    ] {
        let token = door.token(&groups, &json!({}));
        let answer = door.get("/v1/caller", &token, None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert!(answer.headers.get(WWW_AUTHENTICATE).is_none(), "{answer:?}");
        assert!(answer.body.contains(told), "{answer:?}");
    }
    // A role that nobody has made lets nobody do anything.
    let token = door.token(&json!(["bare"]), &json!({}));
    let caller = door.get("/v1/caller", &token, None).await;
    assert_eq!(caller.json()["permissions"], json!([]));
    let list = door.get("/v1/executions", &token, None).await;
    assert_eq!(list.code(), "Forbidden", "{list:?}");
}

#[tokio::test]
async fn a_refused_token_is_answered_with_its_reason() {
    let door = Door::new().await;
    let expired = json!({ "iat": NOW_SECONDS - 600, "exp": NOW_SECONDS - 300 });
    let other = SigningKey::new("two");
    let header = json!({ "alg": "none" });
    let claims = claims_with(&json!({ "iss": door.issuer }));
    for (token, reason) in [
        (
            door.token(&json!(["view"]), &expired),
            "the token has expired",
        ),
        (
            door.token(&json!(["view"]), &json!({ "aud": "other" })),
            "the token is for another audience",
        ),
        (
            other.sign(&claims),
            "the issuer of the token does not publish its key",
        ),
        (
            door.key.sign_with(&claims, &header),
            "the algorithm of the token is not accepted",
        ),
        ("a.b.c".to_owned(), "the token cannot be read"),
        (
            "swt_nobodys".to_owned(),
            "the token is not valid or has expired",
        ),
    ] {
        let answer = door.get("/v1/caller", &token, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
        assert_eq!(answer.json()["error"]["message"], reason);
        let challenge = answer.headers[WWW_AUTHENTICATE].to_str().unwrap();
        let expected = format!("Bearer error=\"invalid_token\", error_description=\"{reason}\"");
        assert_eq!(challenge, expected);
    }
    // Without a token there is nothing to say of it.
    let bare = door.api.get("/v1/caller").await;
    assert_eq!(bare.headers[WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_no_fault_of_the_token() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let door = Door::at(SigningKey::new("one"), issuer).await;
    let token = door.token(&json!(["view"]), &json!({}));
    let answer = door.get("/v1/caller", &token, None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(answer.code(), "IssuerUnreachable");
    assert!(answer.headers.contains_key(RETRY_AFTER));
    assert!(!answer.body.contains("127.0.0.1"), "{answer:?}");
    // API tokens need no issuer.
    let order = AccessOrder::new("one", "viewer");
    let made = door.api.engine.make_api_token(&door.api.caller, order);
    let own = door.get("/v1/caller", &made.await.unwrap(), None).await;
    assert_eq!(own.status, StatusCode::OK);
}

/// Without a configuration nobody's token is taken, and the answer is that to any text.
#[tokio::test]
async fn without_a_configuration_there_are_no_issuers() {
    let door = Door::new().await;
    let api = TestApi::tokens().await;
    let token = door.token(&json!(["view"]), &json!({}));
    let mut request = request(Method::GET, "/v1/caller", None, "");
    let header = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, header);
    let answer = api.send(request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("not valid"), "{answer:?}");
}
