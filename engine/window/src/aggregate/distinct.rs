//! How many different values there are: exactly as long as they are few, then about.

use std::collections::{BTreeMap, HashMap};

use larum_event::limits::DISTINCT_EXACT;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reading::Reading;
use super::sketch::{self, Sketch};

/// How often each value is there.
type Times = HashMap<Reading, u32, foldhash::fast::RandomState>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Distinct {
    /// How often each is there. Only ever looked up by value; written in order.
    Exact(#[serde(serialize_with = "write", deserialize_with = "read")] Times),
    /// There were too many.
    About(Box<Sketch>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Exact(Times::default())
    }
}

impl Distinct {
    /// Adds a value that will be taken out again.
    pub(super) fn add(&mut self, value: Reading) {
        match self {
            Self::Exact(values) => {
                let times = values.entry(value).or_default();
                *times = times.saturating_add(1);
                if values.len() > DISTINCT_EXACT {
                    let mut sketch = Box::new(Sketch::empty());
                    for (value, times) in values {
                        sketch.add(*value, *times);
                    }
                    *self = Self::About(sketch);
                }
            }
            Self::About(sketch) => sketch.add(value, 1),
        }
    }

    /// Adds a value that will not be taken out again.
    pub(super) fn absorb(&mut self, value: Reading) {
        match self {
            Self::Exact(values) => {
                values.insert(value, 1);
                if values.len() > DISTINCT_EXACT {
                    let mut sketch = Box::new(Sketch::empty());
                    for value in values.keys() {
                        sketch.absorb(*value);
                    }
                    *self = Self::About(sketch);
                }
            }
            Self::About(sketch) => sketch.absorb(value),
        }
    }

    pub(super) fn remove(&mut self, value: Reading) {
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
            Self::About(sketch) => sketch.remove(value),
        }
    }

    /// Whether there are so few again that they can be counted exactly.
    pub(super) fn has_become_small(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::About(sketch) => sketch.estimate() < DISTINCT_EXACT as u64 / 2,
        }
    }

    /// How many there are, and how far off that may be.
    pub(super) fn count(&self) -> (u64, Option<u16>) {
        match self {
            Self::Exact(values) => (values.len() as u64, None),
            Self::About(sketch) => (sketch.estimate(), Some(sketch::ERROR_THOUSANDTHS)),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Exact(values) => {
                values.len() <= DISTINCT_EXACT && values.values().all(|times| *times > 0)
            }
            Self::About(sketch) => sketch.is_sound(),
        }
    }
}

fn write<S: Serializer>(values: &Times, to: S) -> Result<S::Ok, S::Error> {
    values.iter().collect::<BTreeMap<_, _>>().serialize(to)
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Times, D::Error> {
    Times::deserialize(from)
}
