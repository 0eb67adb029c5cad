//! What requests must not reach, tried against a server on loopback and look-ups of the
//! test's own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use stepwell_egress::{
    Answer, Control, Denial, Egress, EgressError, Limits, Lookup, Request, Rule, Scope,
};

/// Answers look-ups one after the other; the last one for ever.
#[derive(Debug)]
struct Answers {
    script: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Answers {
    fn new(script: &[&[&str]]) -> Arc<Self> {
        let list = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            script: script.iter().map(list).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Lookup for Answers {
    fn addresses(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.script[asked.min(self.script.len() - 1)].clone())
    }
}

/// A server on loopback that answers everything with the same bytes.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::with(move |stream| drop(stream.write_all(&answer)))
    }

    fn with(answer: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 16_384];
                let length = stream.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                log.lock().unwrap().push(text);
                answer(&mut stream);
            }
        });
        Self { port, seen }
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: a\r\nX-Own: b\r\n\r\nhi";

fn egress(rules: &[&str], lookup: &Arc<Answers>) -> Egress {
    let rules = rules.iter().map(|rule| Rule::parse(rule).unwrap());
    let limits = Limits {
        time: Duration::from_secs(20),
        headers_max_bytes: 4_096,
        body_max_bytes: 1_024,
        ..Limits::default()
    };
    Egress::new(
        rules.collect(),
        Arc::clone(lookup) as Arc<dyn Lookup>,
        limits,
    )
}

fn get(url: impl Into<String>) -> Request {
    Request {
        method: "GET".to_owned(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
    }
}

fn send(egress: &Egress, request: Request) -> Result<Answer, EgressError> {
    egress.send(request, Duration::from_secs(20))
}

fn denied(result: Result<Answer, EgressError>) -> String {
    denied_by(result).reason
}

fn denied_by(result: Result<Answer, EgressError>) -> Denial {
    match result {
        Err(EgressError::Denied(denial) | EgressError::Inside { denial, .. }) => denial,
        other => panic!("must be denied: {other:?}"),
    }
}

#[test]
fn what_is_allowed_is_sent_and_answered() {
    let server = Server::answering(OK);
    let lookup = Answers::new(&[&["127.0.0.1"]]);
    let egress = egress(&["private http://intranet.test:*"], &lookup);
    let mut request = get(format!("http://intranet.test:{}/a?q=1", server.port));
    request.method = "POST".to_owned();
    request.headers = vec![("X-Mine".to_owned(), "1".to_owned())];
    request.body = Some(b"{}".to_vec());
    let answer = send(&egress, request).unwrap();
    assert_eq!((answer.status, answer.reason), (200, "OK"));
    assert_eq!(answer.body, b"hi");
    let own: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "x-own")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(own, ["a", "b"]);
    let seen = server.requests().concat().to_ascii_lowercase();
    assert!(seen.starts_with("post /a?q=1 http/1.1"), "{seen}");
    for expected in ["host: intranet.test:", "x-mine: 1", "content-length: 2"] {
        assert!(seen.contains(expected), "{expected}: {seen}");
    }
}

