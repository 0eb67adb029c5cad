//! One connection that stays open, and one request on it at a time.
//!
//! Blocking, on a thread of its own, without a library: on two cores the client's own work
//! takes from the host what it is measured by.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// Longer than any answer takes that is not lost.
const PATIENCE: Duration = Duration::from_secs(120);
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A connection to a host.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    /// The header line that says who asks; empty for nobody in particular.
    authorization: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// A request to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// `GET`, `POST`, `PUT`.
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) path: &'a str,
    /// Type of the body.
    pub(crate) content_type: &'a str,
    /// The body; empty for none.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Nobody listens there.
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .with_context(|| format!("cannot connect to the host at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            address,
            authorization: String::new(),
            request: Vec::new(),
            answer: Vec::new(),
        })
    }

    /// Shows this API token from now on.
    pub(crate) fn show_token(&mut self, token: &str) {
        self.authorization = format!("authorization: Bearer {token}\r\n");
    }

    /// Sends a request and returns the answer's body.
    ///
    /// # Errors
    ///
    /// The connection breaks, or the answer is no success.
    pub(crate) fn send(&mut self, request: Request<'_>) -> anyhow::Result<&str> {
        self.send_with(request, "")
    }

    /// Returns the host that requests name.
    pub(crate) fn host(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request with more header lines, each with its end.
    ///
    /// # Errors
    ///
    /// The connection breaks, or the answer is no success.
    pub(crate) fn send_with(
        &mut self,
        request: Request<'_>,
        headers: &str,
    ) -> anyhow::Result<&str> {
        let Request {
            method,
            path,
            content_type,
            body,
        } = request;
        self.request.clear();
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {content_type}\r\n{}{headers}\
             content-length: {}\r\n\r\n",
            self.address,
            self.authorization,
            body.len()
        )?;
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request)?;
        let (status, body_at) = self.receive()?;
        let text = std::str::from_utf8(&self.answer[body_at..]).context("an answer in UTF-8")?;
        if !(200..300).contains(&status) {
            bail!("{method} {path} was answered with {status}: {text}");
        }
        Ok(text)
    }

    /// Reads one answer; returns its status and where in the buffer its body begins.
    fn receive(&mut self) -> anyhow::Result<(u16, usize)> {
        self.answer.clear();
        let mut part = [0_u8; 16_384];
        let mut whole = None;
        loop {
            let count = self.stream.read(&mut part)?;
            ensure!(count > 0, "the host closed the connection");
            self.answer.extend_from_slice(&part[..count]);
            if whole.is_none() {
                whole = read_head(&self.answer)?;
            }
            if let Some(Head {
                status,
                body_at,
                length,
            }) = whole
                && self.answer.len() >= body_at + length
            {
                return Ok((status, body_at));
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    body_at: usize,
    length: usize,
}

/// Reads an answer's head, once it is whole.
fn read_head(answer: &[u8]) -> anyhow::Result<Option<Head>> {
    let end = answer
        .windows(HEAD_END.len())
        .position(|four| four == HEAD_END);
    let Some(end) = end else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end]).context("an answer's head in UTF-8")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("no HTTP answer: {head}"))?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok());
    // Answers without a body carry no length.
    let length = match (length, status) {
        (Some(length), _) => length,
        (None, 204) => 0,
        (None, _) => bail!("an answer without a length: {head}"),
    };
    Ok(Some(Head {
        status,
        body_at: end + HEAD_END.len(),
        length,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(read_head(&answer[..30]).unwrap(), None);
        let head = read_head(answer).unwrap().unwrap();
        assert_eq!((head.status, head.length), (201, 2));
        assert_eq!(&answer[head.body_at..], b"{}");
    }

    #[test]
    fn an_answer_without_a_body_needs_no_length() {
        let head = read_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(head.unwrap().length, 0);
        assert!(read_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(read_head(b"nonsense\r\n\r\n").is_err());
    }
}
