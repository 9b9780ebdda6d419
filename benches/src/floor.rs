//! What the disk can do at best: the same bytes, written and synced, and nothing else.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::error::BenchError;
use crate::latency::Latency;

/// How long one write of `bytes` with its `fdatasync` takes in a folder.
#[derive(Debug)]
pub struct Floor {
    /// Bytes of each write.
    pub bytes: usize,
    /// The times.
    pub latency: Latency,
}

/// Appends `bytes` and syncs, `times` times over.
///
/// # Errors
/// The disk failed.
pub fn fdatasync_floor(dir: &Path, bytes: usize, times: usize) -> Result<Floor, BenchError> {
    let path = dir.join("floor");
    let mut file = std::fs::File::create(&path)?;
    let block = vec![b'x'; bytes];
    let mut latency = Latency::new();
    for _ in 0..times {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        latency.record(start.elapsed());
    }
    drop(file);
    std::fs::remove_file(path)?;
    Ok(Floor { bytes, latency })
}
