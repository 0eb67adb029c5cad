//! Points in time, to the millisecond, as the language writes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Serialised as that integer; displayed
/// as `2026-11-21T10:00:00.000Z`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text is no timestamp as the language wants it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It has another form.
    #[error("'{0}' is no timestamp: write it as RFC 3339 with 'T' and 'Z' or an offset")]
    Form(String),
    /// It names a day or time that does not exist, or that is out of range.
    #[error(
        "'{0}' is no timestamp: there is no such time, or it is not between \
         0000-01-01T00:00:00Z and 9999-12-30T22:00:00Z"
    )]
    Time(String),
}

/// Last instant that [`Timestamp`] displays with four digits of the year:
/// 9999-12-30T22:00:00Z, the last one the calendar crate takes.
const MAX_MS: i64 = 253_402_207_200_000;
/// First instant of the year 0.
const MIN_MS: i64 = -62_167_219_200_000;

impl Timestamp {
    /// Makes a timestamp from milliseconds since the Unix epoch, held within the
    /// years 0 to 9999.
    pub const fn from_ms(ms: i64) -> Self {
        if ms > MAX_MS {
            Self(MAX_MS)
        } else if ms < MIN_MS {
            Self(MIN_MS)
        } else {
            Self(ms)
        }
    }

    /// Returns milliseconds since the Unix epoch.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Returns the timestamp `ms` later, held within the year 9999.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        let ms = if ms > i64::MAX as u64 {
            i64::MAX
        } else {
            ms.cast_signed()
        };
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// Reads RFC 3339 with an upper-case `T` and either an upper-case `Z` or a
    /// numeric offset, as Wait and Choice demand. Digits past the millisecond are
    /// cut off.
    ///
    /// # Errors
    /// The text has another form, or names a day or time that does not exist.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        if !has_strict_form(text.as_bytes()) {
            return Err(TimestampError::Form(text.to_owned()));
        }
        let parsed: Result<jiff::Timestamp, _> = text.parse();
        parsed
            .map(|timestamp| {
                // Towards the past also before 1970, so that cutting keeps the order.
                let nanoseconds = timestamp.as_nanosecond();
                Self(i64::try_from(nanoseconds.div_euclid(1_000_000)).unwrap_or(MAX_MS))
            })
            .map_err(|_problem| TimestampError::Time(text.to_owned()))
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.f…](Z|±HH:MM)`, digits unchecked for their range.
fn has_strict_form(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let Some((head, mut tail)) = text.split_at_checked(SHAPE.len()) else {
        return false;
    };
    let fits = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    if !fits(head, SHAPE) {
        return false;
    }
    if let [b'.', fraction @ ..] = tail {
        let digits = fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(1..=9).contains(&digits) {
            return false;
        }
        tail = fraction.split_at(digits).1;
    }
    match tail {
        b"Z" => true,
        [b'+' | b'-', offset @ ..] => fits(offset, b"00:00"),
        _ => false,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            // Only a value read back from a foreign store can be out of range.
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn texts_and_instants_agree() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-21T10:00:00.250Z", 1_795_255_200_250),
            ("2026-11-21T11:00:00.250+01:00", 1_795_255_200_250),
            ("1969-12-31T23:59:59.999999999Z", -1),
        ] {
            assert_eq!(
                Timestamp::parse_rfc3339(text).map(Timestamp::as_ms),
                Ok(ms),
                "{text}"
            );
        }
        assert_eq!(
            Timestamp::from_ms(1_795_255_200_250).to_string(),
            "2026-11-21T10:00:00.250Z"
        );
        assert_eq!(
            Timestamp::from_ms(0).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
    }

    #[test]
    fn the_form_is_strict() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21 10:00:00Z",
            "2026-11-21t10:00:00Z",
            "2026-11-21T10:00:00z",
            "2026-11-21T10:00:00",
            "2026-11-21T10:00Z",
            "2026-11-21T10:00:00.Z",
            "2026-11-21T10:00:00+0100",
            "2026-13-21T10:00:00Z",
            "2026-02-30T10:00:00Z",
            "2026-11-21T25:00:00Z",
            "05-12-2016T21:29:29Z",
            "2026-11-21T10:00:00Z[UTC]",
        ] {
            assert!(Timestamp::parse_rfc3339(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sums_stay_within_what_can_be_written() {
        let far = Timestamp::from_ms(i64::MAX);
        assert_eq!(far, far.plus_ms(u64::MAX));
        assert!(far.to_string().starts_with("9999-12-30T"));
        assert!(
            Timestamp::from_ms(i64::MIN)
                .to_string()
                .starts_with("0000-01-01T")
        );
    }
}
