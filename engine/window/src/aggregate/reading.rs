//! What a measure needs of an event, as one number.

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

/// 128 bits that differ when the values differ: nobody has ever found two texts for which these do not, and a
/// window need not keep the values themselves. `None` when one is missing or there are none.
fn digest(values: &Values) -> Option<i128> {
    let mut bytes = Vec::with_capacity(64);
    for value in values.all() {
        match value.as_ref()? {
            KeyValue::Bool(value) => bytes.extend([b'b', u8::from(*value)]),
            KeyValue::Int(value) => {
                bytes.push(b'i');
                bytes.extend(value.to_le_bytes());
            }
            KeyValue::Float(bits) => {
                bytes.push(b'f');
                bytes.extend(bits.to_le_bytes());
            }
            KeyValue::Str(text) => {
                bytes.push(b's');
                bytes.extend((text.len() as u64).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
    if bytes.is_empty() {
        return None;
    }
    let hash = blake3::hash(&bytes);
    let first = hash.as_bytes().first_chunk::<16>()?;
    Some(i128::from_le_bytes(*first))
}
