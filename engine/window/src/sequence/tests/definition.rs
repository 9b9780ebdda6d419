//! Against the definition: every chain there is, over all events at once.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::TestCaseError;

use super::anything::{any_events, any_long_sequence, any_sequence, any_short_sequence};
use super::*;
use crate::sequence::join;
use crate::sequence::partial::{ChainStep, PartialChain};

/// The events of one step: which step, and their indices.
type ChosenEvents = (usize, Vec<usize>);

struct Definition<'a> {
    sequence: &'a Sequence,
    events: &'a [WindowEvent],
}

/// A chain, and when it is one.
#[derive(Debug, Clone)]
struct FoundChain {
    chosen: Vec<ChosenEvents>,
    first: usize,
    last: usize,
    /// Of one that waits for its end.
    deadline: Option<Timestamp>,
}

/// An alert.
#[derive(Debug)]
struct ExpectedAlert {
    anchor: usize,
    time: Timestamp,
    best: FoundChain,
}

impl Definition<'_> {
    fn least(&self, step: usize) -> usize {
        match self.sequence.steps[step].occurs {
            StepOccurrence::Times(least) | StepOccurrence::Optional(least) => least as usize,
            StepOccurrence::Never => 0,
        }
    }

    fn has(&self, event: usize, step: usize) -> bool {
        self.events[event].steps & (1 << step) != 0
    }

    fn time(&self, event: usize) -> Timestamp {
        self.events[event].time()
    }

    fn is_never(&self, step: usize) -> bool {
        matches!(self.sequence.steps[step].occurs, StepOccurrence::Never)
    }

    fn nevers(&self, from: usize, to: usize) -> impl Iterator<Item = usize> {
        (from..to).filter(|step| self.is_never(*step))
    }

    /// Whether the event satisfies the step's joins with the chosen events.
    fn joins(&self, chosen: &[ChosenEvents], step: usize, event: usize) -> bool {
        let joins = &self.sequence.steps[step].joins;
        if joins.is_empty() {
            return true;
        }
        let rule = sequence_rule(self.sequence);
        let piece = |(step, events): &ChosenEvents| {
            let last = &self.events[*events.last().unwrap()];
            ChainStep::from_event(last, &rule.steps()[*step])
        };
        let Some((latest, before)) = chosen.split_last() else {
            return false;
        };
        let before = before.iter().map(piece).collect();
        let partial = PartialChain::new(before, piece(latest), &rule);
        join::satisfies_joins(joins, &self.events[event].values, &partial)
    }

    /// Whether nothing that must not come is after the last one chosen, up to `until` (an event) or
    /// `time`.
    fn is_quiet(
        &self,
        chosen: &[ChosenEvents],
        absent: usize,
        until: usize,
        time: Timestamp,
    ) -> bool {
        let last = *chosen.last().unwrap().1.last().unwrap();
        (last + 1..=until.min(self.events.len() - 1)).all(|event| {
            !self.has(event, absent)
                || self.time(event) > time
                || !self.joins(chosen, absent, event)
        })
    }

    fn is_stopped(&self, first: usize, last: usize, until: Timestamp) -> bool {
        self.sequence.stops
            && (first + 1..self.events.len()).any(|event| {
                self.events[event].steps & Sequence::STOP != 0
                    && (event <= last || self.time(event) <= until)
            })
    }

    /// Every chain.
    fn all(&self) -> Vec<FoundChain> {
        let mut found = Vec::new();
        for step in 0..self.sequence.steps.len() {
            if self.is_never(step) {
                continue;
            }
            // Joined to a step that was left out, it does not hold.
            let opens = self.sequence.steps[step].joins.is_empty();
            for first in 0..self.events.len() {
                let may_begin = opens
                    && self.has(first, step)
                    && self.nevers(0, step).all(|absent| {
                        let watch = self.sequence.steps[absent]
                            .within
                            .unwrap_or(self.sequence.within);
                        let since = self.time(first).saturating_sub(watch);
                        !self.sequence.steps[absent].joins.is_empty()
                            || (0..first)
                                .all(|event| !self.has(event, absent) || self.time(event) < since)
                    });
                if may_begin {
                    self.begin(step, first, &mut found);
                }
            }
            if matches!(self.sequence.steps[step].occurs, StepOccurrence::Times(_)) {
                break;
            }
        }
        found
    }

    fn begin(&self, step: usize, first: usize, found: &mut Vec<FoundChain>) {
        let least = self.least(step);
        if least == 1 {
            return self.go_on(&[(step, vec![first])], self.events.len(), found);
        }
        // Up to each of its events; the next step begins before the one after that.
        let own: Vec<_> = (first..self.events.len())
            .filter(|event| self.has(*event, step))
            .collect();
        for count in least..=own.len() {
            let next = own.get(count).copied().unwrap_or(self.events.len());
            self.go_on(&[(step, own[..count].to_vec())], next, found);
        }
    }

    /// `chosen` and everything it may become with an event up to `most` as the next.
    fn go_on(&self, chosen: &[ChosenEvents], most: usize, found: &mut Vec<FoundChain>) {
        let (step, own) = chosen.last().unwrap();
        let (step, last) = (*step, *own.last().unwrap());
        let first = chosen[0].1[0];
        if self.time(last) > self.time(first).saturating_add(self.sequence.within)
            || self.is_stopped(first, last, Timestamp::MIN)
        {
            return;
        }
        self.end(chosen, found);
        for next in step + 1..self.sequence.steps.len() {
            if self.is_never(next) {
                continue;
            }
            for event in last + 1..self.events.len().min(most + 1) {
                if self.may_follow(chosen, next, event) {
                    self.follow(chosen, next, event, found);
                }
            }
            if matches!(self.sequence.steps[next].occurs, StepOccurrence::Times(_)) {
                break;
            }
        }
    }

    fn fits(&self, chosen: &[ChosenEvents], next: usize, event: usize) -> bool {
        let last = *chosen.last().unwrap().1.last().unwrap();
        let within = self.sequence.steps[next].within;
        let until = within.map_or(Timestamp::MAX, |within| {
            self.time(last).saturating_add(within)
        });
        self.has(event, next) && self.time(event) <= until && self.joins(chosen, next, event)
    }

    fn may_follow(&self, chosen: &[ChosenEvents], next: usize, event: usize) -> bool {
        let (step, own) = chosen.last().unwrap();
        let last = *own.last().unwrap();
        self.fits(chosen, next, event)
            && self.nevers(step + 1, next).all(|absent| {
                let within = self.sequence.steps[absent].within;
                let until = within.map_or(Timestamp::MAX, |within| {
                    self.time(last).saturating_add(within)
                });
                self.is_quiet(chosen, absent, event, until)
            })
    }

    fn follow(
        &self,
        chosen: &[ChosenEvents],
        next: usize,
        event: usize,
        found: &mut Vec<FoundChain>,
    ) {
        let mut longer = chosen.to_vec();
        if self.least(next) == 1 {
            longer.push((next, vec![event]));
            return self.go_on(&longer, self.events.len(), found);
        }
        let last = *chosen.last().unwrap().1.last().unwrap();
        let is_first = !(last + 1..event).any(|other| self.fits(chosen, next, other));
        if !is_first {
            return;
        }
        let own: Vec<_> = (event..self.events.len())
            .filter(|other| self.fits(chosen, next, *other))
            .collect();
        for count in self.least(next)..=own.len() {
            let most = own.get(count).copied().unwrap_or(self.events.len());
            longer.push((next, own[..count].to_vec()));
            self.go_on(&longer, most, found);
            longer.pop();
        }
    }

    fn end(&self, chosen: &[ChosenEvents], found: &mut Vec<FoundChain>) {
        let (step, own) = chosen.last().unwrap();
        let last = *own.last().unwrap();
        let steps = &self.sequence.steps;
        let rest = steps.iter().skip(step + 1);
        if rest
            .clone()
            .any(|step| matches!(step.occurs, StepOccurrence::Times(_)))
        {
            return;
        }
        let watch = |absent: usize| steps[absent].within.unwrap_or(self.sequence.within);
        let trailing: Vec<_> = self.nevers(step + 1, steps.len()).collect();
        let wait = trailing.iter().map(|absent| watch(*absent)).max();
        let deadline = wait.map(|wait| self.time(last).saturating_add(wait));
        let is_quiet = trailing.iter().all(|absent| {
            let until = self.time(last).saturating_add(watch(*absent));
            self.is_quiet(chosen, *absent, self.events.len(), until)
        });
        let first = chosen[0].1[0];
        if is_quiet && !self.is_stopped(first, last, deadline.unwrap_or(Timestamp::MIN)) {
            found.push(FoundChain {
                chosen: chosen.to_vec(),
                first,
                last,
                deadline,
            });
        }
    }

    /// Which of the chains raise an alert.
    fn fired(&self) -> Vec<ExpectedAlert> {
        let mut all = self.all();
        all.sort_by_key(|found| {
            let time = found.deadline.unwrap_or(self.time(found.last));
            let pieces = found.chosen.len();
            (
                time,
                found.deadline.is_some(),
                found.last,
                Reverse(found.first),
                Reverse(pieces),
            )
        });
        let mut fired = Vec::new();
        let mut settled = BTreeSet::new();
        let mut raised = BTreeSet::new();
        let mut consumed = None;
        let mut silent = Timestamp::MIN;
        for found in all {
            let time = found.deadline.unwrap_or(self.time(found.last));
            let is_gone = consumed.is_some_and(|last| found.first <= last);
            let is_raised = found.deadline.is_some() && raised.contains(&found.first);
            if is_gone || settled.contains(&found.last) {
                continue;
            }
            // The best chain of an event speaks for the others of it.
            if is_raised {
                settled.insert(found.last);
            }
            if is_raised || time < silent {
                continue;
            }
            settled.insert(found.last);
            let anchor = if found.deadline.is_some() {
                raised.insert(found.first);
                found.first
            } else {
                found.last
            };
            fired.push(ExpectedAlert {
                anchor,
                time,
                best: found.clone(),
            });
            match self.sequence.policy {
                FiringPolicy::Every => {}
                FiringPolicy::Edge | FiringPolicy::Reset => {
                    consumed = consumed.max(Some(found.last))
                }
                FiringPolicy::Suppress(span) => silent = time.saturating_add(span),
            }
        }
        fired
    }
}

