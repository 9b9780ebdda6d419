//! A rule's scripts for whoever keeps their state, on whatever thread.
//!
//! What scripts run in belongs to one thread, so each thread has its own, made when it first runs a script of a set
//! and dropped after the set is.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Weak};

use larum_event::{Event, Timestamp, WindowSpec};
use rhai::Engine;

use super::stateful::{Host, ScriptAnswer, Stateful};
use crate::error::RuleFault;
use crate::sandbox;
use crate::script::{Prepare, Source};
use crate::set::RuleSet;

/// The scripts of one rule that keeps state. The same event and state always give the same answer.
#[derive(Clone)]
pub struct ScriptedRule {
    set: Arc<RuleSet>,
    rule: u32,
}

/// What the scripts of a set run in.
struct Ready {
    set: Weak<RuleSet>,
    engine: Engine,
    prepare: Prepare,
    sources: Vec<Option<Source>>,
    stateful: Stateful,
}

thread_local! {
    static READY: RefCell<Vec<Ready>> = const { RefCell::new(Vec::new()) };
}

impl fmt::Debug for ScriptedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.set.rule(self.rule);
        let id = rule.map_or("?", |rule| rule.id.as_str());
        f.debug_tuple("ScriptedRule").field(&id).finish()
    }
}

impl ScriptedRule {
    /// The scripts of the rule with a number; `None` if it has none.
    pub fn of(set: &Arc<RuleSet>, rule: u32) -> Option<Self> {
        let window = &set.rule(rule)?.window;
        matches!(window, WindowSpec::Scripted(_)).then(|| Self {
            set: Arc::clone(set),
            rule,
        })
    }

    /// Runs the rule's `.on_event(|event, state| ..)` with the state of the event's group, `{}` or nothing for
    /// none.
    ///
    /// # Errors
    /// The script threw, spent too much, or left a state that is too large or no JSON.
    pub fn event(&self, event: &Event, state: &str) -> Result<ScriptAnswer, RuleFault> {
        self.with(|stateful, host| stateful.event(host, self.rule, event, state))
    }

    /// Runs the rule's `.on_timer(|state, time| ..)` with the state of the group whose timer went off at `time`.
    ///
    /// # Errors
    /// As [`ScriptedRule::event`].
    pub fn timer(&self, time: Timestamp, state: &str) -> Result<ScriptAnswer, RuleFault> {
        self.with(|stateful, host| stateful.timer(host, self.rule, time, state))
    }

    fn with<T>(&self, run: impl FnOnce(&mut Stateful, &Host<'_>) -> T) -> T {
        READY.with_borrow_mut(|all| {
            let own = |ready: &Ready| std::ptr::eq(ready.set.as_ptr(), Arc::as_ptr(&self.set));
            let index = all.iter().position(own).unwrap_or_else(|| {
                all.retain(|ready| ready.set.strong_count() > 0);
                all.push(Ready::of(&self.set));
                all.len() - 1
            });
            let ready = all.get_mut(index).expect("it was found or put there");
            let host = Host {
                set: &self.set,
                engine: &ready.engine,
                prepare: &ready.prepare,
                sources: &ready.sources,
            };
            run(&mut ready.stateful, &host)
        })
    }
}

impl Ready {
    fn of(set: &Arc<RuleSet>) -> Self {
        let mut engine = sandbox::matching_engine();
        let mut met = HashSet::new();
        let mut sources: Vec<Option<Source>> = Vec::new();
        sources.resize_with(set.files().len(), || None);
        let scripted = set.rules().iter().filter(|rule| rule.on_event.is_some());
        for rule in scripted {
            if let (Some(file), Some(source)) =
                (set.files().get(rule.source), sources.get_mut(rule.source))
                && source.is_none()
            {
                *source = Source::parse(&mut engine, &mut met, file).ok();
            }
        }
        Self {
            set: Arc::downgrade(set),
            prepare: Prepare::new(&engine),
            engine,
            sources,
            stateful: Stateful::default(),
        }
    }
}
