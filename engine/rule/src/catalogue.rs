//! Which fields events of a topic have: `fields.toml` beside the rules.
//!
//! Below `data` and `metadata` an event may hold anything, so a misspelt field would be a rule that
//! silently cannot match. The catalogue says what is there, with type and meaning: what it does not
//! know is an error at load, and so is a comparison that can never hold. Topics it does not name
//! accept anything. It checks rules, not events: nothing here is asked when an event comes.

mod built_in;

mod check;

mod field_type;

mod load;

mod pattern;

pub use field_type::FieldType;

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::TopicPattern;

pub(crate) use self::pattern::is_contained_in;
use self::pattern::{TopicOverlap, topic_overlap};

/// The name of its files.
pub(crate) const FILE: &str = "fields.toml";

/// One field of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueField {
    /// What values it has.
    pub field_type: FieldType,
    /// A line for people.
    pub meaning: Arc<str>,
    /// All values it can have, where they are few; else empty.
    pub values: Vec<Arc<str>>,
}

/// What is known of the topics that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueTopic {
    /// The topics.
    pub pattern: TopicPattern,
    /// A line for people.
    pub meaning: Arc<str>,
    /// Whether events may hold other fields too.
    pub open: bool,
    /// The fields, by path.
    pub fields: BTreeMap<Arc<str>, CatalogueField>,
    /// The file that says so; empty for what the engine knows itself.
    pub file: Arc<str>,
}

/// The known fields of a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldCatalogue {
    /// Fields that events of every topic may have.
    common: BTreeMap<Arc<str>, CatalogueField>,
    topics: Vec<CatalogueTopic>,
}

impl Default for FieldCatalogue {
    /// What the engine knows itself: the envelope, and what alerts say.
    fn default() -> Self {
        Self {
            common: built_in::envelope_fields(),
            topics: vec![built_in::alerts_topic()],
        }
    }
}

impl FieldCatalogue {
    /// The topics, in the order of their files.
    pub fn topics(&self) -> &[CatalogueTopic] {
        &self.topics
    }

    /// Fields that events of every topic may have, those of the envelope among them.
    pub fn common_fields(&self) -> impl Iterator<Item = (&str, &CatalogueField)> {
        self.common
            .iter()
            .map(|(path, field)| (path.as_ref(), field))
    }

    /// What is known of the topics that `wanted` matches, or of some of them.
    pub fn topics_overlapping<'c>(
        &'c self,
        wanted: &'c TopicPattern,
    ) -> impl Iterator<Item = &'c CatalogueTopic> {
        self.topics
            .iter()
            .filter(|known| topic_overlap(wanted, &known.pattern) != TopicOverlap::Disjoint)
    }
}
