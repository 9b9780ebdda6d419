//! What links of one name must have in common, and the set that all of them make.
//!
//! Owns the checks between links. Within one link they are done in `finish`.
//! Invariant: links of one name name nodes of one kind, so what one of them calls a parent is what
//! one of them calls a node; otherwise parents would silently never be found.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{EntitySpec, IncidentJoin, LinkSet, LinkSpec, RuleFile, limits};
use larum_predicate::Diagnostic;
use rhai::Position;

use super::LinkParts;
use super::version::link_version;
use crate::diagnostic::RuleProblem;

/// A link, and the places of its methods.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredLink {
    pub(crate) link: LinkSpec,
    pub(crate) file: usize,
    pub(super) places: LinkPlaces,
}

/// Where the methods of a link are called; where the link begins for those that are not.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkPlaces {
    pub(super) whole: Position,
    pub(super) scope: Position,
    pub(super) parent: Position,
    pub(super) alias: Position,
    pub(super) parent_alias: Position,
    pub(super) joins: Position,
}

/// An entity, and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredEntity {
    pub(crate) entity: EntitySpec,
    pub(crate) file: usize,
    pub(crate) place: Position,
}

/// The set that the declarations of all `files` make.
pub(crate) fn build_link_set(
    files: &[RuleFile],
    links: Vec<DeclaredLink>,
    entities: Vec<DeclaredEntity>,
    problems: &mut Vec<Diagnostic>,
) -> LinkSet {
    let count = links.len() + entities.len();
    if count > limits::LINKS {
        let problem = format!(
            "the set has {count} links and entities, at most {} are allowed",
            limits::LINKS
        );
        problems.push(RuleProblem::new("too-many-links", problem).into_set_error());
    }
    // What links of a name agree on is decided of all of them, before any of them gets it.
    let mut agree = LinkAgreement { files, problems };
    agree.check_duplicate_entities(&entities);
    let mut by_name: BTreeMap<&str, Vec<&DeclaredLink>> = BTreeMap::new();
    for link in &links {
        by_name.entry(&link.link.name).or_default().push(link);
    }
    let mut joins: BTreeMap<Arc<str>, IncidentJoin> = BTreeMap::new();
    for (name, links) in by_name {
        agree.check_duplicate_links(&links);
        agree.check_scopes(&links);
        agree.check_parents(&links);
        agree.check_aliases(&links);
        if let Some(joined) = agree.agree_on_joins(&links) {
            joins.insert(Arc::from(name), joined);
        }
    }
    let links = links.into_iter().map(|declared| {
        let mut link = declared.link;
        link.joins = joins.get(&link.name).copied();
        link.version = link_version(&link);
        link
    });
    LinkSet {
        links: links.collect(),
        entities: entities.into_iter().map(|one| one.entity).collect(),
    }
}

struct LinkAgreement<'a> {
    files: &'a [RuleFile],
    problems: &'a mut Vec<Diagnostic>,
}

