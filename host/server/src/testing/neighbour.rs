//! Another tenant that has one of everything, for tests of what callers see of others.

use std::collections::BTreeMap;

use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_engine::{AccessOrder, ApiCall, Caller, NewTenantOrder, TimeForm};

use super::{ASK, Answer, COMPONENT, PASS, TestApi, request};

/// What all that the neighbour has is called.
pub(crate) const THEIRS: &str = "alpha";
/// What nothing of anybody is called.
pub(crate) const NOBODYS: &str = "omega";

/// The neighbour's account.
pub(crate) const ACCOUNT: &str = "222222222222";

/// Names of things, by what they are: the names of the route table's parameters, and of the
/// members of AWS's requests.
pub(crate) type Names = BTreeMap<&'static str, Vec<String>>;

/// The other tenant.
pub(crate) struct Neighbour {
    /// Who administers it.
    pub(crate) caller: Caller,
    /// An API token of theirs.
    pub(crate) token: String,
    /// Id and secret of a key of theirs.
    pub(crate) key: (String, String),
    /// What they have.
    pub(crate) theirs: Names,
    /// What nobody has, name by name like theirs.
    pub(crate) nobodys: Names,
}

/// Sends a request with a bearer token.
pub(crate) async fn send(
    api: &TestApi,
    method: &Method,
    path: &str,
    body: &str,
    token: &str,
) -> Answer {
    let content_type = match body {
        "" => None,
        COMPONENT => Some("application/wasm"),
        _ => Some("application/json"),
    };
    let mut request = request(method.clone(), path, content_type, body);
    let header = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, header);
    api.send(request).await
}

impl Neighbour {
    /// Moves in.
    pub(crate) async fn new(api: &TestApi) -> Self {
        let tenant = NewTenantOrder {
            name: "theirs".to_owned(),
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
        };
        api.engine.ensure_tenant(tenant).await.unwrap();
        let caller = api.engine.caller_for_tenant("theirs", "them");
        let caller = caller.await.unwrap();
        let order = |name: &str| AccessOrder::new(name, "admin");
        let token = api.engine.make_api_token(&caller, order("token"));
        let token = token.await.unwrap();
        let key = api.engine.make_access_key(&caller, order("key"));
        let key = key.await.unwrap();
        let mut new = Self {
            caller,
            token,
            key: (key.id, key.secret),
            theirs: Names::new(),
            nobodys: Names::new(),
        };
        new.furnish(api).await;
        new
    }

    /// Makes something of theirs, and returns what was answered.
    async fn make(&self, api: &TestApi, method: Method, path: &str, body: Value) -> Value {
        let answer = send(api, &method, path, &body.to_string(), &self.token).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// Makes one of everything, and learns its names.
    async fn furnish(&mut self, api: &TestApi) {
        let (put, post) = (|| Method::PUT, || Method::POST);
        self.make(api, put(), "/v1/data/alpha", json!([1])).await;
        let role = json!({ "permissions": ["data:read"] });
        self.make(api, put(), "/v1/roles/alpha", role).await;
        for kind in ["api-tokens", "access-keys"] {
            let body = json!({ "name": THEIRS, "role": "alpha" });
            self.make(api, post(), &format!("/v1/{kind}"), body).await;
        }
        let pushed = "/v1/components/alpha";
        let pushed = send(api, &put(), pushed, COMPONENT, &self.token).await;
        assert_eq!(pushed.status, StatusCode::CREATED, "{pushed:?}");
        let bound = json!({ "component": THEIRS });
        self.make(api, put(), "/v1/bindings/alpha:alpha", bound)
            .await;
        let value = json!({ "value": "their value" });
        self.make(api, put(), "/v1/config/alpha", value).await;
        let secret = json!("their value");
        self.make(api, put(), "/v1/secrets/alpha", secret).await;
        let told = json!({ "events": ["execution.failed"], "email": { "to": ["a@example.com"] } });
        self.make(api, put(), "/v1/notifications/alpha", told).await;
        let activity = json!({ "name": THEIRS });
        let activity = self.make(api, post(), "/v1/activities", activity).await;
        let task_token = self.wait_for_task(api, &activity["activityArn"]).await;
        self.have_logged(api).await;
        self.deploy(api, THEIRS, &mapping()).await;
        let machine = "/v1/state-machines/alpha";
        for (part, body) in [
            ("versions", json!({})),
            (
                "aliases",
                json!({ "name": THEIRS, "routes": [{ "version": 1, "weight": 100 }] }),
            ),
            ("tags", json!({ "tags": { "alpha": "alpha" } })),
        ] {
            self.make(api, post(), &format!("{machine}/{part}"), body)
                .await;
        }
        let start = json!({ "stateMachine": THEIRS, "name": THEIRS, "input": [1] });
        let started = self
            .make(api, post(), "/v1/executions?wait=30", start)
            .await;
        let execution = started["executionArn"].as_str().unwrap().to_owned();
        let map_run = self.map_run(api, &execution).await;
        let approval = self.wait_for_approval(api).await;
        let bulk = self.have_redriven(api).await;
        self.learn(execution, map_run, task_token, approval);
        let nobodys = bulk.chars().rev().collect();
        self.theirs.insert("bulkOperation", vec![bulk]);
        self.nobodys.insert("bulkOperation", vec![nobodys]);
    }

    /// Names a log group, as AWS's tools do.
    async fn have_logged(&self, api: &TestApi) {
        let group = format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{THEIRS}:*");
        let destination = json!({ "cloudWatchLogsLogGroup": { "logGroupArn": group } });
        let call = ApiCall {
            operation: "CreateStateMachine".to_owned(),
            request: json!({
                "name": "logged",
                "definition": PASS,
                "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/any"),
                "loggingConfiguration": { "level": "ALL", "destinations": [destination] },
            }),
            times: TimeForm::Seconds,
            repeated: false,
        };
        api.engine.call_sfn(&self.caller, call).await.unwrap();
    }

