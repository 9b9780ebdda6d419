//! The units that windows are split into, and the work of each.
//!
//! Owns what one unit does in one epoch. A unit is one shard of one rule's window; its name is what
//! operators see. What a match does to a window is the window crate's job; the offline pipeline and
//! the window actors both run what is here.
//! Invariant: clock moves and matches reach a window in the one order of places, so its answer is
//! the same however the log was cut into epochs.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::sync::Arc;

use larum_event::{
    Detection, EvaluationPlace, EventId, GroupKey, Match, Position, TenantId, Timestamp,
};
use larum_rule::RuleSet;
use larum_window::{MatchOutcome, RuleWindow, ScriptFault};

use crate::clocks::ClockStep;
use crate::late_events::LateMatch;

/// One shard of one rule's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowShard {
    /// Number of the rule in its set.
    pub rule: u32,
    /// Number of the shard.
    pub shard: u32,
}

impl WindowShard {
    /// The name in checkpoints, logs and answers to operators, such as `window/auth.brute_force/0`.
    pub fn name(self, set: &RuleSet) -> String {
        match set.rule(self.rule) {
            Some(rule) => format!("window/{}/{}", rule.id, self.shard),
            None => format!("window/{}/{}", self.rule, self.shard),
        }
    }
}

impl fmt::Display for WindowShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window/{}/{}", self.rule, self.shard)
    }
}

/// What happens to all windows of a layer in one epoch, besides their own matches.
#[derive(Debug, Clone, Default)]
pub struct EpochMoves {
    /// How event time moves.
    pub steps: Arc<[ClockStep]>,
    /// Alerts of the layers below that do not follow any more, by position.
    pub retracted: Vec<AlertRetraction>,
    /// Whether keys are amended, at the end.
    pub amend: Option<AmendPass>,
    /// Where open windows end after that, if input ends with the epoch.
    pub closes_at: Option<EvaluationPlace>,
}

/// An alert that rules above have seen and that does not follow from the events any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRetraction {
    /// The record that made it so.
    pub position: Position,
    /// Whose alert it was.
    pub tenant: TenantId,
    /// Its alert id.
    pub alert: EventId,
}

/// One pass over the keys whose matches came out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmendPass {
    /// Most matches that the windows of one rule read for one tenant, in equal shares for its
    /// buckets of keys; the rest waits for the next pass.
    pub most_rows: usize,
    /// The place of the record that asks for it.
    pub place: EvaluationPlace,
}

/// What one unit has to do in one epoch and layer.
#[derive(Debug, Clone)]
pub struct WindowWork {
    /// The layer of its rule.
    pub layer: u8,
    /// Its matches, in order.
    pub matches: Vec<Match>,
    /// What happens besides.
    pub moves: Arc<EpochMoves>,
}

/// A window cannot go on with one key before it has seen older matches of it again, which are
/// stored elsewhere. Nothing makes such a request yet: windows keep every match that may still
/// count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMatchRequest {
    /// The unit that waits, which says the rule.
    pub unit: WindowShard,
    /// The tenant whose matches are wanted.
    pub tenant: TenantId,
    /// The key whose matches are wanted.
    pub key: GroupKey,
    /// The event times of the matches, both ends included.
    pub range: RangeInclusive<Timestamp>,
}

/// What windows answer to their work.
#[derive(Debug, Default)]
pub struct WindowAnswer {
    /// Detections, in the order in which each window made them.
    pub detections: Vec<Detection>,
    /// Matches that came too late to count.
    pub late: Vec<LateMatch>,
    /// Scripts that failed, each with the place of what it failed on.
    pub faults: Vec<(EvaluationPlace, ScriptFault)>,
    /// Stored matches that windows need before they can go on.
    pub requests: Vec<StoredMatchRequest>,
    /// Keys whose matches came out of order and wait for an [`AmendPass`].
    pub dirty_keys: u64,
}

/// Splits matches by unit, keeping their order inside of each.
pub fn split_by_shard(matches: Vec<Match>, shards: usize) -> BTreeMap<WindowShard, Vec<Match>> {
    let mut units: BTreeMap<WindowShard, Vec<Match>> = BTreeMap::new();
    for found in matches {
        let unit = WindowShard {
            rule: found.rule,
            shard: found.key.shard_index(shards) as u32,
        };
        units.entry(unit).or_default().push(found);
    }
    units
}

/// Does a unit's work.
pub fn run_window(window: &mut RuleWindow, work: WindowWork) -> WindowAnswer {
    let mut answer = WindowAnswer::default();
    let mut matches = work.matches.into_iter().peekable();
    let mut retracted = work.moves.retracted.iter().peekable();
    for step in work.moves.steps.iter() {
        let moved = step.for_layer(work.layer);
        // An event's matches before the time it brings: its source is followed from then on.
        while let Some(found) = matches.next_if(|found| found.place <= moved.place) {
            answer.retract_alerts(window, &mut retracted, found.place.position);
            answer.add_match(window, found);
        }
        answer.retract_alerts(window, &mut retracted, moved.place.position);
        window.advance_clock(&moved, &mut answer.detections);
        answer.collect_faults(window, moved.place);
    }
    for found in matches {
        answer.retract_alerts(window, &mut retracted, found.place.position);
        answer.add_match(window, found);
    }
    answer.retract_alerts(window, &mut retracted, Position(u64::MAX));
    // Amend after everything that came: what is out of order now must not wait for another pass.
    if let Some(AmendPass { most_rows, place }) = work.moves.amend {
        window.amend(most_rows, place, &mut answer.detections);
        answer.collect_faults(window, place);
    }
    // Close last: the end of input comes after every event.
    if let Some(end) = work.moves.closes_at {
        window.close(end, &mut answer.detections);
        answer.collect_faults(window, end);
    }
    answer.dirty_keys = window.dirty_keys() as u64;
    answer
}

impl WindowAnswer {
    /// Adds the answer of other windows.
    pub fn append(&mut self, other: Self) {
        self.detections.extend(other.detections);
        self.late.extend(other.late);
        self.faults.extend(other.faults);
        self.requests.extend(other.requests);
        self.dirty_keys += other.dirty_keys;
    }

    /// Takes back what was retracted up to `position`. Before the alerts of the same position: one
    /// that is replaced comes again under its id.
    fn retract_alerts<'r>(
        &mut self,
        window: &mut RuleWindow,
        retracted: &mut Peekable<impl Iterator<Item = &'r AlertRetraction>>,
        position: Position,
    ) {
        while let Some(alert) = retracted.next_if(|alert| alert.position <= position) {
            let place = EvaluationPlace::for_raw_event(alert.position);
            window.retract_alert(&alert.tenant, &alert.alert, place, &mut self.detections);
        }
    }

    fn add_match(&mut self, window: &mut RuleWindow, found: Match) {
        let place = found.place;
        let late = LateMatch {
            place,
            rule: found.rule,
        };
        match window.add_match(found, &mut self.detections) {
            MatchOutcome::Counted => {}
            MatchOutcome::Late => self.late.push(late),
        }
        self.collect_faults(window, place);
    }

    fn collect_faults(&mut self, window: &mut RuleWindow, place: EvaluationPlace) {
        let faults = window.take_script_faults().into_iter();
        self.faults.extend(faults.map(|fault| (place, fault)));
    }
}
