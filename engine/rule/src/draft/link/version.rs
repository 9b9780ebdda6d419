//! What a link means, as a number.

use std::sync::Arc;

use larum_event::{Link, LinkPart};

/// Another number whenever the link means something else; the order of topics means nothing.
pub(super) fn version(link: &Link) -> u64 {
    let mut meaning = Meaning(blake3::Hasher::new());
    meaning.text("link 1");
    meaning.text(&link.name);
    meaning.topics(&link.on);
    meaning.parts(&link.scope);
    meaning.ways(&link.id);
    meaning.ways(&link.parent);
    meaning.parts(&link.alias);
    meaning.parts(&link.parent_alias);
    meaning.topics(&link.begins);
    meaning.parts(link.label.as_slice());
    meaning.number(link.keep.len());
    link.keep.iter().for_each(|path| meaning.text(path));
    match link.joins {
        Some(joins) => meaning.text(&format!("{} {}", joins.within.as_nanos(), joins.most)),
        None => meaning.text(""),
    }
    let hash = meaning.0.finalize();
    let first = hash.as_bytes().first_chunk().copied();
    u64::from_le_bytes(first.unwrap_or_default())
}

struct Meaning(blake3::Hasher);

impl Meaning {
    fn number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.update(text.as_bytes());
    }

    fn topics(&mut self, topics: &[Arc<str>]) {
        let mut topics: Vec<&Arc<str>> = topics.iter().collect();
        topics.sort_unstable();
        self.number(topics.len());
        topics.into_iter().for_each(|topic| self.text(topic));
    }

    fn parts(&mut self, parts: &[LinkPart]) {
        self.number(parts.len());
        for part in parts {
            self.text(&part.path);
            self.text(&format!("{:?}", part.form));
        }
    }

    fn ways(&mut self, ways: &[Vec<LinkPart>]) {
        self.number(ways.len());
        ways.iter().for_each(|way| self.parts(way));
    }
}
