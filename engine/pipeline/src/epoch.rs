//! One epoch on its way: what goes in, what each layer sees, what comes out.

use std::sync::Arc;

use larum_event::{
    Alert, EvaluationPlace, Event, EventId, Position, RuleId, TenantId, Timestamp, Watermark,
};
use larum_rule::ExceptionCount;

use crate::breakers::BreakerEvent;
use crate::clocks::WatermarkStep;
use crate::late_events::{LateEvent, LateMatches};
use crate::raise::may_be_alert_id;
use larum_event::MonotonicTime;

/// One event of the log, as the pipeline takes it.
#[derive(Debug, Clone)]
pub struct EventInput {
    /// Where it stands.
    pub position: Position,
    /// The event.
    pub event: Event,
    /// When it arrived; `None` where nobody knows, as in files.
    pub arrived: Option<Timestamp>,
    /// The number of its record in the input, for alerts of events without a sequence.
    pub record: Option<u64>,
}

/// Cuts a stretch of the log where the pipeline must: an event that may name an alert as its cause comes after
/// everything that alerts before it have set off, or its depth would depend on where epochs end.
pub fn split_inputs(inputs: &[EventInput]) -> impl Iterator<Item = &[EventInput]> {
    inputs.chunk_by(|_, next| {
        let cause = next.event.envelope().causation_id.as_ref();
        !cause.is_some_and(may_be_alert_id)
    })
}

/// One event as rules see it: a raw one, or an alert of a lower layer.
#[derive(Debug, Clone)]
pub struct EpochItem {
    /// Where it stands.
    pub place: EvaluationPlace,
    /// The event.
    pub event: Event,
    /// When it counts in windows.
    pub time: Timestamp,
    /// The clock it runs on.
    pub clock: u32,
    /// How far that had come before its position.
    pub before: Watermark,
    /// How far it has come with it.
    pub watermark: Watermark,
    /// Its order among equal times.
    pub sequence: Option<u64>,
    /// The rule that raised it, for alerts.
    pub raised_by: Option<u32>,
    /// Of an alert, the raw event whose place in the trees rules ask about, where its epoch holds it.
    pub raw_event: Option<Event>,
}

/// A stretch of the log being evaluated.
#[derive(Debug)]
pub struct Epoch {
    /// Raw events that are evaluated, in order.
    pub(crate) raw: Arc<[EpochItem]>,
    /// Alerts that have become final so far, for the layers above.
    pub(crate) alerts: Vec<EpochItem>,
    /// How event time moves over the epoch.
    pub(crate) steps: Arc<[WatermarkStep]>,
    /// What comes out.
    pub(crate) outcome: EpochOutcome,
    /// Events of the engine's own, each with what made it, until they are put in order.
    pub(crate) system: Vec<(EvaluationPlace, Event)>,
    /// Matches that came too late to count.
    pub(crate) late: LateMatches,
    /// When events were admitted, never going back; those of which nobody knows are not here.
    pub(crate) admitted: Vec<(Position, MonotonicTime)>,
    /// The place after all others, for what is closed at the end of input.
    pub(crate) end: EvaluationPlace,
}

impl Epoch {
    /// How event time moves over the epoch; every window needs it.
    pub fn steps(&self) -> Arc<[WatermarkStep]> {
        Arc::clone(&self.steps)
    }

    /// When the event at `position` was admitted, if that is known.
    pub(crate) fn admission_time(&self, position: Position) -> Option<MonotonicTime> {
        let found = self.admitted.binary_search_by_key(&position, |(at, _)| *at);
        let index = found.ok()?;
        self.admitted.get(index).map(|(_, time)| *time)
    }

    /// Behind everything that rules of `layer` see in it.
    pub(crate) fn layer_end(&self, layer: u8) -> EvaluationPlace {
        EvaluationPlace {
            layer,
            ordinal: u32::MAX,
            ..self.end
        }
    }

