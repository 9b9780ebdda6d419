//! The one number that a measure needs of an event.

use std::io::Write;

use larum_event::{Amount, MatchValues, MeasureInput, ScalarValue, WindowMeasure};
use serde::{Deserialize, Serialize};

use crate::state::WindowEvent;

/// Billionths of a number, a digest of values, or bits of steps, depending on the measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct EventReading(pub(super) i128);

impl EventReading {
    /// `None` for an event without the measured value, which is not counted.
    pub(super) fn from_event(event: &WindowEvent, measure: &WindowMeasure) -> Option<Self> {
        match measure.input() {
            MeasureInput::Presence => Some(Self(0)),
            MeasureInput::Steps => Some(Self(event.steps.into())),
            MeasureInput::CombinationOrGroup if event.values.as_slice().is_empty() => Some(Self(0)),
            MeasureInput::Combination | MeasureInput::CombinationOrGroup => {
                digest_values(&event.values).map(Self)
            }
            MeasureInput::Number => {
                let amount = event.values.get(0).and_then(Amount::from_scalar)?;
                Some(Self(amount.billionths()))
            }
        }
    }

    pub(super) fn amount(self) -> Amount {
        Amount::from_billionths(self.0)
    }
}

/// Room that is enough for most combinations of values.
const USUAL_BYTES: usize = 256;

/// 128 bits of a cryptographic hash, which differ when the values differ, so a window need not keep
/// the values themselves. `None` if a value is missing or there are none.
fn digest_values(values: &MatchValues) -> Option<i128> {
    let mut usual = [0; USUAL_BYTES];
    let mut room = &mut usual[..];
    let hash = match write_values(values, &mut room) {
        Ok(()) => {
            let left = room.len();
            blake3::hash(usual.get(..USUAL_BYTES - left)?)
        }
        Err(DigestFailure::Missing) => return None,
        Err(DigestFailure::Long) => {
            let mut bytes = Vec::new();
            write_values(values, &mut bytes).ok()?;
            blake3::hash(&bytes)
        }
    };
    let first = hash.as_bytes().first_chunk::<16>()?;
    Some(i128::from_le_bytes(*first))
}

/// Why values could not be written.
enum DigestFailure {
    /// A value is missing, or there are none.
    Missing,
    /// The room is too small.
    Long,
}

/// Writes bytes that differ when the values differ.
fn write_values(values: &MatchValues, to: &mut impl Write) -> Result<(), DigestFailure> {
    let mut put = |bytes: &[u8]| to.write_all(bytes).map_err(|_| DigestFailure::Long);
    if values.as_slice().is_empty() {
        return Err(DigestFailure::Missing);
    }
    for value in values.as_slice() {
        match value.as_ref().ok_or(DigestFailure::Missing)? {
            ScalarValue::Bool(value) => put(&[b'b', u8::from(*value)])?,
            ScalarValue::Int(value) => {
                put(b"i")?;
                put(&value.to_le_bytes())?;
            }
            ScalarValue::Float(bits) => {
                put(b"f")?;
                put(&bits.to_le_bytes())?;
            }
            ScalarValue::Str(text) => {
                put(b"s")?;
                put(&(text.len() as u64).to_le_bytes())?;
                put(text.as_bytes())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(values: &[Option<ScalarValue>]) -> Option<i128> {
        digest_values(&MatchValues::new(values.to_vec()))
    }

    #[test]
    fn values_that_differ_in_kind_number_or_length_differ() {
        let text = |text: &str| Some(ScalarValue::Str(text.into()));
        let all = [
            vec![Some(ScalarValue::Int(1))],
            vec![Some(ScalarValue::Float(1))],
            vec![Some(ScalarValue::Bool(true))],
            vec![text("1")],
            vec![text("")],
            vec![text(""), text("")],
            vec![text("ab"), text("c")],
            vec![text("a"), text("bc")],
            vec![text(&"x".repeat(USUAL_BYTES - 9))],
            vec![text(&"x".repeat(USUAL_BYTES - 8))],
            vec![text(&"x".repeat(10 * USUAL_BYTES))],
        ];
        let digests: std::collections::BTreeSet<_> =
            all.iter().map(|values| digest_of(values)).collect();
        assert_eq!(digests.len(), all.len());
        assert!(!digests.contains(&None));
        assert_eq!(digest_of(&[]), None);
        assert_eq!(digest_of(&[text("a"), None]), None);
    }
}
