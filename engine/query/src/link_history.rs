//! Which links were in force at which position.

use std::sync::Arc;

use larum_event::{LinkSet, Position};

/// Sets of links, oldest first, each with the position after which it is in force. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LinkHistory(Arc<Vec<(Position, Arc<LinkSet>)>>);

impl LinkHistory {
    /// Reads what [`LinkHistory::encode_links`] wrote. Sets that cannot be read are skipped.
    pub fn from_encoded(written: Vec<(Position, Vec<u8>)>) -> Self {
        let read = written.into_iter().filter_map(|(at, bytes)| {
            let links: LinkSet = postcard::from_bytes(&bytes).ok()?;
            Some((at, Arc::new(links)))
        });
        Self(Arc::new(read.collect()))
    }

    /// One set of links as bytes.
    pub fn encode_links(links: &LinkSet) -> Vec<u8> {
        postcard::to_stdvec(links).expect("plain data is always writable to memory")
    }

    /// Records links that came into force at a position; false if they were in force already.
    pub fn add_links(&mut self, at: Position, links: &Arc<LinkSet>) -> bool {
        let known = self.links_at(at.next());
        let is_same = known.map_or_else(
            || **links == LinkSet::default(),
            |(_, known)| known == links,
        );
        if is_same {
            return false;
        }
        let entries = Arc::make_mut(&mut self.0);
        let place = entries.partition_point(|(since, _)| *since < at);
        entries.insert(place, (at, Arc::clone(links)));
        true
    }

    /// The links in force for the event at a position, and since when.
    pub fn links_at(&self, position: Position) -> Option<&(Position, Arc<LinkSet>)> {
        let place = self.0.partition_point(|(since, _)| *since < position);
        self.0.get(place.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(name: &str) -> Arc<LinkSet> {
        let mut links = LinkSet::default();
        let mut entities = LinkSet::built_in_entities();
        entities.truncate(1);
        entities[0].name = name.into();
        links.entities = entities;
        Arc::new(links)
    }

    #[test]
    fn links_hold_behind_the_position_where_they_came_and_not_at_it() {
        let mut history = LinkHistory::default();
        assert!(!history.add_links(Position(1), &Arc::default()));
        assert!(history.add_links(Position(5), &links("a")));
        assert!(!history.add_links(Position(6), &links("a")));
        assert!(history.add_links(Position(9), &links("b")));
        let since = |position| {
            history
                .links_at(Position(position))
                .map(|(since, _)| since.0)
        };
        assert_eq!(
            [since(5), since(6), since(9), since(10)],
            [None, Some(5), Some(5), Some(9)]
        );
    }

    #[test]
    fn what_is_added_again_changes_nothing_and_all_of_it_reads_back() {
        let mut history = LinkHistory::default();
        history.add_links(Position(5), &links("a"));
        history.add_links(Position(9), &links("b"));
        assert!(!history.add_links(Position(5), &links("a")));
        let entries = history.0.iter();
        let written = entries.map(|(at, links)| (*at, LinkHistory::encode_links(links)));
        let read = LinkHistory::from_encoded(written.collect());
        assert_eq!(read.0, history.0);
    }
}
