//! How near a rule came to firing: its best run over given events.
//!
//! Owns the comparison of what a key holds with what its rule needs; counting belongs to the
//! pipeline.
//! Invariant: the rule's window is inspected after each event that it counts, since a run that
//! expires between two events would be missed otherwise.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use larum_event::value::Comparison;
use larum_event::{
    Aggregate, Amount, Bounds, Event, GroupKey, Position, ScalarValue, Sequence, Span, Step,
    StepOccurrence, WindowExtent, WindowMeasure, WindowSpec,
};
use larum_pipeline::{EventInput, Pipeline, PipelineSettings, RuleTrees, WindowShard};
use larum_rule::{Rule, RuleMatcher, RuleSet};
use larum_window::KeyView;
use serde_json::{Value, json};

use crate::detect::{AlertList, RevisionFilter, key_text};

/// Events that are run together where the rule counts none of them.
const TRIAL_EVENTS: usize = 1_024;

/// The outcome of a rule over some events, whose end is taken for the end of time.
#[derive(Debug)]
pub struct RuleTrial {
    /// Alerts that are not retracted at the end.
    pub alerts: u64,
    /// How near it came in its best run; `None` for rules without a window.
    pub near_miss: Option<NearMiss>,
}

/// The best run of a rule.
#[derive(Debug, Clone)]
pub struct NearMiss {
    /// What the rule asks.
    asks: WindowSpec,
    /// The key of the run, `ip=203.0.113.9`; empty for a rule without groups.
    key: String,
    /// Events that counted.
    events: u64,
    /// What was measured, where that is no count.
    value: Option<Amount>,
    /// Of a sequence: the step that it waited for.
    step: Option<StepProgress>,
    /// Values of members of the key that differ from each other in case, blanks or type only, as
    /// people see them.
    alike: Vec<String>,
}

/// The step that a partial match of a sequence waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StepProgress {
    name: String,
    /// From 1.
    number: usize,
    of: usize,
    /// Events that it had of that step.
    has: u64,
    /// Events that the step takes; 0 for one that must not come.
    takes: u32,
}

impl StepProgress {
    fn new(sequence: &Sequence, at: usize, step: &Step, has: u64) -> Self {
        Self {
            name: step.name.to_string(),
            number: at + 1,
            of: sequence.steps.len(),
            has,
            takes: match step.occurs {
                StepOccurrence::Times(takes) | StepOccurrence::Optional(takes) => takes,
                StepOccurrence::Never => 0,
            },
        }
    }
}

/// The greater, the nearer: steps done and events of the next; how far the value is off; events.
type Nearness = (Option<(usize, u64)>, Option<Reverse<Amount>>, u64);

/// Runs the rules of `set` over `inputs`, which are in the order of time, and looks at the one with
/// `number`.
pub fn run_trial(set: &Arc<RuleSet>, number: u32, inputs: &[EventInput]) -> RuleTrial {
    let mut trial = TrialRun::new(set, number);
    // Alerts and trees are known only after an event was run, so these rules see each one alone.
    let is_seen_before = trial.layer == 0 && !set.asks_trees();
    let mut next = 0;
    for (input, end) in inputs.iter().zip(1..) {
        let is_plain = is_seen_before && trial.counted_keys(&input.event).is_empty();
        // Of events that count for no group of the rule, what is left is that time passes.
        if is_plain && end - next < TRIAL_EVENTS {
            continue;
        }
        let alerts = trial.run_inputs(inputs.get(next..end).unwrap_or_default());
        next = end;
        trial.ask_trees(input.position);
        for event in std::iter::once(&input.event).chain(&alerts) {
            trial.inspect_groups(event);
        }
    }
    trial.run_inputs(inputs.get(next..).unwrap_or_default());
    trial.finish()
}

/// A rule that is tried, and what is known so far.
struct TrialRun<'s> {
    set: &'s RuleSet,
    number: u32,
    layer: u8,
    pipeline: Pipeline,
    /// Finds the groups that an event counts for.
    matcher: RuleMatcher,
    found: AlertList,
    best: Option<(Nearness, KeyView)>,
    keys: BTreeSet<GroupKey>,
}

