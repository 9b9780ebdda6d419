//! Alerts directly from records as their systems wrote them, without making events.
//!
//! Owns the shortcut for hunting in recordings and for measurements: an event's id, envelope and
//! canonical text cost more than all rules. Rules that read alerts take no part here and need the
//! full [`Pipeline`](crate::Pipeline). Records are matched as they are read and counted in the
//! order of their times: the caller sorts what matched in between, and keeps nothing of the others.
//! Invariant: there is one tenant and one source, so every record moves the same clock and place.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{
    Alert, Detection, EvaluationPlace, EventId, EventOrder, Match, Position, RuleId, Span,
    TenantId, Timestamp,
};
use larum_rule::{AlertText, JsonReadError, PathMap, RecordMatcher, RuleMatch, RuleSet};
use larum_window::{ClockMove, MatchOutcome, RuleWindow};
use serde::{Deserialize, Serialize};

use crate::dropped_state::{DroppedState, count_dropped};
use crate::plan::WindowPlan;
use crate::raise::{AlertContent, build_alert};
use crate::settings::PipelineSettings;
use crate::shards::WindowShard;

/// How much event time passes before the windows' clocks are moved. Results do not depend on it.
const ADVANCE_EVERY: Span = Span::from_seconds(1);

/// One record.
#[derive(Debug, Clone, Copy)]
pub struct JsonRecord<'r> {
    /// Its text.
    pub json: &'r str,
    /// Its number, from 1.
    pub number: u64,
}

/// The rules that one record satisfies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordMatches {
    /// When the record happened.
    pub time: Timestamp,
    /// The number of the record.
    pub number: u64,
    found: Vec<RuleMatch>,
}

impl RecordMatches {
    /// Its place among the others. All records are of one source, so their times and numbers
    /// decide.
    pub fn order(&self) -> EventOrder {
        EventOrder::of_event(self.time, 0, Some(self.number), Position::START)
    }

    /// As bytes for a temporary file.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain data is always writable to memory")
    }

    /// The matches that [`RecordMatches::to_bytes`] wrote; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// How many there are.
    pub fn match_count(&self) -> usize {
        self.found.len()
    }
}

/// One revision of an alert that was made of records.
#[derive(Debug, Clone)]
pub struct RecordAlert {
    /// What it says.
    pub alert: Alert,
    /// When it happened, in event time.
    pub time: Timestamp,
    /// The tenant of its events.
    pub tenant: TenantId,
    /// Its place.
    pub place: EvaluationPlace,
}

/// Why a record is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON.
    #[error(transparent)]
    Unreadable(#[from] JsonReadError),
    /// It has no time, and it matches a rule with a window.
    #[error("a rule over time matches the record, and it has no time")]
    NoTime,
}

/// Makes alerts from records.
pub struct RecordPipeline {
    set: Arc<RuleSet>,
    tenant: TenantId,
    matcher: RecordMatcher,
    /// By rule; `None` for rules that take no part.
    windows: Vec<Option<RuleWindow>>,
    /// The time of the last record that was counted.
    front: Timestamp,
    /// The time that the windows have reached.
    advanced_to: Timestamp,
    place: EvaluationPlace,
    /// The latest time of any record, whether it matched or not.
    latest: Timestamp,
    detections: Vec<Detection>,
}

impl RecordPipeline {
    /// A pipeline for records whose fields are found as `layout` describes.
    pub fn new(set: Arc<RuleSet>, layout: &PathMap, settings: &PipelineSettings) -> Self {
        let matcher = RecordMatcher::new(&set, layout);
        let plan = WindowPlan::new(Arc::clone(&set), settings);
        let numbers = (0..).take(set.rules().len());
        let windows = numbers.map(|rule| {
            let unit = WindowShard { rule, shard: 0 };
            matcher.includes_rule(rule).then(|| plan.new_window(unit))
        });
        Self {
            windows: windows.collect(),
            matcher,
            set,
            tenant: TenantId::default_tenant(),
            front: Timestamp::MIN,
            advanced_to: Timestamp::MIN,
            place: EvaluationPlace::for_raw_event(Position::START),
            latest: Timestamp::MIN,
            detections: Vec::new(),
        }
    }

