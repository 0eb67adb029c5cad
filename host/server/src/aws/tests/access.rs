//! Who may call which operation: without a key, with one that has ended, without the
//! permission, and across tenants. The list of operations is the engine's own table, so a
//! new one is in here from its first day.

use std::sync::Arc;

use stepwell_engine::{
    Caller, Permission, RoleOrder, SimulatedClock, Timestamp, operation_permissions,
};
use stepwell_states::{API_OPERATIONS, ApiOperation};

use super::*;
use crate::testing::neighbour::{ACCOUNT, NOBODYS, Names, Neighbour, THEIRS};

/// A time, from which the clocks of these tests go.
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// An answer without what is the request's own: the names in it, and its id.
fn bare(answer: &Answer, names: &[String]) -> (StatusCode, Vec<String>, String) {
    let mut body = answer.body.clone();
    for name in names {
        body = body.replace(name.as_str(), "IT");
    }
    let mut headers = answer.headers.clone();
    for of_its_own in ["x-request-id", "x-amzn-requestid", "date", "content-length"] {
        headers.remove(of_its_own);
    }
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value:?}"));
    (answer.status, headers.collect(), body)
}

/// Makes a key of a role that holds just these permissions.
async fn key_of(
    api: &TestApi,
    caller: &Caller,
    name: &str,
    held: &[Permission],
) -> (String, String) {
    let role = RoleOrder {
        name: name.to_owned(),
        about: None,
        permissions: held.iter().map(|each| each.name().to_owned()).collect(),
    };
    api.engine.put_role(caller, role).await.unwrap();
    let order = AccessOrder::new(name, name);
    let key = api.engine.make_access_key(caller, order).await.unwrap();
    (key.id, key.secret)
}

async fn signed(api: &TestApi, operation: &str, members: &Value, key: &(String, String)) -> Answer {
    api.send(call(api, operation, members, (&key.0, &key.1)))
        .await
}

/// What is named by the member of a request.
fn named(member: &str, names: &Names) -> Option<Vec<String>> {
    let arn = |kind: &str| names[kind].last().cloned();
    let part = |of: &str, kind: &str| Some(format!("{}:{}", arn(of)?, names[kind][0]));
    let found = match member {
        "stateMachineArn" => arn("stateMachine"),
        "executionArn" => arn("execution"),
        "activityArn" => arn("activity"),
        "mapRunArn" => arn("mapRun"),
        "stateMachineAliasArn" => part("stateMachine", "alias"),
        "stateMachineVersionArn" => part("stateMachine", "version"),
        "resourceArn" => return Some(vec![arn("stateMachine")?, arn("activity")?]),
        "taskToken" => arn("taskToken"),
        other => {
            assert!(
                !other.ends_with("Arn") || other == "roleArn",
                "{other} names what?"
            );
            return None;
        }
    };
    Some(vec![found?])
}

/// A value of a member that names nothing.
fn any(member: &str) -> Value {
    match member {
        "definition" => json!(PASS),
        "roleArn" => json!("arn:aws:iam::000000000000:role/any"),
        "output" => json!("{}"),
        "tags" => json!([]),
        "tagKeys" => json!(["none"]),
        _ => json!("fresh"),
    }
}

/// Requests of an operation, each with the one name that it is about.
fn requests(operation: &ApiOperation, names: &Names) -> Vec<(Value, String)> {
    let mut all = Vec::new();
    for member in operation.members {
        let found = if member.name == "routingConfiguration" {
            named("stateMachineVersionArn", names)
        } else {
            named(member.name, names)
        };
        for name in found.into_iter().flatten() {
            let mut request = json!({});
            for other in operation.members.iter().filter(|other| other.required) {
                request[other.name] = any(other.name);
            }
            request[member.name] = match member.name {
                "routingConfiguration" => {
                    json!([{ "stateMachineVersionArn": name, "weight": 100 }])
                }
                _ => json!(name),
            };
            // What is changed must exist, or that would be the refusal.
            if member.name == "routingConfiguration" && operation.name.starts_with("Update") {
                let alias = named("stateMachineAliasArn", names);
                request["stateMachineAliasArn"] = json!(alias.unwrap()[0]);
            }
            all.push((request, name));
        }
    }
    all
}

