//! Scripts that keep state for each group: `.on_event(|event, state| ..)` and `.on_timer(|state, time| ..)`.
//!
//! The state goes in and comes out as JSON, so whoever keeps it need not know what it says.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use larum_event::{Event, Span, Timestamp, limits};
use rhai::{Dynamic, Engine, Map};

use super::script::{Program, Takes, not_found, told};
use crate::alert::{self, AlertText};
use crate::error::{FaultKind, RuleFault};
use crate::sandbox;
use crate::script::{Prepare, Source};
use crate::set::RuleSet;
use crate::view::{EventView, from_json, kind};

/// The member of the state that sets a timer.
const TIMER: &str = "timer";

/// What a script made of an event or of a timer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScriptAnswer {
    /// The state from now on, as a JSON object; `None` for an empty one.
    pub state: Option<String>,
    /// When the timer goes off, counted from the event or from the timer that went off. `None` leaves one that was
    /// set before as it is; zero, for `state.timer = ()`, takes it back.
    pub timer: Option<Span>,
    /// What the alert says, if there is one.
    pub fired: Option<AlertText>,
}

/// Which of a rule's scripts.
#[derive(Clone, Copy)]
pub(super) enum Script {
    Event,
    Timer,
}

impl Script {
    /// Which argument the state is.
    fn state_at(self) -> usize {
        match self {
            Self::Event => 1,
            Self::Timer => 0,
        }
    }
}

/// What scripts run in.
pub(super) struct Host<'h> {
    pub(super) set: &'h RuleSet,
    pub(super) engine: &'h Engine,
    pub(super) prepare: &'h Prepare,
    pub(super) sources: &'h [Option<Source>],
}

/// The scripts of rules, each made ready when it is first run.
#[derive(Default)]
pub(super) struct Stateful {
    on_event: HashMap<u32, Program>,
    on_timer: HashMap<u32, Program>,
}

impl Stateful {
    pub(super) fn event(
        &mut self,
        host: &Host<'_>,
        rule: u32,
        event: &Event,
        state: &str,
    ) -> Result<ScriptAnswer, RuleFault> {
        // What is asked of trees may be asked again much later, when they have changed: it is refused at load.
        let event = Dynamic::from(EventView {
            event: event.clone(),
            asking: None,
        });
        let state = read(state).map_err(|message| error(rule, message))?;
        self.run(host, rule, Script::Event, [event, state])
    }

    pub(super) fn timer(
        &mut self,
        host: &Host<'_>,
        rule: u32,
        time: Timestamp,
        state: &str,
    ) -> Result<ScriptAnswer, RuleFault> {
        let state = read(state).map_err(|message| error(rule, message))?;
        self.run(host, rule, Script::Timer, [state, time.to_string().into()])
    }

    fn run(
        &mut self,
        host: &Host<'_>,
        number: u32,
        script: Script,
        arguments: [Dynamic; 2],
    ) -> Result<ScriptAnswer, RuleFault> {
        let Some(rule) = host.set.rule(number) else {
            return Ok(ScriptAnswer::default());
        };
        let (programs, closure, takes) = match script {
            Script::Event => (&mut self.on_event, &rule.on_event, Takes::Event),
            Script::Timer => (&mut self.on_timer, &rule.on_timer, Takes::Window),
        };
        let Some(closure) = closure else {
            // Without a script for it, a timer does nothing and the state stays.
            let state = arguments.get(script.state_at());
            return Ok(ScriptAnswer {
                state: state.and_then(|state| written(state).ok()).flatten(),
                ..ScriptAnswer::default()
            });
        };
        let ready = match programs.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let program = host.prepare.program(host.sources, rule, closure, takes);
                new.insert(program.ok_or_else(|| error(number, not_found(rule)))?)
            }
        };
        let (returned, scope) = ready
            .run(host.engine, arguments)
            .map_err(|failed| RuleFault {
                rule: number,
                message: told(rule, &failed),
                kind: sandbox::kind_of(&failed),
            })?;
        let place = closure.place.line().unwrap_or(rule.line);
        let wrong = |message: String| error(number, format!("{}:{place}: {message}", rule.file));
        let left = ready.argument(script.state_at());
        let left = left.and_then(|name| scope.get(name)).cloned();
        let (left, timer) = split(left.unwrap_or_default()).map_err(wrong)?;
        let state = written(&left).map_err(|message| match message {
            TooLarge::Bytes(bytes) => RuleFault {
                kind: FaultKind::Budget,
                ..wrong(format!(
                    "the state has {bytes} bytes, at most {} are kept",
                    limits::SCRIPT_STATE_BYTES
                ))
            },
            TooLarge::NoJson(reason) => wrong(format!("the state: {reason}")),
        })?;
        Ok(ScriptAnswer {
            state,
            timer,
            fired: fired(&returned).map_err(wrong)?,
        })
    }
}

fn error(rule: u32, message: String) -> RuleFault {
    RuleFault {
        rule,
        message,
        kind: FaultKind::Error,
    }
}

/// A state as rhai has it.
fn read(state: &str) -> Result<Dynamic, String> {
    let state: serde_json::Value = match state {
        "" => serde_json::Value::Object(serde_json::Map::new()),
        state => serde_json::from_str(state).map_err(|error| format!("the state: {error}"))?,
    };
    Ok(from_json(state))
}

/// The state without its timer, and the timer.
fn split(left: Dynamic) -> Result<(Dynamic, Option<Span>), String> {
    let left = left.flatten();
    if left.is_unit() {
        return Ok((Map::new().into(), None));
    }
    let found = kind(&left);
    let mut members = left
        .try_cast::<Map>()
        .ok_or_else(|| format!("the state is a map, not {found}"))?;
    let timer = match members.remove(TIMER) {
        None => None,
        Some(timer) if timer.is_unit() => Some(Span::ZERO),
        Some(timer) => {
            let text = timer.as_immutable_string_ref().map_err(|_| {
                format!(
                    "`state.{TIMER}` is a duration such as \"5m\", not {}",
                    kind(&timer)
                )
            })?;
            Some(Span::parse(&text).map_err(|error| error.to_string())?)
        }
    };
    Ok((members.into(), timer))
}

/// Why a state cannot be kept.
enum TooLarge {
    Bytes(usize),
    NoJson(String),
}

fn written(state: &Dynamic) -> Result<Option<String>, TooLarge> {
    let state = alert::json(state).map_err(TooLarge::NoJson)?;
    if state.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(None);
    }
    let text = state.to_string();
    if text.len() > limits::SCRIPT_STATE_BYTES {
        return Err(TooLarge::Bytes(text.len()));
    }
    Ok(Some(text))
}

/// What the script gave: nothing, that there is an alert, or what the alert says.
fn fired(returned: &Dynamic) -> Result<Option<AlertText>, String> {
    if returned.is_unit() {
        return Ok(None);
    }
    if let Ok(fires) = returned.as_bool() {
        return Ok(fires.then(AlertText::default));
    }
    alert::alert_text(returned).map(Some).map_err(|_| {
        let found = kind(returned);
        format!("the script gives (), true, a text or a map, not {found}")
    })
}
