//! The rules folder, watched.
//!
//! Owns when the rules are read again. It compares stamps of files and does not ask the system for
//! notifications (docs/decisions/0001). The outcome of a reload is the engine's, which also logs
//! it.
//! Invariant: rules are read again only when their stamps differ from those in force and were the
//! same for two looks, so that a half-written change is never taken.

use std::path::{Path, PathBuf};

use larum_engine::{Engine, ReloadError, RuntimeClock};
use larum_event::Span;

use crate::error::format_causes;
use crate::rule_files::{self, FileStamp};

/// Between two looks.
const EVERY: Span = Span::from_seconds(1);
/// A look that takes long is followed by a pause of so many times its length.
const PAUSES: i64 = 20;

/// What a look finds: the stamp of every file of the rules, or why there are none.
pub type FolderStamps = Result<Vec<FileStamp>, String>;

/// Looks at `folder`.
pub fn read_stamps(folder: &Path) -> FolderStamps {
    rule_files::read_stamps(folder).map_err(|error| format_causes(&error))
}

/// What was seen, and what was read of it.
#[derive(Debug)]
pub struct FolderWatch {
    /// As of when the rules were read; `None` has them read again.
    read: Option<FolderStamps>,
    last: FolderStamps,
}

impl FolderWatch {
    /// The rules were read after this was seen.
    pub fn new(seen: FolderStamps) -> Self {
        Self {
            read: Some(seen.clone()),
            last: seen,
        }
    }

    /// Takes note of another look: whether the rules are to be read again now.
    fn is_due(&mut self, seen: FolderStamps) -> bool {
        let is_still = seen == self.last;
        self.last = seen;
        let is_due = is_still && self.read.as_ref() != Some(&self.last);
        if is_due {
            self.read = Some(self.last.clone());
        }
        is_due
    }

    /// The rules could not be taken for a reason that is not theirs.
    fn try_again(&mut self) {
        self.read = None;
    }
}

/// Watches `folder` for `engine`, for ever.
pub async fn watch_folder(engine: Engine, folder: PathBuf, mut watched: FolderWatch) {
    let clock = RuntimeClock::system();
    let mut pause = EVERY;
    loop {
        clock.sleep(pause).await;
        let began = clock.monotonic();
        let there = folder.clone();
        // A look that panicked found nothing; there is another one.
        let Ok(seen) = actix_rt::task::spawn_blocking(move || read_stamps(&there)).await else {
            continue;
        };
        let took = clock.monotonic().since(began).as_nanos();
        pause = EVERY.max(Span::from_nanos(took.saturating_mul(PAUSES)));
        if !watched.is_due(seen) {
            continue;
        }
        match engine.reload_rules().await {
            Ok(_) | Err(ReloadError::Rules(_) | ReloadError::Unreadable { .. }) => {}
            Err(ReloadError::Log { .. }) => watched.try_again(),
            Err(ReloadError::Stopping | ReloadError::NoSource) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn stamps_of(what: &str) -> FolderStamps {
        Err(what.to_owned())
    }

    #[test]
    fn a_change_is_read_once_and_only_when_it_has_been_the_same_for_two_looks() {
        let mut watched = FolderWatch::new(stamps_of("a"));
        assert!(!watched.is_due(stamps_of("a")));
        assert!(!watched.is_due(stamps_of("half of b")));
        assert!(!watched.is_due(stamps_of("b")));
        assert!(watched.is_due(stamps_of("b")));
        assert!(!watched.is_due(stamps_of("b")));
        assert!(!watched.is_due(stamps_of("a")));
        assert!(watched.is_due(stamps_of("a")), "back is a change too");
    }

    #[test]
    fn a_change_that_is_gone_at_the_next_look_is_none() {
        let mut watched = FolderWatch::new(stamps_of("a"));
        assert!(!watched.is_due(stamps_of("b")));
        assert!(!watched.is_due(stamps_of("a")));
        assert!(!watched.is_due(stamps_of("a")));
    }

    #[test]
    fn what_could_not_be_taken_is_tried_again_without_a_change() {
        let mut watched = FolderWatch::new(stamps_of("a"));
        watched.try_again();
        assert!(watched.is_due(stamps_of("a")));
        assert!(!watched.is_due(stamps_of("a")));
    }

    #[test]
    fn whatever_happens_to_a_file_of_the_rules_is_seen_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("a.rhai", "one");
        let mut before = read_stamps(folder.path());
        assert_eq!(before.as_ref().unwrap().len(), 1);
        let mut differs = |what: &str| {
            let now = read_stamps(folder.path());
            assert_ne!(before, now, "{what}");
            before = now;
        };
        write("a.rhai", "longer");
        differs("written");
        write("b.rhai", "one");
        differs("added");
        // Of the same length, put into its place at once, as editors do.
        write(".b.rhai.new", "two");
        let path = |name: &str| folder.path().join(name);
        fs::rename(path(".b.rhai.new"), path("b.rhai")).unwrap();
        differs("replaced");
        fs::rename(path("b.rhai"), path("c.rhai")).unwrap();
        differs("renamed");
        fs::remove_file(path("c.rhai")).unwrap();
        differs("removed");
        fs::remove_file(path("a.rhai")).unwrap();
        differs("all gone");
        write("a.rhai", "one");
        differs("back");
        write("notes.md", "no rule");
        assert_eq!(read_stamps(folder.path()), before);
    }
}
