//! Where readers of the log come from.
//!
//! Owns one reader as the pattern of all others, and the handle for the log's upkeep. When the log
//! had to be reopened both are replaced, and every later reader reads the log that is open now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_log::{LogMaintenance, LogReader};

/// Makes readers. Clones make readers of the same log.
#[derive(Debug, Clone)]
pub struct ReaderFactory(Arc<Mutex<(LogReader, LogMaintenance)>>);

impl ReaderFactory {
    /// Readers like `pattern`, of a log that `upkeep` keeps up.
    pub fn new(pattern: LogReader, upkeep: LogMaintenance) -> Self {
        Self(Arc::new(Mutex::new((pattern, upkeep))))
    }

    fn lock_current(&self) -> MutexGuard<'_, (LogReader, LogMaintenance)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new reader.
    pub fn open_reader(&self) -> LogReader {
        self.lock_current().0.duplicate()
    }

    /// The upkeep of the log that is open now.
    pub fn maintenance(&self) -> LogMaintenance {
        self.lock_current().1.clone()
    }

    /// From now on, readers like `pattern`.
    pub fn replace_log(&self, pattern: LogReader, upkeep: LogMaintenance) {
        *self.lock_current() = (pattern, upkeep);
    }
}
