//! Records as their systems wrote them, to alerts, without events made of them.
//!
//! Owns the short way for hunting over recordings and for measuring: an event's id, envelope and
//! canonical text cost more than all rules. Rules that read alerts are the full
//! [`Pipeline`](crate::Pipeline)'s job and do not take part here.
//! Invariant: there is one tenant and one source, so every record moves the one clock and place.

use std::sync::Arc;

use larum_event::{
    Alert, Detection, EvaluationPlace, EventId, Match, Position, Span, TenantId, Timestamp,
    Watermark,
};
use larum_rule::{AlertText, JsonReadError, PathMap, RecordMatcher, RuleMatch, RuleSet};
use larum_window::{ClockMove, MatchOutcome, RuleWindow};

use crate::clocks::TENANT_CLOCK;
use crate::plan::WindowPlan;
use crate::raise::{AlertContent, build_alert};
use crate::settings::PipelineSettings;
use crate::shards::WindowShard;

/// Event time between two moves of the windows' clocks. Their answers do not depend on it.
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
    /// When it happened.
    pub time: Timestamp,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its place.
    pub place: EvaluationPlace,
}

/// Why a record is no event.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON.
    #[error(transparent)]
    Unreadable(#[from] JsonReadError),
    /// A rule that is over time matches it, and it has none.
    #[error("a rule over time matches the record, and it has no time")]
    NoTime,
}

/// Records in order become alerts.
pub struct RecordPipeline {
    set: Arc<RuleSet>,
    tenant: TenantId,
    matcher: RecordMatcher,
    /// By rule; `None` for those that are not asked.
    windows: Vec<Option<RuleWindow>>,
    watermark: Watermark,
    /// The time that windows were told last.
    advanced_to: Timestamp,
    place: EvaluationPlace,
    late: u64,
    found: Vec<RuleMatch>,
    detections: Vec<Detection>,
}

impl RecordPipeline {
    /// A pipeline for records that are laid out as `layout` says.
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
            watermark: Watermark::MIN,
            advanced_to: Timestamp::MIN,
            place: EvaluationPlace::for_raw_event(Position::START),
            late: 0,
            found: Vec::new(),
            detections: Vec::new(),
        }
    }

    /// How many rules are not asked.
    pub fn skipped_rule_count(&self) -> usize {
        self.windows.iter().filter(|it| it.is_none()).count()
    }

    /// Matches that came too late to count.
    pub fn late_count(&self) -> u64 {
        self.late
    }

    /// Takes the next record, whose id is made when it is needed.
    ///
    /// # Errors
    /// It cannot be read; nothing of it counts then.
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
        let order = Watermark::of_event(time, Some(record.number));
        self.watermark = self.watermark.max(order);
        self.place = EvaluationPlace::for_raw_event(Position(record.number));
        if !self.found.is_empty() {
            let id = id();
            let mut found = std::mem::take(&mut self.found);
            for one in found.drain(..) {
                self.add_match(one, time, &id);
            }
            self.found = found;
        }
        // After the record's own matches, which its time must not make late.
        if self.watermark.time >= self.advanced_to.saturating_add(ADVANCE_EVERY) {
            self.advance_windows();
        }
        self.raise_alerts(out);
        Ok(())
    }

    /// The input has ended.
    pub fn finish(&mut self, out: &mut Vec<RecordAlert>) {
        self.advance_windows();
        self.raise_alerts(out);
    }

    /// Time has ended with the input: what is open ends.
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
            clock: TENANT_CLOCK,
            key: found.key,
            time,
            sequence: Some(self.place.position.0),
            place: self.place,
            event_id: id.clone(),
            watermark: self.watermark,
            joins: false,
            steps: found.steps,
            values: found.values,
            event: None,
        };
        match window.add_match(matched, &mut self.detections) {
            MatchOutcome::Counted => {}
            MatchOutcome::Late => self.late += 1,
        }
    }

    /// Tells the windows how far time has come.
    fn advance_windows(&mut self) {
        self.advanced_to = self.watermark.time;
        let moved = ClockMove {
            tenant: &self.tenant,
            clock: TENANT_CLOCK,
            watermark: self.watermark,
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
