//! Sends whatever requests its input asks for, wherever they lead, and tells how each ended:
//! what an attacker would do who has got a component into a definition.

use std::time::Duration;

use stepwell_sdk::http::{HttpError, Request, Response};
use stepwell_sdk::prelude::*;

/// What to send.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Attack {
    url: String,
    /// GET, unless it says otherwise.
    method: Option<String>,
    /// Names and values.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Bytes of the body.
    body_bytes: Option<usize>,
    /// Bytes of one more header.
    header_bytes: Option<usize>,
    /// How many more headers.
    more_headers: Option<usize>,
    /// How often to send it; 1.
    times: Option<u32>,
    /// A secret to be put into `x-secret`.
    secret: Option<String>,
    /// Follow redirects, so many at most.
    follow: Option<u32>,
    /// Milliseconds to wait for the answer.
    timeout_ms: Option<u64>,
}

/// How a request ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Ended {
    /// The status of an answer.
    status: Option<u16>,
    /// The error's name, where there was none.
    error: Option<String>,
    /// What the answer says.
    body: Option<String>,
    /// What the guest put into `x-secret`.
    secret: Option<String>,
}

/// Sends what it is told to, and returns how each request ended.
#[stepwell_sdk::task]
fn hostile_egress(ctx: &Context, attack: Attack) -> Vec<Ended> {
    let secret = attack.secret.as_deref().map(|name| match ctx.secret(name) {
        Ok(secret) => secret.expose().to_owned(),
        Err(denied) => denied.to_string(),
    });
    (0..attack.times.unwrap_or(1))
        .map(|_| {
            let mut answer = request(&attack, &attack.url, secret.as_deref()).send(ctx);
            for _ in 0..attack.follow.unwrap_or(0) {
                let location = answer
                    .as_ref()
                    .ok()
                    .and_then(|answer| answer.header("location"));
                let Some(location) = location.map(str::to_owned) else {
                    break;
                };
                answer = request(&attack, &location, secret.as_deref()).send(ctx);
            }
            ended(answer, secret.clone())
        })
        .collect()
}

fn request(attack: &Attack, url: &str, secret: Option<&str>) -> Request {
    let method = attack.method.as_deref().unwrap_or("GET");
    let mut request = Request::new(method, url);
    for (name, value) in &attack.headers {
        request = request.header(name, value);
    }
    if let Some(secret) = secret {
        request = request.header("x-secret", secret);
    }
    if let Some(bytes) = attack.header_bytes {
        request = request.header("x-filler", "x".repeat(bytes));
    }
    for index in 0..attack.more_headers.unwrap_or(0) {
        request = request.header(format!("x-{index}"), "x");
    }
    if let Some(bytes) = attack.body_bytes {
        request = request.body(vec![b'x'; bytes]);
    }
    if let Some(milliseconds) = attack.timeout_ms {
        request = request.timeout(Duration::from_millis(milliseconds));
    }
    request
}

fn ended(answer: Result<Response, HttpError>, secret: Option<String>) -> Ended {
    match answer {
        Ok(answer) => Ended {
            status: Some(answer.status()),
            error: None,
            body: Some(String::from_utf8_lossy(answer.body()).into_owned()),
            secret,
        },
        Err(error) => Ended {
            status: None,
            error: Some(error.name().to_owned()),
            body: None,
            secret,
        },
    }
}
