//! Scripts that keep state, as windows run them.

use larum_event::{Event, Timestamp};
use larum_rule::{AlertText, RuleFault, ScriptedRule};
use larum_window::{Script, ScriptAnswer};

/// The script of one rule.
#[derive(Debug)]
pub(crate) struct WindowScript(pub(crate) ScriptedRule);

impl Script for WindowScript {
    fn event(&mut self, event: &Event, state: &str) -> Result<ScriptAnswer, String> {
        answered(self.0.event(event, state))
    }

    fn timer(&mut self, time: Timestamp, state: &str) -> Result<ScriptAnswer, String> {
        answered(self.0.timer(time, state))
    }
}

fn answered(answer: Result<larum_rule::ScriptAnswer, RuleFault>) -> Result<ScriptAnswer, String> {
    let answer = answer.map_err(|fault| fault.message)?;
    Ok(ScriptAnswer {
        state: Some(answer.state.unwrap_or_default().into()),
        timer: answer.timer,
        fired: answer.fired.map(|text| written(text).into()),
    })
}

/// The message stands among the fields, as the script itself says it.
fn written(text: AlertText) -> String {
    let mut fields = text.fields;
    if let Some(message) = text.message {
        fields.insert("message".to_owned(), message.into());
    }
    serde_json::Value::Object(fields).to_string()
}

/// What [`written`] wrote.
pub(crate) fn read(words: &str) -> AlertText {
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(words).unwrap_or_default();
    let message = fields.remove("message");
    AlertText {
        message: message.and_then(|message| message.as_str().map(str::to_owned)),
        fields,
    }
}
