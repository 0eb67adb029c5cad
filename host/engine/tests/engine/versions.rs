//! Versions, aliases and tags of state machines, and their end.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_engine::{ExecutionQuery, ListExecutions, SimulatedClock, Status};

use crate::harness::{Bench, PATIENCE, START, Scripted};
use crate::machines::{arn, call, create, definition, refused, try_call};

async fn publish(bench: &Bench, end: &str) -> Value {
    let request = json!({"stateMachineArn": arn(end)});
    call(bench, "PublishStateMachineVersion", request).await["stateMachineVersionArn"].clone()
}

async fn update(bench: &Bench, comment: &str) -> Value {
    let request = json!({"stateMachineArn": arn("m"), "definition": definition(comment)});
    call(bench, "UpdateStateMachine", request).await
}

async fn listed(bench: &Bench, operation: &str, member: &str, request: Value) -> Vec<String> {
    let mut request = request;
    let mut found = Vec::new();
    loop {
        let answer = call(bench, operation, request.clone()).await;
        let (_, list) = answer.as_object().unwrap().iter().next().unwrap();
        let lines = list.as_array().unwrap().iter();
        found.extend(lines.map(|line| line[member].as_str().unwrap().to_owned()));
        match answer.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return found,
        }
    }
}

fn routing(routes: &[(i64, i64)]) -> Value {
    let routes = routes.iter().map(|(version, weight)| {
        json!({"stateMachineVersionArn": arn(&format!("m:{version}")), "weight": weight})
    });
    routes.collect()
}

fn alias(name: &str, routes: &[(i64, i64)]) -> Value {
    json!({"name": name, "routingConfiguration": routing(routes)})
}

/// Waits until a machine is gone: right after the end of its last execution is told.
async fn gone(bench: &Bench, named: &Value) {
    let gone = tokio::time::timeout(PATIENCE, async {
        while try_call(bench, "DescribeStateMachine", named.clone())
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    });
    gone.await.unwrap();
}

