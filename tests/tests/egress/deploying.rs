//! Grants against components, policies and the operator's rules, before anything runs; and
//! the example of the guide.

use serde_json::{Value, json};
use stepwell_engine::{ANY_POLICY, Caller, Diagnostic, EngineError, Permissions, Severity};

use crate::harness::{ATTACKER, Host, Setup};
use crate::server::Server;

/// What is said of a deployment, as `CODE message (hint)`; errors alone, if it is refused.
async fn said(host: &Host, component: &str, grants: Value) -> Vec<String> {
    let shown = |found: &Diagnostic| {
        let hint = found.hint.as_deref().unwrap_or_default();
        assert_eq!(found.pointer, "/States/Send");
        format!("{} {} ({hint})", found.code, found.message)
    };
    match host.deploy(component, grants).await {
        Ok(deployed) => deployed.warnings.iter().map(shown).collect(),
        Err(EngineError::InvalidDefinition(found)) => found
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .map(shown)
            .collect(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_sends_requests_needs_a_grant() {
    let host = Host::start(Setup::default(), &[ATTACKER]).await;
    let said = said(&host, ATTACKER, json!({})).await;
    assert_eq!(
        said,
        [
            "GRANT_MISSING the component hostile-egress sends HTTP requests, and the state grants \
          it none (add what it may reach: 'Grants': {'Http': [{'Host': 'api.example.com'}]})"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_a_component_cannot_use_is_a_warning() {
    let host = Host::start(Setup::default(), &["echo"]).await;
    let grants = json!({"Secrets": ["a"], "Config": ["b"],
        "Http": [{"Host": "api.test", "Schemes": ["http"]}]});
    let said = said(&host, "echo", grants).await;
    let codes: Vec<&str> = said
        .iter()
        .map(|said| &said[..said.find(' ').unwrap()])
        .collect();
    let unusable = ["GRANT_NOT_USABLE"; 3].into_iter();
    let expected: Vec<&str> = unusable
        .chain(["SECRET_MISSING", "CONFIG_MISSING"])
        .collect();
    assert_eq!(codes, expected, "{said:?}");
    for (said, import) in said.iter().zip([
        "wasi:http/outgoing-handler",
        "stepwell:task/secrets",
        "stepwell:task/config",
    ]) {
        assert!(said.contains(import), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tenant_or_host_do_not_allow_cannot_be_granted_and_the_rule_is_named() {
    let setup = Setup {
        operator: vec!["https://*.example.com".to_owned()],
        policy: vec!["GET https://api.example.com/v1/*".to_owned()],
        ..Setup::default()
    };
    let host = Host::start(setup, &[ATTACKER]).await;
    let grant = |host: &str, method: &str, path: &str| json!({"Http": [{"Host": host, "Methods": [method], "Paths": [path]}]});
    let allowed = grant("api.example.com", "GET", "/v1/orders");
    assert_eq!(said(&host, ATTACKER, allowed).await, [""; 0]);
    let method = said(&host, ATTACKER, grant("api.example.com", "POST", "/v1/*")).await;
    assert_eq!(
        method,
        [
            "GRANT_NOT_ALLOWED the state grants what the policy of the tenant does not allow: POST \
          https://api.example.com/v1/* (whoever runs the host can allow it with a rule such as \
          'POST https://api.example.com/v1/*': stepwell policy set TENANT 'POST \
          https://api.example.com/v1/*', beside the rules that the tenant has)"
        ]
    );
    let other = said(&host, ATTACKER, grant("api.example.net", "GET", "/v1/*")).await;
    assert_eq!(other.len(), 2, "{other:?}");
    assert!(
        other[1].contains("what the host does not allow")
            && other[1].contains("--allow-http 'GET https://api.example.net/v1/*'"),
        "{other:?}"
    );
    // A wildcard is more than what is below it.
    let wider = said(&host, ATTACKER, grant("*.example.com", "GET", "/v1/*")).await;
    assert_eq!(wider.len(), 1, "{wider:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_a_policy_reaches_nothing() {
    let server = Server::answering("200 OK", "", "{}");
    let setup = Setup {
        operator: vec!["http://127.0.0.1:*".to_owned()],
        policy: Vec::new(),
        ..Setup::default()
    };
    let host = Host::start(setup, &[]).await;
    let invoke = json!({"StartAt": "Send", "States": {"Send": {"Type": "Task",
        "Resource": "arn:aws:states:::http:invoke", "TimeoutSeconds": 60, "End": true,
        "Parameters": {"Method": "GET", "ApiEndpoint": format!("http://127.0.0.1:{}/", server.port)}}}});
    host.deploy_definition(&invoke).await.unwrap();
    let failure = host.run(&json!({})).await.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("Stepwell.EgressDenied"));
    assert_eq!(host.controls(), ["tenant-policy"]);
    let any = vec![ANY_POLICY.to_owned()];
    host.handle
        .put_policy(&host.caller, "shop", any)
        .await
        .unwrap();
    assert_eq!(host.run(&json!({})).await.failure, None);
    // Nobody but who runs the host.
    let other = Caller {
        permissions: Permissions::NONE,
        ..host.caller.clone()
    };
    let refused = host.handle.put_policy(&other, "shop", Vec::new()).await;
    assert!(matches!(refused, Err(EngineError::Forbidden { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_what_is_no_rule_are_refused() {
    let host = Host::start(Setup::default(), &[]).await;
    for rules in [
        vec!["api.example.com"],
        vec!["any", "https://api.example.com"],
        vec!["https://a.example.com", "https://user@b.example.com"],
        vec!["GET"],
    ] {
        let rules = rules.into_iter().map(str::to_owned).collect();
        let refused = host.handle.put_policy(&host.caller, "shop", rules).await;
        assert!(
            matches!(refused, Err(EngineError::Invalid { field: "http", .. })),
            "{refused:?}"
        );
    }
    let kept = host
        .handle
        .describe_policy(&host.caller, "shop")
        .await
        .unwrap();
    assert_eq!(kept.http, [ANY_POLICY]);
    let missing = host
        .handle
        .put_policy(&host.caller, "nobody", Vec::new())
        .await;
    assert!(matches!(missing, Err(EngineError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_values_reach_the_state_that_grants_them_alone() {
    let host = Host::start(Setup::default(), &["hostile"]).await;
    let set = host
        .handle
        .put_config_value(&host.caller, "shop/region", "eu".to_owned())
        .await;
    set.unwrap();
    let read = json!({"mode": "readConfig", "name": "shop/region"});
    let granted = said(
        &host,
        "hostile",
        json!({"Config": ["shop/region", "not/set"]}),
    )
    .await;
    assert_eq!(
        granted,
        [
            "CONFIG_MISSING the tenant has no configuration value 'not/set' (set it before a task \
          asks: stepwell config set not/set VALUE)"
        ]
    );
    assert_eq!(host.run(&read).await.output.unwrap().to_value(), "eu");
    let not_set = json!({"mode": "readConfig", "name": "not/set"});
    assert_eq!(
        host.run(&not_set).await.output.unwrap().to_value(),
        Value::Null
    );
    said(&host, "hostile", json!({"Config": ["other"]})).await;
    assert_eq!(
        host.run(&read).await.output.unwrap().to_value(),
        Value::Null
    );
    // Gone is gone, for the next task.
    said(&host, "hostile", json!({"Config": ["shop/region"]})).await;
    let deleted = host.handle.delete_config_value(&host.caller, "shop/region");
    deleted.await.unwrap();
    assert_eq!(
        host.run(&read).await.output.unwrap().to_value(),
        Value::Null
    );
}
