//! What rules ask of nodes against what links keep.

use larum_event::{LinkSet, RuleFile};

use super::RuleSetBuilder;
use crate::diagnostic::{RuleProblem, did_you_mean, place_diagnostic};
use crate::script::FieldUsageKind;

impl RuleSetBuilder {
    /// Warns of fields of nodes that no link keeps; without links anything may come.
    pub(super) fn check_kept_fields(&mut self, links: &LinkSet, files: &[RuleFile]) {
        let kept: Vec<&str> = links
            .links
            .iter()
            .flat_map(|link| link.keep.iter().map(AsRef::as_ref))
            .collect();
        if links.links.is_empty() {
            return;
        }
        for loaded in &self.loaded {
            let uses = loaded
                .field_usages
                .by_topics
                .iter()
                .flat_map(|(_, uses)| uses);
            for one in uses.filter(|one| one.kind == FieldUsageKind::Kept) {
                let is_kept =
                    |known: &&str| is_within(&one.path, known) || is_within(known, &one.path);
                let Some(file) = loaded.file.and_then(|file| files.get(file)) else {
                    continue;
                };
                if kept.iter().any(is_kept) {
                    continue;
                }
                let problem = format!("no link keeps `{}` of what begins a node", one.path);
                let help = did_you_mean(&one.path, kept.iter().copied()).unwrap_or_else(|| {
                    format!("add it to the link: `.keep([.., \"{}\"])`", one.path)
                });
                let problem = RuleProblem::new("not-kept", problem).with_help(help);
                let problem = problem.about_rule(loaded.rule.id.as_str()).into_warning();
                let problem = place_diagnostic(problem, file, one.place);
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
            }
        }
    }
}

/// Whether a path is another one, or lies below it.
fn is_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
