//! From a draft to a rule: what must be there, what goes together, what its texts mean.

use std::rc::Rc;
use std::sync::Arc;

use larum_event::{FieldSet, RuleFile, RuleId, Severity, TopicPattern, WindowSpec};
use rhai::{Position, ScriptFuncDef};

use super::Draft;
use super::joins::Joined;
use super::meaning::semantic_hash;
use super::parts::Part;
use super::said::{Said, said};
use crate::condition::{Field, TREE_ROOT, read};
use crate::diagnostic::{Diagnostic, Refusal};
use crate::load::RHAI;
use crate::rule::{Audience, Rule, RuleStep};
use crate::script::{Arguments, Checker, Closure, FieldUse, Source, WindowMeaning, asks_trees};
use crate::view::FieldRef;

/// Members that no two events share.
const LONELY: [&str; 2] = ["id", "time"];

/// Finishes the drafts of one file.
pub(crate) struct Finish<'a> {
    pub(crate) file: &'a RuleFile,
    /// Its number among the files of the set.
    pub(crate) number: usize,
    pub(crate) source: &'a Source,
    pub(crate) paths: &'a mut FieldSet,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

/// A rule, and where it begins.
pub(crate) struct Finished {
    pub(crate) rule: Rule,
    pub(crate) place: Position,
    pub(crate) asks: Asks,
}

/// What a rule asks of fields, and on which topics.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// Of events of which topics.
    pub(crate) uses: Vec<(Vec<TopicPattern>, Vec<FieldUse>)>,
    /// Where `.on(..)` stands.
    pub(crate) on_place: Position,
    /// Where `.group_by(..)` stands.
    pub(crate) key_place: Option<Position>,
}

