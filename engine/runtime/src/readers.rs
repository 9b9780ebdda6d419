//! Where readers of the log come from.
//!
//! Owns one reader as the pattern of all others, and the handle for the log's upkeep. When the log had to be
//! opened again both are replaced, and whoever asks from then on reads the log that is open now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_log::{LogReader, Maintenance};

/// Makes readers. Clones make readers of the same log.
#[derive(Debug, Clone)]
pub struct Readers(Arc<Mutex<(LogReader, Maintenance)>>);

impl Readers {
    /// Readers like `pattern`, of a log that `upkeep` keeps up.
    pub fn new(pattern: LogReader, upkeep: Maintenance) -> Self {
        Self(Arc::new(Mutex::new((pattern, upkeep))))
    }

    fn now(&self) -> MutexGuard<'_, (LogReader, Maintenance)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new reader.
    pub fn open(&self) -> LogReader {
        self.now().0.another()
    }

    /// The upkeep of the log that is open now.
    pub fn upkeep(&self) -> Maintenance {
        self.now().1.clone()
    }

    /// From now on, readers like `pattern`.
    pub fn replace(&self, pattern: LogReader, upkeep: Maintenance) {
        *self.now() = (pattern, upkeep);
    }
}
