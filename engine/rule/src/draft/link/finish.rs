//! From a draft to a link: what must be there and what goes together within it.
//!
//! Owns finishing links and entities of one file. What links of several files must have in common
//! belongs to `agreement`.
//! Invariant: a link is given out only if no check refused anything.

use std::sync::Arc;

use larum_event::{EntitySpec, LinkSpec, RuleFile, TopicPattern};
use larum_predicate::Diagnostic;
use rhai::Position;

use super::super::setting::{DraftSetting, setting_value};
use super::agreement::{DeclaredEntity, DeclaredLink, LinkPlaces};
use super::{EntityDraft, LinkDraft, LinkParts};
use crate::catalogue::{FieldCatalogue, is_contained_in};
use crate::diagnostic::{RuleProblem, place_diagnostic};
use crate::script::{FieldUsage, FieldUsageKind};

/// Finishes the links and entities of one file.
pub(crate) struct LinkFinisher<'a> {
    pub(crate) file: &'a RuleFile,
    /// Its number among the files of the set.
    pub(crate) number: usize,
    pub(crate) catalogue: &'a FieldCatalogue,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

impl LinkFinisher<'_> {
    /// The link that a draft describes; `None` if something in it was refused, now or before.
    pub(crate) fn finish_link(&mut self, draft: LinkDraft) -> Option<DeclaredLink> {
        let before = self.problems.len();
        let whose = ("link", draft.name.clone());
        self.check_naming(&draft, &whose);
        self.check_begins(&draft, &whose);
        self.check_fields(&whose, &draft.on, draft.on_place, &draft.list_field_reads());
        if self.problems.len() > before {
            return None;
        }
        let ways = |first: Option<&DraftSetting<LinkParts>>,
                    more: &[DraftSetting<LinkParts>]|
         -> Vec<LinkParts> {
            let more = more.iter().filter_map(|way| way.value.clone());
            setting_value(first)
                .cloned()
                .into_iter()
                .chain(more)
                .collect()
        };
        let place = |written: Option<Position>| written.unwrap_or(draft.place);
        let places = LinkPlaces {
            whole: draft.place,
            scope: place(draft.scope.as_ref().map(|it| it.place)),
            parent: place(draft.parent.as_ref().map(|it| it.place)),
            alias: place(draft.alias.as_ref().map(|it| it.place)),
            parent_alias: place(draft.parent_alias.as_ref().map(|it| it.place)),
            joins: place(draft.joins.as_ref().map(|it| it.place)),
        };
        // The version is a hash of the whole, joins included, which are known when all files are.
        let link = LinkSpec {
            id: ways(draft.id.as_ref(), &draft.or_id),
            parent: ways(draft.parent.as_ref(), &draft.or_parent),
            name: draft.name.into(),
            version: 0,
            on: pattern_texts(&draft.on),
            scope: setting_value(draft.scope.as_ref())
                .cloned()
                .unwrap_or_default(),
            alias: setting_value(draft.alias.as_ref())
                .cloned()
                .unwrap_or_default(),
            parent_alias: setting_value(draft.parent_alias.as_ref())
                .cloned()
                .unwrap_or_default(),
            begins: pattern_texts(setting_value(draft.begins.as_ref()).map_or(&[], Vec::as_slice)),
            label: setting_value(draft.label.as_ref()).cloned(),
            keep: setting_value(draft.keep.as_ref())
                .cloned()
                .unwrap_or_default(),
            joins: setting_value(draft.joins.as_ref()).copied(),
        };
        Some(DeclaredLink {
            link,
            file: self.number,
            places,
        })
    }

    /// The entity that a draft describes; `None` if something in it was refused, now or before.
    pub(crate) fn finish_entity(&mut self, draft: EntityDraft) -> Option<DeclaredEntity> {
        let before = self.problems.len();
        let whose = ("entity", draft.name.clone());
        let from = setting_value(draft.from.as_ref())
            .cloned()
            .unwrap_or_default();
        if draft.from.is_none() {
            let problem = RuleProblem::new("no-field", "it is read from no field")
                .with_help("say where such values stand: `.from(\"metadata.user\")`");
            self.report_problem(&whose, draft.place, problem);
        }
        // Fields are checked where they are named; where there are none, only the topics are.
        let place = draft
            .from
            .as_ref()
            .map_or(draft.place, |setting| setting.place);
        let reads: Vec<(Arc<str>, Position)> = from
            .iter()
            .map(|part| (Arc::clone(&part.path), place))
            .collect();
        self.check_fields(&whose, &draft.on, draft.on_place, &reads);
        if self.problems.len() > before {
            return None;
        }
        Some(DeclaredEntity {
            entity: EntitySpec {
                name: draft.name.into(),
                on: pattern_texts(&draft.on),
                from,
            },
            file: self.number,
            place: draft.place,
        })
    }

    /// It must name its node, and others than the node itself.
    fn check_naming(&mut self, draft: &LinkDraft, whose: &(&str, String)) {
        if draft.id.is_none() {
            let problem = RuleProblem::new("no-id", "it names no node")
                .with_help("say by which fields: `.id(\"data.ProcessGuid\")`");
            self.report_problem(whose, draft.place, problem);
        }
        if let (None, Some(first)) = (&draft.parent, draft.or_parent.first()) {
            let problem = RuleProblem::new("no-parent", "`.or_parent(..)` without `.parent(..)`")
                .with_help("the first way to name the parent is `.parent(..)`");
            self.report_problem(whose, first.place, problem);
        }
        let ids: Vec<&LinkParts> = draft
            .id
            .iter()
            .chain(&draft.or_id)
            .filter_map(set_parts)
            .collect();
        for parent in draft.parent.iter().chain(&draft.or_parent) {
            if parent.value.as_ref().is_some_and(|it| ids.contains(&it)) {
                let problem = RuleProblem::new("own-parent", "each node would be its own parent")
                    .with_help("name the fields that hold the parent's id");
                self.report_problem(whose, parent.place, problem);
            }
        }
    }

    /// An alias is taken from the event with which a node begins, so there must be such an event.
    fn check_begins(&mut self, draft: &LinkDraft, whose: &(&str, String)) {
        let names_parent = draft.parent.is_some() || draft.parent_alias.is_some();
        if let Some(alias) = &draft.alias
            && draft.begins.is_none()
            && !names_parent
        {
            let message = "`.alias(..)` is read of the event with which a node begins, and none is";
            let problem = RuleProblem::new("never-begins", message)
                .with_help("say which event that is: `.begins(\"windows.event.4624\")`");
            self.report_problem(whose, alias.place, problem);
        }
        let Some(begins) = &draft.begins else {
            return;
        };
        for pattern in begins.value.iter().flatten() {
            let is_read =
                draft.on.is_empty() || draft.on.iter().any(|on| is_contained_in(pattern, on));
            if !is_read {
                let problem = format!("it does not read {:?}", pattern.as_str());
                let help = format!("add it: `.on({:?})`", pattern.as_str());
                let problem = RuleProblem::new("bad-begins", problem).with_help(help);
                self.report_problem(whose, begins.place, problem);
            }
        }
    }

    /// What the catalogue says of the fields that are read of events of these topics.
    fn check_fields(
        &mut self,
        whose: &(&str, String),
        on: &[TopicPattern],
        on_place: Position,
        reads: &[(Arc<str>, Position)],
    ) {
        if on.is_empty() {
            return;
        }
        let uses: Vec<FieldUsage> = reads
            .iter()
            .map(|(path, place)| FieldUsage {
                path: path.to_string(),
                place: *place,
                kind: FieldUsageKind::Value,
            })
            .collect();
        let found = self.catalogue.check_field_reads(on, on_place, &uses);
        for (level, place, problem) in found {
            let problem = problem.about_item(whose.0, &whose.1).into_diagnostic(level);
            self.problems
                .push(place_diagnostic(problem, self.file, place));
        }
    }

    fn report_problem(&mut self, whose: &(&str, String), place: Position, problem: RuleProblem) {
        let problem = problem
            .about_item(whose.0, &whose.1)
            .into_error_at(self.file, place);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

impl LinkDraft {
    /// Every field it reads, and where it says so.
    fn list_field_reads(&self) -> Vec<(Arc<str>, Position)> {
        let first = [
            &self.scope,
            &self.id,
            &self.parent,
            &self.alias,
            &self.parent_alias,
        ];
        let settings = first
            .into_iter()
            .flatten()
            .chain(&self.or_id)
            .chain(&self.or_parent);
        let parts = settings.flat_map(|setting| {
            let parts = setting.value.iter().flatten();
            parts.map(|part| (Arc::clone(&part.path), setting.place))
        });
        let label = self.label.iter().flat_map(|setting| {
            let part = setting.value.iter();
            part.map(|part| (Arc::clone(&part.path), setting.place))
        });
        let kept = self.keep.iter().flat_map(|setting| {
            let paths = setting.value.iter().flatten();
            paths.map(|path| (Arc::clone(path), setting.place))
        });
        parts.chain(label).chain(kept).collect()
    }
}

fn set_parts(setting: &DraftSetting<LinkParts>) -> Option<&LinkParts> {
    setting.value.as_ref()
}

fn pattern_texts(patterns: &[TopicPattern]) -> Vec<Arc<str>> {
    let texts = patterns.iter().map(|pattern| Arc::from(pattern.as_str()));
    texts.collect()
}
