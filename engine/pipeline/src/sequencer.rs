//! The order of evaluation: what enters an epoch, what each layer's detections become, what leaves.
//!
//! Owns the clocks, the chains of causes and the set of rules left out. Matching events and
//! running windows is done by others (the offline [`Pipeline`](crate::Pipeline), or actors), who ask here what to do next:
//! [`Sequencer::begin`], then for each layer match, run windows, [`Sequencer::raise`], then [`Sequencer::finish`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use larum_event::{Alert, Detection, Event, Match, Place, Position, RuleId, WindowSpec};
use larum_rule::{AlertText, Audience, Matcher, Rule, RuleSet, WindowView};
use serde::{Deserialize, Serialize};

use crate::breakers::{LeftOut, Missed, RuleBreakers};
use crate::causes::Causes;
use crate::clocks::{Clocks, Sighting, Stamp};
use crate::epoch::{Epoch, Input, Item, Late, Outcome, Raised, RuleFaultAt};
use crate::error::CheckpointError;
use crate::monotonic::Monotonic;
use crate::raise::{Words, alert_event, alert_of, is_too_deep};
use crate::settings::Settings;
use crate::system;
use crate::units::{Matched, fault_at};

/// Changes whenever the same log and rules would give other alerts, so that a recovery does not take the
/// difference for damage.
pub const SEMANTICS_VERSION: u32 = 2;

/// See the module's words.
#[derive(Debug)]
pub struct Sequencer {
    set: Arc<RuleSet>,
    state: State,
    left_out: BTreeSet<u32>,
}

/// What a checkpoint holds of the sequencer.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    clocks: Clocks,
    causes: Causes,
    breakers: RuleBreakers,
    /// The last event that was begun with.
    reached: Position,
    /// When it was admitted, as far as that is known; never goes back.
    admitted: Monotonic,
}

impl Sequencer {
    /// A sequencer that has seen nothing.
    pub fn new(set: Arc<RuleSet>, settings: &Settings) -> Self {
        let state = State {
            clocks: Clocks::new(settings.max_lag),
            causes: Causes::default(),
            breakers: RuleBreakers::default(),
            reached: Position::START,
            admitted: Monotonic::default(),
        };
        Self {
            set,
            state,
            left_out: BTreeSet::new(),
        }
    }

    /// Goes on with other rules; clocks and causes stay, and the breakers of rules that mean the same.
    pub fn activate(&mut self, set: Arc<RuleSet>, settings: &Settings) {
        let reached = self.state.reached;
        self.state.breakers.activate(&self.set, &set, reached);
        self.set = set;
        self.left_out.clear();
        self.state.clocks.set_max_lag(settings.max_lag);
    }

