//! Hopping windows: what is decided when one of them ends.

use larum_event::{FiringPolicy, Span, Timestamp, WindowExtent, WindowMeasure};

use super::rule::moment_before;
use super::rule::{AggregateRule, next_stretch_start};
use super::running::{ConditionHit, RunningWindow};
use crate::packed_event_ref::PackedEventRef;
use crate::state::StateOutput;

impl RunningWindow {
    /// Schedules the next end: an event at `time` is in every window that ends at the next multiple
    /// of `hop` or later.
    pub(super) fn schedule_end(&mut self, time: Timestamp, hop: Span) {
        self.new_events += 1;
        self.next_end = Some(next_stretch_start(time, hop));
    }

    /// Decides all hopping windows that ended up to `before`; nothing for other extents.
    pub(super) fn decide_hops(
        &mut self,
        before: Timestamp,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        let WindowExtent::Hopping { size, .. } = rule.extent else {
            return;
        };
        while let Some(end) = self.next_end.filter(|end| *end <= before) {
            output.moment = moment_before(end);
            // Remove the events before this window first, so that what is measured is exactly this
            // window.
            let begin = end.saturating_sub(size);
            while self
                .events
                .front()
                .is_some_and(|event| event.time() < begin)
            {
                self.pop_oldest(rule);
            }
            self.recount_distinct();
            self.move_baseline(end, rule);
            let satisfied = self.satisfying_value(rule);
            match (satisfied, self.events.back().map(PackedEventRef::unpack)) {
                (Some(measured), Some(trigger)) => {
                    let hit = ConditionHit {
                        trigger,
                        time: end,
                        measured,
                    };
                    self.apply_policy(&hit, self.new_events, rule, output);
                }
                (_, _) => self.end_episode(rule, output),
            }
            self.new_events = 0;
            self.next_end = self.next_end_after(end, satisfied.is_some(), rule);
        }
    }

    /// The next end after `end` at which something may be decided if no event comes.
    fn next_end_after(
        &self,
        end: Timestamp,
        holds: bool,
        rule: &AggregateRule,
    ) -> Option<Timestamp> {
        let WindowExtent::Hopping { size, hop } = rule.extent else {
            return None;
        };
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
