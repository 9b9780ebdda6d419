//! Events that were read before, by tenant, source and id.
//!
//! Files repeat themselves: a producer sends again, a recording overlaps with the next. An engine
//! stores such an event once (1-19), so what reads files must count it once too. Memory is bounded: at
//! least the last [`GENERATION`] ids are remembered, at most twice as many.

use std::collections::HashMap;
use std::mem;

use larum_event::{ContentHash, Event};

/// Ids that are remembered for certain.
const GENERATION: usize = 2_000_000;

/// Bytes of a blake3 hash over tenant, source and id: exact enough, and no id can be made to hit another.
type Id = [u8; 16];

/// What is known of an event when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It was not seen before.
    First,
    /// It was, and says the same.
    Duplicate,
    /// One with its id was, and says something else.
    Conflict,
}

/// The ids of events so far.
pub struct Seen {
    most: usize,
    young: HashMap<Id, ContentHash>,
    old: HashMap<Id, ContentHash>,
}

impl Seen {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::of(GENERATION)
    }

    fn of(most: usize) -> Self {
        Self {
            most,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Takes note of an event. One whose id was filled in has none of its own, so nothing tells whether
    /// it repeats another.
    pub fn sight(&mut self, event: &Event) -> Sight {
        if event.envelope().filled.id {
            return Sight::First;
        }
        let id = id(event);
        let content = event.content_hash();
        match self.young.get(&id).or_else(|| self.old.get(&id)) {
            Some(known) if *known == content => return Sight::Duplicate,
            Some(_) => return Sight::Conflict,
            None => {}
        }
        if self.young.len() >= self.most {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(id, content);
        Sight::First
    }
}

fn id(event: &Event) -> Id {
    let envelope = event.envelope();
    let mut hasher = blake3::Hasher::new();
    for part in [
        envelope.tenant.as_str(),
        envelope.source.as_str(),
        envelope.id.as_str(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut id = Id::default();
    for (to, from) in id.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, source: &str, tenant: &str, outcome: &str) -> Event {
        let id = if id.is_empty() {
            String::new()
        } else {
            format!("\"id\":\"{id}\",")
        };
        let text = format!(
            "{{{id}\"type\":\"auth.login\",\"source\":\"{source}\",\"time\":\"2026-11-20T12:00:00Z\",\
             \"metadata\":{{\"tenantId\":\"{tenant}\"}},\"data\":{{\"outcome\":\"{outcome}\"}}}}"
        );
        let records = crate::input::records("test", text.into_bytes()).unwrap();
        records.into_iter().next().unwrap().outcome.unwrap()
    }

    #[test]
    fn an_event_is_known_by_tenant_source_and_id_together() {
        let mut seen = Seen::new();
        for (source, tenant, sight) in [
            ("a", "t", Sight::First),
            ("a", "t", Sight::Duplicate),
            ("b", "t", Sight::First),
            ("a", "u", Sight::First),
            ("b", "t", Sight::Duplicate),
        ] {
            let event = event("1", source, tenant, "failure");
            assert_eq!(seen.sight(&event), sight, "{source} {tenant}");
        }
        assert_eq!(
            seen.sight(&event("1", "a", "t", "success")),
            Sight::Conflict
        );
    }

    #[test]
    fn an_event_without_an_id_of_its_own_repeats_nothing() {
        let mut seen = Seen::new();
        for _ in 0..2 {
            assert_eq!(seen.sight(&event("", "a", "t", "failure")), Sight::First);
        }
    }

    #[test]
    fn the_last_ids_are_remembered_and_those_long_gone_are_not() {
        let mut seen = Seen::of(2);
        let mut sight = |id: &str| seen.sight(&event(id, "a", "t", "failure"));
        for id in ["1", "2", "3", "4"] {
            assert_eq!(sight(id), Sight::First);
        }
        assert_eq!(sight("3"), Sight::Duplicate);
        assert_eq!(sight("1"), Sight::Duplicate);
        assert_eq!(sight("5"), Sight::First);
        assert_eq!(sight("1"), Sight::First);
    }
}
