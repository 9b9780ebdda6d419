//! Rules and lanes, unpacked into the scratch folder.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The folder that holds SigmaHQ's rules.
pub(crate) fn unpack_rules(folder: &Path, scratch: &Path) -> PathBuf {
    let rules = scratch.join("rules");
    if !rules.is_dir() {
        for (path, text) in larum_benches::sigma_rules(folder) {
            let path = rules.join(path);
            let parent = path.parent().expect("a folder of rules");
            fs::create_dir_all(parent).expect("a folder for the rules");
            fs::write(path, text).expect("room for the rules");
        }
    }
    rules
}

/// The lanes, each with at least `events` events, and all recordings of attacks as one.
pub(crate) fn lanes(folder: &Path, scratch: &Path, events: usize) -> Vec<Lane> {
    larum_benches::recorded_lanes(folder)
        .into_iter()
        .map(|(name, text)| Lane {
            is_recorded: name == "otrf",
            ..lane(&name, &text, scratch, events)
        })
        .collect()
}

fn lane(name: &str, text: &str, scratch: &Path, events: usize) -> Lane {
    written(name, text, scratch, events, |times| text.repeat(times))
}

/// A lane whose files are in `scratch`; `repeated` gives the text so many times.
pub(crate) fn written(
    name: &str,
    text: &str,
    scratch: &Path,
    events: usize,
    repeated: impl FnOnce(usize) -> String,
) -> Lane {
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
        repeated: write("-repeated", &repeated(times)),
        one_line: write("-one-line", "{\"product\":\"none\"}\n"),
        events: count * times,
    }
}
