//! What AWS puts around the answers and errors of its services, for definitions that
//! look at it.

use serde_json::{Map, Value, json};
use stepwell_decider::{EventNumber, Purpose, Seed};
use stepwell_states::{Payload, Timestamp};

use crate::handle::starting::uuid_of;

/// Names of the days, from the one that 1970 began with.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY_MS: i64 = 86_400_000;

/// The id of a task's call: the same whenever the call is made again.
pub(crate) fn request_id(seed: &Seed, scheduled: EventNumber) -> String {
    uuid_of(&seed.derive(Purpose::Request, scheduled))
}

/// The cause of a refused call of an optimised integration.
pub(crate) fn v1_cause(
    message: &str,
    service: &str,
    status: u16,
    code: &str,
    request_id: &str,
) -> String {
    format!(
        "{message} (Service: {service}; Status Code: {status}; Error Code: {code}; \
         Request ID: {request_id}; Proxy: null)"
    )
}

/// The cause of a refused call of an SDK integration.
pub(crate) fn v2_cause(message: &str, service: &str, status: u16, request_id: &str) -> String {
    format!(
        "{message} (Service: {service}, Status Code: {status}, Request ID: {request_id}) \
         (SDK Attempt Count: 1)"
    )
}

/// The answer of an optimised integration, with the metadata of the call: as if `body` had
/// come over the wire.
pub(crate) fn with_metadata(
    mut answer: Map<String, Value>,
    extra: &[(&str, &str)],
    body: &BodyOf<'_>,
    request_id: &str,
    at: Timestamp,
) -> Payload {
    let (length, date) = (body.bytes.to_string(), http_date(at));
    let own = [
        ("x-amzn-RequestId", request_id),
        ("connection", "keep-alive"),
        ("Content-Length", &length),
        ("Date", &date),
        ("Content-Type", body.content_type),
    ];
    let headers = || extra.iter().chain(&own).copied();
    let lists: Map<_, _> = headers()
        .map(|(name, value)| (name.to_owned(), json!([value])))
        .collect();
    let texts: Map<_, _> = headers()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    answer.insert(
        "SdkHttpMetadata".to_owned(),
        json!({ "AllHttpHeaders": lists, "HttpHeaders": texts, "HttpStatusCode": 200 }),
    );
    answer.insert(
        "SdkResponseMetadata".to_owned(),
        json!({ "RequestId": request_id }),
    );
    answer.sort_keys();
    Payload::from_value(&Value::Object(answer))
}

/// What the answer would have been on the wire.
pub(crate) struct BodyOf<'a> {
    pub(crate) bytes: usize,
    pub(crate) content_type: &'a str,
}

/// A time as HTTP headers have it (RFC 9110, 5.6.7).
fn http_date(at: Timestamp) -> String {
    // `2027-01-15T08:00:00.007Z`
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let day = usize::try_from(at.as_ms().div_euclid(DAY_MS).rem_euclid(7)).unwrap_or(0);
    let month = part(5, 7).parse::<usize>().unwrap_or(1);
    format!(
        "{}, {} {} {} {} GMT",
        DAYS.get(day).unwrap_or(&DAYS[0]),
        part(8, 10),
        MONTHS.get(month.saturating_sub(1)).unwrap_or(&MONTHS[0]),
        part(0, 4),
        part(11, 19)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        for (ms, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_800_000_000_007, "Fri, 15 Jan 2027 08:00:00 GMT"),
        ] {
            assert_eq!(http_date(Timestamp::from_ms(ms)), expected);
        }
    }

    #[test]
    fn metadata_stands_beside_the_answer() {
        let mut answer = Map::new();
        answer.insert("StartDate".to_owned(), 1.into());
        let body = BodyOf {
            bytes: 161,
            content_type: "application/x-amz-json-1.0",
        };
        let at = Timestamp::from_ms(0);
        let shown = with_metadata(answer, &[], &body, "id-1", at).to_value();
        assert_eq!(
            shown["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"],
            "161"
        );
        assert_eq!(
            shown["SdkHttpMetadata"]["AllHttpHeaders"]["x-amzn-RequestId"],
            json!(["id-1"])
        );
        assert_eq!(shown["SdkResponseMetadata"]["RequestId"], "id-1");
        assert_eq!(shown["StartDate"], 1);
    }
}
