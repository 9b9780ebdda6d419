//! Rules and events as they lie in the folder of recordings.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;

/// Events, a line each.
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) events: Vec<String>,
}

impl Lane {
    fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            events: text.lines().map(str::to_owned).collect(),
        }
    }

    /// The events, several times over.
    pub(crate) fn passes(&self, count: u32) -> impl Iterator<Item = &String> {
        (0..count).flat_map(|_| &self.events)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.events.iter().map(String::len).sum()
    }
}

/// The folder; `None`, said aloud, where there is none.
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

/// The lanes, and all recordings of attacks as one.
pub(crate) fn lanes(folder: &Path) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for name in [
        "structured_windows",
        "sysmon_file_event",
        "raw_windows",
        "cisco_syslog",
    ] {
        let text = unpacked(&folder.join(format!("lanes/{name}.ndjson.gz")));
        lanes.push(Lane::new(name, &text));
    }
    let entries = std::fs::read_dir(folder.join("otrf")).expect("recordings of attacks");
    let mut recordings: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a recording").path())
        .collect();
    recordings.sort();
    let unpacked = |recording: &PathBuf| unpacked(&recording.join("events.ndjson.gz"));
    let recorded: String = recordings.iter().map(unpacked).collect();
    lanes.push(Lane::new("otrf", &recorded));
    lanes
}

fn unpacked(path: &Path) -> String {
    let packed = std::fs::read(path).expect("a file of the recordings");
    let mut text = String::new();
    GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .expect("gzip of text");
    text
}

/// Files of a gzipped tar that end in `.yml`, by path.
pub(crate) fn rule_files(path: &Path) -> Vec<(String, String)> {
    const BLOCK: usize = 512;
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0);
        String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
    };
    let mut bytes = Vec::new();
    let packed = std::fs::read(path).expect("an archive of rules");
    GzDecoder::new(&packed[..])
        .read_to_end(&mut bytes)
        .expect("gzip");
    let mut files = Vec::new();
    let (mut rest, mut long_name) = (bytes.as_slice(), None);
    while let Some((header, behind)) = rest.split_at_checked(BLOCK) {
        if header[0] == 0 {
            break;
        }
        let size = usize::from_str_radix(text(&header[124..136]).trim(), 8).expect("a size");
        let body = behind.get(..size).expect("a whole archive");
        rest = behind
            .get(size.next_multiple_of(BLOCK)..)
            .unwrap_or_default();
        match header[156] {
            // Names that are too long for a header stand before it.
            b'L' => long_name = Some(text(body)),
            b'x' => {
                let records = text(body);
                let path = |line: &str| Some(line.split_once(" path=")?.1.to_owned());
                long_name = records.lines().find_map(path);
            }
            b'g' => {}
            _ => {
                let (prefix, short) = (text(&header[345..500]), text(&header[..100]));
                let joined = if prefix.is_empty() {
                    short
                } else {
                    format!("{prefix}/{short}")
                };
                let name = long_name.take().unwrap_or(joined);
                if name.ends_with(".yml") {
                    files.push((name, text(body)));
                }
            }
        }
    }
    files.sort();
    files
}

/// Memory of this process, where the system tells it.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}

/// Time that this thread had a processor; where the system does not tell, time that went by.
pub(crate) fn processor_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|told| told.split(' ').next()?.parse().ok());
    told.map_or_else(
        || START.get_or_init(Instant::now).elapsed(),
        Duration::from_nanos,
    )
}
