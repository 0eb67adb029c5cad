//! W3C trace contexts: which trace an execution belongs to.
//!
//! An execution is started with a context: the caller's, or one that is made for it. Its trace
//! id stays the same for all that the execution causes; each task has a parent id of its own.
//! The form is that of <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::str::FromStr;

use stepwell_states::Timestamp;

use crate::event::EventNumber;
use crate::seed::{Purpose, Seed};
use crate::started::ExecutionStarted;

/// The longest header that is read: later versions may append parts.
const HEADER_MAX_BYTES: usize = 256;
/// The longest `tracestate` that is handed on.
const STATE_MAX_BYTES: usize = 512;
/// Members of a `tracestate`, at most.
const STATE_MEMBERS_MAX: usize = 32;
/// The flag of a trace that is recorded: a history always is.
const SAMPLED: u8 = 1;

/// The id of a trace: 16 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// Returns its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Writes 32 hexadecimal digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// Text that is no trace id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trace id has 32 hexadecimal digits in small letters, and not all are 0")]
pub struct MalformedTraceId;

impl FromStr for TraceId {
    type Err = MalformedTraceId;

    /// Reads 32 digits, or a whole `traceparent`, whose trace id is meant.
    fn from_str(text: &str) -> Result<Self, MalformedTraceId> {
        if let Some(context) = TraceContext::parse(text) {
            return Ok(context.trace_id);
        }
        let bytes = read_hex(text).filter(|bytes| *bytes != [0; 16]);
        bytes.map(Self).ok_or(MalformedTraceId)
    }
}

/// A trace, and the place in it that something was asked for from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    parent_id: [u8; 8],
    flags: u8,
}

impl TraceContext {
    /// Reads the header `traceparent`; none if it is malformed, which is to be ignored then.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > HEADER_MAX_BYTES {
            return None;
        }
        let mut parts = header.split('-');
        let [version] = read_hex::<1>(parts.next()?)?;
        let trace_id = read_hex(parts.next()?).filter(|bytes| *bytes != [0; 16])?;
        let parent_id = read_hex(parts.next()?).filter(|bytes| *bytes != [0; 8])?;
        let [flags] = read_hex::<1>(parts.next()?)?;
        // Later versions may append parts; the first has just these, and 255 is none.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        Some(Self {
            trace_id: TraceId(trace_id),
            parent_id,
            flags,
        })
    }

    /// Makes the context of an execution that was started without one.
    ///
    /// A trace id begins with the second of the start, so that later ones are greater: an
    /// index over them grows at its end.
    #[must_use]
    pub fn begin(seed: &Seed, now: Timestamp) -> Self {
        let mut context = Self::derived(seed);
        let seconds = u32::try_from(now.as_ms() / 1_000).unwrap_or_default();
        context.trace_id.0[..4].copy_from_slice(&seconds.to_be_bytes());
        context
    }

    fn derived(seed: &Seed) -> Self {
        let bits = seed.derive(Purpose::Trace, EventNumber(0));
        let (mut trace_id, mut parent_id) = ([0; 16], [0; 8]);
        trace_id.copy_from_slice(&bits[..16]);
        parent_id.copy_from_slice(&bits[16..24]);
        // All zero would be no id.
        trace_id[15] |= 1;
        parent_id[7] |= 1;
        Self {
            trace_id: TraceId(trace_id),
            parent_id,
            flags: SAMPLED,
        }
    }

    /// Puts a context together from what [`TraceContext::to_parts`] took apart; none where an
    /// id is all zero or has another length.
    #[must_use]
    pub fn from_parts(trace_id: &[u8], parent: &[u8]) -> Option<Self> {
        let (flags, parent_id) = parent.split_last()?;
        let context = Self {
            trace_id: TraceId(trace_id.try_into().ok()?),
            parent_id: parent_id.try_into().ok()?,
            flags: *flags,
        };
        (context.trace_id.0 != [0; 16] && context.parent_id != [0; 8]).then_some(context)
    }

    /// Takes it apart: the trace id, and the rest of it.
    #[must_use]
    pub fn to_parts(&self) -> ([u8; 16], [u8; 9]) {
        let mut parent = [self.flags; 9];
        parent[..8].copy_from_slice(&self.parent_id);
        (self.trace_id.0, parent)
    }

    /// Returns the trace's id.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the context of something that is asked for from another place of the trace.
    /// The id of that place is made of `bits`.
    #[must_use]
    pub fn from_place(mut self, bits: [u8; 8]) -> Self {
        self.parent_id = bits;
        // All zero would be no id.
        if self.parent_id == [0; 8] {
            self.parent_id[7] = 1;
        }
        self
    }
}