    /// Has an execution fail, and orders that all of its name be redriven.
    async fn have_redriven(&self, api: &TestApi) -> String {
        let fails = r#"{"StartAt": "F", "States": {"F": {"Type": "Fail"}}}"#;
        self.deploy(api, "failing", fails).await;
        let start = json!({ "stateMachine": "failing", "name": "failed" });
        let path = "/v1/executions?wait=30";
        self.make(api, Method::POST, path, start).await;
        let order = json!({ "action": "REDRIVE", "filter": { "name": "failed" } });
        let path = "/v1/bulk-operations";
        let ordered = self.make(api, Method::POST, path, order).await;
        let id = ordered["id"].as_str().unwrap().to_owned();
        // Its last entry in the audit log comes with its end.
        loop {
            let path = format!("/v1/bulk-operations/{id}");
            let found = send(api, &Method::GET, &path, "", &self.token).await;
            if found.json()["status"] != "RUNNING" {
                return id;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn deploy(&self, api: &TestApi, name: &str, definition: &str) {
        let path = format!("/v1/state-machines?raw=true&name={name}");
        let answer = send(api, &Method::POST, &path, definition, &self.token).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    }

    /// Has an execution wait for a task, and returns the task's token.
    async fn wait_for_task(&self, api: &TestApi, activity: &Value) -> String {
        let definition = json!({
            "StartAt": "Work",
            "States": { "Work": { "Type": "Task", "Resource": activity, "End": true } },
        });
        self.deploy(api, "working", &definition.to_string()).await;
        let start = json!({ "stateMachine": "working", "name": "one" });
        self.make(api, Method::POST, "/v1/executions", start).await;
        let poll = "/v1/activities/alpha/poll?wait=30";
        let polled = self.make(api, Method::POST, poll, json!({})).await;
        polled["task"]["taskToken"].as_str().unwrap().to_owned()
    }

    /// Has an execution wait for people, and returns the approval's id.
    async fn wait_for_approval(&self, api: &TestApi) -> String {
        let definition = ASK.replace("stepwell:event:answer", "stepwell:approval");
        self.deploy(api, "asking", &definition).await;
        let start = json!({ "stateMachine": "asking", "name": "one" });
        self.make(api, Method::POST, "/v1/executions", start).await;
        loop {
            let page = send(api, &Method::GET, "/v1/approvals", "", &self.token).await;
            if let Some(id) = page.json()["approvals"][0]["approvalId"].as_str() {
                return id.to_owned();
            }
            let history = "/v1/executions/asking%2Fone/history?after=4&wait=30";
            send(api, &Method::GET, history, "", &self.token).await;
        }
    }

    async fn map_run(&self, api: &TestApi, execution: &str) -> String {
        let path = format!("/v1/map-runs?execution={}", percent(execution));
        let page = send(api, &Method::GET, &path, "", &self.token).await;
        let arn = page.json()["mapRuns"][0]["mapRunArn"]
            .as_str()
            .map(str::to_owned);
        arn.unwrap_or_else(|| panic!("no Map Run: {page:?}"))
    }

    fn learn(&mut self, execution: String, map_run: String, task_token: String, approval: String) {
        let machine = format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:alpha");
        let activity = format!("arn:aws:states:us-east-1:{ACCOUNT}:activity:alpha");
        let alpha = || vec![THEIRS.to_owned()];
        self.theirs = BTreeMap::from([
            ("name", alpha()),
            ("tenant", vec!["theirs".to_owned()]),
            ("stateMachine", vec![THEIRS.to_owned(), machine]),
            ("execution", vec!["alpha/alpha".to_owned(), execution]),
            ("activity", vec![THEIRS.to_owned(), activity]),
            ("mapRun", vec![map_run]),
            ("integration", vec!["alpha:alpha".to_owned()]),
            ("logGroup", alpha()),
            ("version", vec!["1".to_owned()]),
            ("alias", alpha()),
            ("key", alpha()),
            ("secret", alpha()),
            ("taskToken", vec![task_token]),
            ("approval", vec![approval]),
        ]);
        let nobodys = self.theirs.iter().map(|(kind, names)| {
            let other = |name: &String| match *kind {
                "tenant" => "nobodys".to_owned(),
                "version" => "7".to_owned(),
                // The run's own id is what tells them apart.
                "mapRun" => match name.rsplit_once(':') {
                    Some((head, id)) => {
                        let id = id.replace(|c: char| c.is_ascii_digit(), "3");
                        format!("{}:{id}", head.replace(THEIRS, NOBODYS))
                    }
                    None => panic!("{name} is no ARN"),
                },
                "taskToken" | "approval" => name.chars().rev().collect(),
                _ => name.replace(THEIRS, NOBODYS),
            };
            (*kind, names.iter().map(other).collect())
        });
        self.nobodys = nobodys.collect();
    }
}

/// A definition with a Map Run.
fn mapping() -> String {
    PASS.replace(
        r#""Type": "Pass""#,
        r#""Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED",
            "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass",
            "End": true}}}"#,
    )
}

/// Writes a name as a part of a path or query.
pub(crate) fn percent(name: &str) -> String {
    name.replace(':', "%3A").replace('/', "%2F")
}
