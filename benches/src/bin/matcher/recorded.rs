//! Recorded events, and what this process spends on them.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Events, a line each.
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) events: Vec<String>,
}

impl Lane {
    pub(crate) fn new(name: &str, text: &str) -> Self {
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
