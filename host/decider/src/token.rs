//! Task tokens: who holds one may report on that one task.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::event::EventNumber;
use crate::seed::{Purpose, Seed};

const KEY_BYTES: usize = 8;
const NUMBER_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// Names a task and proves the right to report on it.
///
/// It holds the execution's key, the number of the `TaskScheduled` event and 256 bits
/// derived from the execution's secret seed. Its text is base64url of the three.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskToken {
    /// Key of the execution in the store.
    pub execution: i64,
    /// The `TaskScheduled` event.
    pub scheduled: EventNumber,
    secret: [u8; SECRET_BYTES],
}

impl TaskToken {
    /// Makes the token of a task.
    #[must_use]
    pub fn new(seed: &Seed, execution: i64, scheduled: EventNumber) -> Self {
        Self {
            execution,
            scheduled,
            secret: seed.derive(Purpose::Token, scheduled),
        }
    }

    /// Returns whether the token was made from this seed; takes the same time for
    /// every wrong secret.
    #[must_use]
    pub fn is_genuine(&self, seed: &Seed) -> bool {
        let expected = seed.derive(Purpose::Token, self.scheduled);
        let difference = expected
            .iter()
            .zip(self.secret)
            .fold(0_u8, |found, (a, b)| found | (a ^ b));
        difference == 0
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskToken")
            .field("execution", &self.execution)
            .field("scheduled", &self.scheduled)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(KEY_BYTES + NUMBER_BYTES + SECRET_BYTES);
        bytes.extend(self.execution.to_be_bytes());
        bytes.extend(self.scheduled.0.to_be_bytes());
        bytes.extend(self.secret);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The text is not a task token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a task token")]
pub struct MalformedToken;

impl FromStr for TaskToken {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<Self, MalformedToken> {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else {
            return Err(MalformedToken);
        };
        let Some((key, rest)) = bytes.split_first_chunk::<KEY_BYTES>() else {
            return Err(MalformedToken);
        };
        let Some((number, secret)) = rest.split_first_chunk::<NUMBER_BYTES>() else {
            return Err(MalformedToken);
        };
        let Ok(secret) = <[u8; SECRET_BYTES]>::try_from(secret) else {
            return Err(MalformedToken);
        };
        Ok(Self {
            execution: i64::from_be_bytes(*key),
            scheduled: EventNumber(u64::from_be_bytes(*number)),
            secret,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_knows_its_seed() {
        let seed = Seed([7; 32]);
        let token = TaskToken::new(&seed, 42, EventNumber(9));
        let read: TaskToken = token.to_string().parse().unwrap();
        assert_eq!(read, token);
        assert!(read.is_genuine(&seed));
        assert!(!read.is_genuine(&Seed([8; 32])));
    }

    #[test]
    fn other_text_is_no_token() {
        for text in ["", "NoSuchTaskToken", "AAAA", "%%%", &"A".repeat(4_000)] {
            assert_eq!(text.parse::<TaskToken>(), Err(MalformedToken), "{text}");
        }
    }
}