impl<'s> TrialRun<'s> {
    fn new(set: &'s Arc<RuleSet>, number: u32) -> Self {
        let settings = PipelineSettings::for_sorted_input();
        let mut pipeline = Pipeline::new(Arc::clone(set), settings);
        pipeline.detach_rules(unread_rules(set, number));
        let mut matcher = RuleMatcher::new(Arc::clone(set));
        matcher.select_rule(Some(number));
        Self {
            set,
            number,
            layer: set.rule(number).map_or(0, |rule| rule.layer),
            pipeline,
            matcher,
            found: AlertList::new(RevisionFilter::LastRevision),
            best: None,
            keys: BTreeSet::new(),
        }
    }

    /// From now on the condition asks the trees as of `position`.
    fn ask_trees(&mut self, position: Position) {
        let trees = self.pipeline.trees().map(RuleTrees::tree_lookup);
        self.matcher.set_trees(trees);
        self.matcher.set_position(position, None);
    }

    /// The groups that `event` counts for.
    fn counted_keys(&mut self, event: &Event) -> Vec<GroupKey> {
        let mut matches = Vec::new();
        let mut faults = Vec::new();
        self.matcher
            .match_event(self.layer, event, &mut matches, &mut faults);
        matches.into_iter().map(|found| found.key).collect()
    }

    /// Runs the next inputs; returns the alerts that were raised.
    fn run_inputs(&mut self, inputs: &[EventInput]) -> Vec<Event> {
        let outcome = self.pipeline.run_sorted_inputs(inputs);
        let mut events = Vec::new();
        for raised in outcome.alerts {
            events.push(raised.event.clone());
            self.found.add_raised(raised);
        }
        events
    }

    /// Looks how near the groups are that `event` counts for.
    fn inspect_groups(&mut self, event: &Event) {
        let keys = self.counted_keys(event);
        let unit = WindowShard {
            rule: self.number,
            shard: 0,
        };
        let (Some(rule), Some(window)) = (self.set.rule(self.number), self.pipeline.window(unit))
        else {
            return;
        };
        for key in keys {
            let mut views = window.key_views(Some(&event.envelope().tenant));
            let Some(view) = views.find(|view| view.key == key) else {
                continue;
            };
            let nearness = measure_nearness(&rule.window, &view);
            if self.best.as_ref().is_none_or(|(best, _)| *best < nearness) {
                self.best = Some((nearness, view));
            }
            self.keys.insert(key);
        }
    }

    fn finish(mut self) -> RuleTrial {
        // Closed after the last look: closing expires every run, and an absence fires only now.
        let outcome = self.pipeline.close_input();
        let raised = outcome.alerts.into_iter();
        raised.for_each(|one| self.found.add_raised(one));
        let rule = self.set.rule(self.number);
        let own = |id: &str| rule.is_some_and(|rule| rule.id.as_str() == id);
        let alerts = self.found.alerts().filter(|alert| own(alert.rule.as_str()));
        RuleTrial {
            alerts: alerts.count() as u64,
            near_miss: rule.map(|rule| match &self.best {
                Some((_, view)) => NearMiss::from_view(rule, view, &self.keys),
                None => NearMiss::without_events(rule),
            }),
        }
    }
}

/// The rules whose alerts play no part for the rule with `number`.
fn unread_rules(set: &RuleSet, number: u32) -> Vec<u32> {
    let mut read = BTreeSet::from([number]);
    let mut new = vec![number];
    let all = 0..u32::try_from(set.rules().len()).unwrap_or(u32::MAX);
    while let Some(reader) = new.pop() {
        let raisers = all
            .clone()
            .filter(|raiser| set.may_read_alerts(reader, *raiser));
        new.extend(raisers.filter(|raiser| read.insert(*raiser)));
    }
    all.filter(|rule| !read.contains(rule)).collect()
}

