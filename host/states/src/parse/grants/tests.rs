//! What grants say, and what is wrong with them.

use serde_json::{Value, json};

use crate::{Diagnostic, Grants, HttpGrant, SecretGrant, StateKind, StateMachine, aws, parse};

fn machine(grants: &Value) -> Value {
    with_resource("task:charge", grants)
}

fn with_resource(resource: &str, grants: &Value) -> Value {
    json!({ "StartAt": "A", "States": { "A": {
        "Type": "Task", "Resource": resource, "TimeoutSeconds": 9, "Grants": grants, "End": true,
    } } })
}

fn grants_of(machine: &StateMachine) -> Grants {
    let (_, state) = machine.states().next().unwrap();
    match &state.kind {
        StateKind::Task(task) => (*task.grants).clone(),
        other => panic!("{other:?}"),
    }
}

fn read(grants: &Value) -> Grants {
    let (machine, warnings) = parse(&machine(grants).to_string(), None)
        .unwrap_or_else(|diagnostics| panic!("{grants}: {diagnostics:#?}"));
    assert_eq!(warnings, [], "{grants}");
    grants_of(&machine)
}

fn refused(definition: &Value) -> Vec<Diagnostic> {
    let found = parse(&definition.to_string(), None);
    let found = found.err().unwrap_or_else(|| panic!("{definition}"));
    assert!(
        found
            .iter()
            .all(|found| found.code == "INVALID_GRANT" && found.hint.is_some()),
        "{found:#?}"
    );
    found
}

/// What is said of grants, as `pointer below Grants: message (hint)`.
fn shown(grants: &Value) -> Vec<String> {
    refused(&machine(grants))
        .iter()
        .map(|found| {
            let pointer = found.pointer.strip_prefix("/States/A/Grants").unwrap();
            let hint = found.hint.as_deref().unwrap_or_default();
            format!("{pointer}: {} ({hint})", found.message)
        })
        .collect()
}

#[test]
fn grants_are_read_with_safe_defaults() {
    assert_eq!(read(&json!({})), Grants::default());
    let grants = read(&json!({
        "Secrets": ["stripe/key", { "Name": "signing", "Reveal": true }, { "Name": "c" }],
        "Http": [
            { "Host": "API.stripe.com" },
            { "Host": "*.example.com:8443", "Methods": ["POST"], "Paths": ["/v1/*", "/ping"],
                "Schemes": ["https", "http"], "Secrets": ["stripe/key"] },
        ],
        "Config": ["region"],
    }));
    let secret = |name: &str, reveal| SecretGrant {
        name: name.to_owned(),
        reveal,
    };
    assert_eq!(
        grants.secrets,
        [
            secret("stripe/key", false),
            secret("signing", true),
            secret("c", false)
        ]
    );
    assert_eq!(
        grants.http,
        [
            HttpGrant {
                host: "api.stripe.com".to_owned(),
                port: None,
                schemes: vec!["https"],
                methods: vec!["GET", "HEAD"],
                paths: vec!["/*".to_owned()],
                secrets: vec![],
            },
            HttpGrant {
                host: "*.example.com".to_owned(),
                port: Some(8443),
                schemes: vec!["https", "http"],
                methods: vec!["POST"],
                paths: vec!["/v1/*".to_owned(), "/ping".to_owned()],
                secrets: vec!["stripe/key".to_owned()],
            },
        ]
    );
    assert!(grants.grants_config("region") && !grants.grants_config("zone"));
    assert!(!grants.is_empty());
}

#[test]
fn a_state_without_grants_grants_nothing() {
    let mut definition = machine(&json!({}));
    definition["States"]["A"]
        .as_object_mut()
        .unwrap()
        .remove("Grants");
    let (machine, _) = parse(&definition.to_string(), None).unwrap();
    assert!(grants_of(&machine).is_empty());
}

