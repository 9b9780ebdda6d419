//! The scripts of rules that keep state, as windows call them.

use std::sync::Arc;

use larum_event::{Event, Timestamp};
use larum_rule::{RuleFault, RuleSet, ScriptedRule};
use larum_window::{Script, ScriptAnswer};

/// The script of one rule.
pub(crate) struct RuleScript(ScriptedRule);

impl RuleScript {
    /// The script of the rule with this number; `None` for rules without one.
    pub(crate) fn of(set: &Arc<RuleSet>, rule: u32) -> Option<Self> {
        ScriptedRule::of(set, rule).map(Self)
    }
}

impl Script for RuleScript {
    fn event(&mut self, event: &Event, state: &str) -> Result<ScriptAnswer, String> {
        answer(self.0.event(event, state))
    }

    fn timer(&mut self, time: Timestamp, state: &str) -> Result<ScriptAnswer, String> {
        answer(self.0.timer(time, state))
    }
}

fn answer(answer: Result<larum_rule::ScriptAnswer, RuleFault>) -> Result<ScriptAnswer, String> {
    let answer = answer.map_err(|fault| fault.message)?;
    Ok(ScriptAnswer {
        state: Some(answer.state.unwrap_or_default().into()),
        timer: answer.timer,
        fired: answer.fired.map(|text| text.to_json().into()),
    })
}
