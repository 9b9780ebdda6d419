//! Numbers as searches and JSON write them.

use crate::value::Number;

/// Reads a number as JSON writes it; `007`, `+7` and `7.` are none. Numbers that are equal are read
/// as the same, however they are written.
pub(crate) fn parse_number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let leads_with_zero = digits > 1 && unsigned.starts_with('0');
    let ends_with_digit = text.ends_with(|last: char| last.is_ascii_digit());
    if digits == 0 || leads_with_zero || !ends_with_digit {
        return None;
    }
    let (_, rest) = unsigned.split_at_checked(digits)?;
    if !(rest.is_empty() || rest.starts_with(['.', 'e', 'E'])) || rest.starts_with(".e") {
        return None;
    }
    Number::parse(text).map(Number::normalize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_json_and_equal_ones_are_the_same() {
        for text in [
            "", "-", "007", "+7", "7.", ".5", "1e", "0x10", "1_000", "1e999", "1.e5", "Infinity",
            "7 ",
        ] {
            assert_eq!(parse_number(text), None, "{text}");
        }
        let number = |text: &str| parse_number(text).unwrap();
        assert_eq!(number("1e3"), number("1000"));
        assert_eq!(number("443.0"), number("443"));
        assert_eq!(number("-0"), number("0"));
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