fn measure_nearness(asks: &WindowSpec, view: &KeyView) -> Nearness {
    match asks {
        WindowSpec::Single | WindowSpec::Scripted(_) => (None, None, view.events),
        WindowSpec::Aggregate(aggregate) => {
            let off = measured_value(aggregate, view)
                .map(|value| Reverse(distance_to_bounds(&aggregate.bounds, value)));
            (None, off, view.events)
        }
        WindowSpec::Sequence(sequence) => {
            let step = furthest_step(sequence, view);
            let done = step.as_ref().map(|step| (step.number, step.has));
            (done, None, view.events)
        }
    }
}

/// What is compared with the bounds.
fn measured_value(aggregate: &Aggregate, view: &KeyView) -> Option<Amount> {
    match aggregate.measure {
        WindowMeasure::Count => i64::try_from(view.events).ok().map(Amount::from_int),
        _ => view.value,
    }
}

/// How much a value would have to change for all bounds to hold.
fn distance_to_bounds(bounds: &Bounds, value: Amount) -> Amount {
    let missed = bounds
        .as_slice()
        .iter()
        .filter(|bound| !bound.comparison.holds(&value, &bound.value));
    let distances = missed.map(|bound| match bound.comparison {
        Comparison::NotEqual => Amount::from_billionths(1),
        _ if value < bound.value => bound.value.saturating_sub(value),
        _ => value.saturating_sub(bound.value),
    });
    distances.fold(Amount::ZERO, Amount::max)
}

/// Of the partial matches of a key the one that has come furthest.
fn furthest_step(sequence: &Sequence, view: &KeyView) -> Option<StepProgress> {
    let steps = view.partials.iter().filter_map(|partial| {
        let index = partial.waits_for.as_ref()?.index;
        let step = sequence.steps.get(index)?;
        Some(StepProgress::new(
            sequence,
            index,
            step,
            partial.step_events,
        ))
    });
    steps.max_by_key(|step| (step.number, step.has))
}

impl NearMiss {
    /// Of a rule for which no event counted.
    fn without_events(rule: &Rule) -> Self {
        let (value, step) = match &rule.window {
            WindowSpec::Single | WindowSpec::Scripted(_) => (None, None),
            WindowSpec::Aggregate(aggregate) => (threshold(aggregate).map(|_| Amount::ZERO), None),
            WindowSpec::Sequence(sequence) => {
                let mut steps = sequence.steps.iter().enumerate();
                let first = steps.find(|(_, step)| matches!(step.occurs, StepOccurrence::Times(_)));
                let progress = first.map(|(at, step)| StepProgress::new(sequence, at, step, 0));
                (None, progress)
            }
        };
        Self {
            asks: rule.window.clone(),
            key: String::new(),
            events: 0,
            value,
            step,
            alike: Vec::new(),
        }
    }

