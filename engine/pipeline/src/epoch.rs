//! One epoch while it runs: its raw events, the alerts raised so far, and what will come out.
//!
//! Owns what each layer sees, and how far clocks had come at each position. Deciding what happens
//! next is the [`EpochDriver`](crate::EpochDriver)'s job.
//! Invariant: `raw` and `steps` are sorted by place, so that both can be searched; alerts are added
//! in no order and sorted among the raw events only when a layer asks.

use std::sync::Arc;

use larum_event::{EvaluationPlace, Event, MonotonicTime, Position, TenantId, Watermark};

use crate::clocks::WatermarkStep;
use crate::epoch_item::EpochItem;
use crate::epoch_outcome::EpochOutcome;
use crate::late_events::LateMatches;

/// A stretch of the log being evaluated.
#[derive(Debug)]
pub(crate) struct Epoch {
    /// Raw events that are evaluated, in order.
    pub(crate) raw: Arc<[EpochItem]>,
    /// Alerts that have become final so far, for the layers above.
    pub(crate) alerts: Vec<EpochItem>,
    /// How event time moves over the epoch.
    pub(crate) steps: Arc<[WatermarkStep]>,
    /// What comes out.
    pub(crate) outcome: EpochOutcome,
    /// Events of `$sys`, each with the place of what caused it, not in order yet.
    pub(crate) system: Vec<(EvaluationPlace, Event)>,
    /// Matches that came too late to count.
    pub(crate) late: LateMatches,
    /// When events were admitted; never goes back, and lacks events whose admission time is
    /// unknown.
    pub(crate) admitted: Vec<(Position, MonotonicTime)>,
    /// The place after all others, for windows that close at the end of input.
    pub(crate) end: EvaluationPlace,
}

impl Epoch {
    /// How event time moves over the epoch; every window needs it.
    pub(crate) fn steps(&self) -> Arc<[WatermarkStep]> {
        Arc::clone(&self.steps)
    }

    /// When the event at `position` was admitted, if that is known.
    pub(crate) fn admission_time(&self, position: Position) -> Option<MonotonicTime> {
        let found = self.admitted.binary_search_by_key(&position, |(at, _)| *at);
        let index = found.ok()?;
        self.admitted.get(index).map(|(_, time)| *time)
    }

    /// The place behind everything that rules of `layer` see in this epoch.
    pub(crate) fn layer_end(&self, layer: u8) -> EvaluationPlace {
        EvaluationPlace {
            layer,
            ordinal: u32::MAX,
            ..self.end
        }
    }

    /// How far `clock` had come before `position`.
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
        let raw_item = self.find_item(EvaluationPlace::for_raw_event(position));
        raw_item
            .filter(|item| item.clock == clock)
            .map_or(Watermark::MIN, |item| item.before)
    }

    /// The raw event or alert at `place`.
    pub(crate) fn find_item(&self, place: EvaluationPlace) -> Option<&EpochItem> {
        if place.layer > 0 {
            return self.alerts.iter().find(|item| item.place == place);
        }
        let found = self.raw.binary_search_by_key(&place, |item| item.place);
        self.raw.get(found.ok()?)
    }

    /// What rules of `layer` see, in order: raw events, and above the first layer also the alerts
    /// of the layers below.
    pub(crate) fn layer_items(&self, layer: u8) -> Arc<[EpochItem]> {
        if layer == 0 || self.alerts.is_empty() {
            return Arc::clone(&self.raw);
        }
        let mut items: Vec<EpochItem> = self.raw.iter().chain(&self.alerts).cloned().collect();
        // Within one position the earliest comes first: a deadline that this event let pass lies
        // before the event.
        items.sort_by_key(|item| {
            let order = Watermark::of_event(item.time, item.sequence);
            (item.place.position, order, item.place)
        });
        items.into()
    }
}
