//! Scripts that keep state for each group: `.on_event(|event, state| ..)` and `.on_timer(|state,
//! time| ..)`.
//!
//! Owns running them and the form of the state. Keeping the state and setting the timer is the
//! window's job: the state goes in and comes out as JSON.
//! Invariant: a run that fails leaves no trace; the caller keeps the state that it passed in.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use larum_event::{Event, Span, Timestamp, limits};
use rhai::{Dynamic, Engine, Map};

use super::script::{ScriptInput, ScriptProgram, fault_message, missing_closure_message};
use crate::alert::{self, AlertText};
use crate::error::{FaultKind, RuleFault};
use crate::sandbox;
use crate::script::{ClosurePreparer, RuleSource};
use crate::set::RuleSet;
use crate::view::{EventView, json_to_dynamic, kind_name};

/// The member of the state that sets a timer.
const TIMER: &str = "timer";

/// What a script made of an event or of a timer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScriptedOutcome {
    /// The state from now on, as a JSON object; `None` for an empty one.
    pub state: Option<String>,
    /// When the timer goes off, counted from the event or from the timer that went off. `None`
    /// leaves one that was set before as it is; zero, for `state.timer = ()`, takes it back.
    pub timer: Option<Span>,
    /// What the alert says, if there is one.
    pub alert: Option<AlertText>,
}

/// Which of a rule's scripts.
#[derive(Clone, Copy)]
pub(super) enum ScriptKind {
    Event,
    Timer,
}

impl ScriptKind {
    /// Which argument the state is.
    fn state_index(self) -> usize {
        match self {
            Self::Event => 1,
            Self::Timer => 0,
        }
    }
}

/// What scripts run in.
pub(super) struct ScriptHost<'h> {
    pub(super) set: &'h RuleSet,
    pub(super) engine: &'h Engine,
    pub(super) prepare: &'h ClosurePreparer,
    pub(super) sources: &'h [Option<RuleSource>],
}

/// The scripts of rules, each made ready when it is first run.
#[derive(Default)]
pub(super) struct StatefulScripts {
    on_event: HashMap<u32, ScriptProgram>,
    on_timer: HashMap<u32, ScriptProgram>,
}

impl StatefulScripts {
    pub(super) fn run_event(
        &mut self,
        host: &ScriptHost<'_>,
        rule: u32,
        event: &Event,
        state: &str,
    ) -> Result<ScriptedOutcome, RuleFault> {
        // What is asked of trees may be asked again much later, when they have changed: it is
        // refused at load.
        let event = Dynamic::from(EventView {
            event: event.clone(),
            trees: None,
        });
        let state = parse_state(state).map_err(|message| rule_fault(rule, message))?;
        self.run_script(host, rule, ScriptKind::Event, [event, state])
    }

    pub(super) fn run_timer(
        &mut self,
        host: &ScriptHost<'_>,
        rule: u32,
        time: Timestamp,
        state: &str,
    ) -> Result<ScriptedOutcome, RuleFault> {
        let state = parse_state(state).map_err(|message| rule_fault(rule, message))?;
        self.run_script(
            host,
            rule,
            ScriptKind::Timer,
            [state, time.to_string().into()],
        )
    }

    fn run_script(
        &mut self,
        host: &ScriptHost<'_>,
        number: u32,
        script: ScriptKind,
        arguments: [Dynamic; 2],
    ) -> Result<ScriptedOutcome, RuleFault> {
        let Some(rule) = host.set.rule(number) else {
            return Ok(ScriptedOutcome::default());
        };
        let (programs, closure, takes) = match script {
            ScriptKind::Event => (&mut self.on_event, &rule.on_event, ScriptInput::Event),
            ScriptKind::Timer => (&mut self.on_timer, &rule.on_timer, ScriptInput::Window),
        };
        let Some(closure) = closure else {
            // Without a script for it, a timer does nothing and the state stays.
            let state = arguments.get(script.state_index());
            return Ok(ScriptedOutcome {
                state: state.and_then(|state| state_json(state).ok()).flatten(),
                ..ScriptedOutcome::default()
            });
        };
        let ready = match programs.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let program = host
                    .prepare
                    .build_program(host.sources, rule, closure, takes);
                new.insert(
                    program.ok_or_else(|| rule_fault(number, missing_closure_message(rule)))?,
                )
            }
        };
        let (returned, scope) = ready
            .run(host.engine, arguments)
            .map_err(|failed| RuleFault {
                rule: number,
                message: fault_message(rule, &failed),
                kind: sandbox::fault_kind(&failed),
            })?;
        let place = closure.place.line().unwrap_or(rule.line);
        let wrong =
            |message: String| rule_fault(number, format!("{}:{place}: {message}", rule.file));
        let left = ready
            .argument_name(script.state_index())
            .and_then(|name| scope.get(name))
            .cloned();
        // The timer is taken out before the state is written: it is not part of what is kept.
        let (left, timer) = split_timer(left.unwrap_or_default()).map_err(wrong)?;
        let state = state_json(&left).map_err(|message| match message {
            StateError::Bytes(bytes) => RuleFault {
                kind: FaultKind::Budget,
                ..wrong(format!(
                    "the state has {bytes} bytes, at most {} are kept",
                    limits::SCRIPT_STATE_BYTES
                ))
            },
            StateError::NoJson(reason) => wrong(format!("the state: {reason}")),
        })?;
        Ok(ScriptedOutcome {
            state,
            timer,
            alert: read_alert(&returned).map_err(wrong)?,
        })
    }
}

fn rule_fault(rule: u32, message: String) -> RuleFault {
    RuleFault {
        rule,
        message,
        kind: FaultKind::Error,
    }
}

/// A state as rhai has it.
fn parse_state(state: &str) -> Result<Dynamic, String> {
    let state: serde_json::Value = match state {
        "" => serde_json::Value::Object(serde_json::Map::new()),
        state => serde_json::from_str(state).map_err(|error| format!("the state: {error}"))?,
    };
    Ok(json_to_dynamic(state))
}

/// The state without its timer, and the timer.
fn split_timer(left: Dynamic) -> Result<(Dynamic, Option<Span>), String> {
    let left = left.flatten();
    if left.is_unit() {
        return Ok((Map::new().into(), None));
    }
    let found = kind_name(&left);
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
                    kind_name(&timer)
                )
            })?;
            Some(Span::parse(&text).map_err(|error| error.to_string())?)
        }
    };
    Ok((members.into(), timer))
}

/// Why a state cannot be kept.
enum StateError {
    Bytes(usize),
    NoJson(String),
}

fn state_json(state: &Dynamic) -> Result<Option<String>, StateError> {
    let state = alert::dynamic_to_json(state).map_err(StateError::NoJson)?;
    if state.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(None);
    }
    let text = state.to_string();
    if text.len() > limits::SCRIPT_STATE_BYTES {
        return Err(StateError::Bytes(text.len()));
    }
    Ok(Some(text))
}

/// What the script returned: nothing, that there is an alert, or what the alert says.
fn read_alert(returned: &Dynamic) -> Result<Option<AlertText>, String> {
    if returned.is_unit() {
        return Ok(None);
    }
    if let Ok(fires) = returned.as_bool() {
        return Ok(fires.then(AlertText::default));
    }
    alert::read_alert_text(returned).map(Some).map_err(|_| {
        let found = kind_name(returned);
        format!("the script gives (), true, a text or a map, not {found}")
    })
}
