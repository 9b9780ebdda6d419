//! What a measure needs of an event, as one number.

use std::io::Write;

use larum_event::{Amount, KeyValue, Measure, Values};
use serde::{Deserialize, Serialize};

use crate::state::Taken;

/// Billionths of a number, a digest of a combination of values, or bits of steps: what depends on the measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Reading(pub(super) i128);

impl Reading {
    /// `None` when the event is not counted, since it lacks what is measured.
    pub(super) fn of(event: &Taken, measure: &Measure) -> Option<Self> {
        match measure {
            Measure::Count | Measure::Rate { .. } => Some(Self(0)),
            Measure::Steps(_) => Some(Self(event.steps.into())),
            // Without a field it is the group itself that is new.
            Measure::FirstSeen if event.values.all().is_empty() => Some(Self(0)),
            Measure::Distinct | Measure::FirstSeen => digest(&event.values).map(Self),
            Measure::Sum
            | Measure::Average
            | Measure::Min
            | Measure::Max
            | Measure::Percentile(_)
            | Measure::Change => {
                let amount = event.values.get(0).and_then(Amount::of)?;
                Some(Self(amount.billionths()))
            }
        }
    }

    pub(super) fn amount(self) -> Amount {
        Amount::from_billionths(self.0)
    }
}

/// Bytes that most combinations of values fit in.
const USUAL_BYTES: usize = 256;

/// 128 bits that differ when the values differ: nobody has ever found two texts for which these do not, and a
/// window need not keep the values themselves. `None` when one is missing or there are none.
fn digest(values: &Values) -> Option<i128> {
    let mut usual = [0; USUAL_BYTES];
    let mut room = &mut usual[..];
    let hash = match write(values, &mut room) {
        Ok(()) => {
            let left = room.len();
            blake3::hash(usual.get(..USUAL_BYTES - left)?)
        }
        Err(Unwritten::Missing) => return None,
        Err(Unwritten::Long) => {
            let mut bytes = Vec::new();
            write(values, &mut bytes).ok()?;
            blake3::hash(&bytes)
        }
    };
    let first = hash.as_bytes().first_chunk::<16>()?;
    Some(i128::from_le_bytes(*first))
}

/// Why values are not written.
enum Unwritten {
    /// One is not there, or none is.
    Missing,
    /// There is no room.
    Long,
}

/// Writes bytes that differ when the values differ.
fn write(values: &Values, to: &mut impl Write) -> Result<(), Unwritten> {
    let mut put = |bytes: &[u8]| to.write_all(bytes).map_err(|_| Unwritten::Long);
    if values.all().is_empty() {
        return Err(Unwritten::Missing);
    }
    for value in values.all() {
        match value.as_ref().ok_or(Unwritten::Missing)? {
            KeyValue::Bool(value) => put(&[b'b', u8::from(*value)])?,
            KeyValue::Int(value) => {
                put(b"i")?;
                put(&value.to_le_bytes())?;
            }
            KeyValue::Float(bits) => {
                put(b"f")?;
                put(&bits.to_le_bytes())?;
            }
            KeyValue::Str(text) => {
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

    fn of(values: &[Option<KeyValue>]) -> Option<i128> {
        digest(&Values::new(values.to_vec()))
    }

    #[test]
    fn values_that_differ_in_kind_number_or_length_differ() {
        let text = |text: &str| Some(KeyValue::Str(text.into()));
        let all = [
            vec![Some(KeyValue::Int(1))],
            vec![Some(KeyValue::Float(1))],
            vec![Some(KeyValue::Bool(true))],
            vec![text("1")],
            vec![text("")],
            vec![text(""), text("")],
            vec![text("ab"), text("c")],
            vec![text("a"), text("bc")],
            vec![text(&"x".repeat(USUAL_BYTES - 9))],
            vec![text(&"x".repeat(USUAL_BYTES - 8))],
            vec![text(&"x".repeat(10 * USUAL_BYTES))],
        ];
        let digests: std::collections::BTreeSet<_> = all.iter().map(|values| of(values)).collect();
        assert_eq!(digests.len(), all.len());
        assert!(!digests.contains(&None));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[text("a"), None]), None);
    }
}
