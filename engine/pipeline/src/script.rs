//! The scripts of rules that keep state, as windows call them.

use std::sync::Arc;

use larum_event::{Event, Timestamp};
use larum_rule::{RuleFault, RuleSet, ScriptedRule};
use larum_window::{ScriptReply, ScriptRunner};

/// The script of one rule.
pub(crate) struct RuleScript(ScriptedRule);

impl RuleScript {
    /// The script of the rule with this number; `None` for rules without one.
    pub(crate) fn for_rule(set: &Arc<RuleSet>, rule: u32) -> Option<Self> {
        ScriptedRule::find_rule(set, rule).map(Self)
    }
}

impl ScriptRunner for RuleScript {
    fn on_event(&mut self, event: &Event, state: &str) -> Result<ScriptReply, String> {
        convert_answer(self.0.run_event(event, state))
    }

    fn on_timer(&mut self, time: Timestamp, state: &str) -> Result<ScriptReply, String> {
        convert_answer(self.0.run_timer(time, state))
    }
}

fn convert_answer(
    answer: Result<larum_rule::ScriptedOutcome, RuleFault>,
) -> Result<ScriptReply, String> {
    let answer = answer.map_err(|fault| fault.message)?;
    Ok(ScriptReply {
        state: Some(answer.state.unwrap_or_default().into()),
        timer: answer.timer,
        alert: answer.alert.map(|text| text.to_json().into()),
    })
}