    /// How many rules take no part.
    pub fn skipped_rule_count(&self) -> usize {
        self.windows.iter().filter(|it| it.is_none()).count()
    }

    /// What windows dropped because they held too much, by rule.
    pub fn dropped_state(&self) -> BTreeMap<RuleId, DroppedState> {
        count_dropped(&self.set, self.windows.iter().flatten())
    }

    /// Matches the next record; `None` if no rule holds for it.
    ///
    /// # Errors
    /// The record cannot be read, or lacks a time that it needs; then none of it counts.
    pub fn match_record(
        &mut self,
        record: JsonRecord<'_>,
    ) -> Result<Option<RecordMatches>, RecordError> {
        let mut found = Vec::new();
        self.matcher.match_record(record.json, &mut found)?;
        let Some(time) = self.matcher.record_time() else {
            return match found.is_empty() {
                true => Ok(None),
                false => Err(RecordError::NoTime),
            };
        };
        // Also of a record that no rule holds for: it shows how far time has come.
        self.latest = self.latest.max(time);
        let number = record.number;
        Ok((!found.is_empty()).then_some(RecordMatches {
            time,
            number,
            found,
        }))
    }

    /// Counts the matches of a record with the given id. They must come in order, see
    /// [`RecordMatches::order`].
    pub fn add_matches(
        &mut self,
        matches: RecordMatches,
        id: &EventId,
        out: &mut Vec<RecordAlert>,
    ) {
        // Counted here, as the numbers of records do not grow with their times.
        let position = self.place.position.next();
        self.place = EvaluationPlace::for_raw_event(position);
        let order = EventOrder {
            place: self.place,
            ..matches.order()
        };
        self.front = self.front.max(order.time);
        for one in matches.found {
            self.add_match(one, order, id);
        }
        // After the record's own matches, so that its time does not make them late.
        if self.front >= self.advanced_to.saturating_add(ADVANCE_EVERY) {
            self.advance_windows();
        }
        self.raise_alerts(out);
    }

    /// Ends the input; windows stay open.
    pub fn finish(&mut self, out: &mut Vec<RecordAlert>) {
        self.front = self.front.max(self.latest);
        self.advance_windows();
        self.raise_alerts(out);
    }

    /// Ends the input and time with it: open windows end too.
    pub fn close_input(&mut self, out: &mut Vec<RecordAlert>) {
        self.finish(out);
        for window in self.windows.iter_mut().flatten() {
            window.close(self.place, &mut self.detections);
        }
        self.raise_alerts(out);
    }

    fn add_match(&mut self, found: RuleMatch, order: EventOrder, id: &EventId) {
        let index = usize::try_from(found.rule).ok();
        let Some(window) = index.and_then(|rule| self.windows.get_mut(rule)?.as_mut()) else {
            return;
        };
        let matched = Match {
            rule: found.rule,
            tenant: self.tenant.clone(),
            key: found.key,
            order,
            place: self.place,
            source: 0,
            front: Timestamp::MIN,
            event_id: id.clone(),
            steps: found.steps,
            values: found.values,
            event: None,
        };
        let outcome = window.add_match(matched, &mut self.detections);
        debug_assert_eq!(outcome, MatchOutcome::Counted, "matches come in order");
    }

    /// Moves the windows' clocks to the front.
    fn advance_windows(&mut self) {
        self.advanced_to = self.front;
        let moved = ClockMove {
            tenant: &self.tenant,
            front: self.front,
            source: None,
            is_held: false,
            place: self.place,
        };
        for window in self.windows.iter_mut().flatten() {
            window.advance_clock(&moved, &mut self.detections);
        }
    }

    fn raise_alerts(&mut self, out: &mut Vec<RecordAlert>) {
        for detection in self.detections.drain(..) {
            let Some(rule) = self.set.rule(detection.rule) else {
                continue;
            };
            let words = AlertContent {
                text: AlertText::default(),
                depth: 1,
            };
            out.push(RecordAlert {
                alert: build_alert(rule, &detection, words),
                time: detection.time,
                tenant: detection.tenant,
                place: detection.place,
            });
        }
    }
}
