//! Reading events by declared links.
//!
//! Owns which nodes, aliases and entities an event names. One pass over the event's bytes finds every
//! field that any link of its topic reads; an event whose topic no link reads costs a look at its topic.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;
use larum_event::{
    Event, FieldSet, Link, LinkPart, LinkSet, PartForm, Topic, TopicPattern, Value, limits,
};

use crate::facts::{Group, Naming};
use crate::form::{says_nothing, written};
use crate::node::Class;
use crate::ways::{Way, Ways};

/// Most topics whose links are remembered; beyond it the memory starts anew.
const TOPICS: usize = 10_000;

/// Reads events by one set of links.
#[derive(Debug)]
pub(crate) struct LinkReader {
    set: Arc<LinkSet>,
    links: Vec<Compiled>,
    entity_topics: Vec<Vec<TopicPattern>>,
    topics: HashMap<Topic, Arc<OfTopic>, RandomState>,
}

#[derive(Debug)]
struct Compiled {
    class: Class,
    on: Vec<TopicPattern>,
    begins: Vec<TopicPattern>,
    /// By alternative of the id, and by alternative of the parent.
    id_ways: Vec<u16>,
    parent_ways: Vec<u16>,
    alias_way: u16,
}

/// What is read of events of one topic.
#[derive(Debug, Default)]
struct OfTopic {
    fields: FieldSet,
    links: Vec<Applied>,
    /// The number of the entity and where its values stand.
    entities: Vec<(usize, Vec<Slot>)>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    slot: usize,
    form: PartForm,
}

#[derive(Debug)]
struct Applied {
    link: usize,
    begins: bool,
    scope: Vec<Slot>,
    id: Vec<Vec<Slot>>,
    parent: Vec<Vec<Slot>>,
    alias: Vec<Slot>,
    parent_alias: Vec<Slot>,
    label: Option<Slot>,
    keep: Vec<usize>,
}

impl LinkReader {
    pub(crate) fn new(set: Arc<LinkSet>, ways: &mut Ways) -> Self {
        let links = set.links.iter().map(|link| compiled(link, ways)).collect();
        let entities = set.entities.iter();
        Self {
            links,
            entity_topics: entities.map(|entity| patterns(&entity.on)).collect(),
            set,
            topics: HashMap::default(),
        }
    }

    pub(crate) fn set(&self) -> &Arc<LinkSet> {
        &self.set
    }

    /// Adds what `event` names to `groups` and `entities`; of an event that hangs on no node, no entities are needed.
    pub(crate) fn read(
        &mut self,
        event: &Event,
        has_node: bool,
        groups: &mut Vec<Group<'_>>,
        entities: &mut Vec<(Arc<str>, Arc<str>)>,
    ) {
        if self.set.links.is_empty() && self.set.entities.is_empty() {
            return;
        }
        let of_topic = self.of_topic(&event.envelope().topic);
        if of_topic.links.is_empty() && (of_topic.entities.is_empty() || !has_node) {
            return;
        }
        let found = of_topic.fields.read(event);
        for applied in &of_topic.links {
            if let (Some(link), Some(compiled)) = (
                self.set.links.get(applied.link),
                self.links.get(applied.link),
            ) && let Some(group) = group(link, compiled, applied, &of_topic.fields, &found)
            {
                groups.push(group);
            }
        }
        for (number, slots) in &of_topic.entities {
            let Some(entity) = self.set.entities.get(*number) else {
                continue;
            };
            for slot in slots {
                if let Some(value) = part(&found, *slot) {
                    let value: Arc<str> = value.as_ref().into();
                    let pair = (entity.name.clone(), value);
                    if !entities.contains(&pair) {
                        entities.push(pair);
                    }
                }
            }
        }
    }

    fn of_topic(&mut self, topic: &Topic) -> Arc<OfTopic> {
        if let Some(known) = self.topics.get(topic) {
            return Arc::clone(known);
        }
        let mut of_topic = OfTopic::default();
        for (number, (link, compiled)) in self.set.links.iter().zip(&self.links).enumerate() {
            if applies(&compiled.on, topic) {
                let begins = if compiled.begins.is_empty() {
                    !link.parent.is_empty() || !link.parent_alias.is_empty()
                } else {
                    applies(&compiled.begins, topic)
                };
                let applied = applied(number, begins, link, &mut of_topic.fields);
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
            if applies(on, topic) {
                let slots = slots(&entity.from, &mut of_topic.fields);
                of_topic.entities.push((number, slots));
            }
        }
        if self.topics.len() >= TOPICS {
            self.topics.clear();
        }
        let of_topic = Arc::new(of_topic);
        self.topics.insert(topic.clone(), Arc::clone(&of_topic));
        of_topic
    }
}

fn compiled(link: &Link, ways: &mut Ways) -> Compiled {
    let class = ways.class(&link.name);
    let mut way = |parts: &[LinkPart]| {
        let paths = link.scope.iter().chain(parts);
        ways.number(Way {
            link: link.name.clone(),
            version: link.version,
            paths: paths.map(|part| part.path.clone()).collect(),
        })
    };
    Compiled {
        class,
        on: patterns(&link.on),
        begins: patterns(&link.begins),
        id_ways: link.id.iter().map(|parts| way(parts)).collect(),
        parent_ways: link.parent.iter().map(|parts| way(parts)).collect(),
        alias_way: way(&link.parent_alias),
    }
}

/// Patterns that are none were refused when the link was loaded.
fn patterns(texts: &[Arc<str>]) -> Vec<TopicPattern> {
    let patterns = texts.iter();
    patterns
        .filter_map(|text| TopicPattern::new(text).ok())
        .collect()
}

fn applies(patterns: &[TopicPattern], topic: &Topic) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(topic))
}

