//! Turns the detections of a layer into alerts for people and, when they are final, into events for
//! the layers above.
//!
//! Owns the order of alerts and the limit on chains of causes. An alert's id and content
//! belong to `raise`; when a layer raises is left to the [`EpochDriver`](crate::EpochDriver).
//! Invariant: alerts come out in one canonical order, whatever the order in which windows
//! answered, and layers above see each alert once, when it becomes final.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{Detection, EvaluationPlace, Event, Position, WindowSpec};
use larum_rule::{AlertAudience, AlertText, Rule, RuleMatcher, WindowView};

use super::Sequencer;
use crate::epoch::Epoch;
use crate::epoch_item::EpochItem;
use crate::epoch_outcome::AlertRevision;
use crate::matching::{PlacedFault, locate_fault};
use crate::raise::{AlertContent, build_alert, build_alert_event, is_too_deep};
use crate::system;

/// What an alert is made from, in addition to its detection.
struct AlertOrigin<'a> {
    rule: &'a Rule,
    /// The event that triggered it, if it is in this epoch.
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
        // The canonical order: by place, then by rule, group and revision.
        detections.sort_by(|a, b| {
            (a.place, a.rule, &a.tenant, a.clock, &a.key, a.revision)
                .cmp(&(b.place, b.rule, &b.tenant, b.clock, &b.key, b.revision))
        });
        let items = epoch.layer_items(layer);
        let by_place: HashMap<EvaluationPlace, &EpochItem> =
            items.iter().map(|item| (item.place, item)).collect();
        let mut ordinals = OrdinalCounter::default();
        for detection in detections {
            let set = Arc::clone(&self.set);
            let Some(rule) = set.rule(detection.rule) else {
                continue;
            };
            let first = detection.revision == 1;
            // Only what is made with its event knows it: anything else may come in a later epoch.
            let is_with = detection.trigger.place.position == detection.place.position;
            let cause = if first && is_with {
                by_place.get(&detection.trigger.place).copied()
            } else {
                None
            };
            let depth = self.cause_depth(&detection);
            if is_too_deep(depth) {
                if first {
                    let diagnostic = system::depth_limit_event(rule, &detection, depth);
                    let place = detection.trigger.place;
                    epoch.system.extend(diagnostic.map(|event| (place, event)));
                }
                continue;
            }
            let making = AlertOrigin {
                rule,
                cause,
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
                    place: detection.trigger.place,
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
        let early = &mut self.state.early;
        let is_new_final = early.record_revision(
            &rule.id,
            &alert.alert_id,
            detection.revision,
            detection.status,
        );
        if is_new_final {
            let stands_for = find_raw_event(epoch, &detection);
            let item = EpochItem {
                raw_event: stands_for,
                ..build_alert_item(epoch, &detection, event.clone(), place)
            };
            epoch.alerts.push(item);
        }
        if rule.audience == AlertAudience::Everyone {
            epoch.outcome.alerts.push(AlertRevision {
                alert,
                event,
                tenant: detection.tenant,
                place,
                trigger: detection.trigger.place.position,
            });
        }
    }

    fn cause_depth(&self, detection: &Detection) -> u8 {
        let causes = &self.state.causes;
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
            if let Some(item) = cause {
                faults.extend(locate_fault(matcher.set(), &fault, item));
            }
            AlertText::default()
        }
    }
}

/// A final alert as the layers above see it. It runs on the clock of what made it, as of just
/// before: if a move of time made it final, the same move must not make it late.
fn build_alert_item(
    epoch: &Epoch,
    detection: &Detection,
    event: Event,
    place: EvaluationPlace,
) -> EpochItem {
    let before = epoch.watermark_before(place.position, &detection.tenant, detection.clock);
    let is_triggers = detection.time == detection.trigger.time;
    EpochItem {
        place,
        event,
        time: detection.time,
        clock: detection.clock,
        before,
        watermark: before,
        // Among events of equal time it comes after its trigger.
        sequence: detection.trigger.sequence.filter(|_| is_triggers),
        raised_by: Some(detection.rule),
        raw_event: None,
    }
}

/// The raw event that triggered an alert, if both belong to the same event of the log; an earlier
/// one may be in another epoch. For other alerts, trees find the trigger by the id that the alert
/// names as its cause.
fn find_raw_event(epoch: &Epoch, detection: &Detection) -> Option<Event> {
    let trigger = detection.trigger.place;
    let is_with = trigger.position == detection.place.position;
    let item = is_with.then(|| epoch.find_item(trigger)).flatten()?;
    match item.raised_by {
        None => Some(item.event.clone()),
        Some(_) => item.raw_event.clone(),
    }
}
