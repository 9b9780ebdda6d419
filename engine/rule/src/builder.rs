//! `rule("id")`, `step("name")` and their methods, as rule files call them.
//!
//! Owns the connection between the script engine and the drafts. Which arguments a method accepts
//! is decided in `draft`; nothing here looks at a value.
//! Invariant: a call never fails. What is refused becomes a problem and the chain continues, so a
//! file runs to its end and its author sees every problem at once.

mod links;

use std::any::TypeId;
use std::cell::RefCell;
use std::rc::Rc;

use larum_event::RuleFile;
use larum_predicate::Diagnostic;
use rhai::{Dynamic, Engine, NativeCallContext, Position};

use crate::diagnostic::RuleProblem;
use crate::draft::{
    ENTITY_METHODS, EntityDraft, FORMS, LINK_METHODS, LinkDraft, RULE_METHODS, RuleDraft,
    STEP_METHODS, StepDraft, WINDOW_METHODS,
};

/// What the file that is being executed declares.
#[derive(Default)]
pub(crate) struct DraftCollection {
    /// The file that is being executed.
    pub(crate) file: Option<RuleFile>,
    /// Its rules.
    pub(crate) drafts: Vec<RuleDraft>,
    /// Its links.
    pub(crate) links: Vec<LinkDraft>,
    /// Its entities.
    pub(crate) entities: Vec<EntityDraft>,
    /// What was refused.
    pub(crate) problems: Vec<Diagnostic>,
    /// Methods that were called on rules and steps and that they do not have.
    pub(crate) unknown_calls: Vec<UnknownMethodCall>,
}

/// A method that a rule or step does not have, or not with so many arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownMethodCall {
    /// `rule a.b` or `step x`.
    owner: String,
    method: String,
    arguments: usize,
}

impl UnknownMethodCall {
    /// What is wrong; where it was called is not known.
    pub(crate) fn to_problem(&self) -> RuleProblem {
        let Self {
            owner: whose,
            method,
            arguments,
        } = self;
        let problem = format!("{whose}: it has no method `{method}` with {arguments} arguments");
        RuleProblem::new("unknown-method", problem)
    }

    /// Whether it was found where it is written.
    pub(crate) fn is_covered_by(&self, problem: &Diagnostic) -> bool {
        let names = [
            format!("`{}`", self.method),
            format!("`.{}(..)`", self.method),
        ];
        let about = ["unknown-method", "wrong-argument", "unknown-function"];
        about.contains(&problem.code) && names.iter().any(|name| problem.message.contains(name))
    }
}

impl DraftCollection {
    /// Whether the files declared nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.links.is_empty() && self.entities.is_empty()
    }

    fn report_problem(&mut self, problem: RuleProblem, context: &NativeCallContext<'_>) {
        let problem = match &self.file {
            Some(file) => problem.into_error_at(file, context.call_position()),
            None => problem.into_set_error(),
        };
        self.problems.push(problem);
    }
}

/// The rule that a chain of calls is about: its number among the drafts.
#[derive(Debug, Clone, Copy)]
struct RuleHandle(usize);

/// A method: its name, and the fewest and most arguments that it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MethodSignature {
    pub(crate) name: &'static str,
    pub(crate) arguments: (usize, usize),
}

impl MethodSignature {
    /// Those of rules.
    pub(crate) fn rule_methods() -> Vec<Self> {
        let plain = RULE_METHODS.iter().map(|(name, _)| Self {
            name,
            arguments: (1, 1),
        });
        let windows = WINDOW_METHODS.iter().map(|(name, arguments, _)| Self {
            name,
            arguments: *arguments,
        });
        plain.chain(windows).collect()
    }

    /// Those of steps.
    pub(crate) fn step_methods() -> Vec<Self> {
        let steps = STEP_METHODS.iter().map(|(name, arguments, _)| Self {
            name,
            arguments: (*arguments, *arguments),
        });
        steps.collect()
    }

    /// Those of links.
    pub(crate) fn link_methods() -> Vec<Self> {
        let methods = LINK_METHODS.iter().map(|(name, count, _)| Self {
            name,
            arguments: (*count, *count),
        });
        methods.collect()
    }

    /// Those of entities.
    pub(crate) fn entity_methods() -> Vec<Self> {
        let methods = ENTITY_METHODS.iter().map(|(name, count, _)| Self {
            name,
            arguments: (*count, *count),
        });
        methods.collect()
    }

    /// Functions and methods that only links and entities have.
    pub(crate) fn link_words() -> Vec<&'static str> {
        let own = LINK_METHODS
            .iter()
            .map(|(name, ..)| *name)
            .chain(ENTITY_METHODS.iter().map(|(name, ..)| *name))
            .filter(|name| RULE_METHODS.iter().all(|(method, _)| method != name));
        let forms = FORMS.iter().map(|(name, _)| *name);
        own.chain(forms).chain(["link", "entity"]).collect()
    }
}

