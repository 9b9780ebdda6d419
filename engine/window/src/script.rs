//! State that a script keeps for a key.
//!
//! Owns when the script is called and how long its state is kept; running it is done by whoever knows the
//! language, through [`Script`].

use std::fmt;
use std::sync::Arc;

use larum_event::limits::{SCRIPT_STATE_BYTES, SCRIPT_TIMERS};
use larum_event::{Event, EventId, Scripted, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::held::Held;
use crate::state::{Content, Fired, Report, Taken, Told};

/// Runs the script of one rule. The same state and event always give the same answer.
pub trait Script: Send {
    /// The next event of a key whose state is `state`, the JSON of an object.
    ///
    /// # Errors
    /// The script failed, with a sentence for its author. The state is left as it was.
    fn event(&mut self, event: &Event, state: &str) -> Result<ScriptAnswer, String>;

    /// The timer that the script set has come.
    ///
    /// # Errors
    /// As for [`Script::event`].
    fn timer(&mut self, time: Timestamp, state: &str) -> Result<ScriptAnswer, String>;
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
pub struct ScriptAnswer {
    /// The state from now on; `None` as it was.
    pub state: Option<Box<str>>,
    /// When to be called again: so long after now. `None` leaves a timer as it is; zero takes it back.
    pub timer: Option<Span>,
    /// Raise an alert that says this, the JSON of an object.
    pub fired: Option<Arc<str>>,
}

/// A scripted rule made ready.
pub(crate) struct Scripting {
    keep: Span,
    script: Option<Box<dyn Script>>,
    /// Of each failure since this was last asked for, the last event of the key and what was wrong.
    pub(crate) faults: Vec<(EventId, String)>,
}

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct ScriptState {
    /// The JSON of an object; empty for an empty one.
    text: Box<str>,
    timer: Option<Timestamp>,
    last: Option<Held>,
    count: u64,
    /// Timers that went off since the last event.
    went_off: u32,
}

/// Why a script was called.
#[derive(Debug, Clone, Copy)]
enum Caller {
    /// An event of this time.
    Event(Timestamp),
    /// The timer that was set for this time.
    Timer(Timestamp),
}

impl fmt::Debug for Scripting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripting")
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

impl Scripting {
    pub(crate) fn new(scripted: &Scripted) -> Self {
        Self {
            keep: scripted.keep,
            script: None,
            faults: Vec::new(),
        }
    }

    /// Without a script, nothing is ever said.
    pub(crate) fn set_script(&mut self, script: Box<dyn Script>) {
        self.script = Some(script);
    }
}

impl ScriptState {
    pub(crate) fn pass(&mut self, before: Timestamp, rule: &mut Scripting, told: &mut Told) {
        // A script may set its timer again and again, but always later.
        while let Some(timer) = self.timer.filter(|timer| *timer < before) {
            self.timer = None;
            let Some(script) = &mut rule.script else {
                return;
            };
            // Else one that is always set anew would go off until the end of time when there is no more input.
            self.went_off += 1;
            let is_last = self.went_off >= SCRIPT_TIMERS;
            let answer = script.timer(timer, self.text());
            self.answer(answer, Caller::Timer(timer), &mut rule.faults, told);
            if is_last && self.timer.take().is_some() {
                told.dropped += 1;
            }
        }
        if self.expires(rule).is_some_and(|expiry| expiry < before) {
            *self = Self::default();
        }
    }

    pub(crate) fn take(&mut self, event: &Taken, rule: &mut Scripting, told: &mut Told) {
        self.last = Some(event.held.clone());
        self.count += 1;
        self.went_off = 0;
        if let (Some(script), Some(content)) = (&mut rule.script, &event.event) {
            let answer = script.event(content, self.text());
            self.answer(answer, Caller::Event(event.time()), &mut rule.faults, told);
        }
    }

    pub(crate) fn due(&self, rule: &Scripting) -> Option<Timestamp> {
        let expiry = self.expires(rule)?;
        Some(self.timer.map_or(expiry, |timer| timer.min(expiry)))
    }

    fn expires(&self, rule: &Scripting) -> Option<Timestamp> {
        let last = self.last.as_ref()?.time().saturating_add(rule.keep);
        Some(self.timer.map_or(last, |timer| timer.max(last)))
    }

    fn text(&self) -> &str {
        if self.text.is_empty() {
            "{}"
        } else {
            &self.text
        }
    }

    fn answer(
        &mut self,
        answer: Result<ScriptAnswer, String>,
        caller: Caller,
        faults: &mut Vec<(EventId, String)>,
        told: &mut Told,
    ) {
        let (Caller::Event(now) | Caller::Timer(now)) = caller;
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
                self.text = state;
            }
        }
        if let Some(span) = answer.timer {
            self.timer = (!span.is_zero()).then(|| now.saturating_add(span));
        }
        if let (Some(words), Some(trigger)) = (answer.fired, self.last.clone()) {
            told.reports.push(Report::Fired(Box::new(Fired {
                anchor: match caller {
                    Caller::Event(_) => trigger.id(),
                    // Several may go off after one event, and each is an alert.
                    Caller::Timer(_) => trigger.id_at(now),
                },
                time: now,
                content: Content {
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