fn fired_chains(fired: &[FiredAlert]) -> Vec<(usize, Timestamp)> {
    let anchor = |fired: &FiredAlert| fired.trigger.id.as_str().parse::<usize>().unwrap() - 1;
    fired
        .iter()
        .map(|fired| (anchor(fired), fired.time))
        .collect()
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_500)
    ))]

    #[test]
    fn a_key_tells_what_the_definition_says(sequence in any_sequence(), events in any_events(4, 11)) {
        check_against_definition(&sequence, &events)?;
    }

    #[test]
    fn a_key_tells_what_the_definition_says_of_longer_streams_too(
        sequence in any_short_sequence(),
        events in any_events(2, 24),
    ) {
        check_against_definition(&sequence, &events)?;
    }

    #[test]
    fn a_key_tells_what_the_definition_says_of_more_steps_too(
        sequence in any_long_sequence(),
        events in any_events(4, 18),
    ) {
        check_against_definition(&sequence, &events)?;
    }

    #[test]
    fn looking_at_the_clock_and_writing_down_in_between_changes_nothing(
        sequence in any_sequence(),
        events in any_events(4, 11),
        looks in vec(0..40_i64, 0..8),
    ) {
        let rule = sequence_rule(&sequence);
        let mut state = SequenceState::default();
        let mut output = StateOutput::default();
        let mut last = Timestamp::MIN;
        let end = Timestamp::MAX;
        for event in events.iter().map(Some).chain([None]) {
            let next = event.map_or(end, WindowEvent::time);
            let mut between: Vec<_> = looks.iter().map(|look| at(100 + look)).collect();
            between.retain(|look| last <= *look && *look < next);
            between.sort_unstable();
            for look in between {
                let before = state.clone();
                let due = state.due_time(&rule);
                state.advance_to(look, &rule, &mut output);
                prop_assert_eq!(due.is_some_and(|due| due < look), state != before);
                prop_assert!(state.due_time(&rule).is_none_or(|due| due >= look));
                let bytes = postcard::to_stdvec(&state).unwrap();
                let back: SequenceState = postcard::from_bytes(&bytes).unwrap();
                prop_assert_eq!(&back, &state);
                prop_assert!(back.is_sound(&rule));
                prop_assert_eq!(back.due_time(&rule).is_none(), back == SequenceState::default());
                state = back;
            }
            if let Some(event) = event {
                state.advance_to(event.time(), &rule, &mut output);
                state.apply_event(event, &rule, &mut output);
                last = event.time();
            }
        }
        state.close(&rule, &mut output);
        prop_assert_eq!(fired(output), run(&sequence, &events));
    }
}

