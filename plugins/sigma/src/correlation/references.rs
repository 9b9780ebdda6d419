//! What correlations are about: rules and other correlations, by id or name, in any order of
//! documents.
//!
//! Owns finding the targets; what is read of them is left to `correlate`.
//! Invariant: a correlation is resolved only after all that it is about, so none leads back to
//! itself and alerts pass through a finite number of layers.

use std::collections::HashMap;

use larum_event::WindowSpec;

use super::{CorrelationKind, SigmaCorrelation};
use crate::error::DocumentProblem;
use crate::load::LoadedRule;

/// A document that a correlation is about, by its place among those that were loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ReferenceTarget {
    /// A rule: its events are asked.
    Rule(usize),
    /// A correlation: its alerts are read.
    Correlation(usize),
}

/// One of the things that a correlation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleReference {
    /// The name that the correlation gives it.
    pub(crate) name: String,
    /// The document of that name.
    pub(crate) target: ReferenceTarget,
    /// The steps that its events are.
    pub(crate) bits: u32,
    /// What the members of the group are called there.
    pub(crate) group_by: Vec<String>,
    /// What the fields that are counted or computed with are called there.
    pub(crate) fields: Vec<String>,
}

/// A correlation that can run.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedCorrelation {
    pub(crate) correlation: SigmaCorrelation,
    pub(crate) window: WindowSpec,
    pub(crate) references: Vec<RuleReference>,
}

/// Correlations that can run, each behind those that it is about, and those that cannot.
pub(crate) fn resolve_correlations(
    rules: &[LoadedRule],
    correlations: Vec<SigmaCorrelation>,
) -> (
    Vec<ResolvedCorrelation>,
    Vec<(SigmaCorrelation, DocumentProblem)>,
) {
    let mut resolver = ReferenceResolver::new(rules, &correlations);
    // Each only after those that it is about: it needs their places among the resolved, and a
    // circle is what still waits in the end.
    let mut refused = Vec::new();
    let mut waiting: Vec<(usize, SigmaCorrelation)> =
        correlations.into_iter().enumerate().collect();
    while let Some(ready) = waiting
        .iter()
        .position(|(_, one)| resolver.is_resolvable(one))
    {
        let (number, one) = waiting.remove(ready);
        match resolver.resolve_one(&one) {
            Ok(resolved) => resolver.add_resolved(number, resolved),
            Err(reason) => {
                let problem = DocumentProblem::new(one.line, reason);
                refused.push((one, problem));
            }
        }
    }
    for (_, one) in waiting {
        let missing = |name: &&String| resolver.find_targets(name).is_empty();
        let reason = match one.rules.iter().find(missing) {
            Some(name) => format!("it is about {name:?}, which is not loaded"),
            None => "what it is about is not loaded, or is about it in turn".to_owned(),
        };
        let problem = DocumentProblem::new(one.line, reason);
        refused.push((one, problem));
    }
    (resolver.resolved, refused)
}

struct ReferenceResolver {
    /// Rules, and correlations by their place in the input, by id and by name.
    targets_by_name: HashMap<String, Vec<ReferenceTarget>>,
    /// The place of each correlation of the input among those that were resolved.
    places: HashMap<usize, usize>,
    resolved: Vec<ResolvedCorrelation>,
}

impl ReferenceResolver {
    fn new(rules: &[LoadedRule], correlations: &[SigmaCorrelation]) -> Self {
        let mut called: HashMap<String, Vec<ReferenceTarget>> = HashMap::new();
        let mut call = |names: [&Option<String>; 2], target: ReferenceTarget| {
            for name in names.into_iter().flatten() {
                let known = called.entry(name.clone()).or_default();
                if !known.contains(&target) {
                    known.push(target);
                }
            }
        };
        for (number, rule) in rules.iter().enumerate() {
            call([&rule.id, &rule.name], ReferenceTarget::Rule(number));
        }
        for (number, one) in correlations.iter().enumerate() {
            call([&one.id, &one.name], ReferenceTarget::Correlation(number));
        }
        Self {
            targets_by_name: called,
            places: HashMap::new(),
            resolved: Vec::new(),
        }
    }

