//! The windows of a rule set: empty ones, and those that a checkpoint holds.

use std::sync::Arc;

use larum_event::{Span, WindowSpec, limits};
use larum_rule::RuleSet;
use larum_window::{RuleWindow, WindowLimits};

use crate::error::CheckpointError;
use crate::lateness::effective_lateness;
use crate::script::RuleScript;
use crate::settings::{InputOrder, PipelineSettings};
use crate::shards::WindowShard;

/// Makes the windows of a rule set.
#[derive(Debug, Clone)]
pub struct WindowPlan {
    set: Arc<RuleSet>,
    keys_per_rule: usize,
    shards: usize,
    lateness: Arc<[Span]>,
    horizon: Span,
    order: InputOrder,
}

impl WindowPlan {
    /// For the rules of `set`.
    pub fn new(set: Arc<RuleSet>, settings: &PipelineSettings) -> Self {
        Self {
            keys_per_rule: settings.keys_per_rule,
            shards: settings.shards.max(1),
            lateness: effective_lateness(&set, settings).into(),
            horizon: settings.amend_horizon,
            order: settings.order,
            set,
        }
    }

    /// Shards of each window.
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// How far behind the front alerts of a rule become final, what the rule reads included.
    pub fn lateness(&self, rule: u32) -> Span {
        let found = self.lateness.get(rule as usize);
        found.copied().unwrap_or(Span::ZERO)
    }

    /// An empty window for `unit`.
    pub fn new_window(&self, unit: WindowShard) -> RuleWindow {
        let rule = self.set.rule(unit.rule);
        let spec = rule.map_or(WindowSpec::Single, |rule| rule.window.clone());
        self.attach_script(
            unit,
            RuleWindow::new(unit.rule, spec, self.window_limits(unit.rule)),
        )
    }

    /// The window with what runs its rule's script, where it has one.
    fn attach_script(&self, unit: WindowShard, window: RuleWindow) -> RuleWindow {
        match RuleScript::for_rule(&self.set, unit.rule) {
            Some(script) => window.with_script(Box::new(script)),
            None => window,
        }
    }

    /// The window of `unit` as a checkpoint's part tells it; today's limits hold.
    ///
    /// # Errors
    /// The part is damaged.
    pub fn restore_window(
        &self,
        unit: WindowShard,
        bytes: &[u8],
    ) -> Result<RuleWindow, CheckpointError> {
        let unreadable = |cause: String| CheckpointError::Unreadable {
            part: unit.name(&self.set),
            cause,
        };
        let window = RuleWindow::restore(bytes, &[], unit.rule, self.window_limits(unit.rule))
            .map_err(|cause| unreadable(cause.to_string()))?;
        let rule = self.set.rule(unit.rule);
        if rule.is_none_or(|rule| rule.window != *window.spec()) {
            return Err(unreadable("it is of a rule with another window".to_owned()));
        }
        Ok(self.attach_script(unit, window))
    }

    fn window_limits(&self, rule: u32) -> WindowLimits {
        WindowLimits {
            keys: self.keys_per_rule.div_ceil(self.shards),
            events_per_key: limits::EVENTS_PER_KEY,
            lateness: self.lateness(rule),
            // No alert may still be early when what it rests on is dropped.
            horizon: self.horizon(rule).max(self.lateness(rule)),
            ..WindowLimits::default()
        }
    }

    /// How long matches of a rule are kept for earlier ones.
    fn horizon(&self, rule: u32) -> Span {
        let reads_alerts = self.set.rule(rule).is_some_and(|rule| rule.layer > 0);
        match self.order {
            InputOrder::Arrival => self.horizon,
            // Nothing earlier can follow, so no match is kept for it.
            InputOrder::Sorted if !reads_alerts => Span::ZERO,
            // Sorted events still give alerts out of order: one that waits for its deadline is
            // decided when the next event lets time pass, and that event has been read by then.
            InputOrder::Sorted => limits::FILE_HORIZON,
        }
    }
}
