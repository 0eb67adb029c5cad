//! Everything that looks random is derived from the execution's seed and an event number.

use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::EventNumber;

/// 256 secret bits, drawn once when an execution is created.
///
/// It has no readable `Debug`: task tokens are derived from it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// What a derived value is for, so that no two purposes share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `States.UUID`, `States.MathRandom`, `$random`, `$uuid` in a state's fields.
    Evaluation,
    /// Randomness that a guest asks for.
    Guest,
    /// Jitter of a retry.
    Jitter,
    /// The secret part of a task token.
    Token,
    /// The seed of a child execution.
    Child,
    /// Id of a Map Run.
    MapRun,
    /// Idempotency key of a task.
    IdempotencyKey,
    /// The id of a call that the host makes for a task.
    Request,
    /// Id of an approval.
    Approval,
    /// The trace of an execution that was started without one.
    Trace,
    /// A task's place in the trace.
    Span,
}

impl Seed {
    /// Derives 256 bits for a purpose at an event.
    #[must_use]
    pub fn derive(&self, purpose: Purpose, event: EventNumber) -> [u8; 32] {
        let label: &[u8] = match purpose {
            Purpose::Evaluation => b"evaluation",
            Purpose::Guest => b"guest",
            Purpose::Jitter => b"jitter",
            Purpose::Token => b"token",
            Purpose::Child => b"child",
            Purpose::MapRun => b"map run",
            Purpose::IdempotencyKey => b"idempotency key",
            Purpose::Request => b"request",
            Purpose::Approval => b"approval",
            Purpose::Trace => b"trace",
            Purpose::Span => b"span",
        };
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(label);
        hash.update(event.0.to_be_bytes());
        hash.finalize().into()
    }

    /// Derives a number from 0 (included) to 1 (excluded) for the jitter of a retry.
    #[must_use]
    pub fn jitter(&self, event: EventNumber) -> f64 {
        let bytes = self.derive(Purpose::Jitter, event);
        let mut high = [0_u8; 4];
        high.copy_from_slice(&bytes[..4]);
        f64::from(u32::from_be_bytes(high)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Writes the first 128 bits as a UUID of version 8 (RFC 9562).
pub(crate) fn uuid(bits: &[u8; 32]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bits.iter().take(16).enumerate() {
        let byte = match index {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
