//! The rules in force, and the one place where rule texts become rules.
//!
//! Owns which set is in force since where, for whoever asks, and the sets that were loaded last: what was
//! checked before it was written into the log need not be loaded again to take effect. Deciding that other
//! rules hold is the log's alone (`RuleSetActivated`).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{Position, RuleFile};
use larum_rule::{Diagnostic, RuleLoader, RuleSet};

/// Sets that are kept: the one in force, the one before and the one to come.
const KEPT: usize = 3;

/// See the module's words.
#[derive(Debug)]
pub(crate) struct Rulebook {
    loader: RuleLoader,
    loaded: Mutex<VecDeque<Arc<RuleSet>>>,
    in_force: Mutex<InForce>,
    /// Held by whoever changes the rules: one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// Rules and where they were activated.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    /// Events behind this position are evaluated by them.
    pub(crate) since: Position,
    /// The rules.
    pub(crate) set: Arc<RuleSet>,
}

impl Rulebook {
    /// Without rules; those to come are read by `loader`.
    pub(crate) fn new(loader: RuleLoader) -> Self {
        Self {
            loader,
            loaded: Mutex::default(),
            in_force: Mutex::new(InForce {
                since: Position::START,
                set: Arc::new(RuleSet::empty()),
            }),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The rules of `files`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn load(&self, files: &[RuleFile]) -> Result<Arc<RuleSet>, Vec<Diagnostic>> {
        let known = |set: &&Arc<RuleSet>| set.files() == files;
        if let Some(set) = lock(&self.loaded).iter().find(known) {
            return Ok(Arc::clone(set));
        }
        // Not under the lock: it takes a while, and others may know theirs already.
        let set = Arc::new(self.loader.load(files)?);
        let mut loaded = lock(&self.loaded);
        loaded.truncate(KEPT - 1);
        loaded.push_front(Arc::clone(&set));
        Ok(set)
    }

    /// From `since` on these rules hold.
    pub(crate) fn put_in_force(&self, since: Position, set: &Arc<RuleSet>) {
        *lock(&self.in_force) = InForce {
            since,
            set: Arc::clone(set),
        };
    }

    /// The rules in force.
    pub(crate) fn in_force(&self) -> InForce {
        lock(&self.in_force).clone()
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What names a set: a hash of its files, so that two engines can be compared.
pub(crate) fn set_hash(files: &[RuleFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in files.iter().flat_map(|file| [&file.path, &file.text]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<RuleFile> {
        vec![RuleFile {
            path: "a.rhai".into(),
            text: text.into(),
        }]
    }

    #[test]
    fn the_same_files_are_loaded_once_while_they_are_kept() {
        let book = Rulebook::new(RuleLoader::default());
        let one = book.load(&files(r#"rule("a").on("x.#");"#)).unwrap();
        let again = book.load(&files(r#"rule("a").on("x.#");"#)).unwrap();
        assert!(Arc::ptr_eq(&one, &again));
        for other in ["b", "c", "d"] {
            book.load(&files(&format!("rule(\"{other}\").on(\"x.#\");")))
                .unwrap();
        }
        let later = book.load(&files(r#"rule("a").on("x.#");"#)).unwrap();
        assert!(!Arc::ptr_eq(&one, &later));
        assert!(book.load(&files("rule(")).is_err());
    }

    #[test]
    fn moving_text_from_one_file_to_another_is_another_set() {
        let file = |path: &str, text: &str| RuleFile {
            path: path.into(),
            text: text.into(),
        };
        let one = set_hash(&[file("a", "bc"), file("d", "")]);
        assert_eq!(one, set_hash(&[file("a", "bc"), file("d", "")]));
        assert_ne!(one, set_hash(&[file("ab", "c"), file("d", "")]));
        assert_ne!(one, set_hash(&[file("a", ""), file("d", "bc")]));
    }
}
