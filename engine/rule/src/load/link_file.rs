//! Files that declare links and entities for a whole set.

use larum_event::RuleFile;
use larum_predicate::Diagnostic;

use crate::diagnostic::RuleProblem;
use crate::draft::RuleDraft;
use crate::side_file::has_file_name;

/// The name of files that declare links and entities for the whole set, and hold no rule.
const FILE: &str = "links.rhai";

/// Whether a file, by its path relative to the rules folder, declares links and entities for the
/// whole set and holds no rule: it is called `links.rhai`. Every rule needs such a file, so a
/// caller that loads only some rules of a set must load it too. Other Rhai files may declare links
/// beside their rules.
pub fn is_link_file(path: &str) -> bool {
    has_file_name(path, FILE)
}

/// What is wrong with a file for links that holds rules: callers that list rules pass it over.
pub(super) fn check_link_file(file: &RuleFile, drafts: &[RuleDraft]) -> Option<Diagnostic> {
    let first = drafts.first().filter(|_| is_link_file(&file.path))?;
    let message = format!("a file called {FILE} declares links and entities only");
    let problem = RuleProblem::new("rule-among-links", message)
        .about_rule(&first.name)
        .with_help("give the rule a folder of its own");
    Some(problem.into_error_at(file, first.place))
}
