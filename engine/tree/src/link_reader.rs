//! Reading events by declared links.
//!
//! Owns which nodes, aliases and entities an event names; what the graph does with them is decided
//! elsewhere. One pass over the event's bytes finds every field that any link of its topic reads;
//! an event whose topic no link reads costs a look at its topic.
//! Invariant: what is read depends on the event and the links alone, never on what was read before,
//! so an event names the same nodes whenever it is read again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;
use larum_event::{
    Event, FieldSet, FieldValue, LinkPart, LinkSet, LinkSpec, PartForm, Topic, TopicPattern, limits,
};

use crate::edge_reason::{EdgeReason, EdgeReasons};
use crate::event_facts::{NodeClaims, NodeName};
use crate::graph_node::NodeClass;
use crate::id_part::{format_part, is_placeholder};

/// Most topics whose links are remembered; beyond it the cache begins again.
const CACHED_TOPICS: usize = 10_000;

/// Reads events by one set of links.
#[derive(Debug)]
pub(crate) struct LinkReader {
    set: Arc<LinkSet>,
    links: Vec<CompiledLink>,
    entity_topics: Vec<Vec<TopicPattern>>,
    topics: HashMap<Topic, Arc<TopicLinks>, RandomState>,
}

#[derive(Debug)]
struct CompiledLink {
    class: NodeClass,
    on: Vec<TopicPattern>,
    begins: Vec<TopicPattern>,
    /// By alternative of the id, and by alternative of the parent.
    id_reasons: Vec<u16>,
    parent_reasons: Vec<u16>,
    alias_reason: u16,
}

/// What is read of events of one topic.
#[derive(Debug, Default)]
struct TopicLinks {
    fields: FieldSet,
    links: Vec<LinkFields>,
    /// The number of the entity and where its values are.
    entities: Vec<(usize, Vec<FieldSlot>)>,
}

#[derive(Debug, Clone, Copy)]
struct FieldSlot {
    slot: usize,
    form: PartForm,
}

#[derive(Debug)]
struct LinkFields {
    link: usize,
    begins: bool,
    scope: Vec<FieldSlot>,
    id: Vec<Vec<FieldSlot>>,
    parent: Vec<Vec<FieldSlot>>,
    alias: Vec<FieldSlot>,
    parent_alias: Vec<FieldSlot>,
    label: Option<FieldSlot>,
    keep: Vec<usize>,
}

impl LinkReader {
    pub(crate) fn new(set: Arc<LinkSet>, reasons: &mut EdgeReasons) -> Self {
        let links = set
            .links
            .iter()
            .map(|link| compile_link(link, reasons))
            .collect();
        let entities = set.entities.iter();
        Self {
            links,
            entity_topics: entities.map(|entity| parse_patterns(&entity.on)).collect(),
            set,
            topics: HashMap::default(),
        }
    }

    pub(crate) fn link_set(&self) -> &Arc<LinkSet> {
        &self.set
    }

    /// Adds what `event` names to `groups` and `entities`; of an event that belongs to no node, no
    /// entities are needed.
    pub(crate) fn read_event(
        &mut self,
        event: &Event,
        has_node: bool,
        groups: &mut Vec<NodeClaims<'_>>,
        entities: &mut Vec<(Arc<str>, Arc<str>)>,
    ) {
        if self.set.links.is_empty() && self.set.entities.is_empty() {
            return;
        }
        let of_topic = self.links_of_topic(&event.envelope().topic);
        if of_topic.links.is_empty() && (of_topic.entities.is_empty() || !has_node) {
            return;
        }
        // One pass for all links and entities: the bytes of the event are read once.
        let found = of_topic.fields.read_values(event);
        for applied in &of_topic.links {
            if let (Some(link), Some(compiled)) = (
                self.set.links.get(applied.link),
                self.links.get(applied.link),
            ) && let Some(group) =
                build_claims(link, compiled, applied, &of_topic.fields, &found)
            {
                groups.push(group);
            }
        }
        for (number, slots) in &of_topic.entities {
            let Some(entity) = self.set.entities.get(*number) else {
                continue;
            };
            for slot in slots {
                if let Some(value) = read_part(&found, *slot) {
                    let value: Arc<str> = value.as_ref().into();
                    let pair = (entity.name.clone(), value);
                    if !entities.contains(&pair) {
                        entities.push(pair);
                    }
                }
            }
        }
    }

