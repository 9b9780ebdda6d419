//! Matching on a thread of its own.
//!
//! Owns a rhai engine with the compiled rules, which never leaves its thread.
//! Invariant: one poisonous event never takes others, or other rules, with it. A batch that panics
//! is tried once more by a new matcher; if it panics again its events are tried one by one, and an
//! event that still panics is skipped for the rule that does, which is recorded.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Arbiter, AsyncContext, Context, Handler, Supervised, WrapFuture,
};
use larum_actor::{ActorGuard, ActorSlot, ActorState, Supervision, catch_panic};
use larum_pipeline::{EpochItem, MatchOutput, PlacedFault, match_items};
use larum_rule::{RuleMatcher, RuleSet};
use tracing::warn;

use crate::messages::{MatchBatch, MatchHead};

/// A matcher on its thread.
pub struct MatcherActor {
    guard: ActorGuard,
    supervision: Supervision,
    set: Arc<RuleSet>,
    matcher: RuleMatcher,
    /// Names of rules as points for faults, by rule.
    points: Vec<String>,
}

/// What a matcher is started with.
pub struct MatcherSetup {
    /// Its number.
    pub number: usize,
    /// The rules.
    pub set: Arc<RuleSet>,
    /// What all supervised actors share.
    pub supervision: Supervision,
}

impl MatcherActor {
    /// Its name in the registry.
    pub fn actor_name(number: usize) -> String {
        format!("matcher/{number}")
    }

    /// Starts it on the thread of `arbiter`.
    pub fn start_on(arbiter: &Arbiter, setup: MatcherSetup) -> ActorSlot<Self> {
        let MatcherSetup {
            number,
            set,
            supervision,
        } = setup;
        let with = supervision.clone();
        let make = move |guard| Self {
            guard,
            supervision: with.clone(),
            set: Arc::clone(&set),
            matcher: new_matcher(&set, &with),
            points: set
                .rules()
                .iter()
                .map(|rule| format!("rule/{}", rule.id))
                .collect(),
        };
        let started = supervision.start_actor(&Self::actor_name(number), &arbiter.handle(), make);
        started.unwrap_or_else(|error| {
            tracing::error!(number, %error, "a matcher is not started");
            ActorSlot::empty()
        })
    }

    fn try_items(&mut self, head: &MatchHead, items: &[EpochItem]) -> Option<MatchOutput> {
        let (layer, left_out) = (head.layer, &*head.skipped_rules);
        let entry = self.guard.entry();
        entry.begin_work();
        let (matcher, faults, clock) = (
            &mut self.matcher,
            &self.supervision.faults,
            &self.supervision.clock,
        );
        matcher.set_trees(head.trees.clone());
        let outcome = catch_panic("a batch of events", || {
            let tenant = items.first().map(|item| &item.event.envelope().tenant);
            let unasked = tenant.map(|tenant| left_out.for_tenant(tenant));
            let rules = self.set.rules().iter().zip(&self.points);
            for ((rule, point), number) in rules.zip(0..) {
                let is_asked = unasked.is_none_or(|rules| !rules.contains(&number));
                if rule.layer == layer && is_asked {
                    faults.inject_fault(point, clock);
                }
            }
            match_items(matcher, layer, items, left_out)
        });
        self.guard.entry().end_work();
        match outcome {
            Ok(matched) => Some(matched),
            Err(panicked) => {
                warn!(%panicked, events = items.len(), "matching panicked");
                // What was half changed is thrown away.
                self.matcher = new_matcher(&self.set, &self.supervision);
                None
            }
        }
    }

    fn match_with_retry(&mut self, head: &MatchHead, items: &[EpochItem]) -> MatchOutput {
        if let Some(matched) = self
            .try_items(head, items)
            .or_else(|| self.try_items(head, items))
        {
            return matched;
        }
        let mut all = MatchOutput::default();
        for (number, one) in items.chunks(1).enumerate() {
            let matched = self
                .try_items(head, one)
                .unwrap_or_else(|| self.match_rule_by_rule(head, one));
            all.append(matched, number);
        }
        all
    }

    /// Every rule of the layer alone: those that panic on the `one` item skip it.
    fn match_rule_by_rule(&mut self, head: &MatchHead, one: &[EpochItem]) -> MatchOutput {
        let (layer, left_out) = (head.layer, &*head.skipped_rules);
        let set = Arc::clone(&self.set);
        let mut all = MatchOutput::default();
        for (number, rule) in set
            .rules()
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.layer == layer)
        {
            self.matcher.select_rule(Some(number as u32));
            self.matcher.set_trees(head.trees.clone());
            let (matcher, faults) = (&mut self.matcher, &self.supervision.faults);
            let clock = &self.supervision.clock;
            let point = self.points.get(number).map_or("", String::as_str);
            let outcome = catch_panic(&rule.id, || {
                faults.inject_fault(point, clock);
                match_items(matcher, layer, one, left_out)
            });
            match outcome {
                Ok(matched) => all.append(matched, 0),
                Err(panicked) => {
                    self.matcher = new_matcher(&set, &self.supervision);
                    let fault = |item: &EpochItem| PlacedFault {
                        rule: rule.id.clone(),
                        number: number as u32,
                        event: item.event.envelope().id.clone(),
                        place: item.place,
                        message: panicked.to_string(),
                    };
                    all.faults.extend(one.iter().map(fault));
                }
            }
        }
        // Back to all rules, or the next batch would be matched against the last rule only.
        self.matcher.select_rule(None);
        all
    }
}

/// A matcher whose scripts are timed.
fn new_matcher(set: &Arc<RuleSet>, supervision: &Supervision) -> RuleMatcher {
    let mut matcher = RuleMatcher::new(Arc::clone(set));
    let clock = supervision.clock.clone();
    matcher.time_scripts(move || clock.monotonic().as_nanos());
    matcher
}

impl Actor for MatcherActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        // Also called after `restarting`, which says itself when the state is back.
        if self.guard.entry().state() == ActorState::Starting {
            self.guard.entry().set_running();
        }
    }
}

impl Supervised for MatcherActor {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        let _verdict = self.guard.restart_actor(ctx, |actor: &mut Self, _| {
            actor.matcher = new_matcher(&actor.set, &actor.supervision);
            actor.guard.entry().set_running();
        });
    }
}

impl Handler<MatchBatch> for MatcherActor {
    type Result = ();

    fn handle(&mut self, batch: MatchBatch, ctx: &mut Self::Context) {
        let items = batch
            .items
            .get(batch.head.range.clone())
            .unwrap_or_default();
        let matched = self.match_with_retry(&batch.head, items);
        let reply = batch.head.reply;
        let delay = self
            .supervision
            .faults
            .answer_delay(self.guard.entry().name());
        if delay.is_zero() {
            drop(reply.send(matched));
            return;
        }
        let clock = self.supervision.clock.clone();
        ctx.spawn(
            async move { clock.sleep(delay).await }
                .into_actor(self)
                .map(move |(), _, _| {
                    drop(reply.send(matched));
                }),
        );
    }
}
