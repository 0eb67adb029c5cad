//! Events to bytes and back.
//!
//! A page is one format byte, then `MessagePack` (structs as arrays): the page's distinct
//! payload texts, then its events, in which every payload is the index of its text. A
//! state's output is the next state's input, so most payloads of a page are the same text
//! a few times over. After decoding they share one allocation again.
//!
//! A field may be added at the end of a struct with `#[serde(default)]`; every other change
//! of the events' shape is a new format byte, and the old ones stay readable.

mod payloads;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use stepwell_decider::{EventNumber, HistoryEvent};
use stepwell_states::Payload;

use crate::error::StoreError;
use crate::ids::ExecutionKey;

/// `MessagePack` with a table of payloads.
const FORMAT_INTERNED: u8 = 1;
/// The most events of a page: what one look into a history has to decode at most.
const PAGE_EVENTS_MAX: usize = 1_024;
/// A page is cut once its payloads have this many bytes, for the same reason.
const PAGE_PAYLOAD_BYTES: usize = 1 << 20;
/// How many of the latest payloads a new one is compared with. Repeats are neighbours;
/// looking further back would make a page of many different items slow.
const COMPARED_MAX: usize = 64;

/// Events as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedPage {
    /// Number of the first event.
    pub(crate) first_number: EventNumber,
    /// How many events.
    pub(crate) count: u32,
    /// The page.
    pub(crate) bytes: Vec<u8>,
}

/// Encodes events into as few pages as their number and size allow; none for no events.
pub(crate) fn encode(events: Vec<HistoryEvent>) -> Result<Vec<EncodedPage>, StoreError> {
    let mut pages = Vec::with_capacity(1);
    let mut open = OpenPage::default();
    let total = events.len();
    for event in events {
        if open.is_full() {
            pages.extend(open.close()?);
            open = OpenPage::default();
        }
        if open.events.is_empty() {
            open.events.reserve_exact(total.min(PAGE_EVENTS_MAX));
        }
        open.push(event);
    }
    pages.extend(open.close()?);
    Ok(pages)
}

/// Returns how the numbers of events do not go on from the last one before them.
pub(crate) fn numbering_problem(last: EventNumber, events: &[HistoryEvent]) -> Option<String> {
    let mut expected = last.0;
    events.iter().find_map(|event| {
        expected += 1;
        (event.number.0 != expected).then(|| {
            format!(
                "event {} stands where event {expected} belongs",
                event.number
            )
        })
    })
}

/// Decodes one page; the error names the execution and the page.
pub(crate) fn decode(
    execution: ExecutionKey,
    first_number: EventNumber,
    count: u32,
    bytes: &[u8],
) -> Result<Vec<HistoryEvent>, StoreError> {
    let corrupt = |problem: &str| {
        StoreError::corrupt(format!(
            "{execution}, history page {first_number}: {problem}"
        ))
    };
    let Some((format, body)) = bytes.split_first() else {
        return Err(corrupt("is empty"));
    };
    if *format != FORMAT_INTERNED {
        return Err(corrupt(&format!(
            "has format {format}, which this program does not know"
        )));
    }
    let page: ReadPage<'_> =
        rmp_serde::from_slice(body).map_err(|error| corrupt(&error.to_string()))?;
    let payloads: Vec<Payload> = page
        .payloads
        .iter()
        .map(|text| Payload::from_trusted(*text))
        .collect();
    let mut events = page.events;
    for event in &mut events {
        let mut known = true;
        payloads::visit(
            &mut event.kind,
            &mut |place| match lookup(&payloads, place) {
                Some(payload) => *place = payload.clone(),
                None => known = false,
            },
        );
        if !known {
            return Err(corrupt("refers to a payload that it does not have"));
        }
    }
    let before = EventNumber(first_number.0.wrapping_sub(1));
    if events.len() != count as usize || numbering_problem(before, &events).is_some() {
        return Err(corrupt("holds other events than its row says"));
    }
    Ok(events)
}

#[derive(Serialize)]
struct WrittenPage<'a> {
    payloads: &'a [Payload],
    events: &'a [HistoryEvent],
}

#[derive(Deserialize)]
struct ReadPage<'a> {
    #[serde(borrow)]
    payloads: Vec<&'a str>,
    events: Vec<HistoryEvent>,
}

/// A page in the making: its events have indexes in place of payloads already.
#[derive(Default)]
struct OpenPage {
    payloads: Vec<Payload>,
    payload_bytes: usize,
    events: Vec<HistoryEvent>,
}

impl OpenPage {
    fn is_full(&self) -> bool {
        self.events.len() >= PAGE_EVENTS_MAX || self.payload_bytes >= PAGE_PAYLOAD_BYTES
    }

    fn push(&mut self, mut event: HistoryEvent) {
        payloads::visit(&mut event.kind, &mut |place| {
            let index = self.intern(place);
            *place = reference(index);
        });
        self.events.push(event);
    }

    /// Returns the payload's index in the table, to which it is added if need be.
    fn intern(&mut self, payload: &Payload) -> usize {
        let skipped = self.payloads.len().saturating_sub(COMPARED_MAX);
        let recent = self.payloads.iter().enumerate().skip(skipped);
        if let Some((index, _)) = recent.rev().find(|(_, known)| is_same(known, payload)) {
            return index;
        }
        self.payload_bytes += payload.byte_len();
        self.payloads.push(payload.clone());
        self.payloads.len() - 1
    }

    fn close(&self) -> Result<Option<EncodedPage>, StoreError> {
        let Some(first) = self.events.first() else {
            return Ok(None);
        };
        let mut bytes = Vec::with_capacity(64 + 96 * self.events.len() + self.payload_bytes);
        bytes.push(FORMAT_INTERNED);
        let page = WrittenPage {
            payloads: &self.payloads,
            events: &self.events,
        };
        page.serialize(&mut rmp_serde::Serializer::new(&mut bytes))
            .map_err(|error| StoreError::Refused {
                reason: format!("an event cannot be written: {error}"),
            })?;
        Ok(Some(EncodedPage {
            first_number: first.number,
            count: u32::try_from(self.events.len()).unwrap_or(u32::MAX),
            bytes,
        }))
    }
}

/// Returns whether two payloads are one text; mostly they are one allocation.
fn is_same(left: &Payload, right: &Payload) -> bool {
    let (left, right) = (left.as_str(), right.as_str());
    left.len() == right.len() && (left.as_ptr() == right.as_ptr() || left == right)
}

/// The stand-in for a payload: its index in the page's table.
fn reference(index: usize) -> Payload {
    const SMALL: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
    match SMALL.get(index) {
        Some(text) => Payload::from_trusted(*text),
        None => Payload::from_trusted(index.to_string()),
    }
}

fn lookup<'a>(payloads: &'a [Payload], reference: &Payload) -> Option<&'a Payload> {
    payloads.get(reference.as_str().parse::<usize>().ok()?)
}
