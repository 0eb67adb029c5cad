//! Days of the Gregorian calendar, in UTC.
//!
//! The steps ask the host for the time in milliseconds and need no more of the
//! calendar than this.

use std::fmt;

const DAY_MS: u64 = 86_400_000;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u64);

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// The year, as in 2026.
    pub year: u64,
    /// The month, from 1 to 12.
    pub month: u64,
}

impl Day {
    /// Returns the day of a time, given in milliseconds since the Unix epoch.
    #[must_use]
    pub fn of_ms(milliseconds: u64) -> Self {
        Self(milliseconds / DAY_MS)
    }

    /// Returns the day that is that many working days later; Saturdays and
    /// Sundays are not counted.
    #[must_use]
    pub fn after_working_days(self, count: u32) -> Self {
        let mut day = self;
        let mut left = count;
        while left > 0 {
            day.0 += 1;
            // 1970-01-01 was a Thursday, so that days 2 and 3 are the weekend.
            if !matches!(day.0 % 7, 2 | 3) {
                left -= 1;
            }
        }
        day
    }

    /// Returns the month that the day is in.
    #[must_use]
    pub fn month(self) -> Month {
        let (year, month, _) = self.civil();
        Month { year, month }
    }

    /// Returns year, month and day of the month.
    fn civil(self) -> (u64, u64, u64) {
        let (mut year, mut left) = (1970, self.0);
        while left >= days_in_year(year) {
            left -= days_in_year(year);
            year += 1;
        }
        let mut month = 1;
        while left >= days_in_month(year, month) {
            left -= days_in_month(year, month);
            month += 1;
        }
        (year, month, left + 1)
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(seconds: u64) -> Day {
        Day::of_ms(seconds * 1000)
    }

    #[test]
    fn days_have_their_dates() {
        assert_eq!(day(0).to_string(), "1970-01-01");
        assert_eq!(day(951_782_400).to_string(), "2000-02-29");
        assert_eq!(day(951_868_800).to_string(), "2000-03-01");
        assert_eq!(day(1_767_225_599).to_string(), "2025-12-31");
        assert_eq!(day(1_767_225_600).to_string(), "2026-01-01");
        assert_eq!(day(4_107_542_400).to_string(), "2100-03-01");
    }

    #[test]
    fn weekends_are_no_working_days() {
        // 2026-01-01 is a Thursday.
        let thursday = day(1_767_225_600);
        assert_eq!(thursday.after_working_days(0), thursday);
        assert_eq!(thursday.after_working_days(1).to_string(), "2026-01-02");
        assert_eq!(thursday.after_working_days(2).to_string(), "2026-01-05");
        assert_eq!(thursday.after_working_days(7).to_string(), "2026-01-12");
    }
}
