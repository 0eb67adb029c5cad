//! The log of one call: lines from `logging` and from standard output and error, cleaned,
//! counted, and handed to the host in order.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::TaskLimits;
use crate::task::{LogLevel, LogLine, TaskHost};
use crate::text::clean;

/// Target of the line with which the guest SDK's panic hook reports a panic.
const PANIC_TARGET: &str = "stepwell.panic";
/// Target of the host's own remark in the guest's log.
const HOST_TARGET: &str = "stepwell.log";
/// Longest message, in bytes; a longer one is cut.
const MESSAGE_MAX_BYTES: usize = 16 << 10;
/// Longest target, field name, and field value, in bytes.
const FIELD_MAX_BYTES: usize = 1 << 10;
/// Most fields of one line.
const FIELDS_MAX: usize = 64;
/// Longest text kept of a panic, in bytes.
const PANIC_MAX_BYTES: usize = 4 << 10;

/// The two streams that a guest may write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StdStream {
    Out,
    Err,
}

/// The log of one call. Shared with the guest's standard streams, which live in its
/// resource table.
pub(crate) struct GuestLog {
    host: Arc<dyn TaskHost>,
    book: Mutex<Book>,
}

/// What is left of the limits, and what was seen.
struct Book {
    bytes_left: usize,
    lines_left: u32,
    /// Whether the host has said that the rest is dropped.
    full: bool,
    truncated: bool,
    /// What the SDK's panic hook logged.
    hook_panic: Option<String>,
    /// What a language runtime wrote to standard error from its panic message on.
    stderr_panic: Option<String>,
    out_line: Vec<u8>,
    err_line: Vec<u8>,
}

impl GuestLog {
    pub(crate) fn new(host: Arc<dyn TaskHost>, limits: &TaskLimits) -> Self {
        Self {
            host,
            book: Mutex::new(Book {
                bytes_left: limits.log_max_bytes,
                lines_left: limits.log_max_lines,
                full: false,
                truncated: false,
                hook_panic: None,
                stderr_panic: None,
                out_line: Vec::new(),
                err_line: Vec::new(),
            }),
        }
    }

    /// Returns the host that the log goes to.
    pub(crate) fn host(&self) -> &dyn TaskHost {
        &*self.host
    }

    /// Returns the same, to be kept.
    pub(crate) fn host_handle(&self) -> &Arc<dyn TaskHost> {
        &self.host
    }

    /// Takes a line of the interface `logging`.
    pub(crate) fn log(&self, line: LogLine) {
        let mut book = self.lock();
        if line.target == PANIC_TARGET && line.level == LogLevel::Error {
            let message = redacted(self.host(), line.message.clone());
            let (message, _) = clean(message, PANIC_MAX_BYTES);
            book.hook_panic = Some(message);
        }
        book.take(line, self.host());
    }