/// Writes the header `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-", self.trace_id)?;
        write_hex(f, &self.parent_id)?;
        write!(f, "-{:02x}", self.flags)
    }
}

impl ExecutionStarted {
    /// Returns the context that the execution was started with.
    #[must_use]
    pub fn trace(&self) -> TraceContext {
        // Executions of earlier versions may have been started without one.
        self.traceparent
            .as_deref()
            .and_then(TraceContext::parse)
            .unwrap_or_else(|| TraceContext::derived(&self.seed))
    }

    /// Returns the context of what a task asks for.
    #[must_use]
    pub fn trace_of_task(&self, scheduled: EventNumber) -> TraceContext {
        let bits = self.seed.derive(Purpose::Span, scheduled);
        let mut place = [0; 8];
        place.copy_from_slice(&bits[..8]);
        self.trace().from_place(place)
    }
}

/// Returns whether a `tracestate` may be handed on: what is not as the standard has it is
/// left out.
#[must_use]
pub fn is_tracestate(header: &str) -> bool {
    let is_value = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b',' && byte != b'=';
    let is_key =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let is_member = |member: &str| {
        let member = member.trim_matches([' ', '\t']);
        member.is_empty()
            || member.split_once('=').is_some_and(|(key, value)| {
                (1..=256).contains(&key.len())
                    && key.bytes().all(is_key)
                    && (1..=256).contains(&value.len())
                    && value.bytes().all(is_value)
            })
    };
    (1..=STATE_MAX_BYTES).contains(&header.len())
        && header.split(',').count() <= STATE_MEMBERS_MAX
        && header.split(',').all(is_member)
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads digits in small letters, two a byte.
fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_context_is_taken_as_w3c_defines_it() {
        let first = format!("00-{TRACE}-{SPAN}-01");
        let later = format!("01-{TRACE}-{SPAN}-01-more");
        for valid in [&first, &later] {
            let context = TraceContext::parse(valid).unwrap();
            // What is sent on is of the version that is known.
            assert_eq!(context.to_string(), first);
            assert_eq!(context.trace_id().to_string(), TRACE);
            let (trace, parent) = context.to_parts();
            assert_eq!(TraceContext::from_parts(&trace, &parent), Some(context));
        }
        for invalid in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("01-{TRACE}-{SPAN}-01-{}", "x".repeat(256)),
        ] {
            assert_eq!(TraceContext::parse(&invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_trace_is_named_by_its_id_or_by_a_context() {
        let id: TraceId = TRACE.parse().unwrap();
        assert_eq!(format!("00-{TRACE}-{SPAN}-00").parse(), Ok(id));
        for invalid in ["", "4bf9", &TRACE.to_uppercase(), &"0".repeat(32)] {
            assert_eq!(invalid.parse::<TraceId>(), Err(MalformedTraceId));
        }
    }

    #[test]
    fn what_is_made_is_valid_grows_with_time_and_is_the_same_again() {
        let at =
            |seconds: i64| TraceContext::begin(&Seed([7; 32]), Timestamp::from_ms(seconds * 1_000));
        let made = at(1_700_000_000);
        assert_eq!(TraceContext::parse(&made.to_string()), Some(made));
        assert_eq!(at(1_700_000_000), made);
        assert!(at(1_700_000_001).trace_id() > made.trace_id());
        let other = TraceContext::begin(&Seed([8; 32]), Timestamp::from_ms(1_700_000_000_000));
        assert_ne!(other.trace_id(), made.trace_id());
    }

    #[test]
    fn a_tracestate_is_handed_on_if_it_is_one() {
        for valid in ["a=1", "vendor@sys=x:y z, b=2", "a=1,,b=2"] {
            assert!(is_tracestate(valid), "{valid}");
        }
        let long = format!("a={}", "x".repeat(600));
        let many = vec!["a=1"; 33].join(",");
        for invalid in [
            "", "a", "=1", "A=1", "a=", "a=b=c", "a=\u{e9}", &long, &many,
        ] {
            assert!(!is_tracestate(invalid), "{invalid}");
        }
    }
}
