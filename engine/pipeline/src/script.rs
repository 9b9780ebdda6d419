//! Scripts that keep state, as windows run them.

use std::sync::Arc;

use larum_event::{Event, Timestamp};
use larum_rule::{RuleFault, RuleSet, ScriptAnswer, ScriptedRule};
use larum_window::{Script, ScriptAnswer as WindowAnswer, Window};

/// The scripts of one rule.
struct RuleScript(ScriptedRule);

/// The window of the rule with this number, with the rule's script if it has one.
pub(crate) fn with_script(window: Window, set: &Arc<RuleSet>, rule: u32) -> Window {
    match ScriptedRule::of(set, rule) {
        Some(rule) => window.with_script(Box::new(RuleScript(rule))),
        None => window,
    }
}

impl Script for RuleScript {
    fn event(&mut self, event: &Event, state: &str) -> WindowAnswer {
        answer(self.0.event(event, state))
    }

    fn timer(&mut self, time: Timestamp, state: &str) -> WindowAnswer {
        answer(self.0.timer(time, state))
    }
}

/// What fails leaves the state as it was, and raises nothing.
fn answer(answer: Result<ScriptAnswer, RuleFault>) -> WindowAnswer {
    let Ok(answer) = answer else {
        return WindowAnswer::default();
    };
    WindowAnswer {
        state: Some(answer.state.unwrap_or_default().into()),
        timer: answer.timer,
        fired: answer.fired.map(|text| text.to_json().into()),
    }
}