    /// Takes bytes written to a standard stream; each line feed ends a log line.
    pub(crate) fn write(&self, stream: StdStream, bytes: &[u8]) {
        let mut book = self.lock();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let pending = book.pending(stream);
            let room = MESSAGE_MAX_BYTES.saturating_sub(pending.len());
            pending.extend_from_slice(&text[..text.len().min(room + 1)]);
            if ends || pending.len() > MESSAGE_MAX_BYTES {
                book.end_line(stream, self.host());
            }
        }
    }

    /// Ends what the guest left unfinished. Returns whether lines were cut or dropped.
    pub(crate) fn finish(&self) -> bool {
        let mut book = self.lock();
        for stream in [StdStream::Out, StdStream::Err] {
            if !book.pending(stream).is_empty() {
                book.end_line(stream, self.host());
            }
        }
        book.truncated
    }

    /// Returns message and place of the panic that the guest reported, if any: from the
    /// SDK's hook, else from standard error.
    pub(crate) fn panic_message(&self) -> Option<String> {
        let book = self.lock();
        book.hook_panic
            .clone()
            .or_else(|| book.stderr_panic.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Book> {
        // A panic of the host inside of `log` leaves the book as it was: still a book.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn pending(&mut self, stream: StdStream) -> &mut Vec<u8> {
        match stream {
            StdStream::Out => &mut self.out_line,
            StdStream::Err => &mut self.err_line,
        }
    }

    fn end_line(&mut self, stream: StdStream, host: &dyn TaskHost) {
        let bytes = std::mem::take(self.pending(stream));
        let is_cut = bytes.len() > MESSAGE_MAX_BYTES;
        let message = host
            .redact(&String::from_utf8_lossy(&bytes), is_cut)
            .into_owned();
        let (level, target) = match stream {
            StdStream::Out => (LogLevel::Info, "stdout"),
            StdStream::Err => (LogLevel::Warn, "stderr"),
        };
        if stream == StdStream::Err {
            self.note_panic_text(&message);
        }
        if !message.trim().is_empty() {
            let target = target.to_owned();
            self.take(
                LogLine {
                    level,
                    target,
                    message,
                    fields: Vec::new(),
                },
                host,
            );
        }
    }

    /// Remembers standard error from the line on with which Rust's own hook announces a
    /// panic: a guest without our SDK then still ends with a readable failure.
    fn note_panic_text(&mut self, line: &str) {
        let announces = line.contains(" panicked at ");
        if announces || (self.stderr_panic.is_some() && !line.starts_with("note: ")) {
            let (line, _) = clean(line.to_owned(), PANIC_MAX_BYTES);
            let text = self.stderr_panic.get_or_insert_default();
            if announces {
                text.clear();
            } else if text.len() + line.len() >= PANIC_MAX_BYTES {
                return;
            } else {
                text.push('\n');
            }
            text.push_str(&line);
        }
    }

    /// Cleans a line, charges it to the limits and hands it over, or drops it.
    fn take(&mut self, line: LogLine, host: &dyn TaskHost) {
        if self.full || self.lines_left == 0 {
            self.drop_rest(host);
            return;
        }
        let line = self.clean_line(line, host);
        let size = line.target.len()
            + line.message.len()
            + line
                .fields
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>();
        if size > self.bytes_left {
            self.drop_rest(host);
            return;
        }
        self.bytes_left -= size;
        self.lines_left -= 1;
        host.log(line);
    }

    fn clean_line(&mut self, line: LogLine, host: &dyn TaskHost) -> LogLine {
        let mut cut = line.fields.len() > FIELDS_MAX;
        let mut cleaned = |text: String, max_bytes| {
            let (text, was_cut) = clean(redacted(host, text), max_bytes);
            cut |= was_cut;
            text
        };
        let line = LogLine {
            level: line.level,
            target: cleaned(line.target, FIELD_MAX_BYTES),
            message: cleaned(line.message, MESSAGE_MAX_BYTES),
            fields: line
                .fields
                .into_iter()
                .take(FIELDS_MAX)
                .map(|(name, value)| {
                    (
                        cleaned(name, FIELD_MAX_BYTES),
                        cleaned(value, FIELD_MAX_BYTES),
                    )
                })
                .collect(),
        };
        self.truncated |= cut;
        line
    }

    /// Drops this line and all that follow, and says so in the log, once.
    fn drop_rest(&mut self, host: &dyn TaskHost) {
        self.truncated = true;
        if !std::mem::replace(&mut self.full, true) {
            host.log(LogLine {
                level: LogLevel::Warn,
                target: HOST_TARGET.to_owned(),
                message: "the log of this call is full: what follows is dropped".to_owned(),
                fields: Vec::new(),
            });
        }
    }
}

/// A text without what nobody may be told; most texts are returned as they are.
pub(crate) fn redacted(host: &dyn TaskHost, text: String) -> String {
    if let Cow::Owned(redacted) = host.redact(&text, false) {
        return redacted;
    }
    text
}
