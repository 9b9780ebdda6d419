//! How many different values there are: exact while they are few, then an estimate.

use std::collections::{BTreeMap, HashMap};

use larum_event::limits::DISTINCT_EXACT;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reading::EventReading;
use super::sketch::{self, DistinctSketch};

/// How often each value occurs.
type ValueCounts = HashMap<EventReading, u32, foldhash::fast::RandomState>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum DistinctCounter {
    /// How often each value occurs. Only looked up by value; written in order.
    Exact(
        #[serde(
            serialize_with = "serialize_sorted",
            deserialize_with = "deserialize_counts"
        )]
        ValueCounts,
    ),
    /// An estimate, because there were too many.
    Estimated(Box<DistinctSketch>),
}

impl Default for DistinctCounter {
    fn default() -> Self {
        Self::Exact(ValueCounts::default())
    }
}

impl DistinctCounter {
    /// Adds a value that will be removed again.
    pub(super) fn add_value(&mut self, value: EventReading) {
        match self {
            Self::Exact(values) => {
                let times = values.entry(value).or_default();
                *times = times.saturating_add(1);
                if values.len() > DISTINCT_EXACT {
                    let mut sketch = Box::new(DistinctSketch::new());
                    for (value, times) in values {
                        sketch.add_value(*value, *times);
                    }
                    *self = Self::Estimated(sketch);
                }
            }
            Self::Estimated(sketch) => sketch.add_value(value, 1),
        }
    }

    /// Adds a value that will not be removed again.
    pub(super) fn absorb_value(&mut self, value: EventReading) {
        match self {
            Self::Exact(values) => {
                values.insert(value, 1);
                if values.len() > DISTINCT_EXACT {
                    let mut sketch = Box::new(DistinctSketch::new());
                    for value in values.keys() {
                        sketch.absorb_value(*value);
                    }
                    *self = Self::Estimated(sketch);
                }
            }
            Self::Estimated(sketch) => sketch.absorb_value(value),
        }
    }

    pub(super) fn remove_value(&mut self, value: EventReading) {
        match self {
            Self::Exact(values) => {
                let Some(times) = values.get_mut(&value) else {
                    return;
                };
                *times = times.saturating_sub(1);
                if *times == 0 {
                    values.remove(&value);
                }
            }
            Self::Estimated(sketch) => sketch.remove_value(value),
        }
    }

    /// Whether there are few enough again to count them exactly.
    pub(super) fn has_become_small(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Estimated(sketch) => sketch.estimate() < DISTINCT_EXACT as u64 / 2,
        }
    }

    /// How many values there are, and the error of that in thousandths.
    pub(super) fn count(&self) -> (u64, Option<u16>) {
        match self {
            Self::Exact(values) => (values.len() as u64, None),
            Self::Estimated(sketch) => (sketch.estimate(), Some(sketch::ERROR_THOUSANDTHS)),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Exact(values) => {
                values.len() <= DISTINCT_EXACT && values.values().all(|times| *times > 0)
            }
            Self::Estimated(sketch) => sketch.is_sound(),
        }
    }
}

fn serialize_sorted<S: Serializer>(values: &ValueCounts, to: S) -> Result<S::Ok, S::Error> {
    values.iter().collect::<BTreeMap<_, _>>().serialize(to)
}

fn deserialize_counts<'de, D: Deserializer<'de>>(from: D) -> Result<ValueCounts, D::Error> {
    ValueCounts::deserialize(from)
}
