//! Servers on loopback that keep what they are told: of HTTP, and of SMTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::PATIENCE;

/// A request: names of headers in small letters.
#[derive(Debug)]
pub(super) struct Request {
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Request {
    #[track_caller]
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }
}

/// Takes webhooks.
pub(super) struct Receiver {
    pub(super) url: String,
    status: Arc<AtomicU16>,
    seen: Mutex<Inbox<Request>>,
}

impl Receiver {
    /// Answers each request with a status.
    pub(super) fn answering(status: u16) -> Self {
        Self::with(status, "")
    }

    /// The same, with headers.
    pub(super) fn with(status: u16, headers: &'static str) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let answers = Arc::clone(&status);
        Self::serving(status, move |mut stream, tell| {
            let request = read(&stream);
            let status = answers.load(Ordering::SeqCst);
            // The test may be over, and not listen any more.
            drop(tell.send(request));
            let answer = format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\n{headers}\r\n");
            drop(stream.write_all(answer.as_bytes()));
        })
    }

    /// Takes connections and never answers.
    pub(super) fn silent() -> Self {
        let kept = Mutex::new(Vec::new());
        Self::serving(Arc::default(), move |stream, _| {
            kept.lock().unwrap().push(stream);
        })
    }

    fn serving(
        status: Arc<AtomicU16>,
        serve: impl Fn(TcpStream, &Sender<Request>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (tell, seen) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &tell);
            }
        });
        Self {
            url,
            status,
            seen: Mutex::new(seen),
        }
    }

    /// Answers with another status from now on.
    pub(super) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The next request.
    pub(super) fn next(&self) -> Request {
        let seen = self.seen.lock().unwrap();
        seen.recv_timeout(PATIENCE).expect("a request")
    }

    pub(super) fn expect_nothing(&self) {
        let seen = self.seen.lock().unwrap().try_recv();
        assert!(seen.is_err(), "{seen:?}");
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some((name, value)) = line.trim_end().split_once(": ") {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        line.clear();
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    Request {
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}

/// A mail: to whom, and its data with plain line ends.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) to: Vec<String>,
    pub(super) data: String,
}

/// A mail relay.
pub(super) struct Mails {
    pub(super) port: u16,
    seen: Mutex<Inbox<Taken>>,
}

impl Mails {
    /// Takes every mail.
    pub(super) fn taking() -> Self {
        Self::answering(&[])
    }

    /// Answers commands that begin so otherwise, each answer once and in that order.
    pub(super) fn answering(answers: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, seen) = channel();
        let mut answers = answers.to_vec();
        thread::spawn(move || {
            for stream in listener.incoming() {
                converse(stream.unwrap(), &tell, &mut answers);
            }
        });
        Self {
            port,
            seen: Mutex::new(seen),
        }
    }

    /// The next mail.
    pub(super) fn next(&self) -> Taken {
        let seen = self.seen.lock().unwrap();
        seen.recv_timeout(PATIENCE).expect("a mail")
    }
}

fn converse(
    stream: TcpStream,
    tell: &Sender<Taken>,
    answers: &mut Vec<(&'static str, &'static str)>,
) {
    let mut out = stream.try_clone().unwrap();
    let mut say = move |text: &str| drop(out.write_all(format!("{text}\r\n").as_bytes()));
    let mut lines = BufReader::new(stream).lines();
    let mut to = Vec::new();
    say("220 here");
    while let Some(Ok(line)) = lines.next() {
        if let Some(at) = answers
            .iter()
            .position(|(begins, _)| line.starts_with(begins))
        {
            say(answers.remove(at).1);
        } else if let Some(address) = line.strip_prefix("RCPT TO:") {
            to.push(address.to_owned());
            say("250 good");
        } else if line == "DATA" {
            say("354 go on");
            let data: Vec<String> = lines
                .by_ref()
                .map_while(Result::ok)
                .take_while(|line| line != ".")
                .collect();
            // The test may be over, and not listen any more.
            drop(tell.send(Taken {
                to: std::mem::take(&mut to),
                data: data.join("\n"),
            }));
            say("250 taken");
        } else if line == "QUIT" {
            say("221 bye");
        } else {
            say("250 good");
        }
    }
}
