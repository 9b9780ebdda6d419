//! Turns the detections of a layer into alerts for people, and into events for the layers above.
//!
//! Owns the order of alerts and the limit on chains of causes. An alert's id and content
//! belong to `raise`; when a layer raises is left to the [`EpochDriver`](crate::EpochDriver).
//! Invariant: alerts come out in one canonical order, whatever the order in which windows
//! answered, and layers above see each alert once, as it fired.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{
    Detection, DetectionEffect, EvaluationPlace, Event, EventId, EventOrder, Position, TenantId,
    Timestamp, WindowSpec,
};
use larum_rule::{AlertAudience, AlertText, Rule, RuleMatcher, WindowView};

use super::Sequencer;
use crate::epoch::Epoch;
use crate::epoch_item::EpochItem;
use crate::epoch_outcome::AlertRevision;
use crate::matching::{PlacedFault, locate_fault};
use crate::raise::{AlertContent, alert_id, build_alert, build_alert_event, is_too_deep};
use crate::shards::AlertRetraction;
use crate::system;

/// What an alert is made from, in addition to its detection.
struct AlertOrigin<'a> {
    rule: &'a Rule,
    /// The event that triggered it, if it comes at the same position.
    trigger: Option<&'a EpochItem>,
    /// The same, for a revision that says what happened: the first, and one that comes in its
    /// place or after it was taken back.
    cause: Option<&'a EpochItem>,
    /// Length of the chain of causes.
    depth: u8,
    place: EvaluationPlace,
}

impl Sequencer {
    /// Makes alerts from the detections of `layer`, which may come in any order.
    pub(crate) fn raise_alerts(
        &mut self,
        epoch: &mut Epoch,
        layer: u8,
        mut detections: Vec<Detection>,
        matcher: &mut RuleMatcher,
    ) {
        if detections.is_empty() {
            return;
        }
        // The canonical order: by position, then by rule and group. What one group says stays in
        // the order in which its window said it.
        detections.sort_by(|a, b| {
            (a.place.position, a.rule, &a.tenant, &a.key).cmp(&(
                b.place.position,
                b.rule,
                &b.tenant,
                &b.key,
            ))
        });
        let items = epoch.layer_items(layer);
        // Alerts of two tenants may come at the same place in the order.
        let by_order: HashMap<(&TenantId, EventOrder), &EpochItem> = items
            .iter()
            .map(|item| ((&item.event.envelope().tenant, item.order), item))
            .collect();
        let mut ordinals = OrdinalCounter::default();
        for detection in detections {
            let set = Arc::clone(&self.set);
            let Some(rule) = set.rule(detection.rule) else {
                continue;
            };
            let first = detection.revision == 1;
            // Only what is made with its event knows it: anything else may come in a later epoch.
            let trigger = by_order
                .get(&(&detection.tenant, detection.trigger.order))
                .filter(|item| item.place.position == detection.place.position)
                .copied();
            let depth = self.alert_depth(rule, &detection);
            if is_too_deep(depth) {
                if first {
                    let diagnostic = system::depth_limit_event(rule, &detection, depth);
                    let place = detection.place;
                    epoch.system.extend(diagnostic.map(|event| (place, event)));
                }
                continue;
            }
            let making = AlertOrigin {
                rule,
                trigger,
                cause: trigger.filter(|_| {
                    let effect = detection.effect;
                    first || matches!(effect, DetectionEffect::Raise | DetectionEffect::Replace)
                }),
                depth,
                place: ordinals.next_place(detection.place.position, layer + 1),
            };
            self.raise_alert(epoch, detection, &making, matcher);
        }
    }

    fn raise_alert(
        &mut self,
        epoch: &mut Epoch,
        detection: Detection,
        making: &AlertOrigin<'_>,
        matcher: &mut RuleMatcher,
    ) {
        let (rule, cause, depth) = (making.rule, making.cause, making.depth);
        let place = making.place;
        // The closure before anything is remembered: its faults come before those of the event.
        let text = make_alert_text(rule, &detection, cause, matcher, &mut epoch.outcome.faults);
        let alert = build_alert(rule, &detection, AlertContent { text, depth });
        let event = match build_alert_event(&alert, &detection, cause.map(|item| &item.event)) {
            Ok(event) => event,
            Err(error) => {
                epoch.outcome.faults.push(PlacedFault {
                    rule: rule.id.clone(),
                    number: detection.rule,
                    event: detection.trigger.event_id.clone(),
                    place: detection.place,
                    message: format!("{error}: {}", error.cause),
                });
                return;
            }
        };
        // Remembered for every revision, also of alerts that no layer above sees: an event from
        // outside may name any of them as its cause.
        self.state
            .causes
            .remember_depth(&detection.tenant, &event.envelope().id, depth);
        let alert_id = EventId::new(&*alert.alert_id).ok();
        if let (Some(alert), DetectionEffect::Retract | DetectionEffect::Replace) =
            (&alert_id, detection.effect)
        {
            epoch.retract_alert(AlertRetraction {
                position: detection.place.position,
                tenant: detection.tenant.clone(),
                alert: alert.clone(),
            });
        }
        if matches!(
            detection.effect,
            DetectionEffect::Raise | DetectionEffect::Replace
        ) {
            let front = epoch.front_at(detection.place.position, &detection.tenant);
            let item = EpochItem {
                raw_event: making.trigger.and_then(raw_event_of),
                alert_id,
                front: front.unwrap_or(self.state.clocks.tenant_front(&detection.tenant)),
                ..build_alert_item(rule, &detection, event.clone(), place)
            };
            epoch.push_alert(item);
        }
        if rule.audience == AlertAudience::Everyone {
            epoch.outcome.alerts.push(AlertRevision {
                alert,
                event,
                tenant: detection.tenant,
                place,
                trigger: detection
                    .trigger
                    .order
                    .position()
                    .unwrap_or(detection.place.position),
            });
        }
    }