fn applied(number: usize, begins: bool, link: &Link, fields: &mut FieldSet) -> Applied {
    let alternatives = |alternatives: &[Vec<LinkPart>], fields: &mut FieldSet| {
        let alternatives = alternatives.iter();
        alternatives.map(|parts| slots(parts, fields)).collect()
    };
    Applied {
        link: number,
        begins,
        scope: slots(&link.scope, fields),
        id: alternatives(&link.id, fields),
        parent: alternatives(&link.parent, fields),
        alias: slots(&link.alias, fields),
        parent_alias: slots(&link.parent_alias, fields),
        label: link.label.as_ref().map(|part| slot(part, fields)),
        keep: link.keep.iter().map(|path| fields.slot(path)).collect(),
    }
}

fn slots(parts: &[LinkPart], fields: &mut FieldSet) -> Vec<Slot> {
    parts.iter().map(|part| slot(part, fields)).collect()
}

fn slot(part: &LinkPart, fields: &mut FieldSet) -> Slot {
    Slot {
        slot: fields.slot(&part.path),
        form: part.form,
    }
}

/// What one link makes of the event's fields; nothing when it does not name a node.
fn group(
    link: &Link,
    compiled: &Compiled,
    applied: &Applied,
    fields: &FieldSet,
    found: &[Option<Value<'_>>],
) -> Option<Group<'static>> {
    let scope = parts(found, &applied.scope)?;
    let first = |alternatives: &[Vec<Slot>], ways: &[u16]| {
        let mut both = alternatives.iter().zip(ways);
        both.find_map(|(slots, way)| {
            let id = parts(found, slots).filter(|parts| !parts.is_empty())?;
            Some((name(&link.name, &scope, &id)?, *way))
        })
    };
    let (own, way) = first(&applied.id, &compiled.id_ways)?;
    let alias = |slots: &[Slot]| {
        let alias = parts(found, slots).filter(|parts| !parts.is_empty())?;
        name(&link.name, &scope, &alias)
    };
    let parent = first(&applied.parent, &compiled.parent_ways);
    let upper_alias = alias(&applied.parent_alias);
    // Without topics of its own, a node begins with what says where it hangs.
    let begins = applied.begins
        && (!compiled.begins.is_empty() || parent.is_some() || upper_alias.is_some());
    let kept = applied.keep.iter().filter_map(|slot| {
        let value = found.get(*slot)?.as_ref()?;
        Some((fields.paths().get(*slot)?.as_str().into(), json(value)))
    });
    Some(Group {
        class: compiled.class,
        own: Naming {
            name: Cow::Owned(own),
            way,
        },
        parent: parent.map(|(name, way)| Naming {
            name: Cow::Owned(name),
            way,
        }),
        root: None,
        begins,
        alias: begins.then(|| alias(&applied.alias)).flatten(),
        upper_alias: upper_alias.map(|name| Naming {
            name: Cow::Owned(name),
            way: compiled.alias_way,
        }),
        label: applied
            .label
            .and_then(|slot| Some(part(found, slot)?.as_ref().into())),
        kept: kept.collect(),
        joins: link.joins,
    })
}

fn parts<'v>(found: &'v [Option<Value<'_>>], slots: &[Slot]) -> Option<Vec<Cow<'v, str>>> {
    slots.iter().map(|slot| part(found, *slot)).collect()
}

/// One value as part of an id; `None` when there is none that could be one.
fn part<'v>(found: &'v [Option<Value<'_>>], slot: Slot) -> Option<Cow<'v, str>> {
    let text: Cow<'v, str> = match found.get(slot.slot)?.as_ref()? {
        Value::Str(text) => Cow::Borrowed(text.as_ref()),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Float(number) => Cow::Owned(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    if says_nothing(&text) || text.len() > limits::CORRELATION_ID_BYTES {
        return None;
    }
    if text.chars().any(char::is_control) {
        return None;
    }
    written(text, slot.form)
}

/// A node's id: the link's name, a colon, and scope and id joined by slashes.
fn name(link: &str, scope: &[Cow<'_, str>], id: &[Cow<'_, str>]) -> Option<String> {
    let mut text = String::with_capacity(64);
    text.push_str(link);
    for (number, part) in scope.iter().chain(id).enumerate() {
        text.push(if number == 0 { ':' } else { '/' });
        text.push_str(part);
    }
    (text.len() <= 2 * limits::CORRELATION_ID_BYTES).then_some(text)
}

fn json(value: &Value<'_>) -> Arc<str> {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string().into(),
        Value::Int(number) => number.to_string().into(),
        Value::Float(number) => number.to_string().into(),
        Value::Str(text) => serde_json::Value::from(text.as_ref()).to_string().into(),
        Value::Array(text) | Value::Object(text) => (*text).into(),
    }
}
