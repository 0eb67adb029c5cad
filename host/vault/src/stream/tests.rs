//! Values that lie across pieces.

use proptest::prelude::*;

use super::*;

fn redactor(values: &[&str]) -> Arc<Redactor> {
    let named: Vec<(Arc<str>, &str)> = values
        .iter()
        .enumerate()
        .map(|(number, value)| (Arc::from(format!("s{number}")), *value))
        .collect();
    Arc::new(Redactor::new(
        named.iter().map(|(name, value)| (name, *value)),
    ))
}

fn streamed(redactor: &Arc<Redactor>, pieces: &[&[u8]]) -> String {
    let mut stream = RedactedStream::new(Arc::clone(redactor));
    let mut given = Vec::new();
    for piece in pieces {
        given.extend(stream.push(piece));
    }
    given.extend(stream.finish());
    String::from_utf8_lossy(&given).into_owned()
}

#[test]
fn a_value_is_found_across_any_two_pieces() {
    let redactor = redactor(&["hunter2hunter2"]);
    let text = b"before hunter2hunter2 after";
    for at in 0..=text.len() {
        let (one, two) = text.split_at(at);
        assert_eq!(
            streamed(&redactor, &[one, two]),
            "before [redacted:s0] after",
            "cut at {at}"
        );
    }
}

#[test]
fn what_is_held_back_is_bounded() {
    let redactor = redactor(&["hunter2hunter2", "ab ab ab ab"]);
    let mut stream = RedactedStream::new(Arc::clone(&redactor));
    let mut given = 0;
    for round in 1..=1_000 {
        given += stream.push(b"plain text, ").len();
        assert!(round * 12 - given < redactor.longest());
    }
    // Also where all of it is one value over and over.
    let mut endless = RedactedStream::new(Arc::clone(&redactor));
    for _ in 0..1_000 {
        endless.push(b"ab ab ab ab ");
        assert!(endless.held.len() < 2 * redactor.longest() + 12);
    }
}

#[test]
fn without_secrets_nothing_is_held_back() {
    let mut stream = RedactedStream::new(redactor(&[]));
    assert_eq!(stream.push(b"at once"), b"at once");
    assert!(stream.finish().is_empty());
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        values in proptest::collection::vec("[abé]{8,80}", 1..3),
        text in "[abé ]{0,400}",
        at in 0..400_usize,
        cuts in proptest::collection::vec(0..500_usize, 0..8),
    ) {
        let distinct = |value: &String| value.chars().any(|c| !value.starts_with(c));
        prop_assume!(values.iter().all(distinct));
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let redactor = redactor(&values);
        let mut text = text;
        let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.insert_str(at, values[0]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&text.as_bytes()[from..cut]);
            from = cut;
        }
        pieces.push(&text.as_bytes()[from..]);
        let whole = redactor.redact(&text).into_owned();
        let streamed = streamed(&redactor, &pieces);
        // Which of two names a merged piece gets may differ; what is taken out may not.
        let unnamed = |text: &str| text.replace("[redacted:s1]", "[redacted:s0]");
        prop_assert_eq!(unnamed(&streamed), unnamed(&whole));
    }
}
