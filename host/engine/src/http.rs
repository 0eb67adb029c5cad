//! `http:invoke`: what a task asks of the way out, and what it is told.
//!
//! Where requests may go is [`stepwell_egress`]'s to say; here parameters become a request
//! and an answer becomes a result, in AWS's words.

mod form;

use serde_json::{Map, Value, json};
use stepwell_decider::Failure;
use stepwell_egress::{Answer, EgressError, Request};
use stepwell_states::Payload;

use form::ArrayFormat;

/// Methods that Step Functions sends.
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];
/// The task's parameters make no request.
const INVALID: &str = "Stepwell.InvalidHttpRequest";
/// The type of a body that is a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// Reads the request that a task's parameters ask for.
///
/// # Errors
/// The failure of the task: what is wrong with them, or a connection that nobody knows.
pub(crate) fn request_of(parameters: &Value) -> Result<Request, Failure> {
    let text = |field: &str| parameters.get(field).and_then(Value::as_str);
    if let Some(connection) = parameters.pointer("/Authentication/ConnectionArn") {
        let cause = format!(
            "the connection {connection} does not exist; this version keeps no credentials: \
             leave Authentication out where the endpoint needs none"
        );
        return Err(Failure::new("Stepwell.ConnectionNotFound", cause));
    }
    let method = text("Method").unwrap_or_default();
    if !METHODS.contains(&method) {
        return Err(invalid(&format!(
            "Method must be one of {}",
            METHODS.join(", ")
        )));
    }
    let url = url_of(
        text("ApiEndpoint").unwrap_or_default(),
        parameters.get("QueryParameters"),
    )?;
    let mut headers = headers_of(parameters.get("Headers"))?;
    let encoding = parameters.get("Transform");
    let body = body_of(parameters.get("RequestBody"), encoding, &mut headers)?;
    Ok(Request {
        method: method.to_owned(),
        url,
        headers,
        body,
    })
}

fn invalid(reason: &str) -> Failure {
    Failure::new(INVALID, reason)
}

fn url_of(endpoint: &str, query: Option<&Value>) -> Result<String, Failure> {
    let query = match query {
        None | Some(Value::Null) => return Ok(endpoint.to_owned()),
        Some(Value::Object(query)) => form::encode(query, ArrayFormat::Repeat),
        Some(_) => return Err(invalid("QueryParameters must be an object")),
    };
    if query.is_empty() {
        return Ok(endpoint.to_owned());
    }
    // What stands behind a `#` is not sent.
    let endpoint = endpoint.split('#').next().unwrap_or(endpoint);
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{endpoint}{joint}{query}"))
}

fn headers_of(headers: Option<&Value>) -> Result<Vec<(String, String)>, Failure> {
    let headers = match headers {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(headers)) => headers,
        Some(_) => return Err(invalid("Headers must be an object")),
    };
    let mut found = Vec::new();
    for (name, value) in headers {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                _ => return Err(invalid(&format!("the header {name} must be a text"))),
            };
            found.push((name.clone(), value));
        }
    }
    Ok(found)
}

