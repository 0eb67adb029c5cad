//! Takes secrets out of texts: by value, in all forms that a value may turn up in.
//!
//! What several occurrences cover is taken out as one, so that nothing is left of secrets
//! that overlap or lie within each other. This is a net for accidents, and what holds back
//! a value from a guest is that it never gets it: a guest that has one can encode it in
//! ways that nobody thought of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use zeroize::Zeroizing;

use crate::forms::{Form, forms_of, without_backslashes};

/// Forms are looked for by so many first bytes; what follows is compared where these are
/// found. It keeps the automaton small where values are large.
const ANCHOR_BYTES: usize = 64;
/// Fewest bytes at the end of a cut text that are taken for the beginning of a secret.
const CUT_MIN_BYTES: usize = 6;

/// Finds the values of some secrets.
pub struct Redactor {
    /// None: there is nothing to look for. Its memory is not wiped; it lives as long as
    /// the call that the values were given to.
    automaton: Option<AhoCorasick>,
    anchors: Vec<Anchor>,
}

/// Forms that begin alike.
struct Anchor {
    head: Form,
    forms: Vec<Rest>,
}

/// What follows the beginning of a form, and whose form it is.
struct Rest {
    bytes: Form,
    name: Arc<str>,
}

/// A piece that is to be taken out.
struct Span {
    start: usize,
    end: usize,
    name: Arc<str>,
}

impl Redactor {
    /// Looks for values, each with the name of its secret, in all forms.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a Arc<str>, &'a str)>) -> Self {
        Self::with_exact(secrets, [])
    }

    /// The same, and for texts that are looked for as they are.
    pub(crate) fn with_exact<'a>(
        secrets: impl IntoIterator<Item = (&'a Arc<str>, &'a str)>,
        exact: impl IntoIterator<Item = (&'a Arc<str>, &'a str)>,
    ) -> Self {
        let mut anchors: BTreeMap<Form, Vec<Rest>> = BTreeMap::new();
        let mut add = |name: &Arc<str>, form: &[u8]| {
            let (head, rest) = form.split_at(form.len().min(ANCHOR_BYTES));
            let rest = Rest {
                bytes: Form::new(rest),
                name: Arc::clone(name),
            };
            anchors.entry(Form::new(head)).or_default().push(rest);
        };
        for (name, value) in secrets {
            for form in forms_of(value) {
                add(name, &form);
            }
        }
        for (name, text) in exact {
            add(name, text.as_bytes());
        }
        let anchors: Vec<Anchor> = anchors
            .into_iter()
            .map(|(head, forms)| Anchor { head, forms })
            .collect();
        let automaton = (!anchors.is_empty()).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(anchors.iter().map(|anchor| &*anchor.head))
                .expect("a task's secrets have far less than 2 GiB of forms")
        });
        Self { automaton, anchors }
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// Returns the text with `[redacted:NAME]` in place of each value.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        written(text, &self.spans(text.as_bytes()))
    }

    /// The same for bytes, which may be no text.
    #[must_use]
    pub fn redact_bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let spans = self.spans(bytes);
        if spans.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut result = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for span in &spans {
            result.extend_from_slice(bytes.get(at..span.start).unwrap_or_default());
            result.extend_from_slice(mark(&span.name).as_bytes());
            at = span.end;
        }
        result.extend_from_slice(bytes.get(at..).unwrap_or_default());
        Cow::Owned(result)
    }

    /// The same for a text whose end was cut off: what may be the beginning of a value at
    /// its end goes as well.
    #[must_use]
    pub fn redact_cut<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut spans = self.spans(text.as_bytes());
        let broken = self.anchors.iter().filter_map(|anchor| {
            let begun = (CUT_MIN_BYTES..anchor.head.len())
                .rev()
                .find(|&len| text.as_bytes().ends_with(&anchor.head[..len]))?;
            Some((begun, anchor.forms.first()?))
        });
        if let Some((begun, form)) = broken.max_by_key(|(begun, _)| *begun) {
            let span = Span {
                start: text.len() - begun,
                end: text.len(),
                name: Arc::clone(&form.name),
            };
            push_merged(&mut spans, span);
        }
        written(text, &spans)
    }

    /// Returns a JSON text with `[redacted:NAME]` in place of each value, and still JSON: in
    /// its strings, whatever escapes they have; as a string in place of a number; and in
    /// place of all of it, where a value lies across its parts.
    #[must_use]
    pub fn redact_json<'t>(&self, json: &'t str) -> Cow<'t, str> {
        let bytes = json.as_bytes();
        if self.is_empty() || (!bytes.contains(&b'\\') && self.spans(bytes).is_empty()) {
            return Cow::Borrowed(json);
        }
        let mut result = String::with_capacity(json.len());
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let end = match byte {
                b'"' => string_end(bytes, at),
                _ => next_quote(bytes, at),
            };
            let token = &json[at..end];
            match byte {
                b'"' => self.redact_string(token, &mut result),
                _ => self.redact_between(token, &mut result),
            }
            at = end;
        }
        if let Some(span) = self.spans(result.as_bytes()).into_iter().next() {
            result = format!("\"{}\"", mark(&span.name));
        }
        Cow::Owned(result)
    }

    fn redact_string(&self, token: &str, result: &mut String) {
        let Ok(text) = serde_json::from_str::<String>(token) else {
            // No JSON: whatever it is, it is redacted as it stands.
            result.push_str(&self.redact(token));
            return;
        };
        let text = Zeroizing::new(text);
        match self.redact(&text) {
            Cow::Borrowed(_) => result.push_str(token),
            Cow::Owned(redacted) => {
                result.push_str(&serde_json::to_string(&redacted).unwrap_or_default());
            }
        }
    }

    /// What stands between strings: a number that holds a value becomes a string.
    fn redact_between(&self, text: &str, result: &mut String) {
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c == '-' || c.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c| !is_number(c)).unwrap_or(from.len());
            let (number, after) = from.split_at(end);
            result.push_str(before);
            match self.spans(number.as_bytes()).first() {
                None => result.push_str(number),
                Some(span) => {
                    result.push('"');
                    result.push_str(&mark(&span.name));
                    result.push('"');
                }
            }
            rest = after;
        }
        result.push_str(rest);
    }

    /// Finds what is to be taken out, in order and apart: as the text stands, and as it
    /// stands without backslashes.
    fn spans(&self, text: &[u8]) -> Vec<Span> {
        let as_it_stands = self.spans_in(text);
        if self.is_empty() || !text.contains(&b'\\') {
            return as_it_stands;
        }
        let (plain, places) = without_backslashes(text);
        let unescaped = self.spans_in(&plain).into_iter().filter_map(|span| {
            // What escapes the first character goes with it.
            let first = *places.get(span.start)?;
            let before = text.get(..first)?;
            let escapes = before.iter().rev().take_while(|byte| **byte == b'\\');
            Some(Span {
                start: first - escapes.count(),
                end: *places.get(span.end.checked_sub(1)?)? + 1,
                name: span.name,
            })
        });
        let mut all: Vec<Span> = as_it_stands.into_iter().chain(unescaped).collect();
        all.sort_by_key(|span| span.start);
        let mut spans = Vec::with_capacity(all.len());
        for span in all {
            push_merged(&mut spans, span);
        }
        spans
    }

    fn spans_in(&self, text: &[u8]) -> Vec<Span> {
        let mut spans = Vec::new();
        let Some(automaton) = &self.automaton else {
            return spans;
        };
        // They come by the end of what was found.
        for found in automaton.find_overlapping_iter(text) {
            let Some(anchor) = self.anchors.get(found.pattern().as_usize()) else {
                continue;
            };
            let covered = spans.last().map_or(0, |span: &Span| span.end);
            if let Some((end, name)) = anchor.reach(text, found.end(), covered) {
                let span = Span {
                    start: found.start(),
                    end,
                    name,
                };
                push_merged(&mut spans, span);
            }
        }
        spans
    }
}