fn check_against_definition(
    sequence: &Sequence,
    events: &[WindowEvent],
) -> Result<(), TestCaseError> {
    let definition = Definition { sequence, events };
    let expected = definition.fired();
    let fired = run(sequence, events);
    let anchors: BTreeSet<_> = fired.iter().map(|fired| &fired.anchor).collect();
    prop_assert_eq!(
        anchors.len(),
        fired.len(),
        "each alert has an id of its own"
    );
    let anchors = expected.iter().map(|alert| (alert.anchor, alert.time));
    prop_assert_eq!(fired_chains(&fired), anchors.collect::<Vec<_>>());
    for (fired, alert) in fired.iter().zip(&expected) {
        let content = &fired.content;
        let numbers = content
            .evidence
            .iter()
            .map(|id| id.as_str().parse::<usize>());
        let output: Vec<_> = numbers.map(|number| number.unwrap() - 1).collect();
        prop_assert!(output.is_sorted_by(|one, next| one < next));
        prop_assert_eq!(content.count, output.len() as u64);
        prop_assert_eq!(content.first, events[output[0]].time());
        prop_assert_eq!(content.last, events[alert.best.last].time());
        let flat = |found: &FoundChain| -> Vec<usize> {
            found
                .chosen
                .iter()
                .flat_map(|(_, events)| events.clone())
                .collect()
        };
        // Before the first that is needed, a first step with a count reports more events.
        let is_told = |found: &FoundChain| {
            let chosen = flat(found);
            let is_same = (found.first, found.last) == (alert.best.first, alert.best.last);
            let more = output.len().saturating_sub(chosen.len());
            let is_run = definition.least(found.chosen[0].0) > 1;
            is_same && output.ends_with(&chosen) && (is_run || more == 0)
        };
        prop_assert!(
            definition.all().iter().any(is_told),
            "{:?} {:?}",
            output,
            alert
        );
    }
    Ok(())
}
