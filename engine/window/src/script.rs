//! State that a script keeps for a key.
//!
//! Owns when the script is called and how long its state is kept; running it is done by whoever knows the
//! language, through [`ScriptRunner`].

use std::fmt;
use std::sync::Arc;

use larum_event::limits::{SCRIPT_STATE_BYTES, SCRIPT_TIMERS};
use larum_event::{Event, EventId, Scripted, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event_ref::EventRef;
use crate::state::{AlertReport, AlertSummary, FiredAlert, StateOutput, WindowEvent};

/// Runs the script of one rule. The same state and event always give the same answer.
pub trait ScriptRunner: Send {
    /// The next event of a key whose state is `state`, the JSON of an object.
    ///
    /// # Errors
    /// The script failed, with a sentence for its author. The state is left as it was.
    fn on_event(&mut self, event: &Event, state: &str) -> Result<ScriptReply, String>;

    /// The timer that the script set has come.
    ///
    /// # Errors
    /// As for [`ScriptRunner::on_event`].
    fn on_timer(&mut self, time: Timestamp, state: &str) -> Result<ScriptReply, String>;
}

/// A script failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFault {
    /// Number of the rule.
    pub rule: u32,
    /// The last event of the key.
    pub event: EventId,
    /// What was wrong.
    pub message: String,
}

/// What a script answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptReply {
    /// The state from now on; `None` as it was.
    pub state: Option<Box<str>>,
    /// When to be called again: so long after now. `None` leaves a timer as it is; zero takes it back.
    pub timer: Option<Span>,
    /// Raise an alert that says this, the JSON of an object.
    pub alert: Option<Arc<str>>,
}

/// A scripted rule made ready.
pub(crate) struct ScriptRule {
    keep: Span,
    script: Option<Box<dyn ScriptRunner>>,
    /// Of each failure since this was last asked for, the last event of the key and what was wrong.
    pub(crate) faults: Vec<(EventId, String)>,
}

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct ScriptState {
    /// The JSON of an object; empty for an empty one.
    json: Box<str>,
    timer: Option<Timestamp>,
    last: Option<EventRef>,
    count: u64,
    /// Timers that went off since the last event.
    timers_fired: u32,
}

/// Why a script was called.
#[derive(Debug, Clone, Copy)]
enum ScriptWakeup {
    /// An event of this time.
    Event(Timestamp),
    /// The timer that was set for this time.
    Timer(Timestamp),
}

impl fmt::Debug for ScriptRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripting")
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

impl ScriptRule {
    pub(crate) fn new(scripted: &Scripted) -> Self {
        Self {
            keep: scripted.keep,
            script: None,
            faults: Vec::new(),
        }
    }

    /// Without a script, nothing is ever said.
    pub(crate) fn set_script(&mut self, script: Box<dyn ScriptRunner>) {
        self.script = Some(script);
    }
}

impl ScriptState {
    pub(crate) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &mut ScriptRule,
        told: &mut StateOutput,
    ) {
        // A script may set its timer again and again, but always later.
        while let Some(timer) = self.timer.filter(|timer| *timer < before) {
            self.timer = None;
            let Some(script) = &mut rule.script else {
                return;
            };
            // Else one that is always set anew would go off until the end of time when there is no more input.
            self.timers_fired += 1;
            let is_last = self.timers_fired >= SCRIPT_TIMERS;
            let answer = script.on_timer(timer, self.state_json());
            self.apply_reply(answer, ScriptWakeup::Timer(timer), &mut rule.faults, told);
            if is_last && self.timer.take().is_some() {
                told.dropped += 1;
            }
        }
        if self.expiry(rule).is_some_and(|expiry| expiry < before) {
            *self = Self::default();
        }
    }

    pub(crate) fn apply_event(
        &mut self,
        event: &WindowEvent,
        rule: &mut ScriptRule,
        told: &mut StateOutput,
    ) {
        self.last = Some(event.held.clone());
        self.count += 1;
        self.timers_fired = 0;
        if let (Some(script), Some(content)) = (&mut rule.script, &event.event) {
            let answer = script.on_event(content, self.state_json());
            self.apply_reply(
                answer,
                ScriptWakeup::Event(event.time()),
                &mut rule.faults,
                told,
            );
        }
    }

    pub(crate) fn due_time(&self, rule: &ScriptRule) -> Option<Timestamp> {
        let expiry = self.expiry(rule)?;
        Some(self.timer.map_or(expiry, |timer| timer.min(expiry)))
    }

    fn expiry(&self, rule: &ScriptRule) -> Option<Timestamp> {
        let last = self.last.as_ref()?.time().saturating_add(rule.keep);
        Some(self.timer.map_or(last, |timer| timer.max(last)))
    }

    fn state_json(&self) -> &str {
        if self.json.is_empty() {
            "{}"
        } else {
            &self.json
        }
    }

    fn apply_reply(
        &mut self,
        answer: Result<ScriptReply, String>,
        caller: ScriptWakeup,
        faults: &mut Vec<(EventId, String)>,
        told: &mut StateOutput,
    ) {
        let (ScriptWakeup::Event(now) | ScriptWakeup::Timer(now)) = caller;
        let answer = match answer {
            Ok(answer) => answer,
            Err(message) => {
                faults.extend(self.last.as_ref().map(|last| (last.id(), message)));
                return;
            }
        };
        if let Some(state) = answer.state {
            if state.len() > SCRIPT_STATE_BYTES {
                told.dropped += 1;
            } else {
                self.json = state;
            }
        }
        if let Some(span) = answer.timer {
            self.timer = (!span.is_zero()).then(|| now.saturating_add(span));
        }
        if let (Some(words), Some(trigger)) = (answer.alert, self.last.clone()) {
            told.reports.push(AlertReport::Fired(Box::new(FiredAlert {
                anchor: match caller {
                    ScriptWakeup::Event(_) => trigger.id(),
                    // Several may go off after one event, and each is an alert.
                    ScriptWakeup::Timer(_) => trigger.id_with_time(now),
                },
                time: now,
                content: AlertSummary {
                    count: self.count,
                    value: None,
                    error: None,
                    first: trigger.time(),
                    last: trigger.time(),
                    evidence: vec![trigger.id()],
                    words: Some(words),
                },
                trigger,
                open: false,
            })));
        }
    }
}
