//! Who is told, how often, and what is refused: webhooks and mails to servers on loopback, in
//! simulated time.

mod sinks;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use stepwell_egress::{Egress, Limits, Lookup, Rule, SystemLookup};
use stepwell_engine::audit::AuditQuery;
use stepwell_engine::{
    DeliveriesQuery, DeliveryDescription, DeliveryState, EngineError, MailSettings, Mailer,
    NotificationChannel, NotificationConfig, NotificationOrder, SecretValue, SimulatedClock,
};
use stepwell_store::StoreOptions;
use stepwell_vault::{MasterKey, Vault};

use crate::harness::{Bench, START, Scripted};
use sinks::{Mails, Receiver};

const FAILS: &str =
    r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No", "Cause": "never"}}}"#;
const ASKS: &str = r#"{"StartAt": "Ask", "States": {"Ask": {"Type": "Task",
    "Resource": "stepwell:event:answer", "TimeoutSeconds": 60, "End": true}}}"#;
const KEY: &str = "whsec_YSBrZXkgdGhhdCBub2JvZHkgZWxzZSBoYXM=";
const NEXT_KEY: &str = "whsec_dGhlIGtleSB0aGF0IGZvbGxvd3MgaXQsIG9mIHdoaWNo";
const ALL: [&str; 6] = [
    "execution.failed",
    "execution.timed_out",
    "execution.aborted",
    "approval.requested",
    "approval.escalated",
    "task.waiting",
];

/// How a host is set up.
struct Setup {
    options: StoreOptions,
    clock: SimulatedClock,
    rules: Vec<String>,
    lookup: Arc<dyn Lookup>,
    mailer: Option<Arc<Mailer>>,
    vault: Arc<Vault>,
}

impl Setup {
    fn allowing(rules: &[&str]) -> Self {
        Self {
            options: StoreOptions::memory(),
            clock: SimulatedClock::new(START),
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            lookup: Arc::new(SystemLookup),
            mailer: None,
            vault: Arc::new(Vault::new(MasterKey::generate().unwrap(), [])),
        }
    }

    fn mailing(mails: &Mails) -> Self {
        let mailer = Mailer::new(&MailSettings {
            url: format!("smtp://127.0.0.1:{}?tls=none", mails.port),
            password: None,
            from: "Stepwell <stepwell@example.com>".to_owned(),
            allow: vec!["*@example.com".to_owned()],
        });
        Self {
            mailer: Some(Arc::new(mailer.unwrap())),
            ..Self::allowing(&[])
        }
    }

    async fn open(self) -> Bench {
        let rules = self.rules.iter().map(|rule| Rule::parse(rule).unwrap());
        let egress = Egress::new(rules.collect(), self.lookup, Limits::default());
        let (mailer, vault) = (self.mailer, self.vault);
        let bench = Bench::open(self.options, self.clock, Scripted::default(), |config| {
            config.egress = egress;
            config.vault = vault;
            config.notifications = NotificationConfig {
                mailer,
                public_url: Some("https://stepwell.example.com".to_owned()),
            };
        });
        let bench = bench.await;
        bench.deploy("fails", FAILS).await;
        bench.deploy("asks", ASKS).await;
        bench
    }
}

async fn with_receiver(receiver: &Receiver) -> Bench {
    let bench = Setup::allowing(&[&format!("POST {}", receiver.url)])
        .open()
        .await;
    set_key(&bench, KEY).await;
    bench
}

async fn set_key(bench: &Bench, key: &str) {
    let value = SecretValue::from_bytes(key.as_bytes().to_vec()).unwrap();
    let set = bench.handle.set_secret(&bench.caller, "hooks/key", value);
    set.await.unwrap();
}

fn webhook(url: &str) -> NotificationOrder {
    NotificationOrder {
        events: ALL.map(str::to_owned).into(),
        state_machines: Vec::new(),
        channel: NotificationChannel::Webhook {
            url: url.to_owned(),
            secret: "hooks/key".to_owned(),
        },
        enabled: true,
    }
}

fn mail_to(address: &str) -> NotificationOrder {
    NotificationOrder {
        channel: NotificationChannel::Email {
            to: vec![address.to_owned()],
        },
        ..webhook("")
    }
}

