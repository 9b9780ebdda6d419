//! Runs a program to its end: its processor time, the time that went by, and its peak memory.

use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(3);
/// Ticks of `/proc/PID/stat`; Linux has 100 to the second everywhere.
const TICK: Duration = Duration::from_millis(10);

/// What a run cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) processor: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) peak_bytes: u64,
}

impl Cost {
    /// Without what `loading` took of it. A run that is too short to tell counts as one tick.
    pub(crate) fn beyond(&self, loading: &Self) -> Self {
        Self {
            processor: self.processor.saturating_sub(loading.processor).max(TICK),
            elapsed: self.elapsed.saturating_sub(loading.elapsed).max(TICK),
            peak_bytes: self.peak_bytes,
        }
    }
}

/// Runs `command`; what it writes is thrown away.
pub(crate) fn measure(command: &mut Command) -> Cost {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let process = format!("/proc/{}", child.id());
    // Nobody sends: it is a clock that wakes.
    let (_sender, wake) = sync_channel::<()>(1);
    let mut cost = Cost::default();
    loop {
        let memory = std::fs::read_to_string(format!("{process}/status")).unwrap_or_default();
        let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        cost.peak_bytes = cost.peak_bytes.max(peak.unwrap_or_default() * 1_024);
        // An ended process tells its times until it is waited for.
        let stat = std::fs::read_to_string(format!("{process}/stat")).unwrap_or_default();
        let (state, ticks) = state_and_ticks(&stat);
        if state != Some('Z') && !stat.is_empty() {
            let waited = wake.recv_timeout(LOOK);
            debug_assert_eq!(waited, Err(RecvTimeoutError::Timeout));
            continue;
        }
        cost.elapsed = start.elapsed();
        cost.processor = TICK * ticks;
        let status = child.wait().expect("it was started here");
        assert!(status.success(), "{command:?} ended with {status}");
        return cost;
    }
}

/// The state of a process, and its ticks in user and system mode.
fn state_and_ticks(stat: &str) -> (Option<char>, u32) {
    let behind_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = behind_name.split(' ');
    let state = fields.next().and_then(|field| field.chars().next());
    // utime and stime are the 14th and 15th of all, and the state is the third.
    let ticks = fields.skip(10).take(2);
    let ticks = ticks.filter_map(|field| field.parse::<u32>().ok()).sum();
    (state, ticks)
}
