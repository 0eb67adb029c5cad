//! What members of requests may hold, and what they had better not.

use serde_json::{Value, json};
use stepwell_states::{ApiMember, MemberKind};
use stepwell_tests::Random;

use crate::host::{ACCOUNT, Host, REGION};

/// Definitions to begin with: they wait, ask, branch, fail, and run further ones.
const DEFINITIONS: [&str; 6] = [
    r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
    r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#,
    r#"{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$","ItemProcessor":{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}},"End":true}}}"#,
    r#"{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.a > 1 %}","Next":"S"}],"Default":"S"},"S":{"Type":"Succeed"}}}"#,
    r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Result":1,"End":true}}}],"Retry":[{"ErrorEquals":["States.ALL"]}],"End":true}}}"#,
    r#"{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$"},"End":true}"#,
];

/// Texts that enums of the service model know.
const WORDS: [&str; 20] = [
    "STANDARD",
    "EXPRESS",
    "RUNNING",
    "SUCCEEDED",
    "PENDING_REDRIVE",
    "REDRIVEN",
    "NOT_REDRIVEN",
    "ALL_DATA",
    "METADATA_ONLY",
    "INFO",
    "DEBUG",
    "TRACE",
    "ERROR",
    "WARNING",
    "ALL",
    "OFF",
    "FATAL",
    "STRICT",
    "PRESENT",
    "NONE",
];

/// Letters that have been trouble somewhere.
const LETTERS: [char; 16] = [
    'a', 'Z', '0', '-', '_', '.', ':', '/', ' ', '\0', '\n', '"', '\u{7f}', 'ß', '\u{202e}', '🦀',
];

/// Names that exist on the host, for each member that names something.
pub(super) struct Pool {
    named: Vec<(&'static str, String)>,
    machines: usize,
}

impl Pool {
    /// Makes something of each kind.
    pub(super) async fn fill(host: &Host) -> Self {
        let mut pool = Self {
            named: Vec::new(),
            machines: 0,
        };
        let activity = host.call("CreateActivity", &json!({ "name": "a" })).await;
        pool.take("activityArn", &activity.body["activityArn"]);
        pool.refill(host).await;
        pool
    }

    /// Makes again what requests may have deleted, and one more of the rest.
    pub(super) async fn refill(&mut self, host: &Host) {
        self.machines += 1;
        let definition = DEFINITIONS[self.machines % 5];
        let machine = json!({
            "name": format!("m{}", self.machines % 7),
            "definition": definition,
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/r"),
            "publish": true,
        });
        let machine = host.call("CreateStateMachine", &machine).await.body;
        self.take("stateMachineArn", &machine["stateMachineArn"]);
        self.take("resourceArn", &machine["stateMachineArn"]);
        self.take("stateMachineVersionArn", &machine["stateMachineVersionArn"]);
        let alias = json!({
            "name": "live",
            "routingConfiguration": [
                { "stateMachineVersionArn": machine["stateMachineVersionArn"], "weight": 100 },
            ],
        });
        let alias = host.call("CreateStateMachineAlias", &alias).await.body;
        self.take("stateMachineAliasArn", &alias["stateMachineAliasArn"]);
        let start = json!({ "stateMachineArn": machine["stateMachineArn"], "input": "[1,2]" });
        let started = host.call("StartExecution", &start).await.body;
        self.take("executionArn", &started["executionArn"]);
    }

    fn take(&mut self, member: &'static str, name: &Value) {
        let known = |(known, held): &(_, String)| *known == member && *name == **held;
        if let Some(text) = name.as_str()
            && !self.named.iter().any(known)
        {
            self.named.push((member, text.to_owned()));
        }
    }

    /// What a member may hold.
    pub(super) fn value(&self, member: &ApiMember, random: &mut Random) -> Value {
        if random.below(8) == 0 {
            return anything(random, 4);
        }
        let known: Vec<&String> = self
            .named
            .iter()
            .filter(|(name, _)| *name == member.name)
            .map(|(_, value)| value)
            .collect();
        if !known.is_empty() && random.below(4) > 0 {
            let mut name = known[below(random, known.len())].clone();
            match random.below(12) {
                0 => name.push_str(":7"),
                1 => name.truncate(below(random, name.len() + 1)),
                2 => name.insert(below(random, name.len()), ':'),
                _ => {}
            }
            return name.into();
        }
        match member.kind {
            MemberKind::Text => word(member.name, random).into(),
            MemberKind::Json => json_text(random).into(),
            MemberKind::Number => number(random),
            MemberKind::Flag => (random.below(2) == 0).into(),
            MemberKind::Other => self.shape(member.name, random),
        }
    }

