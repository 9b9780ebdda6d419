//! What decides whether a rule matches, as a hash: not its title, its level or where a line ends.

use crate::correlation::Resolved;
use crate::log_source::LogSource;
use crate::yaml::{Node, Yaml};

/// Collects what a rule means.
pub(crate) struct Meaning(blake3::Hasher);

impl Meaning {
    /// A rule's log source, what `table` says of it, and its detection.
    pub(crate) fn of(source: &LogSource, table: &str, detection: &Node) -> Self {
        let mut meaning = Self(blake3::Hasher::new());
        meaning.text("sigma 1");
        for member in [&source.product, &source.category, &source.service] {
            meaning.text(member.as_deref().unwrap_or_default());
        }
        meaning.text(table);
        meaning.add(detection);
        meaning
    }

    /// What a correlation asks, without what it is over.
    pub(crate) fn of_correlation(resolved: &Resolved) -> Self {
        let mut meaning = Self(blake3::Hasher::new());
        meaning.text("sigma correlation 1");
        meaning.text(&format!("{:?}", resolved.window));
        for reference in &resolved.references {
            for names in [&reference.group_by, &reference.fields] {
                meaning.count(names.len());
                names.iter().for_each(|name| meaning.text(name));
            }
        }
        meaning
    }

    /// More that must hold. The length of each text stands before it, so no two meanings run together.
    pub(crate) fn add(&mut self, node: &Node) {
        match &node.value {
            Yaml::Null => self.text("null"),
            Yaml::Text(text) => {
                self.text("text");
                self.text(text);
            }
            Yaml::List(nodes) => {
                self.text("list");
                self.count(nodes.len());
                nodes.iter().for_each(|node| self.add(node));
            }
            Yaml::Map(members) => {
                self.text("map");
                self.count(members.len());
                for (name, node) in members {
                    self.text(name);
                    self.add(node);
                }
            }
        }
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_le_bytes());
    }
}