    /// The rules in force.
    pub fn rule_set(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// From now on says nothing for `rules`.
    pub fn leave_out(&mut self, rules: impl IntoIterator<Item = u32>) {
        self.left_out.extend(rules);
    }

    /// Lets `rules` take part again.
    pub fn take_back(&mut self, rules: impl IntoIterator<Item = u32>) {
        for rule in rules {
            self.left_out.remove(&rule);
        }
    }

    /// Rules that are left out.
    pub fn left_out(&self) -> &BTreeSet<u32> {
        &self.left_out
    }

    /// What rules missed because they kept failing, oldest first.
    pub fn missed(&self) -> Vec<Missed> {
        self.state.breakers.missed().cloned().collect()
    }

    /// Takes over the breakers of `rules` from a checkpoint's part of a run that asked them, as this one did not.
    ///
    /// # Errors
    /// The bytes are not those of [`Sequencer::checkpoint`].
    pub fn adopt_breakers(
        &mut self,
        bytes: &[u8],
        rules: impl Fn(&RuleId) -> bool,
    ) -> Result<(), CheckpointError> {
        let state = read(bytes)?;
        self.state.breakers.adopt(&state.breakers, rules);
        Ok(())
    }

    /// How far event time has come over all tenants.
    pub fn watermark(&self) -> larum_event::Timestamp {
        self.state.clocks.watermark()
    }

    /// Takes note of an alert that was raised elsewhere, for the depth of what it causes.
    pub fn recall(&mut self, alert: &Event) {
        if let Some(raised) = Alert::from_event(alert) {
            let envelope = alert.envelope();
            self.state
                .causes
                .remember(&envelope.tenant, &envelope.id, raised.depth);
        }
    }

    /// Starts an epoch of `inputs`, which follow on those before in position and are one of the
    /// [`pieces`](crate::pieces) of a stretch.
    pub fn begin(&mut self, inputs: &[Input]) -> Epoch {
        let mut raw = Vec::with_capacity(inputs.len());
        let mut steps = Vec::new();
        let mut outcome = Outcome::default();
        let mut admitted = Vec::new();
        for input in inputs {
            let envelope = input.event.envelope();
            if let Some(arrived) = input.arrived {
                self.state.admitted = self.state.admitted.max(Monotonic::of_log(arrived));
                admitted.push((input.position, self.state.admitted));
            }
            let sequence = envelope.sequence.or(input.record);
            let place = Place::raw(input.position);
            let sighting = Sighting {
                tenant: &envelope.tenant,
                source: &envelope.source,
                time: envelope.time,
                sequence,
                arrived: input.arrived,
                place,
            };
            match self.state.clocks.observe(sighting, &mut steps) {
                Stamp::Late => outcome.late.push(Late {
                    tenant: envelope.tenant.clone(),
                    source: envelope.source.clone(),
                    position: input.position,
                }),
                Stamp::OnTime { clock } => {
                    if let Some(cause) = &envelope.causation_id {
                        let depth = self.state.causes.depth(&envelope.tenant, cause);
                        self.state
                            .causes
                            .remember(&envelope.tenant, &envelope.id, depth);
                    }
                    let event = input.event.clone();
                    raw.push(Item {
                        place,
                        event,
                        clock,
                        sequence,
                        raised_by: None,
                    });
                }
            }
        }
        let last = inputs
            .last()
            .map_or(self.state.reached, |input| input.position);
        self.state.reached = last;
        Epoch {
            raw: raw.into(),
            alerts: Vec::new(),
            steps: steps.into(),
            outcome,
            system: Vec::new(),
            admitted,
            end: Place {
                position: last,
                layer: u8::MAX,
                ordinal: u32::MAX,
            },
        }
    }

    /// The rules that matchers need not ask in this epoch.
    pub fn unasked(&self, epoch: &Epoch) -> LeftOut {
        let upto = epoch.admitted.last().map(|(_, admitted)| *admitted);
        let breakers = &self.state.breakers;
        breakers.left_out(&self.set, &self.left_out, upto)
    }

    /// Takes note of which rules answered about the `items` of a layer and which failed; what rules say that were
    /// broken out by then is dropped. Faults of the others are kept in the epoch.
    pub fn settle(&mut self, epoch: &mut Epoch, items: &[Item], matched: &mut Matched) {
        let admitted = |position| epoch.admitted(position);
        let set = &self.set;
        let breaks = self.state.breakers.settle(set, items, admitted, matched);
        for change in breaks {
            let told = system::rule_break(set, &change);
            epoch.system.extend(told.map(|event| (change.place, event)));
            epoch.outcome.breaks.push(change);
        }
        epoch.outcome.faults.append(&mut matched.faults);
        epoch.outcome.excepted.append(&mut matched.excepted);
    }

    /// Drops the matches of rules that are left out.
    pub fn retain(&self, matches: &mut Vec<Match>) {
        if !self.left_out.is_empty() {
            matches.retain(|found| !self.left_out.contains(&found.rule));
        }
    }

    /// Makes alerts of the detections of `layer`, whatever the order they come in.
    pub fn raise(
        &mut self,
        epoch: &mut Epoch,
        layer: u8,
        mut detections: Vec<Detection>,
        matcher: &mut Matcher,
    ) {
        if detections.is_empty() {
            return;
        }
        // The canonical order: by what made it, then by rule, group and revision.
        detections.sort_by(|a, b| {
            (a.place, a.rule, &a.tenant, a.clock, &a.key, a.revision)
                .cmp(&(b.place, b.rule, &b.tenant, b.clock, &b.key, b.revision))
        });
        let items = epoch.items(layer);
        let by_place: HashMap<Place, &Item> = items.iter().map(|item| (item.place, item)).collect();
        let mut ordinals = Ordinals::default();
        for detection in detections {
            let set = Arc::clone(&self.set);
            let Some(rule) = set.rule(detection.rule) else {
                continue;
            };
            let first = detection.revision == 1;
            // Only the first revision knows its event: later ones may come in a later epoch.
            let cause = if first {
                by_place.get(&detection.trigger.place).copied()
            } else {
                None
            };
            let depth = self.depth_of(&detection);
            if is_too_deep(depth) {
                if first {
                    let told = system::depth_reached(rule, &detection, depth);
                    let place = detection.trigger.place;
                    epoch.system.extend(told.map(|event| (place, event)));
                }
                continue;
            }
            let place = ordinals.next(detection.place.position, layer + 1);
            let text = words_for(rule, &detection, cause, matcher, &mut epoch.outcome.faults);
            let alert = alert_of(rule, &detection, Words { text, depth });
            let event = match alert_event(&alert, &detection, cause.map(|item| &item.event)) {
                Ok(event) => event,
                Err(error) => {
                    epoch.outcome.faults.push(RuleFaultAt {
                        rule: rule.id.clone(),
                        number: detection.rule,
                        event: detection.trigger.event_id.clone(),
                        place: detection.trigger.place,
                        message: format!("{error}: {}", error.cause),
                    });
                    continue;
                }
            };
            self.state
                .causes
                .remember(&detection.tenant, &event.envelope().id, depth);
            if first {
                epoch.alerts.push(Item {
                    place,
                    event: event.clone(),
                    clock: detection.clock,
                    sequence: None,
                    raised_by: Some(detection.rule),
                });
            }
            let trigger = detection.trigger.place.position;
            let tenant = detection.tenant.clone();
            if rule.audience == Audience::Everyone {
                epoch.outcome.alerts.push(Raised {
                    alert,
                    event,
                    tenant,
                    place,
                    trigger,
                });
            }
        }
    }

    fn depth_of(&self, detection: &Detection) -> u8 {
        let causes = &self.state.causes;
        let trigger = std::iter::once(&detection.trigger.event_id);
        let deepest = trigger
            .chain(&detection.evidence)
            .map(|event| causes.depth(&detection.tenant, event))
            .max();
        deepest.unwrap_or(0).saturating_add(1)
    }

    /// Ends the epoch. Alerts come out in the order of their places.
    pub fn finish(&mut self, mut epoch: Epoch) -> Outcome {
        epoch.outcome.alerts.sort_by_key(|raised| raised.place);
        epoch.outcome.breaks.sort_by_key(|change| change.place);
        epoch.system.sort_by_key(|(place, _)| *place);
        let system = epoch.system.drain(..).map(|(_, event)| event);
        epoch.outcome.system.extend(system);
        epoch.outcome
    }

    /// The sequencer's part of a checkpoint.
    pub fn checkpoint(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.state).expect("plain data is always writable to memory")
    }