impl Anchor {
    /// How far a form goes on that was found to end at `end` so far. What is covered
    /// already is not compared again: else a value that repeats itself, in a text that
    /// does, would take a time of their product.
    fn reach(&self, text: &[u8], end: usize, covered: usize) -> Option<(usize, Arc<str>)> {
        let from = end.max(covered);
        let reached = self.forms.iter().map(|form| {
            let compared = form.bytes.get(from - end..).unwrap_or_default();
            let rest = text.get(from..).unwrap_or_default();
            let same = compared
                .iter()
                .zip(rest)
                .take_while(|(one, other)| one == other)
                .count();
            let to = (from - end + same).min(form.bytes.len()) + end;
            (to, form)
        });
        let (to, form) = reached.max_by_key(|(to, _)| *to)?;
        // A text is cut between characters.
        let whole = (end..=to)
            .rev()
            .find(|&at| text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80));
        Some((whole.unwrap_or(end), Arc::clone(&form.name)))
    }
}

/// Adds a span that ends where or after what was added last was found; what it overlaps
/// becomes one with it.
fn push_merged(spans: &mut Vec<Span>, mut span: Span) {
    while let Some(last) = spans.pop_if(|last| last.end > span.start) {
        let is_longer = last.end - last.start >= span.end - span.start;
        if is_longer {
            span.name = last.name;
        }
        span.start = span.start.min(last.start);
        span.end = span.end.max(last.end);
    }
    spans.push(span);
}

/// What stands in place of a value.
fn mark(name: &str) -> String {
    format!("[redacted:{name}]")
}

fn written<'t>(text: &'t str, spans: &[Span]) -> Cow<'t, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        // Forms begin and end with whole characters, or are ASCII.
        result.push_str(text.get(at..span.start).unwrap_or_default());
        result.push_str(&mark(&span.name));
        at = span.end;
    }
    result.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(result)
}

/// Where a JSON string that begins at `start` ends.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn next_quote(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let quote = rest.iter().position(|&byte| byte == b'"');
    quote.map_or(bytes.len(), |offset| start + offset)
}

#[cfg(test)]
mod tests;
