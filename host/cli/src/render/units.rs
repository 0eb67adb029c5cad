//! Quantities as people read them: durations, sizes, fuel, counts.

use std::time::Duration;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// Writes a duration with two or three digits that count: `1.2 ms`, `38 s`, `2h 5m`.
pub(crate) fn duration(duration: Duration) -> String {
    let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if us == 0 {
        return "0 ms".to_owned();
    }
    if us < 1_000 {
        return format!("{us} µs");
    }
    if us < 999_500 {
        return format!("{} ms", scaled(us, 1_000));
    }
    if us < MINUTE_S * 1_000_000 - 500_000 {
        return format!("{} s", scaled(us, 1_000_000));
    }
    let seconds = us / 1_000_000 + u64::from(us % 1_000_000 >= 500_000);
    match seconds {
        0..HOUR_S => pair(seconds, MINUTE_S, "m", 1, "s"),
        HOUR_S..DAY_S => pair(seconds, HOUR_S, "h", MINUTE_S, "m"),
        _ => pair(seconds, DAY_S, "d", HOUR_S, "h"),
    }
}

/// Writes a time since the start of something: to the millisecond below a minute, so that
/// what happens within a second stays apart.
pub(crate) fn offset(offset: Duration) -> String {
    let ms = offset.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{:03} s", ms / 1_000, ms % 1_000),
        _ => duration(offset),
    }
}

/// Writes microseconds as [`duration`] does.
pub(crate) fn duration_us(us: u64) -> String {
    duration(Duration::from_micros(us))
}

/// Writes a size in bytes: `512 B`, `1.1 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut unit = 1_024_u64;
    let mut names = UNITS.iter();
    let mut name = names.next().unwrap_or(&"KiB");
    // What rounds to 1,024 of a unit is one of the next.
    while bytes / unit >= 1_023 && bytes >= unit * 1_023 + unit / 2 {
        let Some(next) = names.next() else { break };
        name = next;
        unit *= 1_024;
    }
    format!("{} {name}", scaled(bytes, unit))
}

/// Writes an amount of fuel: `640`, `182 k`, `1.2 M`.
pub(crate) fn fuel(fuel: u64) -> String {
    match fuel {
        0..1_000 => fuel.to_string(),
        1_000..999_500 => format!("{} k", scaled(fuel, 1_000)),
        999_500..999_500_000 => format!("{} M", scaled(fuel, 1_000_000)),
        _ => format!("{} G", scaled(fuel, 1_000_000_000)),
    }
}

/// Writes a number of things: `1 error`, `2 errors`.
pub(crate) fn count(count: u64, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}

/// Reads a duration: `500ms`, `30s`, `5m`, `1h30m`, `2d`; a bare number is seconds.
///
/// # Errors
/// A sentence on what is wrong, for the command line.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write it as 500ms, 30s, 5m, 1h30m or 2d";
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let ms_per_unit: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => MINUTE_S * 1_000,
            "h" => HOUR_S * 1_000,
            "d" => DAY_S * 1_000,
            _ => return Err(format!("{text:?} is no duration; {FORM}")),
        };
        let ms = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(ms_per_unit));
        let part = ms.ok_or_else(|| format!("{text:?} is no duration; {FORM}"))?;
        total = total
            .checked_add(Duration::from_millis(part))
            .ok_or_else(|| format!("{text:?} is too long"))?;
        rest = tail;
    }
    if text.is_empty() {
        Err(format!("the duration is empty; {FORM}"))
    } else {
        Ok(total)
    }
}

/// One decimal below ten, none above.
fn scaled(value: u64, unit: u64) -> String {
    let tenths = (u128::from(value) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if tenths < 100 {
        return format!("{}.{}", tenths / 10, tenths % 10);
    }
    ((u128::from(value) + u128::from(unit) / 2) / u128::from(unit)).to_string()
}

/// A large and a small unit; the small one is left out where it is nought.
fn pair(seconds: u64, large: u64, large_name: &str, small: u64, small_name: &str) -> String {
    let (whole, part) = (seconds / large, seconds % large / small);
    if part == 0 {
        return format!("{whole}{large_name}");
    }
    format!("{whole}{large_name} {part}{small_name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_or_three_digits_that_count() {
        let written = |us| duration(Duration::from_micros(us));
        assert_eq!(written(0), "0 ms");
        assert_eq!(written(7), "7 µs");
        assert_eq!(written(999), "999 µs");
        assert_eq!(written(1_249), "1.2 ms");
        assert_eq!(written(9_960), "10 ms");
        assert_eq!(written(38_400), "38 ms");
        assert_eq!(written(999_499), "999 ms");
        assert_eq!(written(999_500), "1.0 s");
        assert_eq!(written(59_499_999), "59 s");
        assert_eq!(written(59_500_000), "1m");
        assert_eq!(written(125_000_000), "2m 5s");
        assert_eq!(written(12_000_000_000), "3h 20m");
        assert_eq!(written(187_200_000_000), "2d 4h");
    }

    #[test]
    fn offsets_keep_their_milliseconds_for_a_minute() {
        let written = |ms| offset(Duration::from_millis(ms));
        assert_eq!(written(0), "0 ms");
        assert_eq!(written(999), "999 ms");
        assert_eq!(written(1_004), "1.004 s");
        assert_eq!(written(59_999), "59.999 s");
        assert_eq!(written(60_000), "1m");
    }

    #[test]
    fn sizes_change_their_unit_where_they_round_up_to_it() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_024), "1.0 KiB");
        assert_eq!(bytes(1_179_648), "1.1 MiB");
        assert_eq!(bytes(1_024 * 1_024 - 1), "1.0 MiB");
        assert_eq!(bytes(18 << 20), "18 MiB");
        assert_eq!(bytes(u64::MAX), "16777216 TiB");
    }

    #[test]
    fn fuel_is_short() {
        assert_eq!(fuel(640), "640");
        assert_eq!(fuel(182_400), "182 k");
        assert_eq!(fuel(999_999), "1.0 M");
        assert_eq!(fuel(3_450_000_000), "3.5 G");
    }

    #[test]
    fn a_duration_is_read_in_the_units_that_people_write() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in [
            "",
            "s",
            "10x",
            "1.5s",
            "-1s",
            "99999999999999999999d",
            "5 m",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?} was read");
        }
    }
}
