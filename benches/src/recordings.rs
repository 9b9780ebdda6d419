//! Rules and events as they lie in the folder of recordings.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// The folder that `LARUM_DATA` names, or `shared/data` beside the project; `None`, said aloud,
/// where there is none.
#[expect(clippy::print_stdout, reason = "a benchmark that is skipped says so")]
pub fn recordings() -> Option<PathBuf> {
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

/// A lane, and all recordings of attacks as one, which is called `otrf`: names and events, a line
/// each.
///
/// # Panics
/// A file is missing or broken.
pub fn recorded_lanes(folder: &Path) -> Vec<(String, String)> {
    let mut lanes = Vec::new();
    for name in [
        "structured_windows",
        "sysmon_file_event",
        "raw_windows",
        "cisco_syslog",
    ] {
        let text = unpacked(&folder.join(format!("lanes/{name}.ndjson.gz")));
        lanes.push((name.to_owned(), text));
    }
    let entries = fs::read_dir(folder.join("otrf")).expect("recordings of attacks");
    let mut recordings: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a recording").path())
        .collect();
    recordings.sort();
    let unpacked = |recording: &PathBuf| unpacked(&recording.join("events.ndjson.gz"));
    lanes.push(("otrf".to_owned(), recordings.iter().map(unpacked).collect()));
    lanes
}

/// All of SigmaHQ's rules, by path.
///
/// # Panics
/// The archive is missing or broken.
pub fn sigma_rules(folder: &Path) -> Vec<(String, String)> {
    let packed = File::open(folder.join("sigma-rules.tar.gz")).expect("an archive of rules");
    let mut archive = tar::Archive::new(GzDecoder::new(packed));
    let mut files = Vec::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("a whole archive");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        if name.ends_with(".yml") {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            files.push((name, text));
        }
    }
    files.sort();
    files
}

/// One lane, by its name.
///
/// # Panics
/// It is missing or broken.
pub fn lane(folder: &Path, name: &str) -> String {
    unpacked(&folder.join(format!("lanes/{name}.ndjson.gz")))
}

fn unpacked(path: &Path) -> String {
    let file = File::open(path).expect("a file of the recordings");
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("gzip of text");
    text
}