    fn links_of_topic(&mut self, topic: &Topic) -> Arc<TopicLinks> {
        if let Some(known) = self.topics.get(topic) {
            return Arc::clone(known);
        }
        let mut of_topic = TopicLinks::default();
        for (number, (link, compiled)) in self.set.links.iter().zip(&self.links).enumerate() {
            if matches_topic(&compiled.on, topic) {
                let begins = if compiled.begins.is_empty() {
                    !link.parent.is_empty() || !link.parent_alias.is_empty()
                } else {
                    matches_topic(&compiled.begins, topic)
                };
                let applied = resolve_fields(number, begins, link, &mut of_topic.fields);
                of_topic.links.push(applied);
            }
        }
        for (number, (entity, on)) in self
            .set
            .entities
            .iter()
            .zip(&self.entity_topics)
            .enumerate()
        {
            if matches_topic(on, topic) {
                let slots = field_slots(&entity.from, &mut of_topic.fields);
                of_topic.entities.push((number, slots));
            }
        }
        // Producers choose topics, so the cache is bounded; emptying it costs one more look at each
        // topic.
        if self.topics.len() >= CACHED_TOPICS {
            self.topics.clear();
        }
        let of_topic = Arc::new(of_topic);
        self.topics.insert(topic.clone(), Arc::clone(&of_topic));
        of_topic
    }
}

fn compile_link(link: &LinkSpec, reasons: &mut EdgeReasons) -> CompiledLink {
    let class = reasons.intern_class(&link.name);
    let mut reason = |parts: &[LinkPart]| {
        let paths = link.scope.iter().chain(parts);
        reasons.intern(EdgeReason {
            link: link.name.clone(),
            version: link.version,
            paths: paths.map(|part| part.path.clone()).collect(),
        })
    };
    CompiledLink {
        class,
        on: parse_patterns(&link.on),
        begins: parse_patterns(&link.begins),
        id_reasons: link.id.iter().map(|parts| reason(parts)).collect(),
        parent_reasons: link.parent.iter().map(|parts| reason(parts)).collect(),
        alias_reason: reason(&link.parent_alias),
    }
}

/// Patterns that are none were refused when the link was loaded.
fn parse_patterns(texts: &[Arc<str>]) -> Vec<TopicPattern> {
    let patterns = texts.iter();
    patterns
        .filter_map(|text| TopicPattern::new(text).ok())
        .collect()
}

fn matches_topic(patterns: &[TopicPattern], topic: &Topic) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(topic))
}

fn resolve_fields(
    number: usize,
    begins: bool,
    link: &LinkSpec,
    fields: &mut FieldSet,
) -> LinkFields {
    let alternatives = |alternatives: &[Vec<LinkPart>], fields: &mut FieldSet| {
        let alternatives = alternatives.iter();
        alternatives
            .map(|parts| field_slots(parts, fields))
            .collect()
    };
    LinkFields {
        link: number,
        begins,
        scope: field_slots(&link.scope, fields),
        id: alternatives(&link.id, fields),
        parent: alternatives(&link.parent, fields),
        alias: field_slots(&link.alias, fields),
        parent_alias: field_slots(&link.parent_alias, fields),
        label: link.label.as_ref().map(|part| field_slot(part, fields)),
        keep: link
            .keep
            .iter()
            .map(|path| fields.intern_path(path))
            .collect(),
    }
}

fn field_slots(parts: &[LinkPart], fields: &mut FieldSet) -> Vec<FieldSlot> {
    parts.iter().map(|part| field_slot(part, fields)).collect()
}

fn field_slot(part: &LinkPart, fields: &mut FieldSet) -> FieldSlot {
    FieldSlot {
        slot: fields.intern_path(&part.path),
        form: part.form,
    }
}

