//! Running closures of rules.

use std::rc::Rc;
use std::sync::Arc;

use larum_event::Event;
use rhai::{AST, Dynamic, Engine, EvalAltResult, ImmutableString, Scope};

use super::Matcher;
use crate::alert::{self, AlertText, ScriptWindow, WindowView};
use crate::error::{FaultKind, RuleFault};
use crate::rule::Rule;
use crate::sandbox;
use crate::script::{Closure, Prepare, Source, own_body};
use crate::timer::Timer;
use crate::trouble::said;
use crate::view::{EventView, kind};

/// A closure ready to run: its body as a script of its own, with parameters for variables.
pub(super) struct Program {
    tree: AST,
    parameters: Vec<ImmutableString>,
    captured: Vec<Dynamic>,
}

/// What a closure is given.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// An event first.
    Event,
    /// No event.
    Window,
}

impl Prepare {
    /// A closure, ready to run.
    pub(super) fn program(
        &self,
        sources: &[Option<Source>],
        rule: &Rule,
        closure: &Closure,
        takes: Takes,
    ) -> Option<Program> {
        let source = sources.get(rule.source)?.as_ref()?;
        let function = source.closure(closure)?;
        let (_, mut statements) = own_body(function, closure);
        // All of them: a variable is found by where it stands from the end.
        let parameters: Vec<ImmutableString> = function.params.iter().cloned().collect();
        let event = match takes {
            Takes::Event => parameters.get(closure.captured.len()),
            Takes::Window => None,
        };
        self.body(&mut statements, event.map(|name| name.as_str()));
        Some(Program {
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

impl Program {
    /// What it gives for these arguments, and what has become of them.
    pub(super) fn run(
        &self,
        engine: &Engine,
        arguments: impl IntoIterator<Item = Dynamic>,
    ) -> Result<(Dynamic, Scope<'static>), Box<EvalAltResult>> {
        let mut scope = Scope::new();
        let values = self.captured.iter().cloned().chain(arguments);
        let values = values.chain(std::iter::repeat(Dynamic::UNIT));
        for (name, value) in self.parameters.iter().zip(values) {
            scope.push_dynamic(name.clone(), value);
        }
        let returned = engine.eval_ast_with_scope::<Dynamic>(&mut scope, &self.tree)?;
        Ok((returned, scope))
    }

    /// The name of the argument with this number.
    pub(super) fn argument(&self, number: usize) -> Option<&str> {
        let name = self.parameters.get(self.captured.len() + number)?;
        Some(name.as_str())
    }
}

impl Matcher {
    /// An event as scripts get it now.
    fn event_view(&self, event: &Event) -> EventView {
        EventView {
            event: event.clone(),
            asking: self.trees.asking(),
        }
    }

    /// What a rule's `.alert(|window| ..)` says of a window; nothing if it has none.
    ///
    /// # Errors
    /// The closure threw, spent too much, or gave what is no text.
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
                .map(|(part, value)| (part.name.as_ref().into(), alert::key_value(value)))
                .collect(),
            first: window.first,
            last: window.last,
            within: wanted.window.within(),
            value: window.value.map(alert::amount),
            event: window.event.map(|event| self.event_view(event)),
        };
        let index = usize::try_from(rule).unwrap_or(usize::MAX);
        if let Some(slot) = self.alerts.get_mut(index)
            && slot.is_none()
        {
            *slot = self
                .prepare
                .program(&self.sources, wanted, closure, Takes::Window);
        }
        let fault = |message, kind| RuleFault {
            rule,
            message,
            kind,
        };
        let ready = self.alerts.get(index).and_then(Option::as_ref);
        let ready = ready.ok_or_else(|| fault(not_found(wanted), FaultKind::Error))?;
        let returned = ready
            .run(&self.engine, [Dynamic::from(script_window)])
            .map(|(returned, _)| returned)
            .map_err(|error| fault(told(wanted, &error), sandbox::kind_of(&error)))?;
        alert::alert_text(&returned)
            .map_err(|reason| fault(format!("{}: {reason}", wanted.file), FaultKind::Error))
    }

    /// Runs a rule's condition as a script.
    pub(super) fn script_holds(
        &mut self,
        (number, program): (u32, u32),
        rule: &Rule,
        closure: &Closure,
        event: &Event,
    ) -> Result<bool, RuleFault> {
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
                .program(&self.sources, rule, closure, Takes::Event);
        }
        let view = Dynamic::from(self.event_view(event));
        let began = self.timer.as_mut().and_then(Timer::begin);
        let ready = self.conditions.get(index).and_then(Option::as_ref);
        let ready = ready.ok_or_else(|| fault(not_found(rule), FaultKind::Error))?;
        let returned = ready.run(&self.engine, [view]);
        if let Some((timer, began)) = self.timer.as_mut().zip(began) {
            timer.end(number, began);
        }
        let (returned, _) =
            returned.map_err(|error| fault(told(rule, &error), sandbox::kind_of(&error)))?;
        let holds = if returned.is_unit() {
            Ok(false)
        } else {
            returned.as_bool()
        };
        if holds.is_ok() && self.ran.last() != Some(&number) {
            self.ran.push(number);
        }
        holds.map_err(|_| {
            let place = closure.place;
            let message = format!(
                "{}:{}:{}: the condition gives {}, not true or false",
                rule.file,
                place.line().unwrap_or(rule.line),
                place.position().unwrap_or(1),
                kind(&returned),
            );
            fault(message, FaultKind::Error)
        })
    }
}

/// A failure of a script with its place.
pub(super) fn told(rule: &Rule, error: &EvalAltResult) -> String {
    let inner = error.unwrap_inner();
    let place = inner.position();
    match (place.line(), place.position()) {
        (Some(line), Some(column)) => format!("{}:{line}:{column}: {}", rule.file, said(inner)),
        _ => format!("{}: {}", rule.file, said(inner)),
    }
}

pub(super) fn not_found(rule: &Rule) -> String {
    format!("{}: the closure of rule {} is gone", rule.file, rule.id)
}
