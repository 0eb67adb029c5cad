//! A small client of the REST API, which says what it saw when that is not as it must be.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request};

use crate::history::History;
use crate::patience::PATIENCE;

/// The longest that one request may take: compiling a component on a busy machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// The largest answer that is read.
const ANSWER_MAX_BYTES: u64 = 64 << 20;

/// A way to a host.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

/// A host's answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    request: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Client {
    /// Returns a client of the host at a base address.
    #[must_use]
    pub fn new(base: &str, token: Option<String>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(REQUEST_TIMEOUT));
        Self {
            agent: config.build().into(),
            base: base.to_owned(),
            token,
        }
    }

    /// Returns a client of the same host with another token, or with none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self {
            token: token.map(str::to_owned),
            ..self.clone()
        }
    }

    /// Sends a request; a host that does not answer is an error, as it may have been killed.
    ///
    /// # Errors
    ///
    /// There was no answer.
    pub fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Result<Answer, ureq::Error> {
        let request = format!("{method} {path}");
        let mut builder = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut response = self.agent.run(builder.body(body.into())?)?;
        let body = response.body_mut().with_config().limit(ANSWER_MAX_BYTES);
        let text = body.read_to_string()?;
        Ok(Answer {
            request,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text,
        })
    }

    /// Sends a request with a body of some content type.
    ///
    /// # Panics
    ///
    /// There was no answer.
    #[track_caller]
    pub fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let request = format!("{method} {path}");
        self.try_send(method, path, &[("content-type", content_type)], body)
            .unwrap_or_else(|error| panic!("{request}: no answer: {error}"))
    }

    /// Asks for something.
    ///
    /// # Panics
    ///
    /// There was no answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.try_send(Method::GET, path, &[], "")
            .unwrap_or_else(|error| panic!("GET {path}: no answer: {error}"))
    }

    /// Deletes something.
    ///
    /// # Panics
    ///
    /// There was no answer.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.try_send(Method::DELETE, path, &[], "")
            .unwrap_or_else(|error| panic!("DELETE {path}: no answer: {error}"))
    }

    /// Sends a JSON body.
    ///
    /// # Panics
    ///
    /// There was no answer.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", body.to_string())
    }

    /// Sends the bytes of a component.
    ///
    /// # Panics
    ///
    /// There was no answer.
    #[track_caller]
    pub fn put_wasm(&self, name: &str, wasm: impl Into<Vec<u8>>) -> Answer {
        let path = format!("/v1/components/{}", segment(name));
        self.send(Method::PUT, &path, "application/wasm", wasm)
    }

    /// Uploads a component from a file, and returns what the host says of it.
    ///
    /// # Panics
    ///
    /// It is refused.
    #[track_caller]
    pub fn push(&self, name: &str, file: &Path) -> Value {
        let wasm = std::fs::read(file)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        let answer = self.put_wasm(name, wasm);
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        answer.json()
    }

    /// Deploys a definition as it is, be it JSON or YAML, under a name.
    ///
    /// # Panics
    ///
    /// It is refused, or was there before.
    #[track_caller]
    pub fn deploy(&self, name: &str, definition: &str) -> Value {
        let request = json!({ "name": name, "definition": definition });
        self.post("/v1/state-machines", &request).expect(201)
    }

    /// Starts an execution, and returns its ARN.
    ///
    /// # Panics
    ///
    /// It is refused, or was there before.
    #[track_caller]
    pub fn start(&self, machine: &str, input: &Value) -> String {
        let request = json!({ "stateMachine": machine, "input": input });
        let started = self.post("/v1/executions", &request).expect(201);
        text_of(&started, "executionArn")
    }

    /// Describes an execution.
    ///
    /// # Panics
    ///
    /// There is none.
    #[track_caller]
    pub fn describe(&self, execution: &str) -> Value {
        self.get(&execution_path(execution, "")).expect(200)
    }

    /// Waits for the end of an execution, and describes it then.
    ///
    /// # Panics
    ///
    /// It does not end within [`PATIENCE`].
    #[track_caller]
    pub fn wait_for_end(&self, execution: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let path = execution_path(execution, "?wait=20");
            let described = self.get(&path).expect(200);
            if described["status"] != "RUNNING" {
                return described;
            }
            assert!(Instant::now() < deadline, "it has not ended: {described}");
        }
    }

    /// Starts an execution, and describes it when it has ended.
    ///
    /// # Panics
    ///
    /// It is refused, or does not end.
    #[track_caller]
    pub fn run(&self, machine: &str, input: &Value) -> Value {
        let arn = self.start(machine, input);
        self.wait_for_end(&arn)
    }

    /// Posts an event to an execution, with an id or without one.
    ///
    /// # Panics
    ///
    /// It is refused.
    #[track_caller]
    pub fn post_event(&self, execution: &str, event: &Value) {
        self.post(&execution_path(execution, "/events"), event)
            .expect(204);
    }

    /// Reads the whole history of an execution, internal events included.
    ///
    /// # Panics
    ///
    /// There is none.
    #[track_caller]
    pub fn history(&self, execution: &str) -> History {
        let mut events = Vec::new();
        let mut after = Value::from(0);
        loop {
            let query = format!("/history?internal=true&limit=1000&after={after}");
            let mut part = self.get(&execution_path(execution, &query)).expect(200);
            after = part["nextAfter"].take();
            if let Value::Array(read) = part["events"].take() {
                events.extend(read);
            }
            if part["more"] != true {
                return History::new(events);
            }
        }
    }
}

impl Answer {
    /// Expects a status, and returns the body.
    ///
    /// # Panics
    ///
    /// The status is another one, or the body is no JSON.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text);
        if self.text.is_empty() {
            return Value::Null;
        }
        self.json()
    }

    /// Expects a status, and returns the body as it came.
    ///
    /// # Panics
    ///
    /// The status is another one.
    #[track_caller]
    pub fn expect_text(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text);
        &self.text
    }

    /// Expects a refusal with a status, a code and the field that it is about, and returns
    /// its `error`.
    ///
    /// # Panics
    ///
    /// The answer is another one.
    #[track_caller]
    pub fn expect_refusal(&self, status: u16, code: &str, field: Option<&str>) -> Value {
        let error = self.expect(status)["error"].take();
        let seen = (error["code"].as_str(), error["field"].as_str());
        assert_eq!(seen, (Some(code), field), "{}: {error}", self.request);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{}: no message", self.request);
        error
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// It is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{}: no JSON ({error}): {self:?}", self.request))
    }

    /// Returns a header's text; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// Writes a name or ARN as one segment of a path.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

fn execution_path(execution: &str, rest: &str) -> String {
    format!("/v1/executions/{}{rest}", segment(execution))
}

#[track_caller]
fn text_of(value: &Value, member: &str) -> String {
    let text = value[member].as_str();
    text.unwrap_or_else(|| panic!("no text {member:?}: {value}"))
        .to_owned()
}
