//! Whether an event matches a search, on its canonical text alone.
//!
//! Owns the order of the work: one pass over the text finds the values of every field asked for,
//! then the search is decided on those. What one value must be is left to `term_test`.
//! Invariant: a shortcut (a text that every match must contain) only ever says no where the full
//! test would say no too. Words are looked for last, when nothing else has decided.

use super::field::SearchField;
use super::node::{SearchNode, SearchTerm, ValueCondition};
use super::number::parse_number;
use super::term_test::{TermTest, TextMatcher};
use crate::fields::{FieldSet, PathValue, any_scalar_matches, decode_string};
use crate::names::Channel;
use crate::time::Timestamp;
use crate::value::GlobPattern;

/// A search made ready to be asked of many events.
#[derive(Debug, Clone)]
pub(super) struct SearchPlan {
    fields: FieldSet,
    step: SearchStep,
    /// What the text of every event that is asked for holds, in lower case.
    needles: Vec<String>,
}

#[derive(Debug, Clone)]
enum SearchStep {
    All(Vec<SearchStep>),
    Any(Vec<SearchStep>),
    Not(Box<SearchStep>),
    Term {
        lookup: FieldLookup,
        slots: Vec<usize>,
        test: TermTest,
    },
    Word(TextMatcher),
}

/// How values become what a term is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldLookup {
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

fn field_lookup(field: &SearchField) -> (FieldLookup, Vec<&str>) {
    let envelope = |path| (FieldLookup::Envelope, vec![path]);
    match field {
        SearchField::Type => envelope("type"),
        SearchField::Channel => envelope("channel"),
        SearchField::Source => envelope("source"),
        SearchField::Severity => envelope("severity"),
        SearchField::Tenant => envelope("metadata.tenantId"),
        SearchField::Id => envelope("id"),
        SearchField::Step => envelope("correlationId"),
        SearchField::Parent => envelope("correlation.parent"),
        SearchField::Time => envelope("time"),
        SearchField::Correlation => (
            FieldLookup::Envelope,
            vec!["correlationId", "correlation.root"],
        ),
        // The root of a first step is the step itself: the order of the paths is that of asking.
        SearchField::Root => (
            FieldLookup::First,
            vec!["correlation.root", "correlationId"],
        ),
        SearchField::User => (FieldLookup::OnlyText, vec!["metadata.user"]),
        SearchField::Topic => (FieldLookup::Topic, vec!["channel", "type"]),
        SearchField::Kind => (FieldLookup::Kind, vec!["channel"]),
        SearchField::Rule => (FieldLookup::Rule, vec!["channel", "type"]),
        SearchField::Trace => (FieldLookup::Trace, vec!["traceparent"]),
        SearchField::Host => (FieldLookup::Any, HOST.to_vec()),
        SearchField::Ip => (FieldLookup::Any, IP.to_vec()),
        SearchField::Path(path) => (FieldLookup::Any, vec![path]),
    }
}