    fn find_targets(&self, name: &str) -> &[ReferenceTarget] {
        self.targets_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether everything that it is about was resolved.
    fn is_resolvable(&self, one: &SigmaCorrelation) -> bool {
        one.rules.iter().all(|name| {
            let called = self.find_targets(name);
            !called.is_empty()
                && called
                    .iter()
                    .all(|target| self.find_resolved(*target).is_some())
        })
    }

    /// The target among those that were resolved.
    fn find_resolved(&self, target: ReferenceTarget) -> Option<ReferenceTarget> {
        match target {
            ReferenceTarget::Rule(_) => Some(target),
            ReferenceTarget::Correlation(number) => {
                let place = self.places.get(&number)?;
                Some(ReferenceTarget::Correlation(*place))
            }
        }
    }

    fn add_resolved(&mut self, number: usize, resolved: ResolvedCorrelation) {
        self.places.insert(number, self.resolved.len());
        self.resolved.push(resolved);
    }

    fn resolve_one(&self, one: &SigmaCorrelation) -> Result<ResolvedCorrelation, String> {
        let mut references: Vec<RuleReference> = Vec::with_capacity(one.rules.len());
        for name in &one.rules {
            let target = self.find_target(name)?;
            // The order of a list may come back to a rule; else twice is once.
            let is_known = references.iter().any(|known| known.target == target);
            if is_known && one.kind != CorrelationKind::TemporalOrdered {
                continue;
            }
            references.push(RuleReference {
                name: name.clone(),
                target,
                bits: 1,
                group_by: Vec::new(),
                fields: Vec::new(),
            });
        }
        // Aliases name rules by id or name, so all references are known before any is looked up.
        let aliases = self.resolve_aliases(one, &references)?;
        for reference in &mut references {
            let field_of = |wanted: &String| {
                let alias = aliases
                    .iter()
                    .find(|(alias, target, _)| *alias == wanted && *target == reference.target);
                alias.map_or(wanted, |(_, _, field)| field).clone()
            };
            reference.group_by = one.group_by.iter().map(field_of).collect();
            reference.fields = one.fields.iter().map(field_of).collect();
            if let ReferenceTarget::Correlation(place) = reference.target
                && let Some(other) = self.resolved.get(place)
            {
                let asked = [
                    ("groups by", &one.group_by, &reference.group_by),
                    ("asks for", &one.fields, &reference.fields),
                ];
                for (does, names, fields) in asked {
                    check_carried_fields(&other.correlation, does, names, fields)?;
                }
            }
        }
        let window = one.window_spec(&mut references)?;
        Ok(ResolvedCorrelation {
            correlation: one.clone(),
            window,
            references,
        })
    }

    fn find_target(&self, name: &str) -> Result<ReferenceTarget, String> {
        let not_loaded = || format!("it is about {name:?}, which is not loaded");
        match self.find_targets(name) {
            [] => Err(not_loaded()),
            [target] => self.find_resolved(*target).ok_or_else(not_loaded),
            [..] => Err(format!("it is about {name:?}, and several are called so")),
        }
    }

    /// What fields are called in what the correlation is about, which aliases may call by id or by
    /// name.
    fn resolve_aliases<'c>(
        &self,
        one: &'c SigmaCorrelation,
        references: &[RuleReference],
    ) -> Result<Vec<(&'c String, ReferenceTarget, &'c String)>, String> {
        let mut aliases = Vec::with_capacity(one.aliases.len());
        for (alias, rule, field) in &one.aliases {
            let named = self.find_target(rule).ok();
            let own = named.filter(|target| references.iter().any(|it| it.target == *target));
            let target = own.ok_or_else(|| {
                format!("the alias {alias:?} names {rule:?}, which it is not about")
            })?;
            aliases.push((alias, target, field));
        }
        Ok(aliases)
    }
}

/// Whether the alerts of `other` carry `fields`, which their reader calls `names`.
fn check_carried_fields(
    other: &SigmaCorrelation,
    does: &str,
    names: &[String],
    fields: &[String],
) -> Result<(), String> {
    for (name, field) in names.iter().zip(fields) {
        if !other.group_by.contains(field) {
            return Err(format!(
                "it {does} {name:?}, and alerts of {:?} carry no {field:?}",
                other.title
            ));
        }
    }
    Ok(())
}