/// Registers the functions that build rules into `building` with an engine.
pub(crate) fn register_builders(engine: &mut Engine, building: &Rc<RefCell<DraftCollection>>) {
    engine.register_type_with_name::<RuleHandle>("rule");
    let shared = Rc::clone(building);
    engine.register_fn(
        "rule",
        move |context: NativeCallContext<'_>, id: Dynamic| {
            let mut building = shared.borrow_mut();
            let (draft, problem) = RuleDraft::new(&id, context.call_position());
            if let Some(problem) = problem {
                building.report_problem(problem, &context);
            }
            building.drafts.push(draft);
            RuleHandle(building.drafts.len() - 1)
        },
    );
    for (name, method) in RULE_METHODS {
        register_rule_method(engine, building, name, 1, move |draft, place, given| {
            given
                .first()
                .map_or(Ok(()), |value| method(draft, place, value))
        });
    }
    for (name, (fewest, most), method) in WINDOW_METHODS {
        for count in fewest..=most {
            register_rule_method(engine, building, name, count, move |draft, place, given| {
                method(&mut draft.window, place, given)
            });
        }
    }
    register_steps(engine, building);
    links::register_links(engine, building);
    // Misspelt methods are found before the file runs; so that it still runs to its end and
    // everything else is found too, they do nothing here.
    let shared = Rc::clone(building);
    #[expect(deprecated, reason = "rhai marks its volatile interfaces so")]
    engine.on_missing_function(move |name, args, _, _| {
        let Some(first) = args.first() else {
            return Ok(None);
        };
        let arguments = args.len().saturating_sub(1);
        let missed = |whose: String| UnknownMethodCall {
            owner: whose,
            method: name.to_owned(),
            arguments,
        };
        let mut building = shared.borrow_mut();
        let step = first.read_lock::<StepDraft>().map(|step| step.name.clone());
        if let Some(step) = step {
            building.unknown_calls.push(missed(format!("step {step}")));
            return Ok(Some((**first).clone()));
        }
        if let Some(receiver) = links::note_unknown_call(&mut building, first, missed) {
            return Ok(Some(receiver));
        }
        let rule = first.read_lock::<RuleHandle>().map(|rule| *rule);
        if let Some(rule) = rule
            && let Some(draft) = building.drafts.get_mut(rule.0)
        {
            draft.is_on_called |= name == "on";
            let whose = format!("rule {}", draft.name);
            building.unknown_calls.push(missed(whose));
        }
        Ok(rule.map(Dynamic::from))
    });
}

/// A method of rules with so many arguments.
fn register_rule_method(
    engine: &mut Engine,
    building: &Rc<RefCell<DraftCollection>>,
    name: &str,
    count: usize,
    method: impl Fn(&mut RuleDraft, Position, &[Dynamic]) -> Result<(), RuleProblem> + 'static,
) {
    let shared = Rc::clone(building);
    let types = parameter_types::<RuleHandle>(count);
    engine.register_raw_fn(name, types, move |context, args| {
        let (receiver, given) = split_receiver(args);
        let mut building = shared.borrow_mut();
        let rule = receiver.read_lock::<RuleHandle>().map(|rule| *rule);
        let refused = rule.and_then(|rule| {
            let draft = building.drafts.get_mut(rule.0)?;
            let refused = method(draft, context.call_position(), &given).err();
            refused.map(|problem| problem.about_rule(&draft.name))
        });
        if let Some(problem) = refused {
            building.report_problem(problem, &context);
        }
        Ok(receiver)
    });
}

fn register_steps(engine: &mut Engine, building: &Rc<RefCell<DraftCollection>>) {
    engine.register_type_with_name::<StepDraft>("step");
    for (name, is_absent) in [("step", false), ("absent", true)] {
        let shared = Rc::clone(building);
        let begin = move |context: NativeCallContext<'_>, name: Dynamic| {
            let (step, problem) = StepDraft::new(&name, context.call_position(), is_absent);
            if let Some(problem) = problem {
                shared.borrow_mut().report_problem(problem, &context);
            }
            step
        };
        engine.register_fn(name, begin);
    }
    for (name, count, method) in STEP_METHODS {
        let shared = Rc::clone(building);
        let types = parameter_types::<StepDraft>(count);
        engine.register_raw_fn(name, types, move |context, args| {
            let (receiver, given) = split_receiver(args);
            let step = receiver.read_lock::<StepDraft>().map(|step| step.clone());
            let Some(mut step) = step else {
                return Ok(receiver);
            };
            if let Err(problem) = method(&mut step, context.call_position(), &given) {
                let problem = problem.about_step(&step.name);
                shared.borrow_mut().report_problem(problem, &context);
            }
            Ok(Dynamic::from(step))
        });
    }
}

/// The types of a receiver and of `count` arguments.
fn parameter_types<T: 'static>(count: usize) -> Vec<TypeId> {
    let mut types = vec![TypeId::of::<T>()];
    types.extend(std::iter::repeat_n(TypeId::of::<Dynamic>(), count));
    types
}

/// The receiver of a call, and its arguments.
fn split_receiver(args: &mut [&mut Dynamic]) -> (Dynamic, Vec<Dynamic>) {
    let mut args = args.iter().map(|value| (**value).clone());
    (args.next().unwrap_or_default(), args.collect())
}
