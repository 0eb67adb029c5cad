//! The subscriber behind the macros of the `tracing` crate.
//!
//! A line carries the fields of the spans it stands in, the outermost first,
//! and a field `span` with their names, as in `order:reserve`.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Level, emit};

thread_local! {
    /// The spans that this thread stands in, the outermost first.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

struct HostSubscriber {
    /// Open spans; the id of a span is its index here plus one.
    spans: Mutex<Vec<Option<Span>>>,
}

struct Span {
    name: &'static str,
    fields: Vec<(String, String)>,
    references: usize,
}

pub(super) fn send_to_host() {
    // The error means that the program has a subscriber of its own, which stays.
    drop(tracing::subscriber::set_global_default(HostSubscriber {
        spans: Mutex::default(),
    }));
}

impl HostSubscriber {
    fn spans(&self) -> MutexGuard<'_, Vec<Option<Span>>> {
        // A span is complete whenever the lock is free, also after a panic.
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a change on an open span; an id that is not open is ignored.
    fn with_span<R>(&self, id: u64, change: impl FnOnce(&mut Option<Span>) -> R) -> Option<R> {
        let index = usize::try_from(id).ok()?.checked_sub(1)?;
        self.spans().get_mut(index).map(change)
    }

    /// Returns the fields that a line has from the spans it stands in.
    fn inherited_fields(&self) -> Vec<(String, String)> {
        let entered = ENTERED.with_borrow(Clone::clone);
        let mut names = String::new();
        let mut fields = Vec::new();
        for id in entered {
            self.with_span(id, |span| {
                if let Some(span) = span {
                    if !names.is_empty() {
                        names.push(':');
                    }
                    names.push_str(span.name);
                    fields.extend_from_slice(&span.fields);
                }
            });
        }
        if !names.is_empty() {
            fields.insert(0, ("span".to_owned(), names));
        }
        fields
    }
}

impl Subscriber for HostSubscriber {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line::default();
        attributes.record(&mut line);
        let span = Span {
            name: attributes.metadata().name(),
            fields: line.all_fields(),
            references: 1,
        };
        let mut spans = self.spans();
        let index = match spans.iter().position(Option::is_none) {
            Some(free) => {
                spans[free] = Some(span);
                free
            }
            None => {
                spans.push(Some(span));
                spans.len() - 1
            }
        };
        Id::from_u64(index as u64 + 1)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut line = Line::default();
        values.record(&mut line);
        self.with_span(id.into_u64(), |span| {
            if let Some(span) = span {
                span.fields.extend(line.all_fields());
            }
        });
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            message: String::new(),
            fields: self.inherited_fields(),
        };
        event.record(&mut line);
        let metadata = event.metadata();
        let level = match *metadata.level() {
            tracing::Level::TRACE => Level::Trace,
            tracing::Level::DEBUG => Level::Debug,
            tracing::Level::INFO => Level::Info,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::ERROR => Level::Error,
        };
        emit(level, metadata.target(), &line.message, line.fields);
    }

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            if let Some(position) = entered.iter().rposition(|&open| open == id.into_u64()) {
                entered.remove(position);
            }
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.with_span(id.into_u64(), |span| {
            if let Some(span) = span {
                span.references += 1;
            }
        });
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let closed = self.with_span(id.into_u64(), |slot| match slot {
            Some(span) if span.references > 1 => {
                span.references -= 1;
                false
            }
            _ => slot.take().is_some(),
        });
        closed.unwrap_or(false)
    }
}

/// Collects what an event or a span says.
#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(String, String)>,
}

impl Line {
    /// Returns the fields, the message among them: a span has no message.
    fn all_fields(mut self) -> Vec<(String, String)> {
        if !self.message.is_empty() {
            self.fields.push(("message".to_owned(), self.message));
        }
        self.fields
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.fields
                .push((field.name().to_owned(), value.to_owned()));
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // Written as JSON writes it: the standard library's own way, which the
        // default of this method links in, is 20 KB of a small guest.
        let text = match guest_json::Number::from_f64(value) {
            Some(number) => number.to_string(),
            None if value.is_nan() => "NaN".to_owned(),
            None if value > 0.0 => "inf".to_owned(),
            None => "-inf".to_owned(),
        };
        self.record_str(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