#[test]
fn every_problem_is_told_with_its_place_and_what_to_do() {
    let found = shown(&json!({
        "Secret": ["a"],
        "Files": [],
        "Secrets": [7, { "Reveal": true }, { "Name": "b", "Reveal": "yes" }, "c", "c", "d e"],
        "Http": [
            { "Methods": ["get", "FETCH"], "Paths": ["/a/../b"], "Hots": "x" },
            { "Host": "https://api.example.com/v1", "Secrets": ["nope", "c"], "Schemes": [] },
            "api.example.com",
        ],
        "Config": "region",
    }));
    let names = "use 1 to 128 letters, digits and '/_+=.@-'; expressions are not evaluated here";
    let expected = [
        ": Field 'Secret' is not supported (did you mean 'Secrets'?)",
        ": Field 'Files' is not supported (the fields here are Secrets, Http, Config)",
        "/Secrets/0: A name is a text (write its name, or {\"Name\": …, \"Reveal\": true})",
        "/Secrets/1: The field 'Name' is missing (name the secret)",
        "/Secrets/2/Reveal: 'Reveal' is true or false (write true to give the value to the task, \
         or leave it out)",
        "/Secrets/4: 'c' stands twice in this list (remove one of the two)",
        &format!("/Secrets/5: 'd e' is no name ({names})"),
        "/Http/0: Field 'Hots' is not supported (the fields here are Host, Methods, Paths, \
         Schemes, Secrets)",
        "/Http/0/Methods/0: 'Methods' cannot have 'get' (did you mean 'GET'?)",
        "/Http/0/Methods/1: 'Methods' cannot have 'FETCH' (write some of GET, HEAD, POST, PUT, \
         PATCH, DELETE, OPTIONS, or leave it out)",
        "/Http/0/Paths/0: '/a/../b' is no path of a grant (leave out '.', '..', empty parts and \
         their encoded forms: servers read them in different ways)",
        "/Http/0: The field 'Host' is missing (name the host, as in 'api.example.com')",
        "/Http/1/Schemes: 'Schemes' is empty (write some of https, http, or leave it out)",
        "/Http/1/Secrets/0: The secret 'nope' is not granted to the state (list it in 'Secrets' \
         of 'Grants', too)",
        "/Http/1/Host: 'https://api.example.com/v1' is more than a host (write the host alone, as \
         in 'api.example.com' or 'api.example.com:8443'; schemes and paths have fields of their \
         own)",
        "/Http/2: An object is expected here (its fields are Host, Methods, Paths, Schemes, \
         Secrets)",
        "/Config: 'Config' is a list (write a list, in brackets)",
    ];
    let found: Vec<String> = found
        .iter()
        .map(|found| match found.strip_prefix("/Secret:") {
            Some(rest) => format!(":{rest}"),
            None => found
                .replacen("/Files:", ":", 1)
                .replacen("/0/Hots:", "/0:", 1),
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn values_of_other_kinds_are_refused() {
    for grants in [
        json!(null),
        json!([]),
        json!("all"),
        json!("{% $grants %}"),
        json!({ "Secrets.$": "$.secrets" }),
        json!({ "Secrets": ["$.name"] }),
        json!({ "Config": [{ "Name": "a" }] }),
        json!({ "Http": [{ "Host": 7 }] }),
        json!({ "Http": [{ "Host": "a.example", "Paths": [] }] }),
        json!({ "Http": [{ "Host": "a.example", "Paths": [1] }] }),
        json!({ "Http": [{ "Host": "a.example", "Methods": "GET" }] }),
        json!({ "Http": [{ "Host": "a.example", "Methods": ["GET", "GET"] }] }),
        json!({ "Config": vec!["a"; 51] }),
        json!({ "Config": ["a", "a"] }),
    ] {
        assert_ne!(refused(&machine(&grants)), [], "{grants}");
    }
}

#[test]
fn grants_are_for_tasks_that_run_a_component() {
    let grants = json!({ "Config": ["a"] });
    for resource in [
        "task:a",
        "task:a@1",
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "arn:aws:states:::sqs:sendMessage",
    ] {
        assert!(
            parse(&with_resource(resource, &grants).to_string(), None).is_ok(),
            "{resource}"
        );
    }
    for resource in [
        "arn:aws:states:us-east-1:123456789012:activity:a",
        "arn:aws:states:::states:startExecution",
        "arn:aws:states:::http:invoke",
        "arn:aws:states:::aws-sdk:sfn:listExecutions",
        "stepwell:approval",
        "stepwell:event:paid",
    ] {
        let found = refused(&with_resource(resource, &grants));
        let places: Vec<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
        assert_eq!(places, ["/States/A/Grants"], "{resource}");
    }
}

#[test]
fn step_functions_has_nothing_to_say_of_grants() {
    for grants in [json!({ "Config": ["a"] }), json!({ "Secret": 7 })] {
        let found = aws::diagnose(
            &machine(&grants).to_string(),
            crate::ExecutionType::Standard,
        );
        // Components are not AWS's either, so that nothing is left.
        assert_eq!(found, [], "{grants}");
    }
}

#[test]
fn the_short_form_writes_grants_in_small_letters() {
    let text = "
start_at: charge
states:
  charge:
    timeout: 1m
    grants:
      secrets: [stripe, {name: signing, reveal: true}]
      http:
        - {host: api.stripe.com, methods: [POST], paths: [/v1/*], secrets: [stripe]}
      config: [region]
    end: true
";
    let (short, _) = parse(text, None).unwrap_or_else(|found| panic!("{found:#?}"));
    let long = read(&json!({
        "Secrets": ["stripe", { "Name": "signing", "Reveal": true }],
        "Http": [{ "Host": "api.stripe.com", "Methods": ["POST"], "Paths": ["/v1/*"],
            "Secrets": ["stripe"] }],
        "Config": ["region"],
    }));
    assert_eq!(grants_of(&short), long);
    // What is written out is the language again.
    let again = parse(&short.to_asl().to_string(), None).unwrap().0;
    assert_eq!(grants_of(&again), long);
}

#[test]
fn problems_of_the_short_form_stand_where_they_were_written() {
    let text = "
start_at: charge
states:
  charge:
    timeout: 1m
    grants: {http: [{host: a b}], secret: [x], config: [{}]}
    end: true
";
    let found = parse(text, None).unwrap_err();
    let shown: Vec<String> = found
        .iter()
        .map(|found| format!("{} {}", found.pointer, found.message))
        .collect();
    assert_eq!(
        shown,
        [
            "/states/charge/grants Key 'secret' is not supported",
            "/states/charge/grants/http/0/host 'a b' is no host",
            "/states/charge/grants/config/0 A name is a text",
        ]
    );
}
