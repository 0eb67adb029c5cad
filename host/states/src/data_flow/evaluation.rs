//! One evaluation: what its expressions can look at, each thing made only once.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Env, EvalFailure};
use crate::jsonata::Converted;
use crate::path::{Found, NotFound, Path, Root};
use crate::payload::{MAX_DEPTH, Payload, RESERVED_KEY_PREFIX};

/// What an evaluation is for. Values drawn at random differ from purpose to purpose,
/// although the decider hands in the same seed for one visit of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Input,
    Arguments,
    Times,
    Completion,
    Catch,
    Choice,
    Wait,
    Fail,
    MapPlan,
    MapItem,
}

/// Everything that expressions of one evaluation share.
pub(crate) struct Evaluation<'a> {
    pub(crate) env: &'a Env<'a>,
    purpose: Purpose,
    input: OnceCell<Value>,
    context: OnceCell<Value>,
    draws: OnceCell<Rc<Draws>>,
    converted: Converted,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(env: &'a Env<'a>, purpose: Purpose) -> Self {
        Self {
            env,
            purpose,
            input: OnceCell::new(),
            context: OnceCell::new(),
            draws: OnceCell::new(),
            converted: Converted::default(),
        }
    }

    /// Returns the raw input, parsed on first use.
    pub(crate) fn input(&self) -> &Value {
        self.input.get_or_init(|| self.env.input.to_value())
    }

    /// Returns the context object, built on first use.
    pub(crate) fn context(&self) -> &Value {
        self.context.get_or_init(|| (self.env.context)())
    }

    /// Returns input and context object as JSONata has them.
    pub(crate) fn converted(&self) -> &Converted {
        &self.converted
    }

    /// Applies a path; `dollar` is what `$` means.
    ///
    /// # Errors
    /// The path finds nothing, or its variable is not set.
    pub(crate) fn find(&self, path: &Path, dollar: &Value) -> Result<Value, NotFound> {
        match path.root() {
            Root::Input => path.select(dollar).map(Found::into_value),
            Root::Context => path.select(self.context()).map(Found::into_value),
            Root::Variable(name) => match self.env.variables.variable(name) {
                Some(value) => path.select(&value).map(Found::into_value),
                None => Err(path.no_results()),
            },
        }
    }

    /// Returns the source of this evaluation's random values.
    pub(crate) fn draws(&self) -> Rc<Draws> {
        let draws = self.draws.get_or_init(|| {
            let mut hash = Sha256::new();
            hash.update(self.env.seed);
            hash.update(format!("{:?}", self.purpose));
            if self.purpose == Purpose::MapItem {
                // All items of a Map share the seed of the state's visit.
                let index = self
                    .context()
                    .pointer("/Map/Item/Index")
                    .map(Value::to_string);
                hash.update(index.unwrap_or_default());
            }
            Draws::new(hash.finalize().into())
        });
        Rc::clone(draws)
    }

    /// Makes a payload of a value, within the limits.
    ///
    /// # Errors
    /// It is too large (`States.DataLimitExceeded`), nests too deep or has a key that no
    /// payload may have.
    pub(crate) fn payload(&self, state: &str, value: &Value) -> Result<Payload, EvalFailure> {
        if is_deeper(value, MAX_DEPTH) {
            return Err(EvalFailure::runtime(format!(
                "The data nests deeper than {MAX_DEPTH} levels."
            )));
        }
        if let Some(key) = reserved_key(value) {
            return Err(EvalFailure::runtime(format!(
                "The data has the key '{key}', which is reserved."
            )));
        }
        self.within_limit(state, Payload::from_value(value))
    }

    /// Hands a payload through if it is within the limit.
    ///
    /// # Errors
    /// It is too large (`States.DataLimitExceeded`).
    pub(crate) fn within_limit(
        &self,
        state: &str,
        payload: Payload,
    ) -> Result<Payload, EvalFailure> {
        if payload.byte_len() <= self.env.limits.payload_bytes {
            return Ok(payload);
        }
        Err(EvalFailure {
            error: "States.DataLimitExceeded",
            cause: format!(
                "The state/task '{state}' returned a result with a size exceeding the maximum \
                 number of bytes service limit."
            ),
            location: None,
            names_state: false,
        })
    }
}

/// A source of values that look random and are the same on every replay.
#[derive(Debug)]
pub(crate) struct Draws {
    key: [u8; 32],
    count: Cell<u64>,
}

impl Draws {
    pub(crate) fn new(key: [u8; 32]) -> Rc<Self> {
        Rc::new(Self {
            key,
            count: Cell::new(0),
        })
    }

    /// Draws 32 bytes.
    pub(crate) fn draw(&self) -> [u8; 32] {
        let count = self.count.get();
        self.count.set(count + 1);
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(count.to_be_bytes());
        hash.finalize().into()
    }

    /// Draws the bytes that belong to a seed of the author's, the same everywhere.
    pub(crate) fn seeded(seed: &[u8]) -> [u8; 32] {
        Sha256::digest(seed).into()
    }

    /// Draws a version-4 UUID.
    pub(crate) fn uuid(&self) -> String {
        let drawn = self.draw();
        let mut hex: String = drawn
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Version 4 in the 13th digit, variant 10 in the 17th.
        let variant = ["8", "9", "a", "b"][usize::from(drawn[8] >> 6)];
        hex.replace_range(12..13, "4");
        hex.replace_range(16..17, variant);
        for position in [20, 16, 12, 8] {
            hex.insert(position, '-');
        }
        hex
    }
}

/// Says whether a value nests deeper than so many levels.
fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(elements) => {
            levels == 0
                || elements
                    .iter()
                    .any(|element| is_deeper(element, levels - 1))
        }
        Value::Object(fields) => {
            levels == 0 || fields.values().any(|field| is_deeper(field, levels - 1))
        }
        _ => false,
    }
}

/// Finds a key that would not be read back as it is written: see
/// [`RESERVED_KEY_PREFIX`]. The value nests no deeper than [`MAX_DEPTH`].
fn reserved_key(value: &Value) -> Option<&str> {
    match value {
        Value::Array(elements) => elements.iter().find_map(reserved_key),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            if name.starts_with(RESERVED_KEY_PREFIX) {
                return Some(name.as_str());
            }
            reserved_key(field)
        }),
        _ => None,
    }
}