impl LinkAgreement<'_> {
    fn report_link_problem(&mut self, link: &DeclaredLink, place: Position, problem: RuleProblem) {
        let problem = problem.about_item("link", &link.link.name);
        self.report_problem(link.file, place, problem);
    }

    fn report_problem(&mut self, file: usize, place: Position, problem: RuleProblem) {
        self.problems.push(match self.files.get(file) {
            Some(file) => problem.into_error_at(file, place),
            None => problem.into_set_error(),
        });
    }

    fn describe_place(&self, file: usize, place: Position) -> String {
        let file = self.files.get(file).map_or("", |file| file.path.as_str());
        format!("{file}:{}", place.line().unwrap_or(0))
    }

    /// Two declarations of the same, and what the engine reads anyway.
    fn check_duplicate_entities(&mut self, entities: &[DeclaredEntity]) {
        let known = LinkSet::built_in_entities();
        for (index, one) in entities.iter().enumerate() {
            let entity = &one.entity;
            let built_in = known.iter().find(|known| known.name == entity.name);
            let adds_nothing =
                built_in.is_some_and(|own| entity.from.iter().all(|part| own.from.contains(part)));
            if adds_nothing {
                let message = "the engine reads it of every event without being told";
                let problem = RuleProblem::new("duplicate-entity", message)
                    .with_help("leave it out")
                    .about_item("entity", &entity.name);
                self.report_problem(one.file, one.place, problem);
            }
            let mut before = entities.iter().take(index);
            let same = before.find(|other| {
                other.entity.name == entity.name && has_same_topics(&other.entity.on, &entity.on)
            });
            if let Some(other) = same {
                let place = self.describe_place(other.file, other.place);
                let message = "it is declared twice for the same topics";
                let problem = RuleProblem::new("duplicate-entity", message)
                    .with_help(format!(
                        "the other one is at {place}; name all fields there"
                    ))
                    .about_item("entity", &entity.name);
                self.report_problem(one.file, one.place, problem);
            }
        }
    }

    fn check_duplicate_links(&mut self, links: &[&DeclaredLink]) {
        for (index, one) in links.iter().enumerate() {
            let mut before = links.iter().take(index);
            let same = before.find(|other| {
                let (one, other) = (&one.link, &other.link);
                has_same_topics(&one.on, &other.on)
                    && one.id == other.id
                    && one.scope == other.scope
                    && one.parent == other.parent
                    && one.parent_alias == other.parent_alias
            });
            if let Some(other) = same {
                let place = self.describe_place(other.file, other.places.whole);
                let message = "it is declared twice for the same topics, ids and parents";
                let problem = RuleProblem::new("duplicate-link", message)
                    .with_help(format!("the other one is at {place}"));
                self.report_link_problem(one, one.places.whole, problem);
            }
        }
    }

    /// Ids begin with the scope, so it must have as many parts everywhere.
    fn check_scopes(&mut self, links: &[&DeclaredLink]) {
        let Some((first, rest)) = links.split_first() else {
            return;
        };
        let wanted = first.link.scope.len();
        for one in rest.iter().filter(|one| one.link.scope.len() != wanted) {
            let place = self.describe_place(first.file, first.places.scope);
            let message = format!(
                "its scope has {}, that of another link of this name {wanted}",
                count_fields(one.link.scope.len())
            );
            let problem = RuleProblem::new("links-disagree", message).with_help(format!(
                "the other one is at {place}; nodes of one kind need ids of one form"
            ));
            self.report_link_problem(one, one.places.scope, problem);
        }
    }

    /// A parent is found by an id of as many parts.
    fn check_parents(&mut self, links: &[&DeclaredLink]) {
        let ids = links.iter().flat_map(|one| &one.link.id);
        let mut lengths: Vec<usize> = ids.map(LinkParts::len).collect();
        lengths.sort_unstable();
        lengths.dedup();
        for one in links {
            let mut parents = one.link.parent.iter().map(LinkParts::len);
            if let Some(wrong) = parents.find(|length| !lengths.contains(length)) {
                let known: Vec<String> = lengths.iter().map(ToString::to_string).collect();
                let problem = format!(
                    "a parent is named by {}, and no node is: their ids have {}",
                    count_fields(wrong),
                    known.join(" or ")
                );
                let help = "name the parent by the fields that hold what is its `.id(..)`";
                let problem = RuleProblem::new("links-disagree", problem).with_help(help);
                self.report_link_problem(one, one.places.parent, problem);
            }
        }
    }

    /// Nodes declare aliases and their children name them; one without the other does nothing.
    fn check_aliases(&mut self, links: &[&DeclaredLink]) {
        let declared: Vec<usize> = part_counts(links, |link| &link.alias);
        let asked: Vec<usize> = part_counts(links, |link| &link.parent_alias);
        for one in links {
            let (alias, parent) = (one.link.alias.len(), one.link.parent_alias.len());
            if alias > 0 && !asked.contains(&alias) {
                let problem = alias_problem("alias", "parent_alias", alias, &asked);
                self.report_link_problem(one, one.places.alias, problem);
            }
            if parent > 0 && !declared.contains(&parent) {
                let problem = alias_problem("parent_alias", "alias", parent, &declared);
                self.report_link_problem(one, one.places.parent_alias, problem);
            }
        }
    }

    /// Joins of one link hold for every link of the name.
    fn agree_on_joins(&mut self, links: &[&DeclaredLink]) -> Option<IncidentJoin> {
        let mut joining = links.iter().filter(|one| one.link.joins.is_some());
        let first = joining.next()?;
        for other in joining.filter(|other| other.link.joins != first.link.joins) {
            let place = self.describe_place(first.file, first.places.joins);
            let message = "another link of this name says otherwise what it joins";
            let problem = RuleProblem::new("links-disagree", message).with_help(format!(
                "the other one is at {place}; it holds for all links of the name, so say it once"
            ));
            self.report_link_problem(other, other.places.joins, problem);
        }
        first.link.joins
    }
}

/// How many parts there are, where there are some.
fn part_counts(links: &[&DeclaredLink], of: fn(&LinkSpec) -> &LinkParts) -> Vec<usize> {
    let lengths = links.iter().map(|one| of(&one.link).len());
    lengths.filter(|length| *length > 0).collect()
}

fn alias_problem(method: &str, other: &str, length: usize, known: &[usize]) -> RuleProblem {
    match known.first() {
        None => {
            let problem = format!("`.{method}(..)` and no link of this name has `.{other}(..)`");
            let help = format!(
                "say both: what a node's `.alias(..)` is, a child names as its `.parent_alias(..)`; or leave out `.{method}(..)`"
            );
            RuleProblem::new("lonely-alias", problem).with_help(help)
        }
        Some(known) => {
            let problem = format!(
                "`.{method}(..)` has {}, and `.{other}(..)` {known}",
                count_fields(length)
            );
            RuleProblem::new("links-disagree", problem)
                .with_help("both name the same values, in the same order")
        }
    }
}

fn count_fields(count: usize) -> String {
    match count {
        0 => "no field".to_owned(),
        1 => "1 field".to_owned(),
        count => format!("{count} fields"),
    }
}

fn has_same_topics(one: &[Arc<str>], other: &[Arc<str>]) -> bool {
    one.len() == other.len() && one.iter().all(|topic| other.contains(topic))
}
