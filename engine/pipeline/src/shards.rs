//! The units that work is split into, and the work of each.
//!
//! A unit is one shard of one rule's window; its name is what operators see. The functions here are
//! what both the offline pipeline and the actors run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use larum_event::{Detection, EvaluationPlace, Match, Watermark};
use larum_rule::{ExceptionCount, RuleFault, RuleMatch, RuleMatcher, RuleSet};
use larum_window::{MatchOutcome, RuleWindow, ScriptFault};

use crate::breakers::SkippedRules;
use crate::clocks::WatermarkStep;
use crate::epoch::{EpochItem, PlacedFault};
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
    /// The name operators and checkpoints know it by, such as `window/auth.brute_force/0`.
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
}

/// What a unit has to say of its work.
#[derive(Debug, Default)]
pub struct WindowAnswer {
    /// In the order they were made.
    pub detections: Vec<Detection>,
    /// Matches that came too late to count.
    pub late: Vec<LateMatch>,
    /// Scripts that failed, each with the place of what it failed on.
    pub faults: Vec<(EvaluationPlace, ScriptFault)>,
}

/// What a matcher found.
#[derive(Debug, Default)]
pub struct MatchOutput {
    /// In the order of items, and of rules for each.
    pub matches: Vec<Match>,
    /// Rules that failed.
    pub faults: Vec<PlacedFault>,
    /// Scripts that ran and answered.
    pub runs: Vec<ScriptRun>,
    /// How often exceptions kept something from being a match.
    pub excepted: Vec<ExceptionCount>,
    /// Scripts that were timed: the number of the rule, and nanoseconds.
    pub timed: Vec<(u32, u64)>,
}

/// A rule's script ran and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptRun {
    /// The number of the rule.
    pub rule: u32,
    /// The index of the item among those that were matched.
    pub item: u32,
}

impl MatchOutput {
    /// Adds what was found in the items from `first` on.
    pub fn append(&mut self, other: Self, first: usize) {
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        self.matches.extend(other.matches);
        self.faults.extend(other.faults);
        self.timed.extend(other.timed);
        self.excepted.extend(other.excepted);
        self.runs
            .extend(other.runs.into_iter().map(|run| ScriptRun {
                item: run.item.saturating_add(first),
                ..run
            }));
    }
}

/// Matches `items` against the rules of `layer` without those `left_out`; what comes out is in the order of
/// items, and of rules for each. Rules ask the trees that the matcher was told of, as of each item's position.
pub fn match_items(
    matcher: &mut RuleMatcher,
    layer: u8,
    items: &[EpochItem],
    left_out: &SkippedRules,
) -> MatchOutput {
    let mut matched = MatchOutput::default();
    let mut found: Vec<RuleMatch> = Vec::new();
    let mut failed: Vec<RuleFault> = Vec::new();
    for (item, number) in items.iter().zip(0..) {
        matcher.exclude_rules(left_out.for_tenant(&item.event.envelope().tenant));
        matcher.set_position(item.place.position, item.raw_event.as_ref());
        matcher.match_event(layer, &item.event, &mut found, &mut failed);
        for found in found.drain(..) {
            matched.matches.push(build_match(item, found));
        }
        for fault in failed.drain(..) {
            let fault = locate_fault(matcher.set(), &fault, item);
            matched.faults.extend(fault);
        }
        let ran = matcher.answered_scripts().iter();
        let ran = ran.map(|rule| ScriptRun {
            rule: *rule,
            item: number,
        });
        matched.runs.extend(ran);
    }
    matched.timed = matcher.take_script_times();
    matched.excepted = matcher.take_exception_counts();
    matched
}

fn build_match(item: &EpochItem, found: RuleMatch) -> Match {
    let envelope = item.event.envelope();
    Match {
        rule: found.rule,
        tenant: envelope.tenant.clone(),
        clock: item.clock,
        key: found.key,
        time: envelope.time,
        sequence: item.sequence,
        place: item.place,
        event_id: envelope.id.clone(),
        watermark: item.watermark,
        // How late it may be is the rule's to say, so it is the window that moves it.
        joins: item.time > envelope.time,
        steps: found.steps,
        values: found.values,
        event: found.wants_event.then(|| item.event.clone()),
    }
}

/// The fault of a rule on one event, with the rule's name.
pub(crate) fn locate_fault(
    set: &RuleSet,
    fault: &RuleFault,
    item: &EpochItem,
) -> Option<PlacedFault> {
    Some(PlacedFault {
        rule: set.rule(fault.rule)?.id.clone(),
        number: fault.rule,
        event: item.event.envelope().id.clone(),
        place: item.place,
        message: fault.message.clone(),
    })
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

/// Does a unit's work: event time moves and matches are added in the one order of places, so the
/// answer is the same however the log was cut into epochs.
pub fn run_window(window: &mut RuleWindow, work: WindowWork) -> WindowAnswer {
    let mut answer = WindowAnswer::default();
    let mut matches = work.matches.into_iter().peekable();
    for step in work.steps.iter() {
        let moved = step.for_layer(work.layer);
        while let Some(found) = matches.next_if(|found| found.place < moved.place) {
            answer.add_match(window, found, &work.steps);
        }
        window.advance_clock(&moved, &mut answer.detections);
        answer.collect_faults(window, moved.place);
    }
    for found in matches {
        answer.add_match(window, found, &work.steps);
    }
    answer
}

/// How far the clock of `found` has come with the event at its position.
fn clock_watermark(steps: &[WatermarkStep], found: &Match) -> Watermark {
    let position = found.place.position;
    let first = steps.partition_point(|step| step.place.position < position);
    let here = steps.iter().skip(first);
    let mut here = here.take_while(|step| step.place.position == position);
    let own = here.find(|step| step.clock == found.clock && step.tenant == found.tenant);
    own.map_or(Watermark::MIN, |step| step.watermark)
}

impl WindowAnswer {
    fn add_match(&mut self, window: &mut RuleWindow, mut found: Match, steps: &[WatermarkStep]) {
        let mut settled = found.watermark;
        if found.place.layer > 0 {
            // An alert is late for nobody, and what time has passed with it is settled.
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

    /// The end of input for `window`.
    pub fn close_window(&mut self, window: &mut RuleWindow, end: EvaluationPlace) {
        window.close(end, &mut self.detections);
    }
}
