//! From files to a set: scripts are executed, front ends compile theirs, and the whole is checked.

mod pending_rule;

mod rhai_files;

mod rhai_problems;

mod link_file;

mod foreign;

mod set_builder;

mod set_problems;

mod kept_fields;

mod programs;

mod correlation_inputs;

use larum_predicate::{Diagnostic, FrontEnd};
use std::sync::Arc;

use larum_event::RuleFile;

pub use self::link_file::is_link_file;
use self::rhai_files::RhaiFileLoader;
use self::set_builder::RuleSetBuilder;
use crate::set::RuleSet;
use crate::side_file::is_side_file;

/// Loads sets of rules: those in Rhai, and those of the languages it has front ends for.
#[derive(Debug, Clone, Default)]
pub struct RuleLoader {
    front_ends: Vec<Arc<dyn FrontEnd>>,
    interprets: bool,
}

impl RuleLoader {
    /// The same loader, which also reads the language of `front_end`.
    #[must_use]
    pub fn with_front_end(mut self, front_end: impl FrontEnd + 'static) -> Self {
        self.front_ends.push(Arc::new(front_end));
        self
    }

    /// The same loader, but every closure of a rule runs as a script, for every event of its
    /// topics. The answers are the same: tests compare the native conditions with them.
    #[must_use]
    pub fn with_interpretation(mut self) -> Self {
        self.interprets = true;
        self
    }

    /// Whether a file, by its path relative to the rules folder, is part of a set.
    pub fn reads_file(&self, path: &str) -> bool {
        path.ends_with(".rhai") || is_side_file(path) || self.is_foreign(path)
    }

    /// Loads a set: executes each Rhai file once, lets the front ends compile theirs, and checks
    /// the whole.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once, in the order of the files. Nothing of a
    /// set with an error is usable. Documents that a front end refuses do not stop the others; they
    /// are among the warnings of the set, as
    /// [`DiagnosticLevel::Refused`](crate::DiagnosticLevel::Refused).
    pub fn load(&self, files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
        let mut builder = RuleSetBuilder::new(files, self.interprets);
        // Side files before rules: each rule is checked against the catalogue as it loads.
        builder.load_side_files();
        let mut scripts = RhaiFileLoader::new();
        for (number, file) in files.iter().enumerate() {
            if !self.is_foreign(&file.path) && !is_side_file(&file.path) {
                builder.load_rhai_file(&mut scripts, number, file);
            }
        }
        for front_end in &self.front_ends {
            builder.compile_front_end(front_end.as_ref());
        }
        builder.build_set()
    }

    /// Whether a front end reads the file.
    fn is_foreign(&self, path: &str) -> bool {
        self.front_ends.iter().any(|one| one.reads_file(path))
    }
}

impl RuleSet {
    /// Loads rules written in Rhai; see [`RuleLoader::load`], which also takes other languages.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load(files: &[RuleFile]) -> Result<Self, Vec<Diagnostic>> {
        RuleLoader::default().load(files)
    }
}
