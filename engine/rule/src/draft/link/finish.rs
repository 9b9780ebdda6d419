//! From a draft to a link: what must be there and what goes together within it.

use std::sync::Arc;

use larum_event::{EntitySpec, Link, RuleFile, TopicPattern};
use rhai::Position;

use super::super::said::{Said, said};
use super::agree::{DeclaredEntity, DeclaredLink, LinkPlaces};
use super::{EntityDraft, LinkDraft, Parts};
use crate::catalogue::{Catalogue, is_inside_of};
use crate::diagnostic::{Diagnostic, Refusal};
use crate::script::{Asked, FieldUse};

/// Finishes the links and entities of one file.
pub(crate) struct FinishLinks<'a> {
    pub(crate) file: &'a RuleFile,
    /// Its number among the files of the set.
    pub(crate) number: usize,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

impl FinishLinks<'_> {
    /// The link that a draft describes; `None` if something in it was refused, now or before.
    pub(crate) fn link(&mut self, draft: LinkDraft) -> Option<DeclaredLink> {
        let before = self.problems.len();
        let whose = ("link", draft.name.clone());
        self.named(&draft, &whose);
        self.begins(&draft, &whose);
        self.known_fields(&whose, (&draft.on, draft.on_place), &draft.reads());
        if self.problems.len() > before {
            return None;
        }
        let ways = |first: Option<&Said<Parts>>, more: &[Said<Parts>]| -> Vec<Parts> {
            let more = more.iter().filter_map(|way| way.value.clone());
            said(first).cloned().into_iter().chain(more).collect()
        };
        let place = |said: Option<Position>| said.unwrap_or(draft.place);
        let places = LinkPlaces {
            whole: draft.place,
            scope: place(draft.scope.as_ref().map(|it| it.place)),
            parent: place(draft.parent.as_ref().map(|it| it.place)),
            alias: place(draft.alias.as_ref().map(|it| it.place)),
            parent_alias: place(draft.parent_alias.as_ref().map(|it| it.place)),
            joins: place(draft.joins.as_ref().map(|it| it.place)),
        };
        let link = Link {
            id: ways(draft.id.as_ref(), &draft.or_id),
            parent: ways(draft.parent.as_ref(), &draft.or_parent),
            name: draft.name.into(),
            version: 0,
            on: texts(&draft.on),
            scope: said(draft.scope.as_ref()).cloned().unwrap_or_default(),
            alias: said(draft.alias.as_ref()).cloned().unwrap_or_default(),
            parent_alias: said(draft.parent_alias.as_ref())
                .cloned()
                .unwrap_or_default(),
            begins: texts(said(draft.begins.as_ref()).map_or(&[], Vec::as_slice)),
            label: said(draft.label.as_ref()).cloned(),
            keep: said(draft.keep.as_ref()).cloned().unwrap_or_default(),
            joins: said(draft.joins.as_ref()).copied(),
        };
        Some(DeclaredLink {
            link,
            file: self.number,
            places,
        })
    }

    /// The entity that a draft describes; `None` if something in it was refused, now or before.
    pub(crate) fn entity(&mut self, draft: EntityDraft) -> Option<DeclaredEntity> {
        let before = self.problems.len();
        let whose = ("entity", draft.name.clone());
        let from = said(draft.from.as_ref()).cloned().unwrap_or_default();
        if draft.from.is_none() {
            let problem = Refusal::new("no-field", "it is read from no field");
            let problem = problem.help("say where such values stand: `.from(\"metadata.user\")`");
            self.problem(&whose, draft.place, problem);
        }
        let place = draft.from.as_ref().map_or(draft.place, |said| said.place);
        let reads: Vec<(Arc<str>, Position)> = from
            .iter()
            .map(|part| (Arc::clone(&part.path), place))
            .collect();
        self.known_fields(&whose, (&draft.on, draft.on_place), &reads);
        if self.problems.len() > before {
            return None;
        }
        Some(DeclaredEntity {
            entity: EntitySpec {
                name: draft.name.into(),
                on: texts(&draft.on),
                from,
            },
            file: self.number,
            place: draft.place,
        })
    }

    /// It must name its node, and others than the node itself.
    fn named(&mut self, draft: &LinkDraft, whose: &(&str, String)) {
        if draft.id.is_none() {
            let problem = Refusal::new("no-id", "it names no node");
            let problem = problem.help("say by which fields: `.id(\"data.ProcessGuid\")`");
            self.problem(whose, draft.place, problem);
        }
        if let (None, Some(first)) = (&draft.parent, draft.or_parent.first()) {
            let problem = Refusal::new("no-parent", "`.or_parent(..)` without `.parent(..)`");
            let problem = problem.help("the first way to name the parent is `.parent(..)`");
            self.problem(whose, first.place, problem);
        }
        let ids: Vec<&Parts> = draft
            .id
            .iter()
            .chain(&draft.or_id)
            .filter_map(value)
            .collect();
        for parent in draft.parent.iter().chain(&draft.or_parent) {
            if parent.value.as_ref().is_some_and(|it| ids.contains(&it)) {
                let problem = Refusal::new("own-parent", "each node would be its own parent");
                let problem = problem.help("name the fields that hold the parent's id");
                self.problem(whose, parent.place, problem);
            }
        }
    }

    /// An alias is taken from the event with which a node begins, so there must be such an event.
    fn begins(&mut self, draft: &LinkDraft, whose: &(&str, String)) {
        let names_parent = draft.parent.is_some() || draft.parent_alias.is_some();
        if let Some(alias) = &draft.alias
            && draft.begins.is_none()
            && !names_parent
        {
            let problem = "`.alias(..)` is read of the event with which a node begins, and none is";
            let problem = Refusal::new("never-begins", problem)
                .help("say which event that is: `.begins(\"windows.event.4624\")`");
            self.problem(whose, alias.place, problem);
        }
        let Some(begins) = &draft.begins else {
            return;
        };
        for pattern in begins.value.iter().flatten() {
            let is_read =
                draft.on.is_empty() || draft.on.iter().any(|on| is_inside_of(pattern, on));
            if !is_read {
                let problem = format!("it does not read {:?}", pattern.as_str());
                let help = format!("add it: `.on({:?})`", pattern.as_str());
                let problem = Refusal::new("bad-begins", problem).help(help);
                self.problem(whose, begins.place, problem);
            }
        }
    }

    /// What the catalogue says of the fields that are read of events of these topics.
    fn known_fields(
        &mut self,
        whose: &(&str, String),
        (on, on_place): (&[TopicPattern], Position),
        reads: &[(Arc<str>, Position)],
    ) {
        if on.is_empty() {
            return;
        }
        let uses: Vec<FieldUse> = reads
            .iter()
            .map(|(path, place)| FieldUse {
                path: path.to_string(),
                place: *place,
                asked: Asked::Value,
            })
            .collect();
        let found = self.catalogue.check_reads(on, on_place, &uses);
        for (level, place, problem) in found {
            let problem = problem.of(whose.0, &whose.1).leveled(level);
            self.problems.push(problem.at(self.file, place));
        }
    }

    fn problem(&mut self, whose: &(&str, String), place: Position, problem: Refusal) {
        let problem = problem.of(whose.0, &whose.1).at(self.file, place);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

impl LinkDraft {
    /// Every field it reads, and where it says so.
    fn reads(&self) -> Vec<(Arc<str>, Position)> {
        let first = [
            &self.scope,
            &self.id,
            &self.parent,
            &self.alias,
            &self.parent_alias,
        ];
        let parts = first.into_iter().flatten();
        let parts = parts.chain(&self.or_id).chain(&self.or_parent);
        let parts = parts.flat_map(|said| {
            let parts = said.value.iter().flatten();
            parts.map(|part| (Arc::clone(&part.path), said.place))
        });
        let label = self.label.iter().flat_map(|said| {
            let part = said.value.iter();
            part.map(|part| (Arc::clone(&part.path), said.place))
        });
        let kept = self.keep.iter().flat_map(|said| {
            let paths = said.value.iter().flatten();
            paths.map(|path| (Arc::clone(path), said.place))
        });
        parts.chain(label).chain(kept).collect()
    }
}

fn value(said: &Said<Parts>) -> Option<&Parts> {
    said.value.as_ref()
}

fn texts(patterns: &[TopicPattern]) -> Vec<Arc<str>> {
    let texts = patterns.iter().map(|pattern| Arc::from(pattern.as_str()));
    texts.collect()
}