    fn from_view(rule: &Rule, view: &KeyView, keys: &BTreeSet<GroupKey>) -> Self {
        let (value, step) = match &rule.window {
            WindowSpec::Single | WindowSpec::Scripted(_) => (None, None),
            WindowSpec::Aggregate(aggregate) => (measured_value(aggregate, view), None),
            WindowSpec::Sequence(sequence) => (None, furthest_step(sequence, view)),
        };
        Self {
            asks: rule.window.clone(),
            key: key_text(&rule.key_members(&view.key)),
            events: view.events,
            value,
            step,
            alike: similar_values(&view.key, keys),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let threshold = match &self.asks {
            WindowSpec::Aggregate(aggregate) => threshold(aggregate),
            _ => None,
        };
        let step = self.step.as_ref().map(|step| {
            json!({
                "waits_for": step.name,
                "number": step.number,
                "of": step.of,
                "has": step.has,
                "takes": step.takes,
            })
        });
        json!({
            "asks": self.asks.to_string(),
            "key": self.key,
            "events": self.events,
            "reached": self.value.map(Amount::to_json),
            "threshold": threshold,
            "within": self.asks.window_length(),
            "step": step,
            "alike": self.alike,
        })
    }
}

/// The least number that fires, where the rule asks for at least so many of something.
fn threshold(aggregate: &Aggregate) -> Option<u64> {
    let is_floor = aggregate.measure.is_count() && aggregate.bounds.are_lower_bounds();
    is_floor.then(|| aggregate.bounds.threshold())
}

/// Members of `key` for which another key has a value that differs in case, blanks or type only:
/// their values.
fn similar_values(key: &GroupKey, keys: &BTreeSet<GroupKey>) -> Vec<String> {
    let folded = |value: &ScalarValue| value.to_string().trim().to_lowercase();
    let is_similar = |other: &&GroupKey| {
        let pairs = key.members().iter().zip(other.members());
        *other != key && pairs.clone().all(|(one, two)| folded(one) == folded(two))
    };
    let mut shown = Vec::new();
    let others: Vec<&GroupKey> = keys.iter().filter(is_similar).collect();
    for (index, own) in key.members().iter().enumerate() {
        let members = others.iter().filter_map(|other| other.members().get(index));
        let mut values: Vec<&ScalarValue> = vec![own];
        values.extend(members.filter(|value| *value != own));
        values.sort();
        values.dedup();
        if values.len() > 1 {
            shown.extend(values.iter().map(|value| {
                match value {
                    ScalarValue::Str(text)
                        if values
                            .iter()
                            .all(|it| it.to_string() != **text || it == value) =>
                    {
                        text.to_string()
                    }
                    // Values that read the same are distinguished by their quotes.
                    other => other.to_json().to_string(),
                }
            }));
        }
    }
    shown
}

/// `4 of 5 within 5m (user=alice); key differs: `Alice` and `alice``.
impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.asks {
            WindowSpec::Single => f.write_str("each match fires")?,
            WindowSpec::Aggregate(aggregate) => self.write_measure(f, aggregate)?,
            WindowSpec::Sequence(sequence) => self.write_step(f, sequence.within)?,
            WindowSpec::Scripted(_) => {
                let plural = if self.events == 1 { "" } else { "s" };
                write!(f, "the script saw {} event{plural}", self.events)?;
            }
        }
        if !self.key.is_empty() {
            write!(f, " ({})", self.key)?;
        }
        let alike: Vec<String> = self.alike.iter().map(|it| format!("`{it}`")).collect();
        if let Some((last, others)) = alike.split_last() {
            write!(f, "; key differs: {} and {last}", others.join(", "))?;
        }
        Ok(())
    }
}

impl NearMiss {
    fn write_measure(&self, f: &mut fmt::Formatter<'_>, aggregate: &Aggregate) -> fmt::Result {
        let Aggregate {
            measure, bounds, ..
        } = aggregate;
        let value = self.value.map(|value| value.to_string());
        match (threshold(aggregate), value) {
            (Some(threshold), value) => {
                write!(f, "{} of {threshold}", value.as_deref().unwrap_or("0"))?;
                match measure {
                    WindowMeasure::Distinct => f.write_str(" different values")?,
                    WindowMeasure::Steps(_) => f.write_str(" different steps")?,
                    _ => {}
                }
            }
            (None, Some(value)) if bounds.as_slice().is_empty() => write!(f, "{measure} {value}")?,
            (None, Some(value)) => write!(f, "{measure} {value}, not {bounds},")?,
            (None, None) => write!(f, "no {measure} yet")?,
        }
        write_extent(f, &aggregate.extent)
    }

    fn write_step(&self, f: &mut fmt::Formatter<'_>, within: Span) -> fmt::Result {
        let Some(step) = &self.step else {
            return write!(f, "no step within {within}");
        };
        let StepProgress {
            name, number, of, ..
        } = step;
        match step.takes {
            0 => write!(f, "step {number} of {of}: no `{name}`")?,
            1 => write!(f, "step {number} of {of}: waits for `{name}`")?,
            takes => write!(f, "step {number} of {of}: {} of {takes} `{name}`", step.has)?,
        }
        write!(f, " within {within}")
    }
}

fn write_extent(f: &mut fmt::Formatter<'_>, extent: &WindowExtent) -> fmt::Result {
    match extent {
        WindowExtent::Sliding { within } => write!(f, " within {within}"),
        WindowExtent::Tumbling { size } | WindowExtent::Hopping { size, .. } => {
            write!(f, " in one {size}")
        }
        WindowExtent::Session { .. } => f.write_str(" in one session"),
        WindowExtent::Last { matches, .. } => write!(f, " in the last {matches}"),
    }
}

#[cfg(test)]
mod tests;
