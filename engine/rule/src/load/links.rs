//! Links and entities of the files that are loaded.

use std::mem::take;

use larum_event::{LinkSet, RuleFile};

use super::Loader;
use crate::beside::is_called;
use crate::diagnostic::Refusal;
use crate::draft::{Draft, FinishLinks, agreed};

/// The name of files that declare links and entities for the whole set, and hold no rule.
const FILE: &str = "links.rhai";

/// Whether a file, by its path relative to the rules folder, declares links and entities for the whole set and
/// holds no rule: it is called `links.rhai`. Such a file belongs to every rule, so whoever loads some rules of a
/// set needs it too. Other Rhai files may declare links beside their rules.
pub fn is_link_file(path: &str) -> bool {
    is_called(path, FILE)
}

impl Loader {
    /// Rules in a file that is for links would be passed over by whoever looks for rules.
    pub(super) fn rules_among_links(&mut self, file: &RuleFile, drafts: &[Draft]) {
        if let Some(first) = drafts.first().filter(|_| is_link_file(&file.path)) {
            let problem = format!("a file called {FILE} declares links and entities only");
            let problem = Refusal::new("rule-among-links", problem).of_rule(&first.name);
            let problem = problem.help("give the rule a folder of its own");
            self.problems.push(problem.at(file, first.place));
        }
    }

    /// Finishes the links and entities of the file that was executed; whether there are any.
    pub(super) fn links(&mut self, number: usize, file: &RuleFile) -> bool {
        let (links, entities) = {
            let mut building = self.building.borrow_mut();
            let links = take(&mut building.links);
            (links, take(&mut building.entities))
        };
        let declares = !links.is_empty() || !entities.is_empty();
        let mut finish = FinishLinks {
            file,
            number,
            catalogue: &self.catalogue,
            problems: &mut self.problems,
        };
        for draft in links {
            self.links.extend(finish.link(draft));
        }
        for draft in entities {
            self.entities.extend(finish.entity(draft));
        }
        declares
    }

    /// What the declarations of all files make together.
    pub(super) fn links_of_set(&mut self, files: &[RuleFile]) -> LinkSet {
        let (links, entities) = (take(&mut self.links), take(&mut self.entities));
        agreed(files, links, entities, &mut self.problems)
    }
}