#[tokio::test]
async fn each_operation_takes_its_permission_and_no_other() {
    let api = TestApi::tokens().await;
    let mut asked = 0;
    for permission in Permission::ALL {
        let others = Permission::ALL
            .into_iter()
            .filter(|each| *each != permission);
        let others: Vec<Permission> = others.collect();
        let name = permission.name().replace(':', "-");
        let without = key_of(&api, &api.caller, &format!("no-{name}"), &others).await;
        let with = key_of(&api, &api.caller, &format!("only-{name}"), &[permission]).await;
        for (operation, _) in operation_permissions().filter(|(_, takes)| *takes == permission) {
            let refused = signed(&api, operation, &json!({}), &without).await;
            let denied = (StatusCode::BAD_REQUEST, "AccessDeniedException".to_owned());
            assert_eq!(fault(&refused), denied, "{operation}");
            let message = refused.json()["message"].as_str().unwrap().to_owned();
            let told = format!(
                "User: arn:aws:iam::000000000000:user/key:no-{name} is not authorized to \
                 perform: states:{operation} on resource: "
            );
            assert!(message.starts_with(&told), "{message}");
            let taken = signed(&api, operation, &json!({}), &with).await;
            assert!(
                !taken.body.contains("AccessDenied"),
                "{operation}: {taken:?}"
            );
            asked += 1;
        }
    }
    assert_eq!(asked, API_OPERATIONS.len());
}

/// The refusal names what the request is about, as AWS's does.
#[tokio::test]
async fn a_refusal_names_the_operation_and_its_resource() {
    let api = TestApi::tokens().await;
    let key = key_of(&api, &api.caller, "nothing", &[]).await;
    let own = "arn:aws:states:us-east-1:000000000000";
    for (operation, members, resource) in [
        (
            "StartExecution",
            json!({ "stateMachineArn": format!("{own}:stateMachine:m"), "input": "{}" }),
            format!("{own}:stateMachine:m"),
        ),
        (
            "CreateStateMachine",
            json!({ "name": "m" }),
            format!("{own}:stateMachine:m"),
        ),
        (
            "CreateActivity",
            json!({ "name": "a" }),
            format!("{own}:activity:a"),
        ),
        (
            "ListStateMachines",
            json!({}),
            format!("{own}:stateMachine:*"),
        ),
        (
            "SendTaskSuccess",
            json!({ "taskToken": "secret" }),
            "*".to_owned(),
        ),
    ] {
        let refused = signed(&api, operation, &members, &key).await;
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        let expected = format!(
            "User: arn:aws:iam::000000000000:user/key:nothing is not authorized to perform: \
             states:{operation} on resource: {resource} because no identity-based policy \
             allows the states:{operation} action"
        );
        assert_eq!(message, expected);
    }
}

/// Without a key, with a key that has ended, that was deleted, or that nobody ever had: the
/// same refusal for each operation, and for a request of any kind.
#[tokio::test]
async fn who_has_no_good_key_is_refused_by_each_operation_alike() {
    let clock = SimulatedClock::new(NOW);
    let api = TestApi::at(Arc::new(clock.clone()), |_| ServerConfig::new(Auth::Tokens)).await;
    let ended = AccessOrder {
        expires_at: Some(NOW.plus_ms(1_000)),
        ..AccessOrder::new("ended", "admin")
    };
    let ended = api
        .engine
        .make_access_key(&api.caller, ended)
        .await
        .unwrap();
    let deleted = AccessOrder::new("deleted", "admin");
    let deleted = api.engine.make_access_key(&api.caller, deleted);
    let deleted = deleted.await.unwrap();
    let deleting = api.engine.delete_access_key(&api.caller, "deleted");
    deleting.await.unwrap();
    clock.advance(Duration::from_secs(1));
    let nobodys = ("AKIANOBODYSKEY000000".to_owned(), "secret".to_owned());
    for operation in API_OPERATIONS {
        let never = bare(
            &signed(&api, operation.name, &json!({}), &nobodys).await,
            &[],
        );
        assert!(never.2.contains("UnrecognizedClientException"), "{never:?}");
        for key in [&ended, &deleted] {
            let key = (key.id.clone(), key.secret.clone());
            let refused = signed(&api, operation.name, &json!({}), &key).await;
            assert_eq!(bare(&refused, &[]), never, "{}", operation.name);
        }
        let unsigned = Request::builder()
            .method("POST")
            .uri("/")
            .header("host", "localhost")
            .header(
                "x-amz-target",
                format!("AWSStepFunctions.{}", operation.name),
            )
            .body(Body::from("{}"));
        let refused = api.send(unsigned.unwrap()).await;
        let missing = "MissingAuthenticationTokenException";
        assert_eq!(fault(&refused).1, missing, "{}", operation.name);
    }
}

