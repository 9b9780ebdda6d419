use larum_event::{Position, Timestamp};
use proptest::prelude::*;

use super::*;

/// A record whose bytes must survive: `payload` may be empty or long.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sample {
    time: i64,
    origin: u64,
    payload: Vec<u8>,
}

impl SpillRecord for Sample {
    fn order(&self) -> EventOrder {
        let time = Timestamp::from_nanos(self.time);
        EventOrder::of_event(time, 0, None, Position(self.origin))
    }

    fn heap_bytes(&self) -> usize {
        self.payload.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.time.to_le_bytes());
        out.extend(self.origin.to_le_bytes());
        out.extend(&self.payload);
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let (time, rest) = bytes.split_first_chunk().ok_or("no time")?;
        let (origin, payload) = rest.split_first_chunk().ok_or("no origin")?;
        if payload == b"damaged" {
            return Err("it is damaged".to_owned());
        }
        Ok(Self {
            time: i64::from_le_bytes(*time),
            origin: u64::from_le_bytes(*origin),
            payload: payload.to_vec(),
        })
    }
}

/// Records with these times; some are of one time and some are longer than a buffer.
fn samples(times: &[i64]) -> Vec<Sample> {
    let numbered = times.iter().zip(0..);
    numbered
        .map(|(time, origin)| Sample {
            time: *time,
            origin,
            payload: vec![
                7;
                if origin % 17 == 3 {
                    100_000
                } else {
                    origin as usize % 5
                }
            ],
        })
        .collect()
}

/// Keeps about so many small records in memory.
fn sort(samples: Vec<Sample>, records: usize) -> Vec<Sample> {
    let bytes = records * (size_of::<SortEntry<Sample>>() + 5);
    let mut sorter = EventSorter::with_memory(bytes, std::env::temp_dir());
    for sample in samples {
        sorter.push(sample).unwrap();
    }
    let sorted = sorter.finish().unwrap();
    sorted.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_limit_of_a_few_records_gives_what_memory_gives() {
    // More stretches than may be open at once, and times that come back.
    let times: Vec<i64> = (0..500).map(|n: i64| (n * 7_919) % 101).collect();
    let mut expected = samples(&times);
    expected.sort_by_key(|sample| (sample.time, sample.origin));
    for records in [0, 1, 3, 20, 10_000_000] {
        assert_eq!(sort(samples(&times), records), expected, "{records}");
    }
}

#[test]
fn nothing_in_gives_nothing_out() {
    assert_eq!(sort(Vec::new(), 0), []);
}

#[test]
fn no_file_is_left_in_the_folder_while_sorting_and_after_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let is_empty = || std::fs::read_dir(folder.path()).unwrap().next().is_none();
    let two_records = size_of::<SortEntry<Sample>>() + 5;
    let mut sorter = EventSorter::with_memory(two_records, folder.path().to_owned());
    for sample in samples(&[3, 2, 1]) {
        sorter.push(sample).unwrap();
    }
    assert!(is_empty());
    let damaged = Sample {
        time: 3,
        origin: 9,
        payload: b"damaged".to_vec(),
    };
    sorter.push(damaged).unwrap();
    let found = collect_texts(sorter.finish().unwrap());
    assert_eq!(found, ["it is damaged"]);
    assert!(is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap().path().join("gone");
    let mut sorter = EventSorter::with_memory(0, folder.clone());
    let error = sorter
        .push(samples(&[1]).remove(0))
        .unwrap_err()
        .to_string();
    assert!(error.contains(&*folder.to_string_lossy()), "{error}");
    assert!(error.contains("TMPDIR"), "{error}");
}

/// The times of the records, and the cause of the error that ends them.
fn collect_texts(sorted: SortedRecords<Sample>) -> Vec<String> {
    let texts = sorted.map(|found| match found {
        Ok(sample) => sample.time.to_string(),
        Err(error) => {
            let source = std::error::Error::source(&error);
            source.map(ToString::to_string).unwrap_or_default()
        }
    });
    texts.collect()
}

proptest! {
    #[test]
    fn any_records_under_any_limit_come_sorted(
        times in prop::collection::vec(0_i64..20, 0..200),
        records in 0_usize..40,
    ) {
        let mut expected = samples(&times);
        expected.sort_by_key(|sample| (sample.time, sample.origin));
        prop_assert_eq!(sort(samples(&times), records), expected);
    }
}