#[test]
fn nothing_is_allowed_by_default() {
    let server = Server::answering(OK);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let reason = denied(Egress::default().send(get(url), Duration::from_secs(5)));
    assert!(reason.contains("--allow-http"), "{reason}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_public_name_must_not_lead_inside() {
    let server = Server::answering(OK);
    for inside in [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "fd00:ec2::254",
        "0.0.0.0",
        "224.0.0.1",
    ] {
        let lookup = Answers::new(&[&[inside]]);
        let egress = egress(&["http://api.example.org:*"], &lookup);
        let url = format!("http://api.example.org:{}/", server.port);
        let reason = denied(send(&egress, get(url)));
        assert!(reason.contains("not public"), "{inside}: {reason}");
    }
    // One good address among the bad does not make it better.
    let lookup = Answers::new(&[&["1.1.1.1", "127.0.0.1"]]);
    let egress = egress(&["http://api.example.org:*"], &lookup);
    denied(send(
        &egress,
        get(format!("http://api.example.org:{}/", server.port)),
    ));
    assert!(server.requests().is_empty());
}

#[test]
fn the_address_that_was_checked_is_the_one_connected_to() {
    let server = Server::answering(OK);
    // Public when it is checked; loopback for whoever looks again.
    let lookup = Answers::new(&[&["192.0.2.1"], &["127.0.0.1"]]);
    let rules = ["private http://rebind.test:*"];
    let rules = rules
        .iter()
        .map(|rule| Rule::parse(rule).unwrap())
        .collect();
    let limits = Limits {
        connect: Duration::from_millis(300),
        ..Limits::default()
    };
    let asked = Arc::clone(&lookup);
    let egress = Egress::new(rules, asked, limits);
    let url = format!("http://rebind.test:{}/", server.port);
    assert!(send(&egress, get(url)).is_err());
    assert_eq!(
        lookup.asked.load(Ordering::SeqCst),
        1,
        "a name is looked up once"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn a_redirect_is_an_answer_and_not_followed() {
    let inside = Server::answering(OK);
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
        inside.port
    );
    let outside = Server::answering(redirect);
    let lookup = Answers::new(&[&["127.0.0.1"]]);
    let egress = egress(&["private http://outside.test:*"], &lookup);
    let answer = send(
        &egress,
        get(format!("http://outside.test:{}/", outside.port)),
    )
    .unwrap();
    assert_eq!(answer.status, 302);
    assert!(inside.requests().is_empty());
}

#[test]
fn an_address_in_disguise_is_no_name() {
    // What the system's own look-up makes of such hosts is loopback.
    let egress = Egress::new(
        vec![Rule::parse("http://*.example.org").unwrap()],
        Arc::new(stepwell_egress::SystemLookup),
        Limits::default(),
    );
    for url in [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/",
        "http://api.example.org.127.0.0.1.nip.io/",
    ] {
        denied(send(&egress, get(url)));
    }
    for url in [
        "http://api.example.org@127.0.0.1/",
        "http://user:pass@api.example.org/",
        "file:///etc/passwd",
        "gopher://api.example.org/",
        "//api.example.org/",
        "not a url",
    ] {
        let refused = send(&egress, get(url));
        assert!(
            matches!(refused, Err(EgressError::Invalid(_))),
            "{url}: {refused:?}"
        );
    }
}

#[test]
fn headers_that_are_the_clients_own_cannot_be_set() {
    let lookup = Answers::new(&[&["127.0.0.1"]]);
    let egress = egress(&["private http://intranet.test:*"], &lookup);
    for (name, value) in [
        ("Host", "169.254.169.254"),
        ("transfer-encoding", "chunked"),
        ("Content-Length", "7"),
        ("X-Split", "a\r\nHost: evil"),
        ("X Split", "a"),
    ] {
        let mut request = get("http://intranet.test:9/");
        request.headers = vec![(name.to_owned(), value.to_owned())];
        let refused = send(&egress, request);
        assert!(
            matches!(refused, Err(EgressError::Invalid(_))),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn an_answer_that_is_too_large_is_cut_off() {
    let lookup = Answers::new(&[&["127.0.0.1"]]);
    let egress = egress(&["private http://big.test:*"], &lookup);
    let long_body = Server::with(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
        // For as long as somebody listens.
        while stream.write_all(&[b'x'; 4_096]).is_ok() {}
    });
    let long_headers = Server::with(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
        while stream
            .write_all(b"X-Filler: 0123456789012345678901234567890123\r\n")
            .is_ok()
        {}
    });
    for server in [long_body, long_headers] {
        let refused = send(&egress, get(format!("http://big.test:{}/", server.port)));
        assert!(
            matches!(
                refused,
                Err(EgressError::TooLarge(_) | EgressError::Failed(_))
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn an_answer_that_drips_has_its_time() {
    let lookup = Answers::new(&[&["127.0.0.1"]]);
    let egress = egress(&["private http://slow.test:*"], &lookup);
    let server = Server::with(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
        drop(stream.write_all(b"x"));
        loop {
            thread::park();
        }
    });
    let began = Instant::now();
    let url = format!("http://slow.test:{}/", server.port);
    let refused = egress.send(get(url), Duration::from_millis(300));
    assert!(
        matches!(refused, Err(EgressError::TimedOut(_))),
        "{refused:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn every_scope_has_to_allow_a_request_and_the_one_that_does_not_is_named() {
    let server = Server::answering(OK);
    let lookup = Answers::new(&[&["127.0.0.1"]]);
    let url = |path: &str| get(format!("http://api.test:{}{path}", server.port));
    let scope = |control, rule: &str| {
        Scope::of(
            control,
            vec![Rule::parse(&rule.replace("PORT", &server.port.to_string())).unwrap()],
        )
    };
    let operator = egress(&["private http://api.test:*/v1/*"], &lookup);
    let tenant = operator.within(scope(Control::TenantPolicy, "http://*.test:PORT"));
    let state = tenant.within(scope(Control::StateGrant, "GET http://api.test:PORT/v1/a*"));
    assert_eq!(send(&state, url("/v1/a")).unwrap().status, 200);
    assert_eq!(
        denied_by(send(&state, url("/v1/b"))).control,
        Control::StateGrant
    );
    let mut post = url("/v1/a");
    post.method = "POST".to_owned();
    assert_eq!(denied_by(send(&state, post)).control, Control::StateGrant);
    // A state cannot grant what its tenant or the operator does not allow.
    let wide = |tenant: &Egress| tenant.within(scope(Control::StateGrant, "http://api.test:PORT"));
    assert_eq!(
        denied_by(send(&wide(&tenant), url("/v2"))).control,
        Control::Operator
    );
    let other = operator.within(scope(Control::TenantPolicy, "http://other.test:PORT"));
    assert_eq!(
        denied_by(send(&wide(&other), url("/v1/a"))).control,
        Control::TenantPolicy
    );
    // 'private' is the operator's to say.
    let public = egress(&["http://api.test:*"], &lookup);
    let claimed = public.within(scope(Control::TenantPolicy, "private http://api.test:PORT"));
    assert_eq!(
        denied_by(send(&claimed, url("/"))).control,
        Control::Address
    );
    let any = operator.within(Scope::any(Control::TenantPolicy));
    assert_eq!(send(&any, url("/v1/z")).unwrap().status, 200);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_a_scope_lacks_is_told_before_anything_is_sent() {
    let lookup = Answers::new(&[&["127.0.0.1"]]);
    let operator = egress(&["https://*.example.org"], &lookup);
    let narrowed = operator.within(Scope::of(
        Control::TenantPolicy,
        vec![Rule::parse("GET https://api.example.org").unwrap()],
    ));
    let missing = |rule: &str| narrowed.missing(&Rule::parse(rule).unwrap());
    assert_eq!(missing("GET https://api.example.org/v1/*"), []);
    assert_eq!(
        missing("POST https://api.example.org"),
        [Control::TenantPolicy]
    );
    assert_eq!(
        missing("GET https://api.example.net"),
        [Control::Operator, Control::TenantPolicy]
    );
}

/// A request may hold a secret when somebody logs it.
#[test]
fn a_request_shows_neither_query_nor_values_nor_body() {
    let request = Request {
        method: "POST".to_owned(),
        url: "https://api.example.com/v1?key=s3cr3t-query".to_owned(),
        headers: vec![("authorization".to_owned(), "s3cr3t-header".to_owned())],
        body: Some(b"s3cr3t-body".to_vec()),
    };
    let shown = format!("{request:?}");
    assert!(shown.contains("https://api.example.com/v1") && shown.contains("authorization"));
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn names_that_lead_inside_look_like_names_that_lead_nowhere() {
    let said = |answers: &[&[&str]]| {
        let egress = egress(&["http://api.example.org"], &Answers::new(answers));
        send(&egress, get("http://api.example.org/")).unwrap_err()
    };
    let (inside, nowhere) = (said(&[&["10.0.0.7"]]), said(&[&[]]));
    assert_eq!(inside.to_string(), nowhere.to_string());
    assert!(matches!(inside, EgressError::Inside { .. }), "{inside:?}");
    assert!(!inside.to_string().contains("10.0.0.7"), "{inside}");
}

#[test]
fn a_port_that_cannot_be_is_not_the_schemes_own() {
    let lookup = Answers::new(&[&["1.1.1.1"]]);
    let egress = egress(
        &["http://api.example.org", "http://api.example.org:*"],
        &lookup,
    );
    for port in ["73097", "65536", "0", "99999999999"] {
        let url = format!("http://api.example.org:{port}/");
        let refused = egress.permit("GET", &url);
        assert!(
            matches!(refused, Err(EgressError::Invalid(_))),
            "{port}: {refused:?}"
        );
    }
    for fine in ["", ":", ":80", ":65535"] {
        let url = format!("http://api.example.org{fine}/");
        assert!(egress.permit("GET", &url).is_ok(), "{fine}");
    }
}
