//! What the tenant's audit log says of requests that were denied: who, where and what, and
//! nothing that is secret.

use serde_json::{Value, json};
use stepwell_engine::SecretValue;
use stepwell_engine::audit::{AuditItem, AuditQuery};

use crate::harness::{ATTACKER, Host, Setup, told};
use crate::server::Server;

const VALUE: &str = "s3cr3t-of-the-shop";

/// The entries of denied requests, oldest first.
async fn denied(host: &Host) -> Vec<AuditItem> {
    let query = AuditQuery {
        forward: true,
        action: Some("request:deny".to_owned()),
        limit: 100,
        ..AuditQuery::default()
    };
    host.handle
        .list_audit(&host.caller, query)
        .await
        .unwrap()
        .items
}

/// Runs what is deployed, expects that its request is denied, and returns the entry and the
/// execution's ARN.
async fn denied_once(host: &Host, attack: &Value) -> (AuditItem, String) {
    let before = denied(host).await.len();
    let end = host.run(attack).await;
    let output = end.output.unwrap_or_else(|| panic!("{:?}", end.failure));
    assert_eq!(told(&output.to_value()[0]), "HttpDenied");
    // The entry was written before the end that was waited for: both go the same way.
    let mut entries = denied(host).await;
    assert_eq!(entries.len(), before + 1, "{entries:?}");
    (entries.remove(before), end.summary.arn.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_request_leaves_who_sent_it_what_it_was_and_what_stopped_it() {
    let server = Server::answering("200 OK", "", "ok");
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let port = server.port;
    let grant = json!({"Http": [{"Host": format!("api.test:{port}"), "Schemes": ["http"],
        "Paths": ["/v1/*"]}]});
    host.deploy(ATTACKER, grant).await.unwrap();
    let url = format!("http://api.test:{port}/admin");
    let attack = json!({"url": format!("{url}?key=of-a-query#part"), "method": "DELETE",
        "headers": [["authorization", "Bearer of-a-header"]], "bodyBytes": 10});
    let (denied, arn) = denied_once(&host, &attack).await;
    let entry = &denied.entry;
    assert_eq!(entry["chain"], "tenant:shop");
    assert_eq!(entry["action"], "request:deny");
    assert_eq!(entry["outcome"], "denied");
    assert_eq!(entry["resource"], format!("DELETE {url}"));
    let who = json!({"auth": "host", "id": arn, "kind": "execution"});
    assert_eq!(entry["principal"], who);
    let details = denied.details.unwrap();
    assert_eq!(details["state"], "Send");
    assert_eq!(details["control"], "state-grant");
    assert!(details["reason"].is_string(), "{details}");
    let all = format!("{entry} {details}");
    for kept_out in ["of-a-query", "of-a-header", "xxxxxxxxxx"] {
        assert!(!all.contains(kept_out), "{all}");
    }
    // Each control says that it was the one.
    let put = host.handle.put_policy(&host.caller, "shop", Vec::new());
    put.await.unwrap();
    let allowed = json!({"url": format!("http://api.test:{port}/v1/a")});
    let (denied, _) = denied_once(&host, &allowed).await;
    assert_eq!(denied.details.unwrap()["control"], "tenant-policy");
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_of_a_denied_request_holds_no_secret() {
    // Leads whoever was told the value to a path that has it.
    let location = format!("Location: http://api.test/steal/{VALUE}/now\r\n");
    let server = Server::answering("302 Found", &location, "");
    let names = ["api.test", "other.test"];
    let setup = Setup {
        names: names.map(|name| (name, vec![vec!["127.0.0.1"]])).into(),
        ..Setup::default()
    };
    let host = Host::start(setup, &[ATTACKER]).await;
    let value = SecretValue::from_bytes(VALUE.as_bytes().to_vec()).unwrap();
    let set = host.handle.set_secret(&host.caller, "token", value).await;
    set.unwrap();
    let port = server.port;
    let to = |name: &str, secrets: &[&str]| json!({"Host": format!("{name}:{port}"), "Schemes": ["http"], "Secrets": secrets});
    let http = json!([to("api.test", &["token"]), to("other.test", &[])]);

    // A guest that holds a placeholder sends it where it may not.
    let grants = json!({"Secrets": ["token"], "Http": http});
    host.deploy(ATTACKER, grants).await.unwrap();
    let attack = json!({"url": format!("http://other.test:{port}/"), "secret": "token"});
    let (denied, _) = denied_once(&host, &attack).await;
    assert_eq!(denied.details.as_ref().unwrap()["control"], "secret");
    let shown = format!("{} {:?}", denied.entry, denied.details);
    assert!(
        !shown.contains(VALUE) && !shown.contains("swph_"),
        "{shown}"
    );

    // One that holds the value puts it into a path.
    let revealed = json!([{"Name": "token", "Reveal": true}]);
    let grants = json!({"Secrets": revealed, "Http": http});
    host.deploy(ATTACKER, grants).await.unwrap();
    let attack = json!({"url": format!("http://api.test:{port}/"), "secret": "token", "follow": 1});
    let (denied, _) = denied_once(&host, &attack).await;
    let shown = format!("{} {:?}", denied.entry, denied.details);
    assert!(!shown.contains(VALUE), "{shown}");
    let resource = denied.entry["resource"].as_str().unwrap();
    assert_eq!(resource, "GET http://api.test/steal/[redacted:token]/now");
}
