//! What a link means, as a number.

use std::sync::Arc;

use larum_event::{LinkPart, LinkSpec};

/// Another number whenever the link means something else; the order of topics means nothing.
pub(super) fn link_version(link: &LinkSpec) -> u64 {
    let mut meaning = LinkHasher(blake3::Hasher::new());
    meaning.hash_text("link 1");
    meaning.hash_text(&link.name);
    meaning.hash_topics(&link.on);
    meaning.hash_parts(&link.scope);
    meaning.hash_ways(&link.id);
    meaning.hash_ways(&link.parent);
    meaning.hash_parts(&link.alias);
    meaning.hash_parts(&link.parent_alias);
    meaning.hash_topics(&link.begins);
    meaning.hash_parts(link.label.as_slice());
    meaning.hash_number(link.keep.len());
    link.keep.iter().for_each(|path| meaning.hash_text(path));
    match link.joins {
        Some(joins) => meaning.hash_text(&format!("{} {}", joins.within.as_nanos(), joins.most)),
        None => meaning.hash_text(""),
    }
    let hash = meaning.0.finalize();
    let first = hash.as_bytes().first_chunk().copied();
    u64::from_le_bytes(first.unwrap_or_default())
}

struct LinkHasher(blake3::Hasher);

impl LinkHasher {
    fn hash_number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_le_bytes());
    }

    fn hash_text(&mut self, text: &str) {
        self.hash_number(text.len());
        self.0.update(text.as_bytes());
    }

    fn hash_topics(&mut self, topics: &[Arc<str>]) {
        let mut topics: Vec<&Arc<str>> = topics.iter().collect();
        topics.sort_unstable();
        self.hash_number(topics.len());
        topics.into_iter().for_each(|topic| self.hash_text(topic));
    }

    fn hash_parts(&mut self, parts: &[LinkPart]) {
        self.hash_number(parts.len());
        for part in parts {
            self.hash_text(&part.path);
            self.hash_text(&format!("{:?}", part.form));
        }
    }

    fn hash_ways(&mut self, ways: &[Vec<LinkPart>]) {
        self.hash_number(ways.len());
        ways.iter().for_each(|way| self.hash_parts(way));
    }
}