    /// How far a clock had come before `position`, of which something was made on it.
    pub(crate) fn watermark_before(
        &self,
        position: Position,
        tenant: &TenantId,
        clock: u32,
    ) -> Watermark {
        let steps = self.steps.iter();
        let first = self
            .steps
            .partition_point(|step| step.place.position < position);
        let step = steps
            .skip(first)
            .take_while(|step| step.place.position == position)
            .find(|step| step.clock == clock && step.tenant == *tenant);
        if let Some(step) = step {
            return step.before;
        }
        let item = self.find_item(EvaluationPlace::for_raw_event(position));
        let item = item.filter(|item| item.clock == clock);
        item.map_or(Watermark::MIN, |item| item.before)
    }

    /// What stands at `place`.
    pub(crate) fn find_item(&self, place: EvaluationPlace) -> Option<&EpochItem> {
        if place.layer > 0 {
            return self.alerts.iter().find(|item| item.place == place);
        }
        let found = self.raw.binary_search_by_key(&place, |item| item.place);
        self.raw.get(found.ok()?)
    }

    /// What rules of `layer` see: for the first layer the raw events, above it the alerts of
    /// the layers below among them, in order.
    pub fn layer_items(&self, layer: u8) -> Arc<[EpochItem]> {
        if layer == 0 || self.alerts.is_empty() {
            return Arc::clone(&self.raw);
        }
        let mut items: Vec<EpochItem> = self.raw.iter().chain(&self.alerts).cloned().collect();
        // Of what comes with one event, the earliest is first: a deadline that has passed lies before the event.
        items.sort_by_key(|item| {
            let order = Watermark::of_event(item.time, item.sequence);
            (item.place.position, order, item.place)
        });
        items.into()
    }
}

/// One revision of an alert, ready for the log.
#[derive(Debug, Clone)]
pub struct AlertRevision {
    /// What it says.
    pub alert: Alert,
    /// The same as an event of the bus.
    pub event: Event,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it stands.
    pub place: EvaluationPlace,
    /// The log position of the event that set the alert off.
    pub trigger: Position,
}

/// A rule that failed on one event; it said nothing about that event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFault {
    /// The rule.
    pub rule: RuleId,
    /// Its number in the set.
    pub number: u32,
    /// The event.
    pub event: EventId,
    /// Where it stands.
    pub place: EvaluationPlace,
    /// What was wrong, for the rule's author.
    pub message: String,
}

/// What an epoch puts out.
#[derive(Debug, Clone, Default)]
pub struct EpochOutcome {
    /// Revisions of alerts, in canonical order.
    pub alerts: Vec<AlertRevision>,
    /// Events of `$sys`, each with the place of what made it, in order.
    pub system: Vec<(EvaluationPlace, Event)>,
    /// Events that came too late for the windows of some rules, in order.
    pub late: Vec<LateEvent>,
    /// Rules that failed on an event.
    pub faults: Vec<PlacedFault>,
    /// Rules that were broken out, tried again in vain, or are back, in order.
    pub breaks: Vec<BreakerEvent>,
    /// How often exceptions kept something from being a match.
    pub excepted: Vec<ExceptionCount>,
}

impl EpochOutcome {
    /// The derived events in the order in which they go into the log.
    pub fn derived_events(&self) -> impl Iterator<Item = &Event> {
        let alerts = self.alerts.iter();
        let mut alerts = alerts
            .map(|raised| (raised.place, &raised.event))
            .peekable();
        let system = self.system.iter();
        let mut system = system.map(|(place, event)| (*place, event)).peekable();
        std::iter::from_fn(move || {
            let before = system.peek().map(|(place, _)| *place);
            let alert = alerts.next_if(|(place, _)| before.is_none_or(|before| *place <= before));
            alert.or_else(|| system.next()).map(|(_, event)| event)
        })
    }

    /// Adds what came after.
    pub fn extend(&mut self, other: Self) {
        self.alerts.extend(other.alerts);
        self.system.extend(other.system);
        self.late.extend(other.late);
        self.faults.extend(other.faults);
        self.breaks.extend(other.breaks);
        self.excepted.extend(other.excepted);
    }
}

/// The hash that an epoch's commit carries: blake3 over the canonical bytes of its derived
/// events, each followed by a line feed.
pub fn hash_epoch<'a>(derived: impl Iterator<Item = &'a Event>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for event in derived {
        hasher.update(event.json().as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().into()
}
