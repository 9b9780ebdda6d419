//! A recording of one attack, decoded, with its answers.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use larum_engine::SeededSequence;
use larum_event::decode::Decoder;
use larum_event::{Channel, Event, EventDefaults, EventId, Severity, Source, TenantId, Timestamp};
use larum_tests::recordings;
use serde_json::Value;

/// A recording. What answers call a line is the place of its event.
pub struct Recording {
    /// The name of its folder.
    pub name: String,
    /// Its records as they are.
    pub texts: Vec<String>,
    /// The same, read.
    pub records: Vec<Value>,
    /// Their events.
    pub events: Vec<Event>,
    /// The line of an event, by its id.
    pub lines: HashMap<EventId, usize>,
    /// `process_trees.json`
    pub trees: Value,
    /// `process_activity.json`
    pub activity: Value,
    /// `tree_4688_by_pid.json`
    pub creators: Value,
    /// `logons.json`
    pub logons: Value,
}

impl Recording {
    /// All recordings, or none, said aloud, where there are none.
    pub fn all() -> impl Iterator<Item = Self> {
        let folders = recordings().map(|folder| folder.join("otrf"));
        let mut folders: Vec<_> = folders
            .into_iter()
            .flat_map(|folder| std::fs::read_dir(folder).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("process_trees.json.gz").exists())
            .collect();
        folders.sort();
        assert!(
            folders.is_empty() || folders.len() >= 9,
            "{} recordings",
            folders.len()
        );
        folders.into_iter().map(|folder| Self::read(&folder))
    }

    fn read(folder: &Path) -> Self {
        let text = unpacked(&folder.join("events.ndjson.gz"));
        let events = decoded(&text);
        let lines = events.iter().enumerate();
        let lines = lines.map(|(line, event)| (event.envelope().id.clone(), line));
        let answer = |name: &str| {
            let text = unpacked(&folder.join(format!("{name}.json.gz")));
            serde_json::from_str(&text).unwrap()
        };
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            records: text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            texts: text.lines().map(str::to_owned).collect(),
            lines: lines.collect(),
            events,
            trees: answer("process_trees"),
            activity: answer("process_activity"),
            creators: answer("tree_4688_by_pid"),
            logons: answer("logons"),
        }
    }

    /// The events in an order that the seed decides, one in ten of them twice.
    pub fn shuffled(&self, random: &mut SeededSequence) -> Vec<&Event> {
        let mut order: Vec<&Event> = self.events.iter().collect();
        let twice = order.iter().step_by(10).copied().collect::<Vec<_>>();
        order.extend(twice);
        for last in (1..order.len()).rev() {
            let other = random.next_between(0, last as i64) as usize;
            order.swap(last, other);
        }
        order
    }

    /// The number of the Windows event that a line holds, and whether it is of Sysmon.
    pub fn kind(&self, line: usize) -> (i64, bool) {
        let record = &self.records[line];
        let channel = record["Channel"].as_str().unwrap_or_default();
        let is_sysmon = channel.to_ascii_lowercase().contains("sysmon");
        (record["EventID"].as_i64().unwrap_or_default(), is_sysmon)
    }
}

/// The events of records that the decoder we ship reads, one per line.
fn decoded(text: &str) -> Vec<Event> {
    let decoder = Decoder::builtin("windows").unwrap();
    let mut decoding = decoder.begin_input();
    let source = Source::new("windows").unwrap();
    let fill = EventDefaults {
        arrived: Timestamp::parse("2026-11-20T12:00:00Z").unwrap(),
        new_id: &|| EventId::new("unused").unwrap(),
        source: Some(&source),
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    let lines = text.lines().zip(0..);
    lines
        .map(|(line, number)| decoding.decode(line.as_bytes(), number, &fill).unwrap())
        .collect()
}

fn unpacked(path: &Path) -> String {
    let packed = std::fs::File::open(path).unwrap();
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}
