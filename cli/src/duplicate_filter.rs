//! Events that were read before, by tenant, source and id.
//!
//! Files repeat themselves: a producer sends again, a recording overlaps with the next. An engine
//! stores such an event once (1-19), so what reads files must count it once too. Memory is bounded:
//! at least the last [`GENERATION`] ids are remembered, at most twice as many.

use std::collections::HashMap;
use std::mem;

use larum_event::{ContentHash, Event};

/// Ids that are remembered for certain.
const GENERATION: usize = 2_000_000;

/// Bytes of a blake3 hash over tenant, source and id: exact enough, and no id can be made to hit
/// another.
type EventIdHash = [u8; 16];

/// What is known of an event when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateCheck {
    /// It was not seen before.
    First,
    /// It was, and says the same.
    Duplicate,
    /// One with its id was, and says something else.
    Conflict,
}

/// The ids of events so far.
pub struct DuplicateFilter {
    most: usize,
    young: HashMap<EventIdHash, ContentHash>,
    old: HashMap<EventIdHash, ContentHash>,
}

impl DuplicateFilter {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::with_generation(GENERATION)
    }

    fn with_generation(most: usize) -> Self {
        Self {
            most,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Takes note of an event. One whose id was filled in has none of its own, so nothing shows
    /// whether it repeats another.
    pub fn check_event(&mut self, event: &Event) -> DuplicateCheck {
        if event.envelope().filled.id {
            return DuplicateCheck::First;
        }
        let id = hash_id(event);
        let content = event.content_hash();
        match self.young.get(&id).or_else(|| self.old.get(&id)) {
            Some(known) if *known == content => return DuplicateCheck::Duplicate,
            Some(_) => return DuplicateCheck::Conflict,
            None => {}
        }
        if self.young.len() >= self.most {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(id, content);
        DuplicateCheck::First
    }
}

fn hash_id(event: &Event) -> EventIdHash {
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
    let mut id = EventIdHash::default();
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
        let records = crate::input::read_all_records("test", text.into_bytes()).unwrap();
        records.into_iter().next().unwrap().outcome.unwrap()
    }

    #[test]
    fn an_event_is_known_by_tenant_source_and_id_together() {
        let mut seen = DuplicateFilter::new();
        for (source, tenant, sight) in [
            ("a", "t", DuplicateCheck::First),
            ("a", "t", DuplicateCheck::Duplicate),
            ("b", "t", DuplicateCheck::First),
            ("a", "u", DuplicateCheck::First),
            ("b", "t", DuplicateCheck::Duplicate),
        ] {
            let event = event("1", source, tenant, "failure");
            assert_eq!(seen.check_event(&event), sight, "{source} {tenant}");
        }
        assert_eq!(
            seen.check_event(&event("1", "a", "t", "success")),
            DuplicateCheck::Conflict
        );
    }

    #[test]
    fn an_event_without_an_id_of_its_own_repeats_nothing() {
        let mut seen = DuplicateFilter::new();
        for _ in 0..2 {
            assert_eq!(
                seen.check_event(&event("", "a", "t", "failure")),
                DuplicateCheck::First
            );
        }
    }

    #[test]
    fn the_last_ids_are_remembered_and_those_long_gone_are_not() {
        let mut seen = DuplicateFilter::with_generation(2);
        let mut sight = |id: &str| seen.check_event(&event(id, "a", "t", "failure"));
        for id in ["1", "2", "3", "4"] {
            assert_eq!(sight(id), DuplicateCheck::First);
        }
        assert_eq!(sight("3"), DuplicateCheck::Duplicate);
        assert_eq!(sight("1"), DuplicateCheck::Duplicate);
        assert_eq!(sight("5"), DuplicateCheck::First);
        assert_eq!(sight("1"), DuplicateCheck::First);
    }
}
