//! `entity("user").on(..).from([..])`

use larum_event::TopicPattern;
use rhai::{Dynamic, Position};

use super::super::said::{Said, once};
use super::super::step::patterns;
use super::part::{only, several};
use super::{Parts, named};
use crate::diagnostic::Refusal;

/// Most fields that one entity is read from.
const FROM: usize = 32;

/// An entity that is being built.
#[derive(Debug, Clone)]
pub(crate) struct EntityDraft {
    /// As written, for messages.
    pub(crate) name: String,
    pub(crate) place: Position,
    pub(crate) on: Vec<TopicPattern>,
    pub(crate) on_place: Position,
    pub(crate) from: Option<Said<Parts>>,
}

/// What a method does with its arguments.
type Method = fn(&mut EntityDraft, Position, &[Dynamic]) -> Result<(), Refusal>;

/// Every method of an entity, with how many arguments it takes.
pub(crate) const ENTITY_METHODS: [(&str, usize, Method); 2] = [
    ("on", 1, |entity, place, given| {
        entity.on_place = place;
        let found = patterns(only(given)?)?;
        let new = found.into_iter().filter(|it| !entity.on.contains(it));
        let new: Vec<TopicPattern> = new.collect();
        entity.on.extend(new);
        Ok(())
    }),
    ("from", 1, |entity, place, given| {
        let from = only(given).and_then(|value| several(value, FROM));
        once(&mut entity.from, "from", place, from)
    }),
];

impl EntityDraft {
    /// Begins an entity.
    pub(crate) fn new(name: &Dynamic, place: Position) -> (Self, Option<Refusal>) {
        let (name, problem) = named(name, "entity");
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
