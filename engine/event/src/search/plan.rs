//! Whether an event is what a search looks for, on its canonical text alone.
//!
//! One pass over the text finds every value of every field asked for; then the search is decided on those.
//! Words look at every value, and only when nothing else has decided before.

use super::ask::{Node, Term, Want};
use super::field::Field;
use super::glob::{Case, Matcher};
use super::number::Number;
use super::test::TermTest;
use crate::fields::{FieldSet, Found, characters, each_value};
use crate::names::Channel;
use crate::time::Timestamp;

/// A search made ready to be asked of many events.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    fields: FieldSet,
    step: Step,
    /// What the text of every event that is asked for holds, in lower case.
    needles: Vec<String>,
}

#[derive(Debug, Clone)]
enum Step {
    All(Vec<Step>),
    Any(Vec<Step>),
    Not(Box<Step>),
    Term {
        how: How,
        slots: Vec<usize>,
        test: TermTest,
    },
    Word(Matcher),
}

/// How values become what a term is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Any value of any slot.
    Any,
    /// Any value that the event's envelope is made of, so none under a name with dots.
    Envelope,
    /// A text only.
    OnlyText,
    /// The first of the slots that has a value.
    First,
    /// Channel and type.
    Topic,
    /// The channel, as a kind of event.
    Kind,
    /// The type, of alerts.
    Rule,
    /// The parts of `traceparent`.
    Trace,
}

const HOST: [&str; 10] = [
    "metadata.host",
    "data.host",
    "data.host.name",
    "data.hostname",
    "data.Hostname",
    "data.Computer",
    "data.computer_name",
    "data.Event.System.Computer",
    "data.winlog.computer_name",
    "data.agent.hostname",
];

const IP: [&str; 13] = [
    "metadata.ip",
    "data.ip",
    "data.src_ip",
    "data.dst_ip",
    "data.source.ip",
    "data.destination.ip",
    "data.client.ip",
    "data.server.ip",
    "data.IpAddress",
    "data.SourceIp",
    "data.DestinationIp",
    "data.SourceAddress",
    "data.DestAddress",
];

fn read(field: &Field) -> (How, Vec<&str>) {
    let envelope = |path| (How::Envelope, vec![path]);
    match field {
        Field::Type => envelope("type"),
        Field::Channel => envelope("channel"),
        Field::Source => envelope("source"),
        Field::Severity => envelope("severity"),
        Field::Tenant => envelope("metadata.tenantId"),
        Field::Id => envelope("id"),
        Field::Step => envelope("correlationId"),
        Field::Parent => envelope("correlation.parent"),
        Field::Time => envelope("time"),
        Field::Correlation => (How::Envelope, vec!["correlationId", "correlation.root"]),
        Field::Root => (How::First, vec!["correlation.root", "correlationId"]),
        Field::User => (How::OnlyText, vec!["metadata.user"]),
        Field::Topic => (How::Topic, vec!["channel", "type"]),
        Field::Kind => (How::Kind, vec!["channel"]),
        Field::Rule => (How::Rule, vec!["channel", "type"]),
        Field::Trace => (How::Trace, vec!["traceparent"]),
        Field::Host => (How::Any, HOST.to_vec()),
        Field::Ip => (How::Any, IP.to_vec()),
        Field::Path(path) => (How::Any, vec![path]),
    }
}

