//! What rules ask of nodes against what links keep.

use larum_event::{LinkSet, RuleFile};
use larum_predicate::Diagnostic;

use super::pending_rule::PendingRule;
use crate::diagnostic::{RuleProblem, did_you_mean, place_diagnostic};
use crate::script::FieldUsageKind;

/// Warns of fields of nodes that no link keeps; without links anything may come.
pub(super) fn check_kept_fields(
    rules: &[PendingRule],
    links: &LinkSet,
    files: &[RuleFile],
    problems: &mut Vec<Diagnostic>,
) {
    if links.links.is_empty() {
        return;
    }
    let fields = links.links.iter().flat_map(|link| &link.keep);
    let kept: Vec<&str> = fields.map(AsRef::as_ref).collect();
    for pending in rules {
        let Some(file) = pending.find_file(files) else {
            continue;
        };
        let by_topics = pending.field_usages.by_topics.iter();
        let usages = by_topics.flat_map(|(_, usages)| usages);
        for usage in usages.filter(|usage| usage.kind == FieldUsageKind::Kept) {
            let path = usage.path.as_str();
            if kept
                .iter()
                .any(|known| is_within(path, known) || is_within(known, path))
            {
                continue;
            }
            let problem = format!("no link keeps `{path}` of what begins a node");
            let help = did_you_mean(path, kept.iter().copied())
                .unwrap_or_else(|| format!("add it to the link: `.keep([.., \"{path}\"])`"));
            let problem = RuleProblem::new("not-kept", problem)
                .with_help(help)
                .about_rule(pending.rule.id.as_str());
            let warning = place_diagnostic(problem.into_warning(), file, usage.place);
            // A function that two closures call would be warned of twice.
            if !problems.contains(&warning) {
                problems.push(warning);
            }
        }
    }
}

/// Whether a path is another one, or lies below it.
fn is_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