    /// The length of the chain of causes behind an alert: as it was when the alert was raised, or
    /// its retraction could be too deep to be written.
    fn alert_depth(&self, rule: &Rule, detection: &Detection) -> u8 {
        let causes = &self.state.causes;
        let alert = EventId::new(&*alert_id(rule, detection)).ok();
        let known = alert
            .filter(|_| detection.revision > 1)
            .map_or(0, |alert| causes.depth(&detection.tenant, &alert));
        if known > 0 {
            return known;
        }
        let trigger = std::iter::once(&detection.trigger.event_id);
        let deepest = trigger
            .chain(&detection.evidence)
            .map(|event| causes.depth(&detection.tenant, event))
            .max();
        deepest.unwrap_or(0).saturating_add(1)
    }
}

/// Numbers alerts within one position and layer.
#[derive(Debug, Default)]
struct OrdinalCounter {
    position: Position,
    next: u32,
}

impl OrdinalCounter {
    fn next_place(&mut self, position: Position, layer: u8) -> EvaluationPlace {
        if position != self.position {
            *self = Self { position, next: 0 };
        }
        let ordinal = self.next;
        self.next += 1;
        EvaluationPlace {
            position,
            layer,
            ordinal,
        }
    }
}

/// The text of the rule's `.alert` closure. If the closure fails, that is a fault, and the alert
/// gets the engine's own text.
fn make_alert_text(
    rule: &Rule,
    detection: &Detection,
    cause: Option<&EpochItem>,
    matcher: &mut RuleMatcher,
    faults: &mut Vec<PlacedFault>,
) -> AlertText {
    if let Some(words) = &detection.script_json {
        return AlertText::from_json(words);
    }
    if !rule.has_alert() {
        return AlertText::default();
    }
    let event: Option<&Event> = match &rule.window {
        WindowSpec::Single => cause.map(|item| &item.event),
        WindowSpec::Aggregate(_) | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => None,
    };
    let view = WindowView {
        count: detection.count,
        key: &detection.key,
        first: detection.first,
        last: detection.last,
        value: detection.value,
        event,
    };
    // Set the position before the closure runs: it may ask where its event is in the trees.
    if let Some(item) = cause {
        matcher.set_position(item.place.position, item.raw_event.as_ref());
    }
    match matcher.alert_fields(detection.rule, &view) {
        Ok(text) => text,
        Err(fault) => {
            let located = match cause {
                Some(item) => locate_fault(matcher.set(), &fault, item),
                // Later revisions fail the same way, and nothing new is to be said of that.
                None if detection.revision > 1 => None,
                None => Some(PlacedFault {
                    rule: rule.id.clone(),
                    number: detection.rule,
                    event: detection.trigger.event_id.clone(),
                    place: detection.place,
                    message: fault.message,
                }),
            };
            faults.extend(located);
            AlertText::default()
        }
    }
}

/// An alert as the layers above see it: directly behind its trigger, or behind everything of its
/// time if that is a deadline.
fn build_alert_item(
    rule: &Rule,
    detection: &Detection,
    event: Event,
    place: EvaluationPlace,
) -> EpochItem {
    let (time, trigger) = (detection.time, detection.trigger.order);
    let number = order_number(rule, detection);
    EpochItem {
        place,
        event,
        order: EventOrder::of_alert(time, trigger, rule.layer + 1, number),
        source: 0,
        front: Timestamp::MIN,
        alert_id: None,
        raised_by: Some(detection.rule),
        raw_event: None,
    }
}

/// Where an alert comes among those of its layer with the same trigger: it follows from what the
/// alert is, not from when it was decided.
fn order_number(rule: &Rule, detection: &Detection) -> u32 {
    let mut hasher = blake3::Hasher::new();
    for part in [
        rule.id.as_str().as_bytes(),
        &detection.key.to_bytes(),
        detection.anchor.as_str().as_bytes(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    let first = hash.as_bytes().first_chunk::<4>();
    first.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The raw event that an alert with this trigger belongs to in the trees. Of a trigger of an
/// earlier position it is not known; then trees find it by the id that the alert names as its
/// cause.
fn raw_event_of(trigger: &EpochItem) -> Option<Event> {
    match trigger.raised_by {
        None => Some(trigger.event.clone()),
        Some(_) => trigger.raw_event.clone(),
    }
}
