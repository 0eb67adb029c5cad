//! Takes secrets out of bytes that come in pieces: a value that lies across pieces is found.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::redact::{Redactor, mark};

/// Redacts a stream. As much is held back as the longest form of a value has, less a byte.
pub struct RedactedStream {
    redactor: Arc<Redactor>,
    held: Zeroizing<Vec<u8>>,
    /// Bytes at the beginning of `held` whose mark was given out already.
    covered: usize,
}

impl RedactedStream {
    /// Begins a stream.
    #[must_use]
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            redactor,
            held: Zeroizing::default(),
            covered: 0,
        }
    }

    /// Takes the next piece, and returns what may be given on.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let kept = self.redactor.longest().saturating_sub(1);
        self.give_to(self.held.len().saturating_sub(kept))
    }

    /// Returns the rest.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.give_to(self.held.len())
    }

    /// Gives out what was held before `cut`. All that begins there is wholly known.
    fn give_to(&mut self, cut: usize) -> Vec<u8> {
        let mut given = Vec::with_capacity(cut);
        let (mut at, mut covered) = (0, self.covered.saturating_sub(cut));
        for span in self.redactor.spans(&self.held, self.covered) {
            if span.start >= cut {
                break;
            }
            given.extend_from_slice(self.held.get(at..span.start).unwrap_or_default());
            if let Some(name) = &span.name {
                given.extend_from_slice(mark(Some(name)).as_bytes());
            }
            at = span.end.min(cut);
            covered = covered.max(span.end.saturating_sub(cut));
        }
        given.extend_from_slice(self.held.get(at..cut).unwrap_or_default());
        let rest = Zeroizing::new(self.held.get(cut..).unwrap_or_default().to_vec());
        self.held = rest;
        self.covered = covered;
        given
    }
}

#[cfg(test)]
mod tests;