    /// Goes on from a checkpoint's part.
    ///
    /// # Errors
    /// The bytes are not those of [`Sequencer::checkpoint`].
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.state = read(bytes)?;
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Result<State, CheckpointError> {
    postcard::from_bytes(bytes).map_err(|cause| CheckpointError::Unreadable {
        part: "sequencer".to_owned(),
        cause: cause.to_string(),
    })
}

/// Numbers alerts inside of one position and layer.
#[derive(Debug, Default)]
struct Ordinals {
    position: Position,
    next: u32,
}

impl Ordinals {
    fn next(&mut self, position: Position, layer: u8) -> Place {
        if position != self.position {
            *self = Self { position, next: 0 };
        }
        let ordinal = self.next;
        self.next += 1;
        Place {
            position,
            layer,
            ordinal,
        }
    }
}

/// What the rule's `.alert` closure says; a closure that fails is a fault, and the alert goes out
/// with the words of the engine.
fn words_for(
    rule: &Rule,
    detection: &Detection,
    cause: Option<&Item>,
    matcher: &mut Matcher,
    faults: &mut Vec<RuleFaultAt>,
) -> AlertText {
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
    match matcher.alert_fields(detection.rule, &view) {
        Ok(text) => text,
        Err(fault) => {
            if let Some(item) = cause {
                faults.extend(fault_at(matcher.set(), &fault, item));
            }
            AlertText::default()
        }
    }
}
