//! The parts of a date that a text leaves out.
//!
//! A text without a date (`$toMillis('13:45', '[H]:[m]')`) is one of today, and the
//! library would ask the machine's clock which day that is. So what leads in a date and
//! is missing is put in front of the text, and of the picture that describes it: the
//! same expression gives the same value at each replay.

use jsonata_core::value::JValue;

use super::functions::{Answer, argument};
use crate::timestamp::Timestamp;

/// The parts of a date in their order: the letter in a picture, how it is written, and
/// where it stands in a timestamp of RFC 3339.
const PARTS: [(char, &str, std::ops::Range<usize>); 6] = [
    ('Y', "[Y0001] ", 0..4),
    ('M', "[M01] ", 5..7),
    ('D', "[D01] ", 8..10),
    ('H', "[H01] ", 11..13),
    ('m', "[m01] ", 14..16),
    ('s', "[s01] ", 17..19),
];

/// Puts the missing parts of `now` in front of a text; its picture is the second argument.
pub(super) fn dated(args: &[JValue], now: Timestamp) -> Answer {
    let (JValue::String(text), JValue::String(picture)) = (argument(args, 0), argument(args, 1))
    else {
        return Ok(argument(args, 0).clone());
    };
    let now = now.to_string();
    let mut whole = String::new();
    for (_, _, digits) in &PARTS[..missing(picture)] {
        whole.push_str(now.get(digits.clone()).unwrap_or_default());
        whole.push(' ');
    }
    whole.push_str(text);
    Ok(JValue::string(whole))
}

/// Puts the missing parts in front of a picture.
pub(super) fn dating(args: &[JValue]) -> Answer {
    let JValue::String(picture) = argument(args, 0) else {
        return Ok(argument(args, 0).clone());
    };
    let parts = PARTS[..missing(picture)].iter();
    let mut whole: String = parts.map(|(_, marker, _)| *marker).collect();
    whole.push_str(picture);
    Ok(JValue::string(whole))
}

/// How many of the leading parts a picture lacks; none if it has no part of a date.
fn missing(picture: &str) -> usize {
    let named: Vec<char> = markers(picture).collect();
    let first = PARTS.iter().position(|(letter, ..)| {
        named.iter().any(|name| match name {
            // The year of a week, the day within a year, the hour of a half day.
            'X' => *letter == 'Y',
            'd' => *letter == 'M',
            'h' => *letter == 'H',
            name => name == letter,
        })
    });
    first.unwrap_or(0)
}

/// The letters of a picture's markers; a doubled bracket is none.
fn markers(picture: &str) -> impl Iterator<Item = char> + '_ {
    let mut rest = picture;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('[')?;
            if let Some(after) = after.strip_prefix('[') {
                rest = after;
                continue;
            }
            let (marker, after) = after.split_once(']')?;
            rest = after;
            if let Some(letter) = marker.trim_start().chars().next() {
                return Some(letter);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn what_leads_and_is_missing_is_counted() {
        for (picture, expected) in [
            ("[Y]-[M]-[D]", 0),
            ("[M]/[D]", 1),
            ("[d]", 1),
            ("[D]", 2),
            ("[H]:[m]", 3),
            ("[h]:[m] [P]", 3),
            ("[m]", 4),
            ("[[Y]] at [ H01]", 3),
            ("[F]", 0),
            ("no marker", 0),
            ("[Y", 0),
        ] {
            assert_eq!(missing(picture), expected, "{picture}");
        }
    }
}