/// What another tenant has answers as what nobody has: by its ARN, by its name in the
/// caller's own account, and by a task's token.
#[tokio::test]
async fn what_another_tenant_has_answers_as_what_nobody_has() {
    let api = TestApi::tokens().await;
    let them = Neighbour::new(&api).await;
    let order = AccessOrder::new("other", "admin");
    let key = api
        .engine
        .make_access_key(&api.caller, order)
        .await
        .unwrap();
    let key = (key.id, key.secret);
    let own_account = |names: &Names| -> Names {
        let renamed = names.iter().map(|(kind, all)| {
            let own = all.iter().map(|name| name.replace(ACCOUNT, "000000000000"));
            (*kind, own.collect())
        });
        renamed.collect()
    };
    let before = described(&api, &them).await;
    let mut compared = 0;
    for (theirs, nobodys) in [
        (them.theirs.clone(), them.nobodys.clone()),
        (own_account(&them.theirs), own_account(&them.nobodys)),
    ] {
        for operation in API_OPERATIONS {
            let there = requests(operation, &theirs);
            let not_there = requests(operation, &nobodys);
            for ((request, name), (other, other_name)) in there.iter().zip(&not_there) {
                let ask = async |request: &Value, name: &String, word: &str| {
                    let answer = signed(&api, operation.name, request, &key).await;
                    // An answer may repeat a part of the name.
                    bare(&answer, &[name.clone(), word.to_owned()])
                };
                let theirs = ask(request, name, THEIRS).await;
                let nobodys = ask(other, other_name, NOBODYS).await;
                let (theirs, nobodys) = (without_ids(theirs), without_ids(nobodys));
                assert_eq!(theirs, nobodys, "{} {request}", operation.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared}");
    assert_eq!(described(&api, &them).await, before);
}

/// All that the neighbour is told of what it has.
async fn described(api: &TestApi, them: &Neighbour) -> Vec<String> {
    let mut all = Vec::new();
    let looks = |operation: &&ApiOperation| {
        let name = operation.name;
        name.starts_with("Describe") || name.starts_with("List") || name.contains("History")
    };
    for operation in API_OPERATIONS.iter().filter(looks) {
        let mut requests = requests(operation, &them.theirs);
        if requests.is_empty() {
            requests.push((json!({}), String::new()));
        }
        for (request, _) in requests {
            let answer = signed(api, operation.name, &request, &them.key).await;
            assert_eq!(answer.status, StatusCode::OK, "{request}: {answer:?}");
            all.push(answer.body);
        }
    }
    all
}

/// The ids of versions and Map Runs differ, and are all digits or hexadecimal.
fn without_ids(
    (status, headers, body): (StatusCode, Vec<String>, String),
) -> (StatusCode, Vec<String>, String) {
    let body = body.replace(|c: char| c.is_ascii_digit(), "");
    (status, headers, body)
}

/// That the test above compares things with nothing: whoever has them finds them by each of
/// those requests.
#[tokio::test]
async fn what_a_tenant_has_it_finds() {
    let api = TestApi::tokens().await;
    let them = Neighbour::new(&api).await;
    // A poll finds a task, or it would wait for one.
    let start = json!({ "stateMachineArn": working(&them.theirs), "name": "two" });
    let started = signed(&api, "StartExecution", &start, &them.key).await;
    assert_eq!(started.status, StatusCode::OK, "{started:?}");
    let mut all: Vec<&ApiOperation> = API_OPERATIONS.iter().collect();
    // What takes away comes last, and parts before wholes.
    all.sort_by_key(|operation| {
        let name = operation.name;
        let place = match name {
            "DeleteStateMachineAlias" => 3,
            "DeleteStateMachineVersion" => 4,
            "DeleteStateMachine" | "DeleteActivity" => 5,
            "SendTaskSuccess" => 2,
            "SendTaskHeartbeat" => 0,
            _ => 1,
        };
        (place, name)
    });
    for operation in all {
        let Some((request, _)) = requests(operation, &them.theirs).into_iter().next() else {
            continue;
        };
        let answer = signed(&api, operation.name, &request, &them.key).await;
        let told = format!("{} {request}: {answer:?}", operation.name);
        for lost in [
            "DoesNotExist",
            "ResourceNotFound",
            "AccessDenied",
            "InvalidArn",
            "InvalidToken",
        ] {
            assert!(!answer.body.contains(lost), "{told}");
        }
    }
}

/// ARN of the machine of which each execution waits for a task.
fn working(names: &Names) -> String {
    let machine = names["stateMachine"].last().unwrap();
    machine.replace(":alpha", ":working")
}
