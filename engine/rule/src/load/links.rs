//! Links and entities of the files that are loaded.

use std::mem::take;

use larum_event::{LinkSet, RuleFile};

use super::RuleSetBuilder;
use crate::diagnostic::RuleProblem;
use crate::draft::{LinkFinisher, RuleDraft, build_link_set};
use crate::side_file::has_file_name;

/// The name of files that declare links and entities for the whole set, and hold no rule.
const FILE: &str = "links.rhai";

/// Whether a file, by its path relative to the rules folder, declares links and entities for the whole set and
/// holds no rule: it is called `links.rhai`. Such a file belongs to every rule, so whoever loads some rules of a
/// set needs it too. Other Rhai files may declare links beside their rules.
pub fn is_link_file(path: &str) -> bool {
    has_file_name(path, FILE)
}

impl RuleSetBuilder {
    /// Rules in a file that is for links would be passed over by whoever looks for rules.
    pub(super) fn check_link_file(&mut self, file: &RuleFile, drafts: &[RuleDraft]) {
        if let Some(first) = drafts.first().filter(|_| is_link_file(&file.path)) {
            let problem = format!("a file called {FILE} declares links and entities only");
            let problem = RuleProblem::new("rule-among-links", problem).about_rule(&first.name);
            let problem = problem.with_help("give the rule a folder of its own");
            self.problems.push(problem.into_error_at(file, first.place));
        }
    }

    /// Finishes the links and entities of the file that was executed; whether there are any.
    pub(super) fn finish_links(&mut self, number: usize, file: &RuleFile) -> bool {
        let (links, entities) = {
            let mut building = self.draft_collection.borrow_mut();
            let links = take(&mut building.links);
            (links, take(&mut building.entities))
        };
        let declares = !links.is_empty() || !entities.is_empty();
        let mut finish = LinkFinisher {
            file,
            number,
            catalogue: &self.catalogue,
            problems: &mut self.problems,
        };
        for draft in links {
            self.links.extend(finish.finish_link(draft));
        }
        for draft in entities {
            self.entities.extend(finish.finish_entity(draft));
        }
        declares
    }

    /// What the declarations of all files make together.
    pub(super) fn finish_link_set(&mut self, files: &[RuleFile]) -> LinkSet {
        let (links, entities) = (take(&mut self.links), take(&mut self.entities));
        build_link_set(files, links, entities, &mut self.problems)
    }
}
