//! The recordings with known answers, for the tests of this crate, those inside of it too.

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

/// The folder of the recordings; `None` if it is missing and not required.
pub(crate) fn recordings() -> Option<PathBuf> {
    let named = std::env::var_os("LARUM_DATA").map(PathBuf::from);
    let must = named.is_some();
    let folder = named
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let folder = folder.join("correlation");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(!must, "LARUM_DATA is set, but {folder:?} is no folder");
    println!("skipped: no recordings in {folder:?}");
    None
}

/// The events of a recording, plain or zipped.
pub(crate) fn lines(path: PathBuf) -> Vec<Value> {
    let zipped = path.with_extension("ndjson.gz");
    let mut text = String::new();
    if path.exists() {
        text = std::fs::read_to_string(path).unwrap();
    } else {
        let file = std::fs::File::open(zipped).unwrap();
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap();
    }
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
