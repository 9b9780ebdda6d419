//! Running closures of rules.
//!
//! Owns preparing a closure once and running it for an event or a window. Whether it must run is
//! decided elsewhere, by the programs of the set.
//! Invariant: a closure sees what it captured at load and the arguments of this run, nothing else,
//! so the same event always gives the same answer.

use std::rc::Rc;
use std::sync::Arc;

use larum_event::Event;
use rhai::{AST, Dynamic, Engine, EvalAltResult, ImmutableString, Scope};

use super::RuleMatcher;
use super::candidates::StepCandidate;
use crate::alert::{self, AlertText, ScriptWindow, WindowView};
use crate::error::{FaultKind, RuleFault};
use crate::rule::Rule;
use crate::sandbox;
use crate::script::{ClosurePreparer, RuleClosure, RuleSource, body_without_joins};
use crate::timer::ScriptTimer;
use crate::view::{EventView, kind_name};

/// A closure ready to run: its body as a script of its own, with parameters for variables.
pub(super) struct ScriptProgram {
    tree: AST,
    parameters: Vec<ImmutableString>,
    captured: Vec<Dynamic>,
}

/// What a closure is given.
#[derive(Clone, Copy)]
pub(super) enum ScriptInput {
    /// An event first.
    Event,
    /// No event.
    Window,
}

impl ClosurePreparer {
    /// A closure, ready to run.
    pub(super) fn build_program(
        &self,
        sources: &[Option<RuleSource>],
        rule: &Rule,
        closure: &RuleClosure,
        takes: ScriptInput,
    ) -> Option<ScriptProgram> {
        let source = sources.get(rule.source)?.as_ref()?;
        let function = source.find_closure(closure)?;
        let (_, mut statements) = body_without_joins(function, closure);
        // All of them: a variable is found by its place from the end.
        let parameters: Vec<ImmutableString> = function.params.iter().cloned().collect();
        let event = match takes {
            ScriptInput::Event => parameters.get(closure.captured.len()),
            ScriptInput::Window => None,
        };
        self.prepare_body(&mut statements, event.map(|name| name.as_str()));
        Some(ScriptProgram {
            tree: AST::new(statements, Rc::clone(source.tree.shared_lib())),
            parameters,
            captured: closure
                .captured
                .iter()
                .map(|value| value.to_dynamic())
                .collect(),
        })
    }
}

impl ScriptProgram {
    /// What it returns for these arguments, and the variables as it left them.
    pub(super) fn run(
        &self,
        engine: &Engine,
        arguments: impl IntoIterator<Item = Dynamic>,
    ) -> Result<(Dynamic, Scope<'static>), Box<EvalAltResult>> {
        let mut scope = Scope::new();
        let values = self
            .captured
            .iter()
            .cloned()
            .chain(arguments)
            .chain(std::iter::repeat(Dynamic::UNIT));
        for (name, value) in self.parameters.iter().zip(values) {
            scope.push_dynamic(name.clone(), value);
        }
        let returned = engine.eval_ast_with_scope::<Dynamic>(&mut scope, &self.tree)?;
        Ok((returned, scope))
    }

    /// The name of the argument with this number.
    pub(super) fn argument_name(&self, number: usize) -> Option<&str> {
        let name = self.parameters.get(self.captured.len() + number)?;
        Some(name.as_str())
    }
}

impl RuleMatcher {
    /// An event as scripts get it now.
    fn event_view(&self, event: &Event) -> EventView {
        EventView {
            event: event.clone(),
            trees: self.trees.tree_access(),
        }
    }