impl Finish<'_> {
    /// The rule that a draft describes; `None` if something in it was refused, now or before.
    pub(crate) fn rule(&mut self, mut draft: Draft) -> Option<Finished> {
        let before = self.problems.len();
        self.topics(&mut draft);
        let mut joined = Joined::default();
        let mut parts = self.parts(&draft, &mut joined);
        let window = self.window(&draft, &joined);
        self.measured(&draft, &mut joined, &mut parts);
        self.alert(&draft, window.as_ref(), &mut parts);
        self.scripts(&draft, &mut parts);
        self.lonely_groups(&draft, window.as_ref());
        if self.problems.len() > before {
            return None;
        }
        let (place, on_place) = (draft.place, draft.on_place);
        let key_place = draft.group_by.as_ref().map(|said| said.place);
        let uses = parts
            .iter_mut()
            .map(|part| (part.on.clone(), std::mem::take(&mut part.uses)))
            .collect();
        let rule = self.build((draft.id.clone()?, window?), draft, parts, joined.fields);
        Some(Finished {
            rule,
            place,
            asks: Asks {
                uses,
                on_place,
                key_place,
            },
        })
    }

    /// A rule whose steps all say what they read need not say it again.
    fn topics(&mut self, draft: &mut Draft) {
        if draft.on_said {
            return;
        }
        let steps = draft.window.steps_of();
        if !steps.is_empty() && steps.iter().all(|step| step.on.is_some()) {
            let on: Vec<TopicPattern> = steps
                .iter()
                .flat_map(|step| said(step.on.as_ref()).cloned().unwrap_or_default())
                .collect();
            for pattern in on {
                if !draft.on.contains(&pattern) {
                    draft.on.push(pattern);
                }
            }
            return;
        }
        self.problem(
            draft,
            draft.place,
            Refusal::new("no-topic", "it reads no topic")
                .help("say which: `.on(\"security.auth.#\")`"),
        );
    }

    fn alert(&mut self, draft: &Draft, window: Option<&WindowSpec>, parts: &mut [Part]) {
        let Some(closure) = said(draft.alert.as_ref()) else {
            return;
        };
        let Some(function) = self.function(draft, closure, "alert", "window") else {
            return;
        };
        let keys: Vec<&str> = said(draft.group_by.as_ref())
            .map(|parts| parts.iter().map(|part| part.name.as_ref()).collect())
            .unwrap_or_default();
        let meaning = WindowMeaning {
            keys: &keys,
            has_event: !draft.window.is_any(),
            has_value: window.is_none_or(has_value),
        };
        let uses = self.checker().alert(&draft.name, &function, meaning);
        if let [only] = parts {
            only.uses.extend(uses);
        }
    }

    /// The scripts that keep state.
    fn scripts(&mut self, draft: &Draft, parts: &mut [Part]) {
        let scripts = [
            ("on_event", "event, state", &draft.window.on_event),
            ("on_timer", "state, time", &draft.window.on_timer),
        ];
        for (method, arguments, closure) in scripts {
            let Some(closure) = said(closure.as_ref()) else {
                continue;
            };
            let closure = Closure {
                arguments: Arguments::State,
                ..closure.clone()
            };
            let Some(function) = self.source.closure(&closure).cloned() else {
                let problem = format!("the closure of `.{method}(..)` takes two arguments");
                let problem = Refusal::new("wrong-argument", problem)
                    .help(format!("write `.{method}(|{arguments}| ..)`"));
                self.problem(draft, closure.place, problem);
                continue;
            };
            if let Some(place) = asks_trees(self.source, &closure) {
                let problem = format!("`.{method}(..)` cannot ask trees");
                let help = "it may run again when an event comes late, and trees have changed by then; \
                            ask in `.when(..)`, or group by \"tree.root\"";
                self.problem(
                    draft,
                    place,
                    Refusal::new("trees-in-script", problem).help(help),
                );
            }
            if method == "on_event"
                && let Some(part) = parts.first_mut()
            {
                let captured = &closure.captured;
                let uses = self.checker().condition(&draft.name, &function, captured);
                part.uses.extend(uses);
            }
        }
    }

    /// A key that is another one for each event: a window of several is never filled, and every event leaves a
    /// group behind.
    fn lonely_groups(&mut self, draft: &Draft, window: Option<&WindowSpec>) {
        let (Some(group_by), Some(window)) = (&draft.group_by, window) else {
            return;
        };
        let mut parts = group_by.value.iter().flatten();
        let lonely = parts.find(|part| LONELY.contains(&part.path.as_ref()));
        if let Some(part) = lonely
            && wants_several(window)
        {
            let problem = format!("`{}` is another one for each event", part.path);
            let problem = Refusal::new("unbounded-state", problem)
                .help("group by what several events have in common, such as `metadata.user`");
            self.problem(draft, group_by.place, problem);
        }
    }

    fn build(
        &mut self,
        (id, window): (RuleId, WindowSpec),
        draft: Draft,
        parts: Vec<Part>,
        measured: Vec<Arc<str>>,
    ) -> Rule {
        let steps = parts.into_iter().map(|part| self.built(part)).collect();
        let state = |said: Option<Said<Closure>>| {
            said.and_then(|said| said.value).map(|closure| Closure {
                arguments: Arguments::State,
                ..closure
            })
        };
        let group_by = draft.group_by.and_then(|said| said.value);
        let values = measured.iter().map(|path| self.field(path)).collect();
        let mut rule = Rule {
            id,
            language: RHAI,
            title: draft.title.and_then(|said| said.value),
            description: draft.description.and_then(|said| said.value),
            severity: draft
                .severity
                .and_then(|said| said.value)
                .unwrap_or(Severity::Medium),
            attack: draft.attack,
            references: draft.references,
            false_positives: draft.false_positives,
            on: draft.on,
            group_by: group_by.unwrap_or_default(),
            window,
            layer: 0,
            semantic_hash: [0; 32],
            file: Arc::from(self.file.path.as_str()),
            line: draft.place.line().unwrap_or(0),
            exceptions: Vec::new(),
            audience: Audience::Everyone,
            synonyms: Vec::new(),
            source: self.number,
            steps,
            measured,
            values,
            alert: draft.alert.and_then(|said| said.value),
            on_event: state(draft.window.on_event),
            on_timer: state(draft.window.on_timer),
            scripts_ask_trees: false,
        };
        let mut scripts = rule
            .steps
            .iter()
            .filter_map(|step| step.when.as_ref())
            .chain(&rule.alert);
        rule.scripts_ask_trees = scripts.any(|one| asks_trees(self.source, one).is_some());
        rule.semantic_hash = semantic_hash(&rule, self.source, &self.file.text);
        rule
    }

    fn built(&mut self, part: Part) -> RuleStep {
        let condition = part.when.as_ref().map(|closure| read(self.source, closure));
        RuleStep {
            name: part.name,
            bit: part.bit,
            on: part.on,
            key: part.key.iter().map(|part| self.field(&part.path)).collect(),
            key_paths: part.key.into_iter().map(|part| part.path).collect(),
            when: part.when,
            condition: condition.map(Arc::new),
            plan: None,
        }
    }

    fn field(&mut self, path: &str) -> Field {
        if path == TREE_ROOT {
            return Field::Root;
        }
        // A name that no event has was refused before.
        let field = FieldRef::parse(path).unwrap_or_else(|_| FieldRef::Path(path.to_owned()));
        Field::of(field, self.paths)
    }

    /// The definition of a closure, which must take one argument.
    pub(super) fn function(
        &mut self,
        draft: &Draft,
        closure: &Closure,
        method: &str,
        argument: &str,
    ) -> Option<Rc<ScriptFuncDef>> {
        let function = self.source.closure(closure).cloned();
        if function.is_none() {
            let problem = Refusal::new(
                "wrong-argument",
                format!("the closure of `.{method}(..)` takes one argument, the {argument}"),
            )
            .help(format!("write `.{method}(|{argument}| ..)`"));
            self.problem(draft, closure.place, problem);
        }
        function
    }

    pub(super) fn checker(&mut self) -> Checker<'_> {
        Checker {
            file: self.file,
            source: self.source,
            problems: self.problems,
        }
    }

    pub(super) fn problem(&mut self, draft: &Draft, place: Position, problem: Refusal) {
        let problem = problem.of_rule(&draft.name).at(self.file, place);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// Whether a window measures something else than how many events there are.
fn has_value(window: &WindowSpec) -> bool {
    match window {
        WindowSpec::Aggregate(aggregate) => {
            !matches!(aggregate.measure, larum_event::Measure::Count)
        }
        WindowSpec::Single | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => false,
    }
}

/// Whether one event of a group never is enough.
fn wants_several(window: &WindowSpec) -> bool {
    match window {
        WindowSpec::Single => false,
        WindowSpec::Aggregate(aggregate) => {
            let counts = matches!(aggregate.measure, larum_event::Measure::Count);
            !counts || aggregate.bounds.all().is_empty() || aggregate.bounds.threshold() > 1
        }
        WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => true,
    }
}