async fn put(bench: &Bench, name: &str, order: NotificationOrder) {
    let put = bench.handle.put_notification(&bench.caller, name, order);
    put.await.unwrap();
}

async fn deliveries(bench: &Bench, name: &str) -> Vec<DeliveryDescription> {
    let query = DeliveriesQuery {
        notification: name.to_owned(),
        state: None,
        limit: 1_000,
        page_token: None,
    };
    let page = bench.handle.list_deliveries(&bench.caller, query).await;
    page.unwrap().items
}

/// Waits until the newest delivery is such.
async fn newest(
    bench: &Bench,
    name: &str,
    wanted: impl Fn(&DeliveryDescription) -> bool,
) -> DeliveryDescription {
    loop {
        let all = deliveries(bench, name).await;
        if let Some(found) = all.into_iter().next().filter(&wanted) {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

async fn tried(bench: &Bench, name: &str, attempts: u32) -> DeliveryDescription {
    newest(bench, name, |delivery| delivery.attempts == attempts).await
}

/// The signature of a request, as its receiver makes it.
fn signature(key: &str, request: &sinks::Request) -> String {
    let key = STANDARD
        .decode(key.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, at) = (
        request.header("webhook-id"),
        request.header("webhook-timestamp"),
    );
    mac.update(format!("{id}.{at}.{}", request.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

async fn audited(bench: &Bench, action: &str) -> Vec<Value> {
    let query = AuditQuery {
        action: Some(action.to_owned()),
        limit: 100,
        ..AuditQuery::default()
    };
    loop {
        let page = bench.handle.list_audit(&bench.caller, query.clone()).await;
        let items = page.unwrap().items.into_iter();
        let found: Vec<Value> = items
            .map(|item| json!({"entry": item.entry, "details": item.details}))
            .collect();
        if !found.is_empty() {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_execution_is_told_signed() {
    let receiver = Receiver::answering(200);
    let bench = with_receiver(&receiver).await;
    put(&bench, "ops", webhook(&receiver.url)).await;
    let arn = bench.start("fails", "one", "{}").await;
    let request = receiver.next();
    assert_eq!(
        request.header("webhook-signature"),
        signature(KEY, &request)
    );
    assert_eq!(request.header("webhook-key-id"), "hooks/key@1");
    let seconds = (START.as_ms() / 1_000).to_string();
    assert_eq!(request.header("webhook-timestamp"), seconds);
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["type"], "execution.failed");
    let data = &body["data"];
    assert_eq!(data["executionArn"], arn);
    assert_eq!(
        (&data["error"], &data["cause"]),
        (&json!("No"), &json!("never"))
    );
    let link = data["link"].as_str().unwrap();
    assert!(link.starts_with("https://stepwell.example.com/v1/executions/arn%3A"));
    let told = tried(&bench, "ops", 1).await;
    assert_eq!(told.state, DeliveryState::Delivered);
    assert_eq!(told.id, request.header("webhook-id"));
    assert_eq!(told.execution.as_deref(), Some("one"));

    // Whoever turns the key has both sign for a while.
    set_key(&bench, NEXT_KEY).await;
    bench.start("fails", "two", "{}").await;
    let request = receiver.next();
    let both = format!(
        "{} {}",
        signature(NEXT_KEY, &request),
        signature(KEY, &request)
    );
    assert_eq!(request.header("webhook-signature"), both);
    assert_eq!(request.header("webhook-key-id"), "hooks/key@2 hooks/key@1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_tried_again_and_given_up_in_the_end() {
    let receiver = Receiver::answering(503);
    let bench = with_receiver(&receiver).await;
    put(&bench, "ops", webhook(&receiver.url)).await;
    bench.start("fails", "one", "{}").await;
    let first = receiver.next();
    let mut last = START;
    for attempt in 1..10 {
        let failed = tried(&bench, "ops", attempt).await;
        assert_eq!(failed.state, DeliveryState::Pending);
        let said = "the receiver answered 503 Service Unavailable";
        assert_eq!(failed.last_error.as_deref(), Some(said));
        let next = failed.next_attempt_at.unwrap();
        assert!(next > last, "attempt {attempt}");
        last = next;
        // Not before its time.
        bench.clock.advance_to(next);
        let again = receiver.next();
        assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("webhook-signature"), signature(KEY, &again));
        let seconds = (next.as_ms() / 1_000).to_string();
        assert_eq!(again.header("webhook-timestamp"), seconds);
    }
    let dead = tried(&bench, "ops", 10).await;
    assert_eq!(dead.state, DeliveryState::Dead);
    assert_eq!(dead.next_attempt_at, None);
    let entries = audited(&bench, "notification:give-up").await;
    assert_eq!(entries[0]["entry"]["resource"], "ops");
    assert_eq!(entries[0]["details"]["delivery"], dead.id);
    let described = bench.handle.describe_notification(&bench.caller, "ops");
    assert_eq!(described.await.unwrap().pending, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_not_asked_again_and_who_asks_for_a_pause_gets_it() {
    let gone = Receiver::answering(410);
    let bench = with_receiver(&gone).await;
    put(&bench, "ops", webhook(&gone.url)).await;
    bench.start("fails", "one", "{}").await;
    assert_eq!(tried(&bench, "ops", 1).await.state, DeliveryState::Dead);
    let busy = Receiver::with(429, "retry-after: 900\r\n");
    let bench = with_receiver(&busy).await;
    put(&bench, "ops", webhook(&busy.url)).await;
    bench.start("fails", "one", "{}").await;
    let failed = tried(&bench, "ops", 1).await;
    assert_eq!(failed.next_attempt_at, Some(START.plus_ms(900_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_told_is_told_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::answering(500);
    let vault = Arc::new(Vault::new(MasterKey::generate().unwrap(), []));
    let clock = SimulatedClock::new(START);
    let setup = || Setup {
        options: StoreOptions::folder(folder.path()),
        clock: clock.clone(),
        vault: Arc::clone(&vault),
        ..Setup::allowing(&[&format!("POST {}", receiver.url)])
    };
    let bench = setup().open().await;
    set_key(&bench, KEY).await;
    put(&bench, "ops", webhook(&receiver.url)).await;
    bench.start("fails", "one", "{}").await;
    let before = receiver.next();
    let failed = tried(&bench, "ops", 1).await;
    bench.close().await;
    receiver.answer(204);
    clock.advance_to(failed.next_attempt_at.unwrap());
    let bench = setup().open().await;
    let after = receiver.next();
    assert_eq!(after.header("webhook-id"), before.header("webhook-id"));
    let told = tried(&bench, "ops", 2).await;
    assert_eq!(told.state, DeliveryState::Delivered);
    assert_eq!(told.last_error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_notification_tells_of_what_it_names() {
    let receiver = Receiver::answering(200);
    let bench = with_receiver(&receiver).await;
    let of = |events: &[&str], machines: &[&str], enabled| NotificationOrder {
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        state_machines: machines.iter().map(|name| (*name).to_owned()).collect(),
        enabled,
        ..webhook(&receiver.url)
    };
    for (name, order) in [
        (
            "ends",
            of(&["execution.failed", "execution.aborted"], &[], true),
        ),
        ("asks", of(&ALL, &["as*"], true)),
        ("exact", of(&ALL, &["fail"], true)),
        ("off", of(&ALL, &[], false)),
        ("late", of(&["execution.timed_out"], &[], true)),
    ] {
        put(&bench, name, order).await;
    }
    bench.start("fails", "one", "{}").await;
    bench.start("asks", "stopped", "{}").await;
    let stop =
        bench
            .handle
            .stop_execution(&bench.caller, "asks/stopped", Some("Stop".to_owned()), None);
    stop.await.unwrap();
    let arn = bench.start("asks", "late", "{}").await;
    let waits = |found: &stepwell_engine::ExecutionDescription| !found.active.is_empty();
    bench.until(&arn, waits).await;
    bench.clock.advance(std::time::Duration::from_secs(61));
    bench.end(&arn).await;
    let told = async |name: &str| -> Vec<String> {
        let mut all: Vec<String> = deliveries(&bench, name)
            .await
            .iter()
            .map(|told| format!("{} {}", told.event, told.execution.as_deref().unwrap()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        told("ends").await,
        [
            "execution.aborted stopped",
            "execution.failed late",
            "execution.failed one"
        ]
    );
    assert_eq!(
        told("asks").await,
        [
            "execution.aborted stopped",
            "execution.failed late",
            "task.waiting late",
            "task.waiting stopped"
        ]
    );
    for silent in ["exact", "off", "late"] {
        assert_eq!(told(silent).await, [""; 0], "{silent}");
    }
}

/// One that fails with ten thousand children is one failure; what waits in a child waits.
#[tokio::test(flavor = "multi_thread")]
async fn the_children_of_a_map_run_fail_within_it_and_ask_for_themselves() {
    let receiver = Receiver::answering(200);
    let bench = with_receiver(&receiver).await;
    put(&bench, "ops", webhook(&receiver.url)).await;
    let map = |state: Value| {
        json!({"StartAt": "All", "States": {"All": {"Type": "Map", "Label": "each", "End": true,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "One", "States": {"One": state}}}}})
        .to_string()
    };
    bench
        .deploy("many", &map(json!({"Type": "Fail", "Error": "No"})))
        .await;
    let arn = bench.start("many", "one", "[1,2,3]").await;
    bench.end(&arn).await;
    let all = deliveries(&bench, "ops").await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].execution.as_deref(), Some("one"));
    let first: Value = serde_json::from_str(&receiver.next().body).unwrap();
    assert_eq!(first["data"]["executionArn"], arn);

    let ask = json!({"Type": "Task", "Resource": "stepwell:event:answer", "TimeoutSeconds": 60,
        "End": true});
    bench.deploy("many", &map(ask)).await;
    bench.start("many", "two", "[1]").await;
    let asked: Value = serde_json::from_str(&receiver.next().body).unwrap();
    assert_eq!(asked["type"], "task.waiting");
    let child = asked["data"]["executionArn"].as_str().unwrap();
    let found = bench.handle.describe_execution(&bench.caller, child).await;
    assert_eq!(found.unwrap().summary.arn, child);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_by_mail_and_no_text_adds_to_its_head() {
    let mails = Mails::taking();
    let bench = Setup::mailing(&mails).open().await;
    put(&bench, "people", mail_to("ada@example.com")).await;
    let forged = json!({"StartAt": "F", "States": {"F": {"Type": "Fail",
        "Error": "No\r\nBcc: eve@example.org", "Cause": "first\n.\nlast"}}});
    bench.deploy("forged", &forged.to_string()).await;
    bench.start("forged", "one", "{}").await;
    let mail = mails.next();
    assert_eq!(mail.to, ["<ada@example.com>"]);
    let (head, text) = mail.data.split_once("\n\n").unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert!(head.contains("Subject: [stepwell] forged/one failed: No  Bcc: eve@example.org"));
    assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
    let told = tried(&bench, "people", 1).await;
    assert!(
        head.contains(&format!("Message-ID: <{}@example.com>", told.id)),
        "{head}"
    );
    assert!(text.contains("stepwell redrive forged/one"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_the_relay_refuses_for_good_is_given_up_and_for_now_tried_again() {
    let mails = Mails::answering(&[("RCPT", "450 later"), ("RCPT", "550 nobody here")]);
    let bench = Setup::mailing(&mails).open().await;
    put(&bench, "people", mail_to("ada@example.com")).await;
    bench.start("fails", "one", "{}").await;
    let failed = tried(&bench, "people", 1).await;
    assert_eq!(failed.state, DeliveryState::Pending);
    bench.clock.advance_to(failed.next_attempt_at.unwrap());
    let dead = tried(&bench, "people", 2).await;
    assert_eq!(dead.state, DeliveryState::Dead);
    assert!(dead.last_error.unwrap().contains("550"));
}

/// A name that leads inside, and leads there only once it was put.
#[derive(Debug)]
struct Inside;

impl Lookup for Inside {
    fn addresses(&self, _host: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_leads_inside_is_not_sent() {
    let receiver = Receiver::answering(200);
    let url = receiver.url.replace("127.0.0.1", "hooks.test");
    let setup = Setup {
        lookup: Arc::new(Inside),
        ..Setup::allowing(&["POST http://hooks.test:*"])
    };
    let bench = setup.open().await;
    set_key(&bench, KEY).await;
    put(&bench, "ops", webhook(&url)).await;
    bench.start("fails", "one", "{}").await;
    let failed = tried(&bench, "ops", 1).await;
    let said = failed.last_error.unwrap();
    let nowhere = "hooks.test has no address that a request may be sent to";
    assert_eq!(said, nowhere, "as of a name that leads nowhere");
    let query = |host| AuditQuery {
        action: Some("request:deny".to_owned()),
        host,
        limit: 100,
        ..AuditQuery::default()
    };
    let list = |host| bench.handle.list_audit(&bench.caller, query(host));
    let denied = loop {
        if let Some(item) = list(true).await.unwrap().items.pop() {
            break item.details.unwrap();
        }
    };
    assert_eq!(denied["control"], "address");
    assert_eq!(denied["tenant"], "dev");
    assert!(list(false).await.unwrap().items.is_empty());
    let reason = denied["reason"].as_str().unwrap();
    assert!(
        reason.contains("127.0.0.1"),
        "the operator is told: {reason}"
    );
    receiver.expect_nothing();
}

/// Also a policy that is taken back stops the next attempt.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_refused_and_says_what_to_do() {
    let mails = Mails::taking();
    let bench = Setup::mailing(&mails).open().await;
    set_key(&bench, KEY).await;
    let refused = async |order: NotificationOrder| {
        let put = bench.handle.put_notification(&bench.caller, "bad", order);
        put.await.unwrap_err().to_string()
    };
    let events = |names: &[&str]| NotificationOrder {
        events: names.iter().map(|name| (*name).to_owned()).collect(),
        ..mail_to("ada@example.com")
    };
    let url = "https://hooks.example.com/a?key=of-a-query";
    let cases = [
        (
            events(&[]),
            "events: names none; give some of execution.failed",
        ),
        (
            events(&["execution.started"]),
            r#""execution.started" is no event; the events are"#,
        ),
        (
            mail_to("nobody"),
            r#"email.to: "nobody" is no mail address"#,
        ),
        (mail_to("ada@example.net"), "--smtp-allow '*@example.net'"),
        (webhook("hooks.example.com"), "webhook.url: the URL"),
        (
            webhook(url),
            "--allow-http 'POST https://hooks.example.com/a'",
        ),
    ];
    for (order, said) in cases {
        let told = refused(order).await;
        assert!(told.contains(said), "{told}");
        assert!(!told.contains("of-a-query"), "{told}");
    }
    let mut named = mail_to("ada@example.com");
    named.state_machines = vec!["a*b".to_owned()];
    assert!(refused(named).await.contains("stateMachines"));
    let bench = Setup::allowing(&["POST https://hooks.example.com/*"])
        .open()
        .await;
    let put = async |order: NotificationOrder| {
        let put = bench.handle.put_notification(&bench.caller, "bad", order);
        put.await.unwrap_err().to_string()
    };
    let told = put(webhook("https://hooks.example.com/a")).await;
    assert!(told.contains("stepwell secrets set hooks/key"), "{told}");
    assert!(put(mail_to("ada@example.com")).await.contains("--smtp-url"));
    let rules = vec!["GET https://hooks.example.com/*".to_owned()];
    bench
        .handle
        .put_policy(&bench.caller, "dev", rules)
        .await
        .unwrap();
    let told = put(webhook("https://hooks.example.com/a")).await;
    let rule = "with the rule 'POST https://hooks.example.com/a' (stepwell policy set)";
    assert!(told.contains(rule), "{told}");
    let missing = bench.handle.test_notification(&bench.caller, "none").await;
    assert!(matches!(missing, Err(EngineError::NotFound { .. })));
}

/// Neither executions nor other notifications wait for a receiver that does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_keeps_nobody_waiting() {
    let silent = Receiver::silent();
    let receiver = Receiver::answering(200);
    let rules = [
        format!("POST {}", silent.url),
        format!("POST {}", receiver.url),
    ];
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let bench = Setup::allowing(&rules).open().await;
    set_key(&bench, KEY).await;
    put(&bench, "silent", webhook(&silent.url)).await;
    put(&bench, "ops", webhook(&receiver.url)).await;
    for index in 0..20 {
        let arn = bench.start("fails", &format!("e{index}"), "{}").await;
        bench.end(&arn).await;
    }
    for _ in 0..20 {
        receiver.next();
    }
    let waiting = deliveries(&bench, "silent").await;
    assert_eq!(waiting.len(), 20);
    assert!(waiting.iter().all(|delivery| delivery.attempts == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_says_whether_it_arrives_and_deleting_takes_all_away() {
    let receiver = Receiver::answering(200);
    let bench = with_receiver(&receiver).await;
    put(&bench, "ops", webhook(&receiver.url)).await;
    let test = bench.handle.test_notification(&bench.caller, "ops").await;
    let request = receiver.next();
    assert_eq!(request.header("webhook-id"), test.unwrap());
    assert!(
        request.body.contains(r#""type":"test""#),
        "{}",
        request.body
    );
    tried(&bench, "ops", 1).await;
    let deleted = bench.handle.delete_notification(&bench.caller, "ops");
    deleted.await.unwrap();
    let gone = bench
        .handle
        .describe_notification(&bench.caller, "ops")
        .await;
    assert!(matches!(gone, Err(EngineError::NotFound { .. })));
    bench.start("fails", "one", "{}").await;
    bench.end("fails/one").await;
    receiver.expect_nothing();
}

/// With the link to decide, and again when others may decide too.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_approve_is_told_what_and_until_when() {
    let receiver = Receiver::answering(200);
    let bench = with_receiver(&receiver).await;
    put(&bench, "ops", webhook(&receiver.url)).await;
    let ask = json!({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": {
        "Type": "Task", "Resource": "stepwell:approval", "End": true, "Arguments": {
            "Title": "Release 7?", "Groups": ["operator"], "DeadlineSeconds": 3_600,
            "Escalation": {"AfterSeconds": 60, "Groups": ["admin"]}}}}});
    bench.deploy("release", &ask.to_string()).await;
    let arn = bench.start("release", "one", "{}").await;
    let asked: Value = serde_json::from_str(&receiver.next().body).unwrap();
    assert_eq!(asked["type"], "approval.requested", "{asked}");
    let data = &asked["data"];
    assert_eq!(
        (&data["title"], &data["state"]),
        (&json!("Release 7?"), &json!("Ask"))
    );
    assert_eq!(data["groups"], json!(["operator"]));
    assert_eq!(data["executionArn"], arn);
    assert_eq!(data["deadline"], START.plus_ms(3_600_000).to_string());
    let id = data["approval"].as_str().unwrap();
    let link = data["link"].as_str().unwrap();
    assert!(
        link.starts_with("https://stepwell.example.com/v1/approvals/"),
        "{link}"
    );
    let found = bench.handle.describe_approval(&bench.caller, id).await;
    assert_eq!(found.unwrap().summary.title, "Release 7?");

    bench.clock.advance(std::time::Duration::from_secs(61));
    let escalated: Value = serde_json::from_str(&receiver.next().body).unwrap();
    assert_eq!(escalated["type"], "approval.escalated", "{escalated}");
    assert_eq!(escalated["data"]["approval"], id);
    assert_eq!(escalated["data"]["groups"], json!(["operator", "admin"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_secrets_for_signing_sign() {
    let receiver = Receiver::answering(200);
    let rule = format!("POST {}", receiver.url);
    let bench = Setup::allowing(&[&rule]).open().await;
    let order = webhook(&receiver.url);
    let none_for_signing = [
        "a password that is easy to guess",
        "whsec_text of a key that is no base64",
        // 6 bytes, and 66.
        "whsec_c2hvcnQh",
        &format!("whsec_{}", "QUJD".repeat(22)),
    ];
    for value in none_for_signing {
        set_key(&bench, value).await;
        let refused = bench
            .handle
            .put_notification(&bench.caller, "ops", order.clone())
            .await;
        match refused {
            Err(EngineError::Invalid { field, reason }) => {
                assert_eq!(field, "webhook.secret");
                assert!(reason.contains("24 to 64 bytes in base64"), "{reason}");
                assert!(reason.contains("openssl rand -base64 32"), "{reason}");
            }
            other => panic!("{value}: {other:?}"),
        }
    }
    // One that is another's by the time that it is used signs nothing either.
    set_key(&bench, KEY).await;
    put(&bench, "ops", order).await;
    for value in &none_for_signing[1..3] {
        set_key(&bench, value).await;
    }
    let tested = bench.handle.test_notification(&bench.caller, "ops").await;
    tested.unwrap();
    let failed = tried(&bench, "ops", 1).await;
    let said = failed.last_error.unwrap();
    assert!(said.contains("none for signing"), "{said}");
    receiver.expect_nothing();
}
