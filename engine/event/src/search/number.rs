//! Numbers as events write them, compared exactly where both are whole.

use std::cmp::Ordering;
use std::fmt;

/// A number of a search or of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SearchNumber {
    /// A whole one.
    Whole(i128),
    /// Any other; always finite.
    Float(f64),
}

/// Beyond it a number with a fraction part is not made a whole one.
const MAX_WHOLE: f64 = 1e38;

impl SearchNumber {
    /// Reads a number as JSON writes it; `007`, `+7` and `7.` are none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let leads_with_zero = digits > 1 && unsigned.starts_with('0');
        let last_is_digit = text
            .bytes()
            .next_back()
            .is_some_and(|byte| byte.is_ascii_digit());
        if digits == 0 || leads_with_zero || !last_is_digit {
            return None;
        }
        let (_, rest) = unsigned.split_at_checked(digits)?;
        if !(rest.is_empty() || rest.starts_with(['.', 'e', 'E'])) || rest.starts_with(".e") {
            return None;
        }
        if rest.is_empty()
            && let Ok(whole) = text.parse()
        {
            return Some(Self::Whole(whole));
        }
        let broken: f64 = text.parse().ok()?;
        if !broken.is_finite() {
            None
        } else if broken.fract() == 0.0 && broken.abs() < MAX_WHOLE {
            Some(Self::Whole(broken as i128))
        } else {
            Some(Self::Float(broken))
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(own), Self::Whole(other)) => own.cmp(&other),
            (own, other) => own.to_float().total_cmp(&other.to_float()),
        }
    }

    fn to_float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Float(broken) => broken,
        }
    }
}

impl PartialOrd for SearchNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.compare(*other))
    }
}

impl fmt::Display for SearchNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => whole.fmt(f),
            Self::Float(broken) => broken.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_json_and_whole_ones_compare_exactly() {
        for text in [
            "", "-", "007", "+7", "7.", ".5", "1e", "0x10", "1_000", "1e999", "1.e5", "Infinity",
            "7 ",
        ] {
            assert_eq!(SearchNumber::parse(text), None, "{text}");
        }
        let number = |text: &str| SearchNumber::parse(text).unwrap();
        assert_eq!(number("1e3"), number("1000"));
        assert_eq!(number("443.0"), number("443"));
        assert_eq!(number("-0"), number("0"));
        assert!(
            number("9007199254740993")
                .compare(number("9007199254740992"))
                .is_gt()
        );
        assert!(number("0.5").compare(number("1")).is_lt());
        for text in [
            "0.1",
            "-7",
            "1e300",
            "12345678901234567890123456789012345678901",
            "1e-7",
        ] {
            assert_eq!(number(&number(text).to_string()), number(text), "{text}");
        }
    }
}
