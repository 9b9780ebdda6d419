//! The state that a script keeps for a key.
//!
//! Owns when the script is called and how long its state is kept. Running it is left to a
//! [`ScriptRunner`], because this crate knows nothing of the script's language.
//! Invariant: a timer goes off at most [`SCRIPT_TIMERS`] times after an event, so a script that
//! always sets its timer again cannot keep the engine busy when there is no more input.

use std::fmt;
use std::sync::Arc;

use larum_event::limits::{SCRIPT_STATE_BYTES, SCRIPT_TIMERS};
use larum_event::{Event, EventId, Scripted, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event_ref::EventRef;
use crate::state::{AlertReport, AlertSummary, FiredAlert, StateOutput, WindowEvent};

/// Runs the script of one rule. The same state and event always give the same answer.
pub trait ScriptRunner: Send {
    /// Handles the next event of a key whose state is `state`, a JSON object.
    ///
    /// # Errors
    /// The script failed, with a message for its author. The state stays as it was.
    fn on_event(&mut self, event: &Event, state: &str) -> Result<ScriptReply, String>;

    /// Handles the timer that the script set.
    ///
    /// # Errors
    /// As for [`ScriptRunner::on_event`].
    fn on_timer(&mut self, time: Timestamp, state: &str) -> Result<ScriptReply, String>;
}

/// The failure of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFault {
    /// Number of the rule.
    pub rule: u32,
    /// The last event of the key.
    pub event: EventId,
    /// What went wrong.
    pub message: String,
}

/// A script's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptReply {
    /// The new state; `None` to leave it unchanged.
    pub state: Option<Box<str>>,
    /// How long after now to call the timer. `None` leaves the timer as it is; zero cancels it.
    pub timer: Option<Span>,
    /// The content of an alert to raise, a JSON object.
    pub alert: Option<Arc<str>>,
}

/// A scripted rule, compiled.
pub(crate) struct ScriptRule {
    keep: Span,
    script: Option<Box<dyn ScriptRunner>>,
    /// The failures since they were last taken: the last event of the key, and the message.
    pub(crate) faults: Vec<(EventId, String)>,
}

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct ScriptState {
    /// A JSON object; the empty text for an empty object.
    json: Box<str>,
    timer: Option<Timestamp>,
    last: Option<EventRef>,
    count: u64,
    /// Timers fired since the last event.
    timers_fired: u32,
}

/// Why a script is called.
#[derive(Debug, Clone, Copy)]
enum ScriptWakeup {
    /// For an event of this time.
    Event(Timestamp),
    /// For a timer set for this time.
    Timer(Timestamp),
}

impl fmt::Debug for ScriptRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptRule")
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

    /// Sets the script; without one, the rule never raises an alert.
    pub(crate) fn set_script(&mut self, script: Box<dyn ScriptRunner>) {
        self.script = Some(script);
    }
}

impl ScriptState {
    pub(crate) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &mut ScriptRule,
        output: &mut StateOutput,
    ) {
        // A script may set its timer again, but only to a later time.
        while let Some(timer) = self.timer.filter(|timer| *timer < before) {
            self.timer = None;
            output.moment = timer;
            let Some(script) = &mut rule.script else {
                return;
            };
            self.timers_fired += 1;
            let is_last = self.timers_fired >= SCRIPT_TIMERS;
            let answer = script.on_timer(timer, self.state_json());
            self.apply_reply(answer, ScriptWakeup::Timer(timer), &mut rule.faults, output);
            if is_last && self.timer.take().is_some() {
                output.dropped += 1;
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
        output: &mut StateOutput,
    ) {
        self.last = Some(event.event_ref.clone());
        self.count += 1;
        self.timers_fired = 0;
        if let (Some(script), Some(content)) = (&mut rule.script, &event.event) {
            let answer = script.on_event(content, self.state_json());
            self.apply_reply(
                answer,
                ScriptWakeup::Event(event.time()),
                &mut rule.faults,
                output,
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
        output: &mut StateOutput,
    ) {
        let (ScriptWakeup::Event(now) | ScriptWakeup::Timer(now)) = caller;
        let answer = match answer {
            Ok(answer) => answer,
            Err(message) => {
                faults.extend(self.last.as_ref().map(|last| (last.id(), message)));
                return;
            }
        };
        // Store the state before raising the alert: a state that is too large is dropped, and its
        // alert is still raised.
        if let Some(state) = answer.state {
            if state.len() > SCRIPT_STATE_BYTES {
                output.dropped += 1;
            } else {
                self.json = state;
            }
        }
        if let Some(span) = answer.timer {
            self.timer = (!span.is_zero()).then(|| now.saturating_add(span));
        }
        if let (Some(script_json), Some(trigger)) = (answer.alert, self.last.clone()) {
            output.push(AlertReport::Fired(Box::new(FiredAlert {
                anchor: match caller {
                    ScriptWakeup::Event(_) => trigger.id(),
                    // Several timers may fire after one event, and each may raise an alert of its
                    // own.
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
                    script_json: Some(script_json),
                },
                trigger,
                open: false,
            })));
        }
    }
}
