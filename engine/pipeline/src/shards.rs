//! The units that windows are split into, and the work of each.
//!
//! Owns what one unit does in one epoch. A unit is one shard of one rule's window; its name is what
//! operators see. What a match does to a window is the window crate's job; the offline pipeline and
//! the window actors both run what is here.
//! Invariant: clock moves and matches reach a window in the one order of places, so its answer is
//! the same however the log was cut into epochs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use larum_event::{Detection, EvaluationPlace, GroupKey, Match, TenantId, Timestamp, Watermark};
use larum_rule::RuleSet;
use larum_window::{MatchOutcome, RuleWindow, ScriptFault};

use crate::clocks::WatermarkStep;
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

/// What one unit has to do in one epoch and layer.
#[derive(Debug, Clone)]
pub struct WindowWork {
    /// The layer of its rule.
    pub layer: u8,
    /// Its matches, in order.
    pub matches: Vec<Match>,
    /// How event time moves over the epoch.
    pub steps: Arc<[WatermarkStep]>,
    /// Where its window closes after that, if input ends with the epoch.
    pub closes_at: Option<EvaluationPlace>,
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
    for step in work.steps.iter() {
        let moved = step.for_layer(work.layer);
        // Matches before the move go in first: time that passes later must not expire them early.
        while let Some(found) = matches.next_if(|found| found.place < moved.place) {
            answer.add_match(window, found, &work.steps);
        }
        window.advance_clock(&moved, &mut answer.detections);
        answer.collect_faults(window, moved.place);
    }
    for found in matches {
        answer.add_match(window, found, &work.steps);
    }
    // Close last: the end of input comes after every event.
    if let Some(end) = work.closes_at {
        window.close(end, &mut answer.detections);
    }
    answer
}

/// How far the clock of `found` has come with the event at its position.
fn clock_watermark(steps: &[WatermarkStep], found: &Match) -> Watermark {
    let position = found.place.position;
    let first = steps.partition_point(|step| step.place.position < position);
    let following = steps.iter().skip(first);
    let mut here = following.take_while(|step| step.place.position == position);
    let own = here.find(|step| step.clock == found.clock && step.tenant == found.tenant);
    own.map_or(Watermark::MIN, |step| step.watermark)
}

impl WindowAnswer {
    /// Adds the answer of other windows.
    pub fn append(&mut self, other: Self) {
        self.detections.extend(other.detections);
        self.late.extend(other.late);
        self.faults.extend(other.faults);
        self.requests.extend(other.requests);
    }

    fn add_match(&mut self, window: &mut RuleWindow, mut found: Match, steps: &[WatermarkStep]) {
        let mut settled = found.watermark;
        if found.place.layer > 0 {
            // An alert is never late, and the time that has passed with it is settled.
            found.joins = true;
            settled = settled.max(clock_watermark(steps, &found));
        }
        let late = LateMatch {
            place: found.place,
            rule: found.rule,
        };
        let place = found.place;
        match window.add_settled_match(found, settled, &mut self.detections) {
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
