//! What decides whether a rule matches, as a hash: not its title, its level or where a line ends.

use crate::correlation::ResolvedCorrelation;
use crate::log_source::LogSource;
use crate::yaml::{YamlNode, YamlValue};

/// Collects what a rule means.
pub(crate) struct MeaningHasher(blake3::Hasher);

impl MeaningHasher {
    /// A rule's log source, what `table` says of it, and its detection.
    pub(crate) fn for_rule(source: &LogSource, table: &str, detection: &YamlNode) -> Self {
        let mut meaning = Self(blake3::Hasher::new());
        meaning.add_text("sigma 1");
        for member in [&source.product, &source.category, &source.service] {
            meaning.add_text(member.as_deref().unwrap_or_default());
        }
        meaning.add_text(table);
        meaning.add_node(detection);
        meaning
    }

    /// What a correlation asks, without what it is over.
    pub(crate) fn for_correlation(resolved: &ResolvedCorrelation) -> Self {
        let mut meaning = Self(blake3::Hasher::new());
        meaning.add_text("sigma correlation 1");
        meaning.add_text(&format!("{:?}", resolved.window));
        for reference in &resolved.references {
            for names in [&reference.group_by, &reference.fields] {
                meaning.add_count(names.len());
                names.iter().for_each(|name| meaning.add_text(name));
            }
        }
        meaning
    }

    /// More that must hold. The length of each text comes before it, so no two meanings run
    /// together.
    pub(crate) fn add_node(&mut self, node: &YamlNode) {
        match &node.value {
            YamlValue::Null => self.add_text("null"),
            YamlValue::Text(text) => {
                self.add_text("text");
                self.add_text(text);
            }
            YamlValue::List(nodes) => {
                self.add_text("list");
                self.add_count(nodes.len());
                nodes.iter().for_each(|node| self.add_node(node));
            }
            YamlValue::Map(members) => {
                self.add_text("map");
                self.add_count(members.len());
                for (name, node) in members {
                    self.add_text(name);
                    self.add_node(node);
                }
            }
        }
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }

    fn add_text(&mut self, text: &str) {
        self.add_count(text.len());
        self.0.update(text.as_bytes());
    }

    fn add_count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_le_bytes());
    }
}
