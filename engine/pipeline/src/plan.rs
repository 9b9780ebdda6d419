//! The windows of a rule set: empty ones, and those that a checkpoint tells of.

use std::sync::Arc;

use larum_event::{Span, WindowSpec, limits};
use larum_rule::RuleSet;
use larum_window::{Window, WindowLimits};

use crate::error::CheckpointError;
use crate::lateness::effective;
use crate::script::RuleScript;
use crate::settings::Settings;
use crate::units::Unit;

/// Makes the windows of a rule set.
#[derive(Debug, Clone)]
pub struct WindowPlan {
    set: Arc<RuleSet>,
    keys_per_rule: usize,
    shards: usize,
    lateness: Arc<[Span]>,
}

impl WindowPlan {
    /// For the rules of `set`.
    pub fn new(set: Arc<RuleSet>, settings: &Settings) -> Self {
        Self {
            keys_per_rule: settings.keys_per_rule,
            shards: settings.shards.max(1),
            lateness: effective(&set, settings).into(),
            set,
        }
    }

    /// Shards of each window.
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// How far behind the watermark a match of a rule may come and still count, what the rule reads included.
    pub fn lateness(&self, rule: u32) -> Span {
        let found = self.lateness.get(rule as usize);
        found.copied().unwrap_or(Span::ZERO)
    }

    /// An empty window for `unit`.
    pub fn empty(&self, unit: Unit) -> Window {
        let rule = self.set.rule(unit.rule);
        let spec = rule.map_or(WindowSpec::Single, |rule| rule.window.clone());
        self.ready(unit, Window::new(unit.rule, spec, self.limits(unit.rule)))
    }

    /// The window with what runs its rule's script, where it has one.
    fn ready(&self, unit: Unit, window: Window) -> Window {
        match RuleScript::of(&self.set, unit.rule) {
            Some(script) => window.with_script(Box::new(script)),
            None => window,
        }
    }

    /// The window of `unit` as a checkpoint's part tells it; today's limits hold.
    ///
    /// # Errors
    /// The part is damaged.
    pub fn restored(&self, unit: Unit, bytes: &[u8]) -> Result<Window, CheckpointError> {
        let unreadable = |cause: String| CheckpointError::Unreadable {
            part: unit.name(&self.set),
            cause,
        };
        let window = Window::restore(bytes, &[], unit.rule, self.limits(unit.rule))
            .map_err(|cause| unreadable(cause.to_string()))?;
        let rule = self.set.rule(unit.rule);
        if rule.is_none_or(|rule| rule.window != *window.spec()) {
            return Err(unreadable("it is of a rule with another window".to_owned()));
        }
        Ok(self.ready(unit, window))
    }

    fn limits(&self, rule: u32) -> WindowLimits {
        WindowLimits {
            keys: self.keys_per_rule.div_ceil(self.shards),
            events_per_key: limits::EVENTS_PER_KEY,
            lateness: self.lateness(rule),
            ..WindowLimits::default()
        }
    }
}
