//! Hopping windows: what is said when one of them ends.

use larum_event::{FiringPolicy, Measure, Span, Timestamp};

use super::kept::Kept;
use super::rule::{Measuring, next_multiple};
use super::running::{Holding, Running};
use crate::state::Told;

impl Running {
    /// An event at `time` is in every window that ends from the next multiple of `hop` on.
    pub(super) fn expect_end(&mut self, time: Timestamp, hop: Span) {
        self.fresh += 1;
        self.next_end = Some(next_multiple(time, hop));
    }

    /// Decides all windows of length `size` that have ended.
    pub(super) fn pass_hops(
        &mut self,
        before: Timestamp,
        (size, hop): (Span, Span),
        rule: &Measuring,
        told: &mut Told,
    ) {
        while let Some(end) = self.next_end.filter(|end| *end <= before) {
            let begin = end.saturating_sub(size);
            while self.events.front().is_some_and(|kept| kept.time() < begin) {
                self.pop(rule);
            }
            self.recount();
            self.turn_to(end, rule);
            let held = self.measured(rule).filter(|it| rule.holds(it.value));
            match (held, self.events.back().map(Kept::held)) {
                (Some(measured), Some(trigger)) => {
                    let holding = Holding {
                        trigger,
                        time: end,
                        measured,
                    };
                    self.judge(&holding, self.fresh, rule, told);
                }
                (_, _) => self.end_episode(rule, told),
            }
            self.fresh = 0;
            self.next_end = self.end_after(end, held.is_some(), (size, hop), rule);
        }
    }

    /// The next end at which there is something to say after that at `end`, if nothing comes.
    fn end_after(
        &self,
        end: Timestamp,
        holds: bool,
        (size, hop): (Span, Span),
        rule: &Measuring,
    ) -> Option<Timestamp> {
        let oldest = self.events.front()?.time();
        let is_same_until_one_leaves = !matches!(rule.measure, Measure::Rate { .. })
            && (!holds || rule.policy == FiringPolicy::Edge);
        let next = if is_same_until_one_leaves {
            next_multiple(oldest.saturating_add(size), hop)
        } else {
            end.saturating_add(hop)
        };
        (next > end).then_some(next)
    }
}
