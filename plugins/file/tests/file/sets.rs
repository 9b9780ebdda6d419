//! Real logs that a checkout may have beside it; see the `LARUM_DATA` environment variable.

use std::path::{Path, PathBuf};

use larum_event::FieldValue;
use larum_event::decode::Decoder;
use larum_file::{EventReader, FileInput, FileRecord, RecordTally};

use crate::with_fill;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of the set, or `None` where there is no data and nobody said that there is.
#[expect(clippy::print_stdout, reason = "says that a test was skipped")]
fn set(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("LARUM_DATA").map(PathBuf::from);
    let asked_for = given.is_some();
    let data = given.unwrap_or_else(|| workspace().join("../shared/data"));
    let folder = data.join("correlation").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        !asked_for,
        "LARUM_DATA is set, but there is no {}",
        folder.display()
    );
    println!("skipped: there is no {}", folder.display());
    None
}

/// Every record of a set, decoded.
fn decode(name: &str) -> Option<Vec<FileRecord>> {
    let folder = set(name)?;
    let packed = folder.join("events.ndjson.gz");
    let plain = folder.join("events.ndjson");
    let events = if packed.is_file() { packed } else { plain };
    let file = format!("tests/sets/{name}/decoder.toml");
    let text = std::fs::read_to_string(workspace().join(&file)).unwrap();
    let decoder = Decoder::load(&file, &text).unwrap_or_else(|error| panic!("{error}"));
    let records = with_fill(|fill| {
        let input = FileInput::open(events.to_str().unwrap()).unwrap();
        let records: Result<Vec<FileRecord>, _> =
            EventReader::new(input, Some(&decoder), fill).collect();
        records.unwrap()
    });
    Some(records)
}

/// That all of a set is decoded, in the order of its numbers and times.
fn check(records: &[FileRecord], accepted: u64) {
    let mut tally = RecordTally::default();
    for record in records {
        tally.count_outcome(&record.outcome);
        assert_eq!(record.outcome.as_ref().err(), None, "line {}", record.line);
    }
    assert_eq!(
        tally.to_string(),
        format!("{accepted} accepted, 0 rejected")
    );
    let events: Vec<_> = records.iter().flat_map(|record| &record.outcome).collect();
    for (place, event) in events.iter().enumerate() {
        let envelope = event.envelope();
        assert_eq!(envelope.sequence, Some(place as u64));
        assert_eq!(envelope.channel.as_str(), "security");
        assert_eq!(event.field("data.seq"), None);
    }
    for pair in events.windows(2) {
        assert!(pair[0].envelope().time <= pair[1].envelope().time);
    }
}

fn count(records: &[FileRecord], path: &str, wanted: &str) -> usize {
    let events = records.iter().flat_map(|record| &record.outcome);
    events
        .filter(|event| event.field(path) == Some(FieldValue::Str(wanted.into())))
        .count()
}

#[test]
fn the_openssh_set_is_decoded_completely() {
    let Some(records) = decode("openssh") else {
        return;
    };
    check(&records, 978);
    let first = records[0].outcome.as_ref().unwrap();
    let envelope = first.envelope();
    assert_eq!(
        envelope.topic.as_str(),
        "security.ssh.reverse_mapping_failed"
    );
    assert_eq!(envelope.source.as_str(), "LabSZ");
    assert_eq!(envelope.time.to_string(), "2016-12-10T06:55:46Z");
    assert_eq!(first.field("metadata.user"), Some(FieldValue::Null));
    assert_eq!(
        first.field("metadata.ip"),
        Some(FieldValue::Str("173.234.31.186".into()))
    );
    assert_eq!(first.field("data.pid"), Some(FieldValue::Int(24_200)));
    assert_eq!(first.field("data.outcome"), Some(FieldValue::Null));
    assert_eq!(count(&records, "data.outcome", "failed"), 215);
    assert_eq!(count(&records, "type", "ssh.failed_login"), 215);
}

#[test]
fn the_linux_set_is_decoded_completely() {
    let Some(records) = decode("linux") else {
        return;
    };
    check(&records, 1025);
    let first = records[0].outcome.as_ref().unwrap();
    assert_eq!(first.envelope().topic.as_str(), "security.pam.auth_failure");
    assert_eq!(first.envelope().source.as_str(), "combo");
    assert_eq!(first.envelope().time.to_string(), "2005-06-14T15:16:01Z");
    assert_eq!(count(&records, "data.outcome", "failed"), 268);
    assert_eq!(count(&records, "type", "ftp.connection"), 395);
    assert_eq!(count(&records, "type", "syslog.other"), 93);
}

#[test]
fn a_set_read_twice_gives_the_same_bytes() {
    let (Some(once), Some(again)) = (decode("openssh"), decode("openssh")) else {
        return;
    };
    let lines = |records: &[FileRecord]| -> Vec<String> {
        let events = records.iter().flat_map(|record| &record.outcome);
        events.map(|event| event.json().to_owned()).collect()
    };
    assert_eq!(lines(&once), lines(&again));
}
