//! The lanes of correlation: five failed logins of a user in five minutes, beside rsigma and SEC.

use std::fs;
use std::path::{Path, PathBuf};

use larum_event::{Span, Timestamp};

use crate::input::{self, Lane};

/// Ours and rsigma's rules, and SEC's.
const SIGMA: &str = include_str!("../../../correlation/logins.yml");
const SEC: &str = include_str!("../../../correlation/logins.sec");

/// The rules, written down.
pub(crate) struct Rules {
    /// A folder of Sigma rules.
    pub(crate) sigma: PathBuf,
    /// SEC's file.
    pub(crate) sec: PathBuf,
}

/// Writes the rules into the scratch folder.
pub(crate) fn rules(scratch: &Path) -> Rules {
    let rules = Rules {
        sigma: scratch.join("correlation"),
        sec: scratch.join("logins.sec"),
    };
    fs::create_dir_all(&rules.sigma).expect("a folder for the rules");
    fs::write(rules.sigma.join("logins.yml"), SIGMA).expect("room for the rules");
    fs::write(&rules.sec, SEC).expect("room for the rules");
    rules
}

/// The lanes, each gone on with until it has `events` events: every repetition is later than the
/// one before.
pub(crate) fn lanes(folder: &Path, scratch: &Path, events: usize) -> Vec<Lane> {
    ["logins_10k_users_1h", "logins_10k_users_burst"]
        .into_iter()
        .map(|name| {
            let text = larum_benches::lane(folder, name);
            input::written(name, &text, scratch, events, |times| repeated(&text, times))
        })
        .collect()
}

/// The lane `times` times, its times going on.
fn repeated(text: &str, times: usize) -> String {
    let stamps = || text.lines().filter_map(stamp);
    let first = stamps().min().unwrap_or_default();
    let last = stamps().max().unwrap_or_default();
    let length = last.duration_since(first).as_nanos() + 1_000_000;
    let mut whole = String::with_capacity(text.len() * times);
    for repetition in 0..times {
        let shift = i64::try_from(repetition)
            .unwrap_or(i64::MAX)
            .saturating_mul(length);
        for line in text.lines() {
            match stamp(line) {
                Some(time) => {
                    let later = time.saturating_add(Span::from_nanos(shift));
                    whole.push_str(&line.replace(&written(time), &written(later)));
                }
                None => whole.push_str(line),
            }
            whole.push('\n');
        }
    }
    whole
}

/// The time of a line, which begins with it.
fn stamp(line: &str) -> Option<Timestamp> {
    let text = line.strip_prefix("{\"@timestamp\":\"")?;
    Timestamp::parse(text.split('"').next()?).ok()
}

/// As the lanes write it, in milliseconds.
fn written(time: Timestamp) -> String {
    let time = time.to_chrono();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
