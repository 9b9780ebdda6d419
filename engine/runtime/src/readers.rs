//! Where readers of the log come from.
//!
//! Owns one reader as the pattern of all others. When the log had to be opened again the pattern is
//! replaced, and whoever asks from then on reads the log that is open now.

use std::sync::{Arc, Mutex, PoisonError};

use larum_log::LogReader;

/// Makes readers. Clones make readers of the same log.
#[derive(Debug, Clone)]
pub struct Readers(Arc<Mutex<LogReader>>);

impl Readers {
    /// Readers like `pattern`.
    pub fn new(pattern: LogReader) -> Self {
        Self(Arc::new(Mutex::new(pattern)))
    }

    /// A new reader.
    pub fn open(&self) -> LogReader {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .another()
    }

    /// From now on, readers like `pattern`.
    pub fn replace(&self, pattern: LogReader) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pattern;
    }
}