/// What one link makes of the event's fields; nothing when it does not name a node.
fn build_claims(
    link: &LinkSpec,
    compiled: &CompiledLink,
    applied: &LinkFields,
    fields: &FieldSet,
    found: &[Option<FieldValue<'_>>],
) -> Option<NodeClaims<'static>> {
    let scope = read_parts(found, &applied.scope)?;
    let first = |alternatives: &[Vec<FieldSlot>], reasons: &[u16]| {
        let mut both = alternatives.iter().zip(reasons);
        both.find_map(|(slots, reason)| {
            let id = read_parts(found, slots).filter(|parts| !parts.is_empty())?;
            Some((format_id(&link.name, &scope, &id)?, *reason))
        })
    };
    let (own, reason) = first(&applied.id, &compiled.id_reasons)?;
    let alias = |slots: &[FieldSlot]| {
        let alias = read_parts(found, slots).filter(|parts| !parts.is_empty())?;
        format_id(&link.name, &scope, &alias)
    };
    let parent = first(&applied.parent, &compiled.parent_reasons);
    let upper_alias = alias(&applied.parent_alias);
    // Without topics of its own, a node begins with what says where it is.
    let begins = applied.begins
        && (!compiled.begins.is_empty() || parent.is_some() || upper_alias.is_some());
    let kept = applied.keep.iter().filter_map(|slot| {
        let value = found.get(*slot)?.as_ref()?;
        Some((
            fields.paths().get(*slot)?.as_str().into(),
            value_to_json(value),
        ))
    });
    Some(NodeClaims {
        class: compiled.class,
        own: NodeName {
            name: Cow::Owned(own),
            edge_reason: reason,
        },
        parent: parent.map(|(name, reason)| NodeName {
            name: Cow::Owned(name),
            edge_reason: reason,
        }),
        root: None,
        begins,
        alias: begins.then(|| alias(&applied.alias)).flatten(),
        parent_alias: upper_alias.map(|name| NodeName {
            name: Cow::Owned(name),
            edge_reason: compiled.alias_reason,
        }),
        label: applied
            .label
            .and_then(|slot| Some(read_part(found, slot)?.as_ref().into())),
        kept_fields: kept.collect(),
        joins: link.joins,
    })
}

fn read_parts<'v>(
    found: &'v [Option<FieldValue<'_>>],
    slots: &[FieldSlot],
) -> Option<Vec<Cow<'v, str>>> {
    slots.iter().map(|slot| read_part(found, *slot)).collect()
}

/// One value as part of an id; `None` when there is none that could be one.
fn read_part<'v>(found: &'v [Option<FieldValue<'_>>], slot: FieldSlot) -> Option<Cow<'v, str>> {
    let text: Cow<'v, str> = match found.get(slot.slot)?.as_ref()? {
        FieldValue::Str(text) => Cow::Borrowed(text.as_ref()),
        FieldValue::Int(number) => Cow::Owned(number.to_string()),
        FieldValue::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        FieldValue::Float(number) => Cow::Owned(number.to_string()),
        FieldValue::Null | FieldValue::Array(_) | FieldValue::Object(_) => return None,
    };
    if is_placeholder(&text) || text.len() > limits::CORRELATION_ID_BYTES {
        return None;
    }
    if text.chars().any(char::is_control) {
        return None;
    }
    format_part(text, slot.form)
}

/// A node's id: the link's name, a colon, and scope and id joined by slashes.
fn format_id(link: &str, scope: &[Cow<'_, str>], id: &[Cow<'_, str>]) -> Option<String> {
    let mut text = String::with_capacity(64);
    text.push_str(link);
    for (number, part) in scope.iter().chain(id).enumerate() {
        text.push(if number == 0 { ':' } else { '/' });
        text.push_str(part);
    }
    (text.len() <= 2 * limits::CORRELATION_ID_BYTES).then_some(text)
}

fn value_to_json(value: &FieldValue<'_>) -> Arc<str> {
    match value {
        FieldValue::Null => "null".into(),
        FieldValue::Bool(flag) => flag.to_string().into(),
        FieldValue::Int(number) => number.to_string().into(),
        FieldValue::Float(number) => number.to_string().into(),
        FieldValue::Str(text) => serde_json::Value::from(text.as_ref()).to_string().into(),
        FieldValue::Array(text) | FieldValue::Object(text) => (*text).into(),
    }
}
