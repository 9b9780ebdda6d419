//! Times that are a number of seconds, or of parts of one, since 1970.

/// Reads a decimal number, in JSON's notation, of a unit that is `10^scale` nanoseconds. Digits
/// beyond nanoseconds are cut off. `Err` tells whether it is no number or one out of range.
pub(super) fn parse_nanos(text: &str, scale: i32) -> Result<i64, InvalidEpoch> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (number, exponent) = match digits.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()),
        None => (digits, Some(0)),
    };
    let exponent = exponent.ok_or(InvalidEpoch::Format)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(InvalidEpoch::Format);
    }
    // The value is whole.fraction * 10^power nanoseconds: take that many digits of the fraction.
    let power = exponent
        .checked_add(scale)
        .ok_or(InvalidEpoch::OutOfRange)?;
    let mut total: i128 = 0;
    let mut fraction = fraction.bytes();
    let whole_digits = i32::try_from(whole.len()).map_err(|_| InvalidEpoch::OutOfRange)?;
    let kept = whole_digits.saturating_add(power);
    let zeros = std::iter::repeat(b'0');
    let digits = whole.bytes().chain(fraction.by_ref()).chain(zeros);
    for digit in digits.take(usize::try_from(kept).unwrap_or(0)) {
        total = total * 10 + i128::from(digit - b'0');
        if total > i128::from(i64::MAX) {
            return Err(InvalidEpoch::OutOfRange);
        }
        if total == 0 && kept > MOST_DIGITS {
            return Err(InvalidEpoch::OutOfRange);
        }
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).map_err(|_| InvalidEpoch::OutOfRange)
}

/// More digits than any time has; a number padded to this length is not meant as a time.
const MOST_DIGITS: i32 = 64;

/// Why a text is no epoch time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InvalidEpoch {
    /// Not a decimal number.
    Format,
    /// Not within what nanoseconds in 64 bits can tell.
    OutOfRange,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_reads_the_same_instant_to_the_digit() {
        for (text, scale) in [
            ("1481352946.123456789", 9),
            ("1481352946123.456789", 6),
            ("1481352946123456.789", 3),
            ("1481352946123456789", 0),
            ("1.481352946123456789e9", 9),
            ("1481352946.1234567899", 9),
        ] {
            assert_eq!(
                parse_nanos(text, scale),
                Ok(1_481_352_946_123_456_789),
                "{text}"
            );
        }
        assert_eq!(parse_nanos("-1.5", 9), Ok(-1_500_000_000));
        assert_eq!(parse_nanos("0", 9), Ok(0));
    }

    #[test]
    fn the_last_nanosecond_is_in_range_and_the_next_is_not() {
        assert_eq!(parse_nanos("9223372036.854775807", 9), Ok(i64::MAX));
        assert_eq!(
            parse_nanos("9223372036.854775808", 9),
            Err(InvalidEpoch::OutOfRange)
        );
        assert_eq!(
            parse_nanos("1e2147483647", 9),
            Err(InvalidEpoch::OutOfRange)
        );
        assert_eq!(parse_nanos("1e-2147483648", 9), Ok(0));
    }

    #[test]
    fn what_is_no_decimal_number_is_refused() {
        for text in [
            "", "-", "1.", ".5", "1.2.3", "0x10", "1e", "+1", "NaN", " 1",
        ] {
            assert_eq!(parse_nanos(text, 9), Err(InvalidEpoch::Format), "{text}");
        }
    }
}
