//! Hopping windows: what is said when one of them ends.

use larum_event::{FiringPolicy, Span, Timestamp, WindowMeasure};

use super::packed_event_ref::PackedEventRef;
use super::rule::{AggregateRule, next_stretch_start};
use super::running::{ConditionHit, RunningWindow};
use crate::state::StateOutput;

impl RunningWindow {
    /// An event at `time` is in every window that ends from the next multiple of `hop` on.
    pub(super) fn schedule_end(&mut self, time: Timestamp, hop: Span) {
        self.new_events += 1;
        self.next_end = Some(next_stretch_start(time, hop));
    }

    /// Decides all windows of length `size` that have ended.
    pub(super) fn decide_hops(
        &mut self,
        before: Timestamp,
        (size, hop): (Span, Span),
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        while let Some(end) = self.next_end.filter(|end| *end <= before) {
            let begin = end.saturating_sub(size);
            while self.events.front().is_some_and(|kept| kept.time() < begin) {
                self.pop_oldest(rule);
            }
            self.recount_distinct();
            self.move_baseline(end, rule);
            let held = self
                .measured_value(rule)
                .filter(|it| rule.is_satisfied_by(it.value));
            match (held, self.events.back().map(PackedEventRef::unpack)) {
                (Some(measured), Some(trigger)) => {
                    let holding = ConditionHit {
                        trigger,
                        time: end,
                        measured,
                    };
                    self.apply_policy(&holding, self.new_events, rule, told);
                }
                (_, _) => self.end_episode(rule, told),
            }
            self.new_events = 0;
            self.next_end = self.next_end_after(end, held.is_some(), (size, hop), rule);
        }
    }

    /// The next end at which there is something to say after that at `end`, if nothing comes.
    fn next_end_after(
        &self,
        end: Timestamp,
        holds: bool,
        (size, hop): (Span, Span),
        rule: &AggregateRule,
    ) -> Option<Timestamp> {
        let oldest = self.events.front()?.time();
        let is_same_until_one_leaves = !matches!(rule.measure, WindowMeasure::Rate { .. })
            && (!holds || rule.policy == FiringPolicy::Edge);
        let next = if is_same_until_one_leaves {
            next_stretch_start(oldest.saturating_add(size), hop)
        } else {
            end.saturating_add(hop)
        };
        (next > end).then_some(next)
    }
}