impl SearchPlan {
    pub(super) fn compile(node: &SearchNode, now: Timestamp) -> Self {
        let mut fields = FieldSet::default();
        let step = compile_step(node, now, &mut fields);
        let parts = match node {
            SearchNode::All(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        Self {
            fields,
            step,
            needles: parts.iter().filter_map(needle_of_part).collect(),
        }
    }

    pub(super) fn matches_json(&self, json: &str) -> bool {
        if self.lacks_needles(json) {
            return false;
        }
        let mut found = Vec::new();
        self.fields.find_all_values(json, &mut found);
        CandidateEvent { json, found }.satisfies_step(&self.step)
    }
}

/// What the text of every event holds of which `part` holds.
fn needle_of_part(part: &SearchNode) -> Option<String> {
    match part {
        SearchNode::Word(word) => find_needle(word),
        SearchNode::Term(term) => match (term.any.as_slice(), field_lookup(&term.field).0) {
            // A number may be written otherwise.
            (
                [ValueCondition::Text(glob)],
                FieldLookup::Any
                | FieldLookup::Envelope
                | FieldLookup::OnlyText
                | FieldLookup::First,
            ) => {
                let is_number = glob
                    .as_literal()
                    .is_some_and(|text| parse_number(text).is_some());
                find_needle(glob).filter(|_| !is_number)
            }
            _ => None,
        },
        SearchNode::All(_) | SearchNode::Any(_) | SearchNode::Not(_) => None,
    }
}

/// Shorter runs are in too many texts.
const MIN_NEEDLE_BYTES: usize = 3;

/// The longest run of characters, in lower case, that stands as it is in the JSON of every text
/// that matches, as long as that hides no character of ASCII behind another one.
fn find_needle(glob: &GlobPattern) -> Option<String> {
    let is_plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/'));
    let runs = glob
        .literals()
        .flat_map(|text| text.split(|c| !is_plain(c)));
    let longest = runs.max_by_key(|run| run.len())?;
    (longest.len() >= MIN_NEEDLE_BYTES).then(|| longest.to_ascii_lowercase())
}

fn compile_step(node: &SearchNode, now: Timestamp, fields: &mut FieldSet) -> SearchStep {
    match node {
        SearchNode::All(parts) => SearchStep::All(compile_steps(parts, now, fields)),
        SearchNode::Any(parts) => SearchStep::Any(compile_steps(parts, now, fields)),
        SearchNode::Not(part) => SearchStep::Not(Box::new(compile_step(part, now, fields))),
        SearchNode::Term(term) => compile_term(term, now, fields),
        SearchNode::Word(word) => SearchStep::Word(TextMatcher::in_any_text(word)),
    }
}

impl SearchPlan {
    /// Whether the text lacks what it needs, as can be told without reading it: 2 to 3 µs instead
    /// of 10 to
    /// 40 for an event of 2 KB.
    fn lacks_needles(&self, json: &str) -> bool {
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
fn compile_steps(parts: &[SearchNode], now: Timestamp, fields: &mut FieldSet) -> Vec<SearchStep> {
    let mut steps: Vec<SearchStep> = parts
        .iter()
        .map(|part| compile_step(part, now, fields))
        .collect();
    steps.sort_by_key(|step| matches!(step, SearchStep::Word(_)));
    steps
}

fn compile_term(term: &SearchTerm, now: Timestamp, fields: &mut FieldSet) -> SearchStep {
    let (how, paths) = field_lookup(&term.field);
    SearchStep::Term {
        lookup: how,
        slots: paths
            .into_iter()
            .map(|path| fields.intern_path(path))
            .collect(),
        test: term.compile_test(now),
    }
}

/// An event that is being asked.
struct CandidateEvent<'e> {
    json: &'e str,
    found: Vec<PathValue<'e>>,
}

impl<'e> CandidateEvent<'e> {
    fn satisfies_step(&self, step: &SearchStep) -> bool {
        match step {
            SearchStep::All(steps) => steps.iter().all(|step| self.satisfies_step(step)),
            SearchStep::Any(steps) => steps.iter().any(|step| self.satisfies_step(step)),
            SearchStep::Not(step) => !self.satisfies_step(step),
            SearchStep::Term {
                lookup: how,
                slots,
                test,
            } => self.satisfies_term(*how, slots, test),
            SearchStep::Word(word) => {
                any_scalar_matches(self.json, |value| match value.as_bytes().first() {
                    Some(b'"') => decode_string(value).is_some_and(|text| word.matches(&text)),
                    Some(b'n') | None => false,
                    Some(_) => word.matches(value),
                })
            }
        }
    }

    fn satisfies_term(&self, how: FieldLookup, slots: &[usize], test: &TermTest) -> bool {
        let mut values = slots.iter().map(|slot| self.slot_values(*slot));
        match how {
            FieldLookup::Any => values.any(|mut values| values.any(|json| test.matches_json(json))),
            FieldLookup::Envelope => {
                let mut nested = slots.iter().filter_map(|slot| self.envelope_value(*slot));
                nested.any(|json| test.matches_json(json))
            }
            FieldLookup::OnlyText => values.any(|values| {
                // An array is followed by its elements, which are no text of the field itself.
                let mut first = values.take(1);
                first.any(|json| json.starts_with('"') && test.matches_json(json))
            }),
            FieldLookup::First => {
                let first = slots.iter().find_map(|slot| self.envelope_value(*slot));
                first.is_some_and(|json| test.matches_json(json))
            }
            FieldLookup::Topic => self.channel_and_type(slots).is_some_and(|(channel, kind)| {
                test.matches_text(&format!("{channel}.{}", kind.to_ascii_lowercase()))
            }),
            FieldLookup::Kind => self
                .channel_and_type(slots)
                .is_some_and(|(channel, _)| test.matches_text(channel_kind(channel))),
            FieldLookup::Rule => self.channel_and_type(slots).is_some_and(|(channel, kind)| {
                channel == Channel::alerts().as_str() && test.matches_text(kind)
            }),
            FieldLookup::Trace => slots
                .iter()
                .find_map(|slot| self.envelope_value(*slot))
                .and_then(strip_quotes)
                .is_some_and(|trace| matches_trace(trace, test)),
        }
    }

    /// The values of a path; those under names with dots count only where there are no others.
    fn slot_values(&self, slot: usize) -> impl Iterator<Item = &'e str> {
        let of_slot = move |found: &&PathValue<'e>| found.slot == slot;
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
    fn envelope_value(&self, slot: usize) -> Option<&'e str> {
        let mut found = self.found.iter();
        found
            .find(|found| found.slot == slot && found.is_nested)
            .map(|found| found.json)
    }

    /// Channel and type.
    fn channel_and_type(&self, slots: &[usize]) -> Option<(&'e str, &'e str)> {
        let text = |at: usize| {
            slots
                .get(at)
                .and_then(|slot| self.envelope_value(*slot))
                .and_then(strip_quotes)
        };
        let channel = text(0)?;
        Some((channel, text(1).unwrap_or_default()))
    }
}

/// The characters of a JSON string that needs no escapes.
fn strip_quotes(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

/// What kind of event the channel `channel` holds.
pub(super) fn channel_kind(channel: &str) -> &'static str {
    match channel {
        "alerts" => "alert",
        "$sys" => "system",
        _ => "event",
    }
}

/// Whether the trace, its span or both are wanted, of `00-<trace>-<span>-<flags>`.
fn matches_trace(parent: &str, test: &TermTest) -> bool {
    let mut parts = parent.split('-').skip(1);
    let (Some(trace), Some(span)) = (parts.next(), parts.next()) else {
        return test.matches_text(parent);
    };
    test.matches_text(trace)
        || test.matches_text(&format!("{trace}/{span}"))
        || test.matches_text(parent)
}