    /// What a rule's `.alert(|window| ..)` says of a window; nothing if it has none.
    ///
    /// # Errors
    /// The closure threw, spent too much, or returned something that is not an alert's text.
    pub fn alert_fields(
        &mut self,
        rule: u32,
        window: &WindowView<'_>,
    ) -> Result<AlertText, RuleFault> {
        let set = Arc::clone(&self.set);
        let Some((wanted, closure)) = set
            .rule(rule)
            .and_then(|found| found.alert.as_ref().map(|closure| (found, closure)))
        else {
            return Ok(AlertText::default());
        };
        let members = wanted.group_by.iter().zip(window.key.members());
        let script_window = ScriptWindow {
            count: i64::try_from(window.count).unwrap_or(i64::MAX),
            key: members
                .map(|(part, value)| (part.name.as_ref().into(), alert::key_to_dynamic(value)))
                .collect(),
            first: window.first,
            last: window.last,
            within: wanted.window.window_length(),
            value: window.value.map(alert::amount_to_dynamic),
            event: window.event.map(|event| self.event_view(event)),
        };
        // Made ready when first needed: most windows of most rules never fire.
        let index = usize::try_from(rule).unwrap_or(usize::MAX);
        if let Some(slot) = self.alerts.get_mut(index)
            && slot.is_none()
        {
            *slot = self
                .prepare
                .build_program(&self.sources, wanted, closure, ScriptInput::Window);
        }
        let fault = |message, kind| RuleFault {
            rule,
            message,
            kind,
        };
        let program = self.alerts.get(index).and_then(Option::as_ref);
        let ready =
            program.ok_or_else(|| fault(missing_closure_message(wanted), FaultKind::Error))?;
        let returned = ready
            .run(&self.engine, [Dynamic::from(script_window)])
            .map(|(returned, _)| returned)
            .map_err(|error| fault(fault_message(wanted, &error), sandbox::fault_kind(&error)))?;
        alert::read_alert_text(&returned)
            .map_err(|reason| fault(format!("{}: {reason}", wanted.file), FaultKind::Error))
    }

    /// Runs a rule's condition as a script.
    pub(super) fn script_holds(
        &mut self,
        candidate: StepCandidate<'_>,
        closure: &RuleClosure,
        event: &Event,
    ) -> Result<bool, RuleFault> {
        let StepCandidate {
            program,
            number,
            rule,
            ..
        } = candidate;
        let fault = |message, kind| RuleFault {
            rule: number,
            message,
            kind,
        };
        let index = usize::try_from(program).unwrap_or(usize::MAX);
        if let Some(slot) = self.conditions.get_mut(index)
            && slot.is_none()
        {
            *slot = self
                .prepare
                .build_program(&self.sources, rule, closure, ScriptInput::Event);
        }
        // The clock starts after the closure is ready: preparing it is not what the script costs.
        let view = Dynamic::from(self.event_view(event));
        let began = self.timer.as_mut().and_then(ScriptTimer::begin_run);
        let ready = self
            .conditions
            .get(index)
            .and_then(Option::as_ref)
            .ok_or_else(|| fault(missing_closure_message(rule), FaultKind::Error))?;
        let returned = ready.run(&self.engine, [view]);
        // Stop the clock before looking at the outcome: failed runs cost time too.
        if let Some((timer, began)) = self.timer.as_mut().zip(began) {
            timer.end_run(number, began);
        }
        let (returned, _) = returned
            .map_err(|error| fault(fault_message(rule, &error), sandbox::fault_kind(&error)))?;
        // A missing field is not true, and to be missing is an answer, not a failure.
        let holds = if returned.is_unit() {
            Ok(false)
        } else {
            returned.as_bool()
        };
        if holds.is_ok() && self.answered_scripts.last() != Some(&number) {
            self.answered_scripts.push(number);
        }
        holds.map_err(|_| {
            let place = closure.place;
            let message = format!(
                "{}:{}:{}: the condition gives {}, not true or false",
                rule.file,
                place.line().unwrap_or(rule.line),
                place.position().unwrap_or(1),
                kind_name(&returned),
            );
            fault(message, FaultKind::Error)
        })
    }
}

/// A failure of a script with its place.
pub(super) fn fault_message(rule: &Rule, error: &EvalAltResult) -> String {
    let inner = error.unwrap_inner();
    let place = inner.position();
    match (place.line(), place.position()) {
        (Some(line), Some(column)) => {
            format!(
                "{}:{line}:{column}: {}",
                rule.file,
                sandbox::error_sentence(inner)
            )
        }
        _ => format!("{}: {}", rule.file, sandbox::error_sentence(inner)),
    }
}

pub(super) fn missing_closure_message(rule: &Rule) -> String {
    format!("{}: the closure of rule {} is gone", rule.file, rule.id)
}