    /// The lists and objects of the service model, more or less.
    fn shape(&self, name: &str, random: &mut Random) -> Value {
        let version = self
            .named
            .iter()
            .rfind(|(name, _)| name.contains("Version"));
        let version = version.map_or("arn:aws:states:x", |(_, arn)| arn);
        let some = anything(random, 2);
        match (name, random.below(3)) {
            (_, 0) => anything(random, 3),
            ("tags", _) => json!([{ "key": text(random), "value": text(random) }]),
            ("tagKeys", _) => json!([text(random), some]),
            ("routingConfiguration", _) => json!([
                { "stateMachineVersionArn": version, "weight": number(random) },
                { "stateMachineVersionArn": version, "weight": 50 },
            ]),
            ("loggingConfiguration", _) => json!({
                "level": word(name, random),
                "includeExecutionData": some,
                "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": text(random) } }],
            }),
            ("tracingConfiguration", _) => json!({ "enabled": some }),
            ("encryptionConfiguration", _) => json!({
                "type": "CUSTOMER_MANAGED_KMS_KEY",
                "kmsKeyId": text(random),
                "kmsDataKeyReusePeriodSeconds": number(random),
            }),
            ("mock", _) => json!({
                "result": json_text(random),
                "errorOutput": some,
                "fieldValidationMode": word(name, random),
            }),
            ("stateConfiguration", _) => json!({
                "retrierRetryCount": number(random),
                "errorCausedByState": text(random),
                "mapIterationFailureCount": number(random),
                "mapItemReaderData": json_text(random),
            }),
            _ => some,
        }
    }
}

fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end.max(1) as u64)).unwrap()
}

/// A value of any kind, at most so deep.
pub(super) fn anything(random: &mut Random, depth: u64) -> Value {
    let kinds = if depth == 0 { 6 } else { 9 };
    match random.below(kinds) {
        0 => Value::Null,
        1 => (random.below(2) == 0).into(),
        2 => number(random),
        3 => json_text(random).into(),
        4 | 5 => text(random).into(),
        6 => deep(below(random, 120)),
        7 => (0..random.below(4))
            .map(|_| anything(random, depth - 1))
            .collect(),
        _ => (0..random.below(4))
            .map(|_| (text(random), anything(random, depth - 1)))
            .collect(),
    }
}

fn number(random: &mut Random) -> Value {
    const NUMBERS: [&str; 12] = [
        "0",
        "1",
        "-1",
        "50",
        "1000",
        "1001",
        "0.5",
        "1e400",
        "-0",
        "2147483648",
        "9223372036854775808",
        "18446744073709551616",
    ];
    serde_json::from_str(NUMBERS[below(random, NUMBERS.len())]).unwrap()
}

fn text(random: &mut Random) -> String {
    let length = match random.below(20) {
        0 => 0,
        1 => 300_000,
        2 => 3_097,
        3 | 4 => 81,
        _ => below(random, 20),
    };
    (0..length)
        .map(|_| LETTERS[below(random, LETTERS.len())])
        .collect()
}

/// A text for a member of this name: a word, a name, an ARN of something, a token.
fn word(member: &str, random: &mut Random) -> String {
    let kinds = [
        "stateMachine",
        "execution",
        "activity",
        "mapRun",
        "express",
        "label",
    ];
    match random.below(6) {
        0 => text(random),
        1 => WORDS[below(random, WORDS.len())].to_owned(),
        2 if member.ends_with("Arn") => format!("arn:{}", text(random)),
        3 if member.ends_with("Arn") => {
            let kind = kinds[below(random, kinds.len())];
            format!("arn:aws:states:{REGION}:{ACCOUNT}:{kind}:{}", text(random))
        }
        4 if member.ends_with("Token") => "AAAAAAAA".repeat(below(random, 40)),
        _ => format!("name-{}", random.below(5)),
    }
}

/// A text that is JSON, or once was.
fn json_text(random: &mut Random) -> String {
    let mut json = match random.below(6) {
        0 => text(random),
        1 => anything_flat(random).to_string(),
        2 => "[".repeat(below(random, 200_000)),
        _ => DEFINITIONS[below(random, DEFINITIONS.len())].to_owned(),
    };
    if random.below(3) == 0 && json.is_ascii() && !json.is_empty() {
        let place = below(random, json.len());
        let with = ["{", "\"", "null", "-1", "$", "{%", "Retry"][below(random, 7)];
        json.replace_range(place..=place, with);
    }
    json
}

fn anything_flat(random: &mut Random) -> Value {
    match random.below(3) {
        0 => number(random),
        1 => json!({ "a": text(random), "b": [number(random)] }),
        _ => json!([1, 2, 3]),
    }
}

/// Lists in lists.
fn deep(levels: usize) -> Value {
    let mut value = Value::Null;
    for _ in 0..levels {
        value = Value::Array(vec![value]);
    }
    value
}

/// Bodies that hold no members.
pub(super) fn no_members(random: &mut Random) -> Vec<u8> {
    match random.below(9) {
        0 => Vec::new(),
        1 => b"null".to_vec(),
        2 => b"[]".to_vec(),
        3 => b"{".to_vec(),
        4 => b"\xff\xfe{}".to_vec(),
        5 => "[".repeat(500_000).into_bytes(),
        6 => format!("{}{{}}{}", "{\"a\":".repeat(200), "}".repeat(200)).into_bytes(),
        7 => br#"{"name":"a","name":"b"}"#.to_vec(),
        _ => text(random).into_bytes(),
    }
}