/// A machine with two versions.
async fn with_versions() -> Bench {
    let bench = Bench::in_memory().await;
    create(&bench, "m", "one").await;
    assert_eq!(publish(&bench, "m").await, arn("m:1"));
    update(&bench, "two").await;
    assert_eq!(publish(&bench, "m").await, arn("m:2"));
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_of_one_revision_and_its_number_is_used_once() {
    let bench = with_versions().await;
    // Published already.
    assert_eq!(publish(&bench, "m").await, arn("m:2"));
    let list = json!({"stateMachineArn": arn("m"), "maxResults": 1});
    let versions = || {
        let list = list.clone();
        listed(
            &bench,
            "ListStateMachineVersions",
            "stateMachineVersionArn",
            list,
        )
    };
    assert_eq!(versions().await, [arn("m:2"), arn("m:1")]);
    let describe = |end: &str| {
        call(
            &bench,
            "DescribeStateMachine",
            json!({"stateMachineArn": arn(end)}),
        )
    };
    let first = describe("m:1").await;
    assert_eq!(first["stateMachineArn"], arn("m:1"));
    assert_eq!(first["definition"], definition("one"));
    let delete = json!({"stateMachineVersionArn": arn("m:2")});
    for _ in 0..2 {
        call(&bench, "DeleteStateMachineVersion", delete.clone()).await;
    }
    assert_eq!(publish(&bench, "m").await, arn("m:3"));
    assert_eq!(versions().await, [arn("m:3"), arn("m:1")]);

    // Only the revision that the caller has seen.
    let seen = describe("m").await["revisionId"].clone();
    let current = update(&bench, "three").await["revisionId"].clone();
    let request = json!({"stateMachineArn": arn("m"), "revisionId": seen});
    assert_eq!(
        refused(&bench, "PublishStateMachineVersion", request).await,
        format!(
            "ConflictException: Failed to publish the State Machine version for revision {}. \
             The current State Machine revision is {}.",
            seen.as_str().unwrap(),
            current.as_str().unwrap()
        )
    );
    let published = json!({"name": "n", "definition": definition(""), "publish": true,
        "roleArn": "arn:aws:iam::000000000000:role/states", "versionDescription": "first"});
    let made = call(&bench, "CreateStateMachine", published).await;
    assert_eq!(made["stateMachineVersionArn"], arn("n:1"));
    assert_eq!(describe("n:1").await["description"], "first");
    let request = json!({"stateMachineArn": arn("n"), "revisionId": "INITIAL"});
    let again = call(&bench, "PublishStateMachineVersion", request).await;
    assert_eq!(again["stateMachineVersionArn"], arn("n:1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_leads_to_versions_and_keeps_them() {
    let bench = with_versions().await;
    let made = call(
        &bench,
        "CreateStateMachineAlias",
        alias("PROD", &[(1, 100)]),
    )
    .await;
    assert_eq!(made["stateMachineAliasArn"], arn("m:PROD"));
    bench.clock.advance(Duration::from_secs(1));
    let again = alias("PROD", &[(1, 100)]);
    assert_eq!(call(&bench, "CreateStateMachineAlias", again).await, made);
    let other = refused(
        &bench,
        "CreateStateMachineAlias",
        alias("PROD", &[(2, 100)]),
    )
    .await;
    assert!(other.starts_with("ConflictException: "), "{other}");
    assert_eq!(
        refused(
            &bench,
            "DeleteStateMachineVersion",
            json!({"stateMachineVersionArn": arn("m:1")})
        )
        .await,
        "ConflictException: Version to be deleted must not be referenced by an alias. Current \
         list of aliases referencing this version: [PROD]"
    );
    let named = json!({"stateMachineAliasArn": arn("m:PROD")});
    let mut change = named.clone();
    change["routingConfiguration"] = routing(&[(1, 30), (2, 70)]);
    call(&bench, "UpdateStateMachineAlias", change).await;
    let found = call(&bench, "DescribeStateMachineAlias", named.clone()).await;
    assert_eq!(found["routingConfiguration"], routing(&[(1, 30), (2, 70)]));
    assert_eq!(found["creationDate"], made["creationDate"]);
    assert_ne!(found["updateDate"], made["creationDate"]);

    call(&bench, "CreateStateMachineAlias", alias("a", &[(2, 100)])).await;
    let list = |end: &str| {
        let request = json!({"stateMachineArn": arn(end), "maxResults": 1});
        listed(
            &bench,
            "ListStateMachineAliases",
            "stateMachineAliasArn",
            request,
        )
    };
    assert_eq!(list("m").await, [arn("m:PROD"), arn("m:a")]);
    assert_eq!(list("m:1").await, [arn("m:PROD")]);
    for _ in 0..2 {
        call(&bench, "DeleteStateMachineAlias", named.clone()).await;
    }
    assert_eq!(list("m").await, [arn("m:a")]);
    assert_eq!(
        refused(&bench, "DescribeStateMachineAlias", named).await,
        "ResourceNotFound: Request references a resource that does not exist."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_cannot_be_is_refused() {
    let bench = with_versions().await;
    for (name, routes, told) in [
        (
            "12",
            &[(1, 100)][..],
            "ValidationException: 1 validation error detected: Value '12' at 'name' failed to \
             satisfy constraint: Member must satisfy regular expression pattern: \
             ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$",
        ),
        (
            "a",
            &[(1, 50), (2, 49)],
            "ValidationException: Sum of routing configuration weights must equal 100. Received: \
             [50, 49]",
        ),
        (
            "a",
            &[(9, 100)],
            "ResourceNotFound: Request references a resource that does not exist.",
        ),
    ] {
        let given = alias(name, routes);
        assert_eq!(
            refused(&bench, "CreateStateMachineAlias", given).await,
            told
        );
    }
    for routes in [&[][..], &[(1, 50), (1, 50)], &[(1, 101)], &[(1, -1)]] {
        let told = refused(&bench, "CreateStateMachineAlias", alias("a", routes)).await;
        assert!(told.starts_with("ValidationException: "), "{told}");
    }
    let bare = json!({"name": "a", "routingConfiguration":
        [{"stateMachineVersionArn": arn("m"), "weight": 100}]});
    let told = refused(&bench, "CreateStateMachineAlias", bare).await;
    assert!(told.starts_with("ValidationException: "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_runs_what_it_was_started_by() {
    let bench = with_versions().await;
    update(&bench, "three").await;
    call(
        &bench,
        "CreateStateMachineAlias",
        alias("PROD", &[(1, 50), (2, 50)]),
    )
    .await;
    let start = |end: &str, name: &str| {
        call(
            &bench,
            "StartExecution",
            json!({"stateMachineArn": arn(end), "name": name}),
        )
    };
    let mut by_version = [0, 0];
    for number in 0..40 {
        let name = format!("e{number}");
        let started = start("m:PROD", &name).await;
        // The same start again is the same execution, whatever would be drawn.
        assert_eq!(start("m:PROD", &name).await, started);
        let execution = started["executionArn"].as_str().unwrap().to_owned();
        bench.end(&execution).await;
        let named = json!({"executionArn": execution});
        let found = call(&bench, "DescribeExecution", named.clone()).await;
        assert_eq!(found["stateMachineArn"], arn("m"));
        assert_eq!(found["stateMachineAliasArn"], arn("m:PROD"));
        let version = found["stateMachineVersionArn"].as_str().unwrap();
        let second = version == arn("m:2");
        by_version[usize::from(second)] += 1;
        let ran = call(&bench, "DescribeStateMachineForExecution", named).await;
        let comment = if second { "two" } else { "one" };
        assert_eq!(ran["definition"], definition(comment));
    }
    // One in 2^39 draws leaves one of them out.
    assert!(by_version.iter().all(|count| *count > 0), "{by_version:?}");
    start("m:1", "direct").await;
    start("m", "plain").await;
    let list = |end: &str| {
        listed(
            &bench,
            "ListExecutions",
            "name",
            json!({"stateMachineArn": arn(end), "maxResults": 7}),
        )
    };
    assert_eq!(list("m").await.len(), 42);
    assert_eq!(list("m:PROD").await.len(), 40);
    assert_eq!(list("m:1").await.len(), by_version[0] + 1);
    assert_eq!(list("m:2").await.len(), by_version[1]);
    // So do Stepwell's own lists, which take names, too.
    for (named, expected) in [
        ("m:PROD".to_owned(), 40),
        ("m:1".to_owned(), by_version[0] + 1),
        (arn("m:2"), by_version[1]),
    ] {
        let query = ExecutionQuery {
            state_machine: Some(named),
            ..ExecutionQuery::default()
        };
        let list = ListExecutions {
            query,
            limit: 100,
            ..ListExecutions::default()
        };
        let found = bench.handle.list_executions(&bench.caller, list).await;
        assert_eq!(found.unwrap().items.len(), expected);
    }
    for nowhere in ["m:9", "m:TEST"] {
        let request = json!({"stateMachineArn": arn(nowhere)});
        let told = refused(&bench, "StartExecution", request).await;
        assert!(told.starts_with("StateMachineDoesNotExist: "), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_starts_by_alias_too() {
    let bench = with_versions().await;
    call(
        &bench,
        "CreateStateMachineAlias",
        alias("PROD", &[(1, 100)]),
    )
    .await;
    let parent = json!({"StartAt": "Start", "States": {"Start": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": arn("m:PROD"), "Name": "child"}}}});
    let end = bench.run(&parent.to_string(), "{}").await;
    assert_eq!(end.summary.status, Status::Succeeded, "{end:?}");
    let child = bench.end("m/child").await;
    assert_eq!(child.summary.version_arn, Some(arn("m:1")));
    assert_eq!(child.summary.alias_arn, Some(arn("m:PROD")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_gone_once_its_executions_have_ended() {
    let bench = with_versions().await;
    call(
        &bench,
        "CreateStateMachineAlias",
        alias("PROD", &[(1, 100)]),
    )
    .await;
    let waits = json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 60, "Next": "A"}, "A": {"Type": "Wait", "Seconds": 60,
        "Next": "B"}, "B": {"Type": "Pass", "End": true}}})
    .to_string();
    let change = json!({"stateMachineArn": arn("m"), "definition": waits});
    call(&bench, "UpdateStateMachine", change).await;
    let execution = bench.start("m", "waits", "{}").await;
    let named = json!({"stateMachineArn": arn("m")});
    for _ in 0..2 {
        call(&bench, "DeleteStateMachine", named.clone()).await;
    }
    let found = call(&bench, "DescribeStateMachine", named.clone()).await;
    assert_eq!(found["status"], "DELETING");
    for (operation, request) in [
        ("StartExecution", named.clone()),
        ("PublishStateMachineVersion", named.clone()),
        (
            "UpdateStateMachine",
            json!({"stateMachineArn": arn("m"), "definition": waits}),
        ),
        ("CreateStateMachineAlias", alias("a", &[(1, 100)])),
    ] {
        let told = refused(&bench, operation, request).await;
        assert!(
            told.starts_with("StateMachineDeleting: State Machine is being deleted: "),
            "{operation}: {told}"
        );
    }
    let again = json!({"name": "m", "definition": waits,
        "roleArn": "arn:aws:iam::000000000000:role/states"});
    let told = refused(&bench, "CreateStateMachine", again.clone()).await;
    assert!(told.starts_with("StateMachineDeleting: "), "{told}");

    // The execution waits, and is stopped where it goes on.
    bench.clock.advance(Duration::from_secs(60));
    let end = bench
        .handle
        .wait_for_end(&bench.caller, &execution, PATIENCE)
        .await
        .unwrap();
    assert_eq!(end.summary.status, Status::Aborted);
    gone(&bench, &named).await;
    call(&bench, "DeleteStateMachine", named.clone()).await;
    // The name is free, and nothing of the old machine is left.
    call(&bench, "CreateStateMachine", again).await;
    let versions = call(&bench, "ListStateMachineVersions", named.clone()).await;
    assert_eq!(versions["stateMachineVersions"], json!([]));
    assert_eq!(publish(&bench, "m").await, arn("m:1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_of_machines_and_activities() {
    let bench = with_versions().await;
    call(&bench, "CreateActivity", json!({"name": "work"})).await;
    let activity = arn("x").replace("stateMachine:x", "activity:work");
    for resource in [arn("m"), activity] {
        let with = |member: &str, value: Value| json!({"resourceArn": resource, member: value});
        let tag = |key: &str, value: &str| json!({"key": key, "value": value});
        let list = || {
            call(
                &bench,
                "ListTagsForResource",
                json!({"resourceArn": resource}),
            )
        };
        let tags = json!([tag("b", "1"), tag("a", "2")]);
        call(&bench, "TagResource", with("tags", tags)).await;
        call(&bench, "TagResource", with("tags", json!([tag("b", "3")]))).await;
        let all = json!({"tags": [tag("a", "2"), tag("b", "3")]});
        assert_eq!(list().await, all);
        // Those that are there count as well; none of them is put.
        let many: Vec<Value> = (0..49)
            .map(|number| tag(&format!("k{number}"), ""))
            .collect();
        let told = refused(&bench, "TagResource", with("tags", many.into())).await;
        assert!(told.starts_with("TooManyTags: "), "{told}");
        assert_eq!(list().await, all);
        let keys = json!(["a", "a", "none"]);
        call(&bench, "UntagResource", with("tagKeys", keys)).await;
        assert_eq!(list().await, json!({"tags": [tag("b", "3")]}));
    }
    for nothing in [arn("m:1"), arn("none")] {
        let request = json!({"resourceArn": nothing, "tags": []});
        assert_eq!(
            refused(&bench, "TagResource", request).await,
            format!("ResourceNotFound: Resource not found: '{nothing}'")
        );
    }
    let request = json!({"name": "tagged", "definition": definition(""), "tags":
        [{"key": "a", "value": "b"}], "roleArn": "arn:aws:iam::000000000000:role/states"});
    call(&bench, "CreateStateMachine", request).await;
    let found = call(
        &bench,
        "ListTagsForResource",
        json!({"resourceArn": arn("tagged")}),
    );
    assert_eq!(found.await["tags"], json!([{"key": "a", "value": "b"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_creations_at_once_one_makes_the_machine() {
    let bench = Bench::in_memory().await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (handle, caller) = (bench.handle.clone(), bench.caller.clone());
        let request = json!({"name": "m", "definition": definition(&(number % 2).to_string()),
            "publish": true, "roleArn": "arn:aws:iam::000000000000:role/states"});
        calls.spawn(async move {
            let call = stepwell_engine::ApiCall {
                operation: "CreateStateMachine".to_owned(),
                request,
                times: stepwell_engine::TimeForm::Text,
                repeated: false,
            };
            handle.call_sfn(&caller, call).await.is_ok()
        });
    }
    let made = calls
        .join_all()
        .await
        .into_iter()
        .filter(|made| *made)
        .count();
    // Those that said the same as the first one.
    assert_eq!(made, 8);
    assert_eq!(publish(&bench, "m").await, arn("m:1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let tasks = Scripted::default();
    let open = || Bench::in_folder(folder.path().to_owned(), clock.clone(), tasks.clone());
    let bench = open().await;
    let waits = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "A"},
        "A": {"Type": "Wait", "Seconds": 60, "End": true}}});
    bench.deploy("m", &waits.to_string()).await;
    let execution = bench.start("m", "waits", "{}").await;
    let named = json!({"stateMachineArn": arn("m")});
    call(&bench, "DeleteStateMachine", named.clone()).await;
    bench.close().await;

    let bench = open().await;
    let found = call(&bench, "DescribeStateMachine", named.clone()).await;
    assert_eq!(found["status"], "DELETING");
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.end(&execution).await.summary.status, Status::Aborted);
    gone(&bench, &named).await;
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_of_a_map_run_is_described_with_it() {
    let bench = Bench::in_memory().await;
    let each = json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "Label": "each",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}, "End": true}}});
    let end = bench.run(&each.to_string(), "[1]").await;
    let runs = bench
        .handle
        .list_map_runs(&bench.caller, &end.summary.arn, None, 10)
        .await
        .unwrap();
    let run = runs.items[0].arn.clone();
    let list = ListExecutions {
        limit: 10,
        ..ListExecutions::default()
    };
    let children = bench
        .handle
        .list_map_run_executions(&bench.caller, &run, list)
        .await
        .unwrap();
    let child = json!({"executionArn": children.items[0].arn});
    let found = call(&bench, "DescribeStateMachineForExecution", child).await;
    assert_eq!(found["mapRunArn"], run);
    assert_eq!(found["label"], "each");
    assert_eq!(found["stateMachineArn"], arn("machine/each"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_lists_what_is_asked_for() {
    let bench = Bench::in_memory().await;
    let odd = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Parameters": {"a": "$.b"}, "Next": "Nowhere"},
        "B": {"Type": "Pass", "Next": "Elsewhere"}, "C": {"Type": "Succeed"}}})
    .to_string();
    let validate = |more: Value| {
        let mut request = json!({"definition": odd});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        call(&bench, "ValidateStateMachineDefinition", request)
    };
    let codes = |answer: &Value| -> Vec<String> {
        let found = answer["diagnostics"].as_array().unwrap().iter();
        found
            .map(|found| found["code"].as_str().unwrap().to_owned())
            .collect()
    };
    let errors = validate(json!({})).await;
    assert_eq!(errors["result"], "FAIL");
    assert_eq!(errors["truncated"], false);
    let missing = |code: &String| code == "MISSING_TRANSITION_TARGET";
    assert!(codes(&errors).iter().all(missing), "{errors}");
    assert_eq!(codes(&errors).len(), 4, "{errors}");
    let first = validate(json!({"maxResults": 1})).await;
    assert_eq!(first["truncated"], true);
    assert_eq!(codes(&first).len(), 1);
    let valid = json!({"definition": definition("")});
    let valid = call(&bench, "ValidateStateMachineDefinition", valid).await;
    assert_eq!(
        valid,
        json!({"result": "OK", "diagnostics": [], "truncated": false})
    );
    // A warning is told where it is asked for, and keeps nothing from being made.
    let doubtful = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true,
        "Parameters": {"a": "$.b"}}}});
    let mut request = json!({"definition": doubtful.to_string()});
    let quiet = call(&bench, "ValidateStateMachineDefinition", request.clone()).await;
    assert_eq!(codes(&quiet), Vec::<String>::new());
    request["severity"] = "WARNING".into();
    let told = call(&bench, "ValidateStateMachineDefinition", request).await;
    assert_eq!(
        (codes(&told), &told["result"]),
        (vec!["NO_DOLLAR".to_owned()], &json!("OK"))
    );
    let broken = json!({"definition": "{"});
    let broken = call(&bench, "ValidateStateMachineDefinition", broken).await;
    assert_eq!(codes(&broken), ["INVALID_JSON_DESCRIPTION"]);
}
