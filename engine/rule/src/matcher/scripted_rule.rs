//! A rule's scripts for the window that keeps their state, on any thread.
//!
//! What scripts run in belongs to one thread, so each thread has its own, made when it first runs a
//! script of a set and dropped after the set is.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Weak};

use larum_event::{Event, Timestamp, WindowSpec};
use rhai::Engine;

use super::stateful_scripts::{ScriptHost, ScriptedOutcome, StatefulScripts};
use crate::error::RuleFault;
use crate::sandbox;
use crate::script::{ClosurePreparer, RuleSource};
use crate::set::RuleSet;

/// The scripts of one rule that keeps state. The same event and state always give the same answer.
#[derive(Clone)]
pub struct ScriptedRule {
    set: Arc<RuleSet>,
    rule: u32,
}

/// What the scripts of a set run in.
struct ScriptRuntime {
    set: Weak<RuleSet>,
    engine: Engine,
    prepare: ClosurePreparer,
    sources: Vec<Option<RuleSource>>,
    stateful: StatefulScripts,
}

thread_local! {
    static READY: RefCell<Vec<ScriptRuntime>> = const { RefCell::new(Vec::new()) };
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
    pub fn find_rule(set: &Arc<RuleSet>, rule: u32) -> Option<Self> {
        let window = &set.rule(rule)?.window;
        matches!(window, WindowSpec::Scripted(_)).then(|| Self {
            set: Arc::clone(set),
            rule,
        })
    }

    /// Runs the rule's `.on_event(|event, state| ..)` with the state of the event's group, `{}` or
    /// nothing for none.
    ///
    /// # Errors
    /// The script threw, spent too much, or left a state that is too large or no JSON.
    pub fn run_event(&self, event: &Event, state: &str) -> Result<ScriptedOutcome, RuleFault> {
        self.with_runtime(|stateful, host| stateful.run_event(host, self.rule, event, state))
    }

    /// Runs the rule's `.on_timer(|state, time| ..)` with the state of the group whose timer went
    /// off at `time`.
    ///
    /// # Errors
    /// As [`ScriptedRule::run_event`].
    pub fn run_timer(&self, time: Timestamp, state: &str) -> Result<ScriptedOutcome, RuleFault> {
        self.with_runtime(|stateful, host| stateful.run_timer(host, self.rule, time, state))
    }

    fn with_runtime<T>(&self, run: impl FnOnce(&mut StatefulScripts, &ScriptHost<'_>) -> T) -> T {
        READY.with_borrow_mut(|all| {
            let own =
                |ready: &ScriptRuntime| std::ptr::eq(ready.set.as_ptr(), Arc::as_ptr(&self.set));
            let index = all.iter().position(own).unwrap_or_else(|| {
                all.retain(|ready| ready.set.strong_count() > 0);
                all.push(ScriptRuntime::for_set(&self.set));
                all.len() - 1
            });
            let ready = all.get_mut(index).expect("it was found or put there");
            let host = ScriptHost {
                set: &self.set,
                engine: &ready.engine,
                prepare: &ready.prepare,
                sources: &ready.sources,
            };
            run(&mut ready.stateful, &host)
        })
    }
}

impl ScriptRuntime {
    fn for_set(set: &Arc<RuleSet>) -> Self {
        let mut engine = sandbox::matching_engine();
        let mut met = HashSet::new();
        let mut sources: Vec<Option<RuleSource>> = Vec::new();
        sources.resize_with(set.files().len(), || None);
        let scripted = set.rules().iter().filter(|rule| rule.on_event.is_some());
        for rule in scripted {
            if let (Some(file), Some(source)) =
                (set.files().get(rule.source), sources.get_mut(rule.source))
                && source.is_none()
            {
                *source = RuleSource::parse_file(&mut engine, &mut met, file).ok();
            }
        }
        Self {
            set: Arc::downgrade(set),
            prepare: ClosurePreparer::new(&engine),
            engine,
            sources,
            stateful: StatefulScripts::default(),
        }
    }
}
