//! Rules and lanes, unpacked into the scratch folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;

/// What both read.
pub(crate) struct Lane {
    pub(crate) name: String,
    /// Windows events that do not say where they come from: rsigma needs its Sysmon pipeline.
    pub(crate) is_recorded: bool,
    pub(crate) once: PathBuf,
    pub(crate) repeated: PathBuf,
    /// A record that no rule matches, for what loading costs.
    pub(crate) one_line: PathBuf,
    /// Events of `repeated`.
    pub(crate) events: usize,
}

/// The folder of the recordings; `None`, said aloud, where there is none.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("LARUM_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "skipped: no recordings at {}; LARUM_DATA names their folder",
        folder.display()
    );
    None
}

/// The folder that holds SigmaHQ's rules.
pub(crate) fn unpack_rules(folder: &Path, scratch: &Path) -> PathBuf {
    let rules = scratch.join("rules");
    if !rules.is_dir() {
        fs::create_dir_all(&rules).expect("a folder for the rules");
        let archive = folder.join("sigma-rules.tar.gz");
        let status = Command::new("tar")
            .arg("xzf")
            .arg(archive)
            .arg("-C")
            .arg(&rules)
            .status();
        assert!(status.is_ok_and(|it| it.success()), "tar unpacks the rules");
    }
    rules
}

/// The lanes, each with at least `events` events, and all recordings of attacks as one.
pub(crate) fn lanes(folder: &Path, scratch: &Path, events: usize) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for name in [
        "structured_windows",
        "raw_windows",
        "cisco_syslog",
        "sysmon_file_event",
    ] {
        let text = unpacked(&folder.join(format!("lanes/{name}.ndjson.gz")));
        lanes.push(lane(name, &text, scratch, events));
    }
    let entries = fs::read_dir(folder.join("otrf")).expect("recordings of attacks");
    let mut recordings: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a recording").path())
        .collect();
    recordings.sort();
    let unpacked = |recording: &PathBuf| unpacked(&recording.join("events.ndjson.gz"));
    let text: String = recordings.iter().map(unpacked).collect();
    lanes.push(Lane {
        is_recorded: true,
        ..lane("otrf", &text, scratch, events)
    });
    lanes
}

fn lane(name: &str, text: &str, scratch: &Path, events: usize) -> Lane {
    let count = text.lines().count();
    let times = events.div_ceil(count.max(1));
    let write = |kind: &str, text: &str| {
        let path = scratch.join(format!("{name}{kind}.ndjson"));
        fs::write(&path, text).expect("room for a lane");
        path
    };
    Lane {
        name: name.to_owned(),
        is_recorded: false,
        once: write("", text),
        repeated: write("-repeated", &text.repeat(times)),
        one_line: write("-one-line", "{\"product\":\"none\"}\n"),
        events: count * times,
    }
}

fn unpacked(path: &Path) -> String {
    let file = File::open(path).expect("a file of the recordings");
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("gzip of text");
    text
}
