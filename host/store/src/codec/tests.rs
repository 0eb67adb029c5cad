//! Pages are read as they were written, are small, and say so when they are damaged.

mod events;

use std::sync::Arc;

use proptest::prelude::*;
use stepwell_decider::{EventKind, EventNumber, FrameId, HistoryEvent, MapIteration};
use stepwell_states::{Payload, ScopeId, Timestamp};

use super::*;

const EXECUTION: ExecutionKey = ExecutionKey(7);

fn decode_all(pages: &[EncodedPage]) -> Result<Vec<HistoryEvent>, StoreError> {
    let mut events = Vec::new();
    for page in pages {
        events.extend(decode(
            EXECUTION,
            page.first_number,
            page.count,
            &page.bytes,
        )?);
    }
    Ok(events)
}

fn numbered(first: u64, kinds: Vec<EventKind>) -> Vec<HistoryEvent> {
    let numbers = first..;
    numbers
        .zip(kinds)
        .map(|(number, kind)| HistoryEvent {
            number: EventNumber(number),
            id: number,
            previous_id: number - 1,
            at: Timestamp::from_ms(1_700_000_000_000),
            frame: FrameId::ROOT,
            reported_by: None,
            kind,
        })
        .collect()
}

fn succeeded(text: impl Into<Arc<str>>) -> EventKind {
    EventKind::TaskSucceeded {
        scheduled: EventNumber(1),
        output: Payload::from_trusted(text),
        usage: None,
    }
}

proptest! {
    #[test]
    fn events_are_read_as_they_were_written(
        first in 1_u64..1 << 40,
        kinds in prop::collection::vec(events::kind(events::payload()), 0..40),
    ) {
        let events = numbered(first, kinds);
        let pages = encode(events.clone()).unwrap();
        prop_assert_eq!(decode_all(&pages).unwrap(), events);
    }

    /// Holds the visitor to the events' own serialisation: no payload is left out.
    #[test]
    fn every_payload_of_an_event_is_visited(
        mut kind in events::kind(Just(Payload::from_trusted("\"marker\"")).boxed()),
    ) {
        let written = rmp_serde::to_vec(&kind).unwrap();
        let marker = b"\"marker\"";
        let written = written.windows(marker.len()).filter(|bytes| *bytes == marker).count();
        let mut visited = 0;
        payloads::visit(&mut kind, &mut |_| visited += 1);
        prop_assert_eq!(visited, written);
    }

    #[test]
    fn damaged_pages_are_errors_and_no_panics(
        kinds in prop::collection::vec(events::kind(events::payload()), 1..8),
        flipped in any::<prop::sample::Index>(),
        mask in 1_u8..,
        kept in any::<prop::sample::Index>(),
    ) {
        let pages = encode(numbered(1, kinds)).unwrap();
        let page = &pages[0];
        let mut bytes = page.bytes.clone();
        // Some flips merely change a number or a letter: those cannot be noticed here.
        bytes[flipped.index(page.bytes.len())] ^= mask;
        let _outcome = decode(EXECUTION, page.first_number, page.count, &bytes);
        let cut = &page.bytes[..kept.index(page.bytes.len())];
        prop_assert!(decode(EXECUTION, page.first_number, page.count, cut).is_err());
    }
}

#[test]
fn no_events_are_no_pages() {
    assert_eq!(encode(Vec::new()), Ok(Vec::new()));
}

#[test]
fn equal_payloads_are_stored_once_and_shared_again() {
    let text = format!("{:?}", "x".repeat(10_000));
    // Half of them the same allocation, half of them the same text.
    let shared: Arc<str> = text.clone().into();
    let kinds = (0..100)
        .map(|i| {
            if i % 2 == 0 {
                succeeded(Arc::clone(&shared))
            } else {
                succeeded(&*text)
            }
        })
        .collect();
    let pages = encode(numbered(1, kinds)).unwrap();
    assert_eq!(pages.len(), 1);
    assert!(
        pages[0].bytes.len() < 10_000 + 100 * 60,
        "{} bytes",
        pages[0].bytes.len()
    );

    let outputs: Vec<Payload> = decode_all(&pages)
        .unwrap()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::TaskSucceeded { output, .. } => Some(output),
            _ => None,
        })
        .collect();
    assert_eq!(outputs.len(), 100);
    assert!(
        outputs
            .iter()
            .all(|output| output.as_str().as_ptr() == outputs[0].as_str().as_ptr())
    );
}

#[test]
fn pages_are_cut_by_number_and_by_size() {
    let iteration = |index: u32| MapIteration {
        name: "items".into(),
        index,
        frame: FrameId(index),
        scope: ScopeId(1),
        input: Some(Payload::from_trusted(index.to_string())),
    };
    let kinds = (0..2_500)
        .map(|i| EventKind::MapIterationStarted(iteration(i)))
        .collect();
    let pages = encode(numbered(11, kinds)).unwrap();
    let stretches: Vec<_> = pages
        .iter()
        .map(|page| (page.first_number.0, page.count))
        .collect();
    assert_eq!(stretches, [(11, 1_024), (1_035, 1_024), (2_059, 452)]);

    let large = |i: u32| succeeded(format!("\"{i}{}\"", "x".repeat(250_000)));
    let pages = encode(numbered(1, (0..10).map(large).collect())).unwrap();
    assert!(pages.len() >= 2);
    assert!(
        pages
            .iter()
            .all(|page| page.bytes.len() < 2 * PAGE_PAYLOAD_BYTES)
    );
    assert_eq!(decode_all(&pages).unwrap().len(), 10);
}

#[test]
fn an_unknown_format_is_named_with_its_place() {
    let pages = encode(numbered(5, vec![succeeded("1")])).unwrap();
    let mut bytes = pages[0].bytes.clone();
    bytes[0] = 9;
    let Err(error) = decode(EXECUTION, EventNumber(5), 1, &bytes) else {
        panic!("format 9 was read");
    };
    assert_eq!(
        error.to_string(),
        "the database is damaged: execution 7, history page 5: has format 9, \
         which this program does not know"
    );
}

#[test]
fn a_page_in_the_wrong_place_is_noticed() {
    let pages = encode(numbered(5, vec![succeeded("1"), succeeded("2")])).unwrap();
    let bytes = &pages[0].bytes;
    assert!(decode(EXECUTION, EventNumber(5), 2, bytes).is_ok());
    assert!(decode(EXECUTION, EventNumber(6), 2, bytes).is_err());
    assert!(decode(EXECUTION, EventNumber(5), 1, bytes).is_err());
}

#[test]
fn gaps_in_the_numbers_are_noticed() {
    let mut events = numbered(5, vec![succeeded("1"), succeeded("2")]);
    assert_eq!(numbering_problem(EventNumber(4), &events), None);
    assert!(numbering_problem(EventNumber(3), &events).is_some());
    events[1].number = EventNumber(8);
    assert!(numbering_problem(EventNumber(4), &events).is_some());
}
