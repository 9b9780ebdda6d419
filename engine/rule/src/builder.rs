//! `rule("id")` and its methods, as rule files call them.

use std::cell::RefCell;
use std::rc::Rc;

use larum_event::RuleFile;
use rhai::{Dynamic, Engine, NativeCallContext};

use crate::diagnostic::{Diagnostic, Refusal};
use crate::draft::{Draft, METHODS};

/// What the files executed so far have said.
#[derive(Default)]
pub(crate) struct Building {
    /// The file that is being executed.
    pub(crate) file: Option<RuleFile>,
    /// Its rules.
    pub(crate) drafts: Vec<Draft>,
    /// What was refused.
    pub(crate) problems: Vec<Diagnostic>,
}

impl Building {
    fn report(&mut self, problem: Refusal, context: &NativeCallContext<'_>) {
        let problem = match &self.file {
            Some(file) => problem.at(file, context.call_position()),
            None => problem.of_set(),
        };
        self.problems.push(problem);
    }
}

/// The rule that a chain of calls is about: its number among the drafts.
#[derive(Debug, Clone, Copy)]
struct RuleBuilder(usize);

/// Teaches an engine to build rules into `building`.
pub(crate) fn register(engine: &mut Engine, building: &Rc<RefCell<Building>>) {
    engine.register_type_with_name::<RuleBuilder>("rule");
    let shared = Rc::clone(building);
    engine.register_fn(
        "rule",
        move |context: NativeCallContext<'_>, id: Dynamic| {
            let mut building = shared.borrow_mut();
            let (draft, problem) = Draft::new(&id, context.call_position());
            if let Some(problem) = problem {
                building.report(problem, &context);
            }
            building.drafts.push(draft);
            RuleBuilder(building.drafts.len() - 1)
        },
    );
    for (name, method) in METHODS {
        let shared = Rc::clone(building);
        engine.register_fn(
            name,
            move |context: NativeCallContext<'_>, rule: RuleBuilder, value: Dynamic| {
                let mut building = shared.borrow_mut();
                let refused = building.drafts.get_mut(rule.0).and_then(|draft| {
                    let refused = method(draft, context.call_position(), &value).err();
                    refused.map(|problem| problem.of_rule(&draft.name))
                });
                if let Some(problem) = refused {
                    building.report(problem, &context);
                }
                rule
            },
        );
    }
    // Misspelt methods are found before the file runs; so that it still runs to its end and
    // everything else is found too, they do nothing here.
    let shared = Rc::clone(building);
    #[expect(deprecated, reason = "rhai marks its volatile interfaces so")]
    engine.on_missing_function(move |name, args, _, _| {
        let rule = args
            .first()
            .and_then(|value| value.read_lock::<RuleBuilder>())
            .map(|rule| *rule);
        if let Some(rule) = rule
            && name == "on"
            && let Some(draft) = shared.borrow_mut().drafts.get_mut(rule.0)
        {
            draft.on_said = true;
        }
        Ok(rule.map(Dynamic::from))
    });
}