fn body_of(
    body: Option<&Value>,
    transform: Option<&Value>,
    headers: &mut Vec<(String, String)>,
) -> Result<Option<Vec<u8>>, Failure> {
    let Some(body) = body.filter(|body| !body.is_null()) else {
        return Ok(None);
    };
    let text = |pointer: &str| {
        transform
            .and_then(|transform| transform.pointer(pointer))
            .and_then(Value::as_str)
    };
    let (media_type, bytes) = match text("/RequestBodyEncoding") {
        None | Some("NONE") => (
            "application/json",
            match body {
                // A text is sent as it is: an author who writes one has encoded it.
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
        ),
        Some("URL_ENCODED") => {
            let Value::Object(fields) = body else {
                return Err(invalid("RequestBody must be an object to be URL_ENCODED"));
            };
            let format = ArrayFormat::parse(text("/RequestEncodingOptions/ArrayFormat"));
            let format = format.ok_or_else(|| {
                invalid("ArrayFormat must be INDICES, REPEAT, COMMAS or BRACKETS")
            })?;
            (FORM, form::encode(fields, format))
        }
        Some(_) => return Err(invalid("RequestBodyEncoding must be URL_ENCODED or NONE")),
    };
    let has_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
    if !headers.iter().any(has_type) {
        headers.push(("content-type".to_owned(), media_type.to_owned()));
    }
    Ok(Some(bytes.into_bytes()))
}

/// The result of a task whose request was answered.
///
/// # Errors
/// The failure of the task, where the answer's status is none of success.
pub(crate) fn result_of(answer: Answer) -> Result<Payload, Failure> {
    let body = String::from_utf8_lossy(&answer.body);
    if !(200..300).contains(&answer.status) {
        return Err(Failure::new(
            format!("States.Http.StatusCode.{}", answer.status),
            body,
        ));
    }
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &answer.headers {
        match headers.get_mut(name) {
            Some(Value::Array(values)) => values.push(value.as_str().into()),
            _ => drop(headers.insert(name.clone(), json!([value]))),
        }
    }
    let is_json = answer.headers.iter().any(|(name, value)| {
        name == "content-type" && value.split(';').next().is_some_and(names_json)
    });
    let parsed = is_json.then(|| Payload::parse(&*body).ok()).flatten();
    let body = parsed.map_or_else(|| Value::String(body.into_owned()), |json| json.to_value());
    Ok(Payload::from_value(&json!({
        "Headers": headers,
        "ResponseBody": body,
        "StatusCode": answer.status,
        "StatusText": answer.reason,
    })))
}

fn names_json(media_type: &str) -> bool {
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

/// The failure of a task whose request was not sent or not answered.
pub(crate) fn failure_of(error: &EgressError) -> Failure {
    let name = match error {
        EgressError::Invalid(_) => INVALID,
        EgressError::Denied(_) => "Stepwell.EgressDenied",
        EgressError::Failed(_) | EgressError::Inside { .. } | EgressError::TimedOut(_) => {
            "States.Http.Socket"
        }
        EgressError::TooLarge(_) => "States.DataLimitExceeded",
    };
    Failure::new(name, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(request: &Request) -> &str {
        std::str::from_utf8(request.body.as_deref().unwrap_or_default()).unwrap()
    }

    #[test]
    fn parameters_become_a_request() {
        let request = request_of(&json!({
            "ApiEndpoint": "https://api.example.org/v1?a=1#top", "Method": "POST",
            "QueryParameters": {"q": "a b&c", "n": [1, 2]},
            "Headers": {"X-One": "1", "X-Two": ["a", "b"]},
            "RequestBody": {"id": 1},
        }));
        let request = request.unwrap();
        assert_eq!(
            request.url,
            "https://api.example.org/v1?a=1&q=a%20b%26c&n=1&n=2"
        );
        assert_eq!(body(&request), r#"{"id":1}"#);
        let headers: Vec<_> = request.headers.iter().map(|(a, b)| (&**a, &**b)).collect();
        let expected = [
            ("X-One", "1"),
            ("X-Two", "a"),
            ("X-Two", "b"),
            ("content-type", "application/json"),
        ];
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_body_may_be_a_form() {
        let parameters = json!({
            "ApiEndpoint": "https://api.example.org/", "Method": "POST",
            "RequestBody": {"a": "x y", "b": {"c": true}},
            "Transform": {"RequestBodyEncoding": "URL_ENCODED"},
        });
        let request = request_of(&parameters).unwrap();
        assert_eq!(body(&request), "a=x%20y&b[c]=true");
        assert_eq!(
            request.headers,
            [("content-type".to_owned(), FORM.to_owned())]
        );
    }

    #[test]
    fn what_makes_no_request_fails_with_a_name() {
        let url = "https://api.example.org/";
        for (parameters, error) in [
            (json!({"ApiEndpoint": url, "Method": "CONNECT"}), INVALID),
            (
                json!({"ApiEndpoint": url, "Method": "GET", "Headers": []}),
                INVALID,
            ),
            (
                json!({"ApiEndpoint": url, "Method": "GET", "Headers": {"a": {}}}),
                INVALID,
            ),
            (
                json!({"ApiEndpoint": url, "Method": "GET", "QueryParameters": 1}),
                INVALID,
            ),
            (
                json!({"ApiEndpoint": url, "Method": "POST", "RequestBody": [1],
                    "Transform": {"RequestBodyEncoding": "URL_ENCODED"}}),
                INVALID,
            ),
            (
                json!({"ApiEndpoint": url, "Method": "GET",
                    "Authentication": {"ConnectionArn": "arn:x"}}),
                "Stepwell.ConnectionNotFound",
            ),
        ] {
            let failure = request_of(&parameters).unwrap_err();
            assert_eq!(failure.error_name(), error, "{parameters}");
        }
    }

    fn answer(status: u16, media_type: &str, body: &str) -> Answer {
        Answer {
            status,
            reason: "Reason",
            headers: vec![
                ("content-type".to_owned(), media_type.to_owned()),
                ("x-a".to_owned(), "1".to_owned()),
                ("x-a".to_owned(), "2".to_owned()),
            ],
            body: body.into(),
        }
    }

    #[test]
    fn an_answer_becomes_the_result_of_aws() {
        let json = answer(
            201,
            "application/problem+json; charset=utf-8",
            r#"{"a":1.10}"#,
        );
        let result = result_of(json).unwrap();
        assert_eq!(
            result.as_str(),
            r#"{"Headers":{"content-type":["application/problem+json; charset=utf-8"],"x-a":["1","2"]},"ResponseBody":{"a":1.10},"StatusCode":201,"StatusText":"Reason"}"#
        );
        for (media_type, body) in [("text/plain", "{}"), ("application/json", "{broken")] {
            let result = result_of(answer(200, media_type, body)).unwrap().to_value();
            assert_eq!(result["ResponseBody"], body);
        }
    }

    #[test]
    fn an_answer_that_is_no_success_fails_by_its_status() {
        for status in [302, 404, 503] {
            let failure = result_of(answer(status, "text/plain", "no")).unwrap_err();
            assert_eq!(
                failure.error_name(),
                format!("States.Http.StatusCode.{status}")
            );
            assert_eq!(failure.cause.as_deref(), Some("no"));
        }
    }
}
