//! Alerts directly from records as their systems wrote them, without making events.
//!
//! Owns the shortcut for hunting in recordings and for measurements: an event's id, envelope and
//! canonical text cost more than all rules. Rules that read alerts take no part here and need the
//! full [`Pipeline`](crate::Pipeline).
//! Invariant: there is one tenant and one source, so every record moves the same clock and place.

use std::sync::Arc;

use larum_event::{
    Alert, Detection, EvaluationPlace, EventId, EventOrder, Match, Position, Span, TenantId,
    Timestamp,
};
use larum_rule::{AlertText, JsonReadError, PathMap, RecordMatcher, RuleMatch, RuleSet};
use larum_window::{ClockMove, MatchOutcome, RuleWindow};

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

/// Makes alerts from records, in order.
pub struct RecordPipeline {
    set: Arc<RuleSet>,
    tenant: TenantId,
    matcher: RecordMatcher,
    /// By rule; `None` for rules that take no part.
    windows: Vec<Option<RuleWindow>>,
    front: Timestamp,
    /// The time that the windows have reached.
    advanced_to: Timestamp,
    place: EvaluationPlace,
    late: u64,
    found: Vec<RuleMatch>,
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
            late: 0,
            found: Vec::new(),
            detections: Vec::new(),
        }
    }

    /// How many rules take no part.
    pub fn skipped_rule_count(&self) -> usize {
        self.windows.iter().filter(|it| it.is_none()).count()
    }

    /// Matches that came too late to count.
    pub fn late_count(&self) -> u64 {
        self.late
    }

    /// Processes the next record. Its id is made only when it is needed.
    ///
    /// # Errors
    /// The record cannot be read; then none of it counts.
    pub fn push_record(
        &mut self,
        record: JsonRecord<'_>,
        id: impl FnOnce() -> EventId,
        out: &mut Vec<RecordAlert>,
    ) -> Result<(), RecordError> {
        self.matcher.match_record(record.json, &mut self.found)?;
        let Some(time) = self.matcher.record_time() else {
            return match self.found.is_empty() {
                true => Ok(()),
                false => Err(RecordError::NoTime),
            };
        };
        self.front = self.front.max(time);
        self.place = EvaluationPlace::for_raw_event(Position(record.number));
        if !self.found.is_empty() {
            let id = id();
            let mut found = std::mem::take(&mut self.found);
            for one in found.drain(..) {
                self.add_match(one, time, &id);
            }
            self.found = found;
        }
        // After the record's own matches, so that its time does not make them late.
        if self.front >= self.advanced_to.saturating_add(ADVANCE_EVERY) {
            self.advance_windows();
        }
        self.raise_alerts(out);
        Ok(())
    }

    /// Ends the input; windows stay open.
    pub fn finish(&mut self, out: &mut Vec<RecordAlert>) {
        for window in self.windows.iter_mut().flatten() {
            window.amend(usize::MAX, self.place, &mut self.detections);
        }
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

    fn add_match(&mut self, found: RuleMatch, time: Timestamp, id: &EventId) {
        let index = usize::try_from(found.rule).ok();
        let Some(window) = index.and_then(|rule| self.windows.get_mut(rule)?.as_mut()) else {
            return;
        };
        let matched = Match {
            rule: found.rule,
            tenant: self.tenant.clone(),
            key: found.key,
            order: EventOrder::of_event(time, 0, None, self.place.position),
            place: self.place,
            source: 0,
            front: Timestamp::MIN,
            event_id: id.clone(),
            steps: found.steps,
            values: found.values,
            event: None,
        };
        match window.add_match(matched, &mut self.detections) {
            MatchOutcome::Counted => {}
            MatchOutcome::Late => self.late += 1,
        }
    }

    /// Moves the windows' clocks to the front.
    fn advance_windows(&mut self) {
        self.advanced_to = self.front;
        let moved = ClockMove {
            tenant: &self.tenant,
            front: self.front,
            source: None,
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
