//! Points in time as people read them: UTC, to the second.

use std::time::Duration;

use stepwell_engine::Timestamp;

/// Writes a point in time: `2026-11-21 13:42:07Z`.
pub(crate) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{}Z", seconds.replacen('T', " ", 1)),
        None => text,
    }
}

/// How long it is from one point to another; nought if the other is earlier.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    let ms = to.as_ms().saturating_sub(from.as_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_utc_to_the_second() {
        let at = Timestamp::parse_rfc3339("2026-11-21T14:42:07.123+01:00").unwrap();
        assert_eq!(instant(at), "2026-11-21 13:42:07Z");
    }

    #[test]
    fn time_does_not_run_backwards() {
        let (early, late) = (Timestamp::from_ms(0), Timestamp::from_ms(1_500));
        assert_eq!(between(early, late), Duration::from_millis(1_500));
        assert_eq!(between(late, early), Duration::ZERO);
    }
}
