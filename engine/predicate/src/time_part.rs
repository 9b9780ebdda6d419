//! Parts of a time as it is written: no time zone is converted.

/// What is asked of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// Day of the month, from 1.
    Day,
    /// ISO 8601 week of the year, from 1.
    Week,
    /// 1 to 12.
    Month,
    /// The year.
    Year,
}

impl TimePart {
    /// The part of `2026-11-20T12:00:00`, with `T` or a blank; `None` for what is no such time.
    pub(crate) fn extract_from(self, text: &str) -> Option<i64> {
        let year = parse_digits(text, 0, 4)?;
        let month = parse_digits(text, 5, 2).filter(|month| (1..=12).contains(month))?;
        let day = parse_digits(text, 8, 2).filter(|day| (1..=31).contains(day))?;
        let bytes = text.as_bytes();
        if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
            return None;
        }
        match self {
            Self::Year => Some(year),
            Self::Month => Some(month),
            Self::Day => Some(day),
            Self::Week => Some(iso_week(year, month, day)),
            Self::Hour => parse_clock(text).map(|(hour, _)| hour),
            Self::Minute => parse_clock(text).map(|(_, minute)| minute),
        }
    }
}

fn parse_clock(text: &str) -> Option<(i64, i64)> {
    let bytes = text.as_bytes();
    if !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) || bytes.get(13) != Some(&b':') {
        return None;
    }
    let hour = parse_digits(text, 11, 2).filter(|hour| *hour < 24)?;
    let minute = parse_digits(text, 14, 2).filter(|minute| *minute < 60)?;
    Some((hour, minute))
}

fn parse_digits(text: &str, start: usize, count: usize) -> Option<i64> {
    let digits = text.get(start..start + count)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Days since 1970-01-01 (Howard Hinnant's algorithm).
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The week whose Thursday lies in the year.
fn iso_week(year: i64, month: i64, day: i64) -> i64 {
    let today = days_since_epoch(year, month, day);
    // 1970-01-01 was a Thursday.
    let monday_is_0 = (today + 3).rem_euclid(7);
    let thursday = today - monday_is_0 + 3;
    let year_of_week = [year + 1, year, year - 1]
        .into_iter()
        .find(|year| days_since_epoch(*year, 1, 1) <= thursday)
        .unwrap_or(year);
    (thursday - days_since_epoch(year_of_week, 1, 1)) / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_they_are_written() {
        let time = "2024-12-30 23:07:01.5+02:00";
        for (part, value) in [
            (TimePart::Minute, 7),
            (TimePart::Hour, 23),
            (TimePart::Day, 30),
            (TimePart::Week, 1),
            (TimePart::Month, 12),
            (TimePart::Year, 2024),
        ] {
            assert_eq!(part.extract_from(time), Some(value), "{part:?}");
        }
        assert_eq!(TimePart::Week.extract_from("2021-01-03"), Some(53));
        assert_eq!(TimePart::Week.extract_from("2021-01-04"), Some(1));
        assert_eq!(TimePart::Hour.extract_from("2021-01-04"), None);
        assert_eq!(TimePart::Year.extract_from("12 May 2020"), None);
        assert_eq!(TimePart::Year.extract_from("äää"), None);
    }
}
