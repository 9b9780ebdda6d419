//! What correlations are about: rules and other correlations, by id or name, in any order of documents.

use std::collections::HashMap;

use larum_event::WindowSpec;

use super::{Correlation, CorrelationKind};
use crate::error::Problem;
use crate::load::LoadedRule;

/// A document that a correlation is about, by its place among those that were loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A rule: its events are asked.
    Rule(usize),
    /// A correlation: its alerts are read.
    Correlation(usize),
}

/// One of the things that a correlation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// As the correlation calls it.
    pub(crate) name: String,
    /// What that is.
    pub(crate) target: Target,
    /// The steps that its events are.
    pub(crate) bits: u32,
    /// What the members of the group are called there.
    pub(crate) group_by: Vec<String>,
    /// What the fields that are counted or computed with are called there.
    pub(crate) fields: Vec<String>,
}

/// A correlation that can run.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) correlation: Correlation,
    pub(crate) window: WindowSpec,
    pub(crate) references: Vec<Reference>,
}

/// Correlations that can run, each behind those that it is about, and those that cannot.
pub(crate) fn resolve(
    rules: &[LoadedRule],
    correlations: Vec<Correlation>,
) -> (Vec<Resolved>, Vec<(Correlation, Problem)>) {
    let mut resolver = Resolver::new(rules, &correlations);
    let mut refused = Vec::new();
    let mut waiting: Vec<(usize, Correlation)> = correlations.into_iter().enumerate().collect();
    while let Some(ready) = waiting
        .iter()
        .position(|(_, one)| resolver.may_be_resolved(one))
    {
        let (number, one) = waiting.remove(ready);
        match resolver.resolved(&one) {
            Ok(resolved) => resolver.take_up(number, resolved),
            Err(reason) => {
                let problem = Problem::new(one.line, reason);
                refused.push((one, problem));
            }
        }
    }
    for (_, one) in waiting {
        let missing = |name: &&String| resolver.called(name).is_empty();
        let reason = match one.rules.iter().find(missing) {
            Some(name) => format!("it is about {name:?}, which is not loaded"),
            None => "what it is about is not loaded, or is about it in turn".to_owned(),
        };
        let problem = Problem::new(one.line, reason);
        refused.push((one, problem));
    }
    (resolver.resolved, refused)
}

struct Resolver {
    /// Rules, and correlations by their place in the input, by id and by name.
    called: HashMap<String, Vec<Target>>,
    /// Where correlations of the input stand among those that were resolved.
    places: HashMap<usize, usize>,
    resolved: Vec<Resolved>,
}

impl Resolver {
    fn new(rules: &[LoadedRule], correlations: &[Correlation]) -> Self {
        let mut called: HashMap<String, Vec<Target>> = HashMap::new();
        let mut call = |names: [&Option<String>; 2], target: Target| {
            for name in names.into_iter().flatten() {
                let known = called.entry(name.clone()).or_default();
                if !known.contains(&target) {
                    known.push(target);
                }
            }
        };
        for (number, rule) in rules.iter().enumerate() {
            call([&rule.id, &rule.name], Target::Rule(number));
        }
        for (number, one) in correlations.iter().enumerate() {
            call([&one.id, &one.name], Target::Correlation(number));
        }
        Self {
            called,
            places: HashMap::new(),
            resolved: Vec::new(),
        }
    }

    fn called(&self, name: &str) -> &[Target] {
        self.called.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether all that it is about is there.
    fn may_be_resolved(&self, one: &Correlation) -> bool {
        one.rules.iter().all(|name| {
            let called = self.called(name);
            !called.is_empty() && called.iter().all(|target| self.place(*target).is_some())
        })
    }

    /// The target among those that were resolved.
    fn place(&self, target: Target) -> Option<Target> {
        match target {
            Target::Rule(_) => Some(target),
            Target::Correlation(number) => {
                let place = self.places.get(&number)?;
                Some(Target::Correlation(*place))
            }
        }
    }

    fn take_up(&mut self, number: usize, resolved: Resolved) {
        self.places.insert(number, self.resolved.len());
        self.resolved.push(resolved);
    }

    fn resolved(&self, one: &Correlation) -> Result<Resolved, String> {
        let mut references: Vec<Reference> = Vec::with_capacity(one.rules.len());
        for name in &one.rules {
            let target = self.target(name)?;
            // The order of a list may come back to a rule; else twice is once.
            let is_known = references.iter().any(|known| known.target == target);
            if is_known && one.kind != CorrelationKind::TemporalOrdered {
                continue;
            }
            references.push(Reference {
                name: name.clone(),
                target,
                bits: 1,
                group_by: Vec::new(),
                fields: Vec::new(),
            });
        }
        let aliases = self.aliases(one, &references)?;
        for reference in &mut references {
            let field_of = |wanted: &String| {
                let alias = aliases
                    .iter()
                    .find(|(alias, target, _)| *alias == wanted && *target == reference.target);
                alias.map_or(wanted, |(_, _, field)| field).clone()
            };
            reference.group_by = one.group_by.iter().map(field_of).collect();
            reference.fields = one.fields.iter().map(field_of).collect();
            if let Target::Correlation(place) = reference.target
                && let Some(other) = self.resolved.get(place)
            {
                let asked = [
                    ("groups by", &one.group_by, &reference.group_by),
                    ("asks for", &one.fields, &reference.fields),
                ];
                for (does, names, fields) in asked {
                    check_carries(&other.correlation, does, names, fields)?;
                }
            }
        }
        let window = one.window(&mut references)?;
        Ok(Resolved {
            correlation: one.clone(),
            window,
            references,
        })
    }

    fn target(&self, name: &str) -> Result<Target, String> {
        let not_loaded = || format!("it is about {name:?}, which is not loaded");
        match self.called(name) {
            [] => Err(not_loaded()),
            [target] => self.place(*target).ok_or_else(not_loaded),
            [..] => Err(format!("it is about {name:?}, and several are called so")),
        }
    }

    /// What fields are called in what the correlation is about, which aliases may call by id or by name.
    fn aliases<'c>(
        &self,
        one: &'c Correlation,
        references: &[Reference],
    ) -> Result<Vec<(&'c String, Target, &'c String)>, String> {
        let mut aliases = Vec::with_capacity(one.aliases.len());
        for (alias, rule, field) in &one.aliases {
            let target = self.target(rule).ok();
            let target = target.filter(|target| references.iter().any(|it| it.target == *target));
            let target = target.ok_or_else(|| {
                format!("the alias {alias:?} names {rule:?}, which it is not about")
            })?;
            aliases.push((alias, target, field));
        }
        Ok(aliases)
    }
}

/// Whether the alerts of `other` carry `fields`, which their reader calls `names`.
fn check_carries(
    other: &Correlation,
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
