//! Durations: `90`, `"90s"`, `1h30m`, `2d`.

use super::super::node::{Node, NodeKind};
use super::super::report::{Place, Report};

/// Reads a duration in whole seconds; reports it if it is none.
pub(super) fn seconds(node: &Node, place: &Place, report: &mut Report) -> Option<u64> {
    let seconds = match &node.kind {
        NodeKind::Number(number) => number.as_u64(),
        NodeKind::String(text) => parse(text),
        _ => None,
    };
    if seconds.is_none() {
        report.schema_hint(
            place,
            "This is no duration",
            "write whole seconds, or units from days to seconds like '1h30m' or '2d'",
        );
    }
    seconds
}

/// Reads numbers with the units d, h, m and s, larger units first.
fn parse(text: &str) -> Option<u64> {
    const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next()?;
        // Taking units from one iterator keeps them in order and single.
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*size)?)?;
        rest = tail.get(unit.len_utf8()..)?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_add_up_from_large_to_small() {
        for (text, seconds) in [
            ("0", 0),
            ("45", 45),
            ("45s", 45),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("1d1s", 86_401),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "h",
            "1x",
            "30m1h",
            "1h1h",
            "1.5h",
            "-1s",
            "1h30",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