impl Plan {
    pub(super) fn of(node: &Node, now: Timestamp) -> Self {
        let mut fields = FieldSet::default();
        let step = step(node, now, &mut fields);
        let parts = match node {
            Node::All(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        Self {
            fields,
            step,
            needles: parts.iter().filter_map(needle).collect(),
        }
    }

    pub(super) fn holds(&self, json: &str) -> bool {
        if self.lacks(json) {
            return false;
        }
        let mut found = Vec::new();
        self.fields.every(json, &mut found);
        Asked { json, found }.holds(&self.step)
    }
}

/// What the text of every event holds of which `part` holds.
fn needle(part: &Node) -> Option<String> {
    match part {
        Node::Word(word) => word.needle(),
        Node::Term(term) => match (term.any.as_slice(), read(&term.field).0) {
            // A number may be written otherwise.
            ([Want::Text(glob)], How::Any | How::Envelope | How::OnlyText | How::First) => {
                let is_number = glob
                    .literal()
                    .is_some_and(|text| Number::parse(text).is_some());
                glob.needle().filter(|_| !is_number)
            }
            _ => None,
        },
        Node::All(_) | Node::Any(_) | Node::Not(_) => None,
    }
}

fn step(node: &Node, now: Timestamp, fields: &mut FieldSet) -> Step {
    match node {
        Node::All(parts) => Step::All(steps(parts, now, fields)),
        Node::Any(parts) => Step::Any(steps(parts, now, fields)),
        Node::Not(part) => Step::Not(Box::new(step(part, now, fields))),
        Node::Term(term) => of_term(term, now, fields),
        Node::Word(word) => Step::Word(word.inside(Case::Folded)),
    }
}

impl Plan {
    /// Whether the text lacks what it needs, as can be told without reading it: 2 to 3 µs instead of 10 to
    /// 40 for an event of 2 KB.
    fn lacks(&self, json: &str) -> bool {
        // Escapes and these letters stand for characters of ASCII without being them.
        let hides_ascii = |json: &str| json.contains("\\u") || json.contains(['ſ', '\u{212a}']);
        if self.needles.is_empty() || hides_ascii(json) {
            return false;
        }
        let lower = json.to_ascii_lowercase();
        self.needles
            .iter()
            .any(|needle| !lower.contains(needle.as_str()))
    }
}

/// The parts, words last: they cost most.
fn steps(parts: &[Node], now: Timestamp, fields: &mut FieldSet) -> Vec<Step> {
    let mut steps: Vec<Step> = parts.iter().map(|part| step(part, now, fields)).collect();
    steps.sort_by_key(|step| matches!(step, Step::Word(_)));
    steps
}

fn of_term(term: &Term, now: Timestamp, fields: &mut FieldSet) -> Step {
    let (how, paths) = read(&term.field);
    Step::Term {
        how,
        slots: paths.into_iter().map(|path| fields.slot(path)).collect(),
        test: term.test(now),
    }
}

/// An event that is being asked.
struct Asked<'e> {
    json: &'e str,
    found: Vec<Found<'e>>,
}

impl<'e> Asked<'e> {
    fn holds(&self, step: &Step) -> bool {
        match step {
            Step::All(steps) => steps.iter().all(|step| self.holds(step)),
            Step::Any(steps) => steps.iter().any(|step| self.holds(step)),
            Step::Not(step) => !self.holds(step),
            Step::Term { how, slots, test } => self.term(*how, slots, test),
            Step::Word(word) => each_value(self.json, |value| match value.as_bytes().first() {
                Some(b'"') => characters(value).is_some_and(|text| word.matches(&text)),
                Some(b'n') | None => false,
                Some(_) => word.matches(value),
            }),
        }
    }

    fn term(&self, how: How, slots: &[usize], test: &TermTest) -> bool {
        let mut values = slots.iter().map(|slot| self.values(*slot));
        match how {
            How::Any => values.any(|mut values| values.any(|json| test.holds_json(json))),
            How::Envelope => {
                let mut nested = slots.iter().filter_map(|slot| self.member(*slot));
                nested.any(|json| test.holds_json(json))
            }
            How::OnlyText => values.any(|values| {
                // An array is followed by its elements, which are no text of the field itself.
                let mut first = values.take(1);
                first.any(|json| json.starts_with('"') && test.holds_json(json))
            }),
            How::First => {
                let first = slots.iter().find_map(|slot| self.member(*slot));
                first.is_some_and(|json| test.holds_json(json))
            }
            How::Topic => self.pair(slots).is_some_and(|(channel, kind)| {
                test.holds_text(&format!("{channel}.{}", kind.to_ascii_lowercase()))
            }),
            How::Kind => self
                .pair(slots)
                .is_some_and(|(channel, _)| test.holds_text(kind_of(channel))),
            How::Rule => self.pair(slots).is_some_and(|(channel, kind)| {
                channel == Channel::alerts().as_str() && test.holds_text(kind)
            }),
            How::Trace => slots
                .iter()
                .find_map(|slot| self.member(*slot))
                .and_then(inner)
                .is_some_and(|trace| in_trace(trace, test)),
        }
    }

    /// The values of a path; those under names with dots count only where there are no others.
    fn values(&self, slot: usize) -> impl Iterator<Item = &'e str> {
        let of_slot = move |found: &&Found<'e>| found.slot == slot;
        let has_nested = self
            .found
            .iter()
            .filter(of_slot)
            .any(|found| found.is_nested);
        self.found
            .iter()
            .filter(of_slot)
            .filter(move |found| found.is_nested == has_nested)
            .map(|found| found.json)
    }

    /// The value of a member that an envelope is made of.
    fn member(&self, slot: usize) -> Option<&'e str> {
        let mut found = self.found.iter();
        found
            .find(|found| found.slot == slot && found.is_nested)
            .map(|found| found.json)
    }

    /// Channel and type.
    fn pair(&self, slots: &[usize]) -> Option<(&'e str, &'e str)> {
        let text = |at: usize| {
            slots
                .get(at)
                .and_then(|slot| self.member(*slot))
                .and_then(inner)
        };
        let channel = text(0)?;
        Some((channel, text(1).unwrap_or_default()))
    }
}

/// The characters of a JSON string that needs no escapes.
fn inner(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

/// What kind of event the channel `channel` holds.
pub(super) fn kind_of(channel: &str) -> &'static str {
    match channel {
        "alerts" => "alert",
        "$sys" => "system",
        _ => "event",
    }
}

/// Whether the trace, its span or both are wanted, of `00-<trace>-<span>-<flags>`.
fn in_trace(parent: &str, test: &TermTest) -> bool {
    let mut parts = parent.split('-').skip(1);
    let (Some(trace), Some(span)) = (parts.next(), parts.next()) else {
        return test.holds_text(parent);
    };
    test.holds_text(trace) || test.holds_text(&format!("{trace}/{span}")) || test.holds_text(parent)
}
