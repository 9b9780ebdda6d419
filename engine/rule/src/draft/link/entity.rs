//! `entity("user").on(..).from([..])`

use larum_event::TopicPattern;
use rhai::{Dynamic, Position};

use super::super::setting::{DraftSetting, set_once};
use super::super::step::read_patterns;
use super::part::{only_argument, read_part_list};
use super::{LinkParts, read_name};
use crate::diagnostic::RuleProblem;

/// Most fields that one entity is read from.
const MOST_ENTITY_FIELDS: usize = 32;

/// An entity that is being built.
#[derive(Debug, Clone)]
pub(crate) struct EntityDraft {
    /// As written, for messages.
    pub(crate) name: String,
    pub(crate) place: Position,
    pub(crate) on: Vec<TopicPattern>,
    pub(crate) on_place: Position,
    pub(crate) from: Option<DraftSetting<LinkParts>>,
}

/// What a method does with its arguments.
type EntityMethod = fn(&mut EntityDraft, Position, &[Dynamic]) -> Result<(), RuleProblem>;

/// Every method of an entity, with how many arguments it takes.
pub(crate) const ENTITY_METHODS: [(&str, usize, EntityMethod); 2] = [
    ("on", 1, |entity, place, given| {
        entity.on_place = place;
        let found = read_patterns(only_argument(given)?)?;
        let new: Vec<TopicPattern> = found
            .into_iter()
            .filter(|it| !entity.on.contains(it))
            .collect();
        entity.on.extend(new);
        Ok(())
    }),
    ("from", 1, |entity, place, given| {
        let from = only_argument(given).and_then(|value| read_part_list(value, MOST_ENTITY_FIELDS));
        set_once(&mut entity.from, "from", place, from)
    }),
];

impl EntityDraft {
    /// Begins an entity.
    pub(crate) fn new(name: &Dynamic, place: Position) -> (Self, Option<RuleProblem>) {
        let (name, problem) = read_name(name, "entity");
        let draft = Self {
            name,
            place,
            on: Vec::new(),
            on_place: place,
            from: None,
        };
        (draft, problem)
    }
}
