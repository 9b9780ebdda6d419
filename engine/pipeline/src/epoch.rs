//! One epoch while it runs: its raw events, the alerts raised so far, and what will come out.
//!
//! Owns what each layer sees, and how far clocks had come at each position. Deciding what happens
//! next is the [`EpochDriver`](crate::EpochDriver)'s job.
//! Invariant: `raw` and `steps` are sorted by place, and `alerts` by layer and place, so that all
//! can be searched; alerts are sorted among the raw events only when a layer asks.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{EvaluationPlace, Event, EventId, MonotonicTime, Position, TenantId, Timestamp};

use crate::clocks::ClockStep;
use crate::epoch_item::EpochItem;
use crate::epoch_outcome::EpochOutcome;
use crate::late_events::LateMatches;
use crate::shards::AlertRetraction;

/// A stretch of the log being evaluated.
#[derive(Debug)]
pub(crate) struct Epoch {
    /// Raw events that are evaluated, in order.
    pub(crate) raw: Arc<[EpochItem]>,
    /// Alerts raised so far, as they fired, for the layers above: by layer, then place.
    pub(crate) alerts: Vec<EpochItem>,
    /// Alerts that the layers above have seen and that do not follow any more.
    pub(crate) retracted: Vec<AlertRetraction>,
    /// The same by name: how many of `alerts` came before.
    pub(crate) withdrawn: HashMap<(TenantId, EventId), usize>,
    /// How event time moves over the epoch.
    pub(crate) steps: Arc<[ClockStep]>,
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

    /// The raw event or alert at `place`.
    pub(crate) fn find_item(&self, place: EvaluationPlace) -> Option<&EpochItem> {
        if place.layer > 0 {
            let wanted = (place.layer, place);
            let found = self
                .alerts
                .binary_search_by_key(&wanted, |item| (item.place.layer, item.place));
            return self.alerts.get(found.ok()?);
        }
        let found = self.raw.binary_search_by_key(&place, |item| item.place);
        self.raw.get(found.ok()?)
    }

    /// How far event time of `tenant` had come when the event of `position` arrived, or has come
    /// with the tick there; `None` if this epoch does not know it. An alert that the event lets
    /// wait no longer is as old as its deadline, and must not be late because the event is much
    /// younger.
    pub(crate) fn front_at(&self, position: Position, tenant: &TenantId) -> Option<Timestamp> {
        if let Some(item) = self.find_item(EvaluationPlace::for_raw_event(position)) {
            return Some(item.front);
        }
        let first = self
            .steps
            .partition_point(|step| step.place.position < position);
        let following = self.steps.iter().skip(first);
        let mut here = following.take_while(|step| step.place.position == position);
        here.find(|step| step.tenant == *tenant)
            .map(|step| step.front)
    }

    /// Adds an alert for the layers above. Each layer raises its alerts in the order of places.
    pub(crate) fn push_alert(&mut self, alert: EpochItem) {
        let last = self.alerts.last().map(|last| last.place);
        debug_assert!(
            last.is_none_or(|last| (last.layer, last) < (alert.place.layer, alert.place)),
            "alerts can be searched by layer and place"
        );
        self.alerts.push(alert);
    }

    /// Takes back an alert of the layers below: what this epoch has raised of it so far has not
    /// been seen above yet, and never will be.
    pub(crate) fn retract_alert(&mut self, retracted: AlertRetraction) {
        let name = (retracted.tenant.clone(), retracted.alert.clone());
        self.withdrawn.insert(name, self.alerts.len());
        self.retracted.push(retracted);
    }

    fn is_withdrawn(&self, item: &EpochItem, index: usize) -> bool {
        let Some(alert) = item
            .alert_id
            .as_ref()
            .filter(|_| !self.withdrawn.is_empty())
        else {
            return false;
        };
        let name = (item.event.envelope().tenant.clone(), alert.clone());
        self.withdrawn.get(&name).is_some_and(|upto| index < *upto)
    }

    /// What rules of `layer` see, in order: raw events, and above the first layer also the alerts
    /// of the layers below.
    pub(crate) fn layer_items(&self, layer: u8) -> Arc<[EpochItem]> {
        if layer == 0 || self.alerts.is_empty() {
            return Arc::clone(&self.raw);
        }
        let alerts = self.alerts.iter().enumerate();
        let remaining = alerts.filter(|(index, item)| !self.is_withdrawn(item, *index));
        let visible = self.raw.iter().chain(remaining.map(|(_, item)| item));
        let mut items: Vec<EpochItem> = visible.cloned().collect();
        // Within one position the earliest comes first: a deadline that this event let pass lies
        // before the event.
        items.sort_by_key(|item| (item.place.position, item.order, item.place));
        items.into()
    }
}
