//! From a draft to a rule: what must be there, what goes together, what its texts mean.
//!
//! Owns the order of these checks. Windows are finished in `finish_window`, steps in `rule_steps`;
//! what rules have to do with each other belongs to the loader.
//! Invariant: a rule is given out only if no check refused anything, so a half-finished rule never
//! matches.

use larum_predicate::{AlertAudience, Diagnostic};
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{FieldSet, RuleFile, Severity, TopicPattern, WindowSpec};
use rhai::{Position, ScriptFuncDef};

use super::RuleDraft;
use super::joins::StepJoins;
use super::rule_hasher::semantic_hash;
use super::rule_steps::RuleStepDraft;
use super::setting::{DraftSetting, setting_value};
use crate::condition::{KeySource, TREE_ROOT, read_condition};
use crate::diagnostic::RuleProblem;
use crate::rule::{RHAI, Rule, RuleStep};
use crate::script::{
    ClosureArguments, FieldUsage, RuleClosure, RuleSource, ScriptChecker, WindowMeaning, asks_trees,
};
use crate::view::FieldRef;

/// Members that no two events share.
const UNIQUE_MEMBERS: [&str; 2] = ["id", "time"];

/// Finishes the drafts of one file.
pub(crate) struct RuleFinisher<'a> {
    pub(crate) file: &'a RuleFile,
    /// Its number among the files of the set.
    pub(crate) number: usize,
    pub(crate) source: &'a RuleSource,
    pub(crate) paths: &'a mut FieldSet,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

/// A rule, and where it begins.
pub(crate) struct FinishedRule {
    pub(crate) rule: Rule,
    pub(crate) place: Position,
    pub(crate) field_usages: RuleFieldUsages,
}

/// What a rule asks of fields, and on which topics.
#[derive(Debug, Default)]
pub(crate) struct RuleFieldUsages {
    /// Topics, and what is asked of their events.
    pub(crate) by_topics: Vec<(Vec<TopicPattern>, Vec<FieldUsage>)>,
    /// The place of `.on(..)`.
    pub(crate) on_place: Position,
    /// The place of `.group_by(..)`.
    pub(crate) key_place: Option<Position>,
}

impl RuleFinisher<'_> {
    /// The rule that a draft describes; `None` if something in it was refused, now or before.
    pub(crate) fn finish_rule(&mut self, mut draft: RuleDraft) -> Option<FinishedRule> {
        let before = self.problems.len();
        // Topics first: steps without topics of their own read those of the rule.
        self.complete_topics(&mut draft);
        let mut joined = StepJoins::default();
        let mut parts = self.draft_rule_steps(&draft, &mut joined);
        let window = self.finish_window(&draft, &joined);
        self.collect_measured_fields(&draft, &mut joined, &mut parts);
        self.check_alert(&draft, window.as_ref(), &mut parts);
        self.check_scripts(&draft, &mut parts);
        self.check_unique_keys(&draft, window.as_ref());
        if self.problems.len() > before {
            return None;
        }
        let (place, on_place) = (draft.place, draft.on_place);
        let key_place = draft.group_by.as_ref().map(|setting| setting.place);
        let uses = parts
            .iter_mut()
            .map(|part| (part.on.clone(), std::mem::take(&mut part.usages)))
            .collect();
        let rule = self.build_rule(window?, draft, parts, joined.fields)?;
        Some(FinishedRule {
            rule,
            place,
            field_usages: RuleFieldUsages {
                by_topics: uses,
                on_place,
                key_place,
            },
        })
    }

    /// A rule whose steps all say what they read need not say it again.
    fn complete_topics(&mut self, draft: &mut RuleDraft) {
        if draft.is_on_called {
            return;
        }
        let steps = draft.window.condition_steps();
        if !steps.is_empty() && steps.iter().all(|step| step.on.is_some()) {
            let on: Vec<TopicPattern> = steps
                .iter()
                .flat_map(|step| setting_value(step.on.as_ref()).cloned().unwrap_or_default())
                .collect();
            for pattern in on {
                if !draft.on.contains(&pattern) {
                    draft.on.push(pattern);
                }
            }
            return;
        }
        self.report_problem(
            draft,
            draft.place,
            RuleProblem::new("no-topic", "it reads no topic")
                .with_help("say which: `.on(\"security.auth.#\")`"),
        );
    }

    fn check_alert(
        &mut self,
        draft: &RuleDraft,
        window: Option<&WindowSpec>,
        parts: &mut [RuleStepDraft],
    ) {
        let Some(closure) = setting_value(draft.alert.as_ref()) else {
            return;
        };
        let Some(function) = self.find_function(draft, closure, "alert", "window") else {
            return;
        };
        let keys: Vec<&str> = setting_value(draft.group_by.as_ref())
            .map(|parts| parts.iter().map(|part| part.name.as_ref()).collect())
            .unwrap_or_default();
        let meaning = WindowMeaning {
            keys: &keys,
            has_event: !draft.window.is_windowed(),
            has_value: window.is_none_or(has_value),
        };
        let uses = self
            .new_checker()
            .check_alert(&draft.name, &function, meaning);
        if let [only] = parts {
            only.usages.extend(uses);
        }
    }

    /// The scripts that keep state.
    fn check_scripts(&mut self, draft: &RuleDraft, parts: &mut [RuleStepDraft]) {
        let scripts = [
            ("on_event", "event, state", &draft.window.on_event),
            ("on_timer", "state, time", &draft.window.on_timer),
        ];
        for (method, arguments, closure) in scripts {
            let Some(closure) = setting_value(closure.as_ref()) else {
                continue;
            };
            // The same closure, but looked up with two parameters: rhai tells functions of one name
            // apart by their number.
            let closure = RuleClosure {
                arguments: ClosureArguments::State,
                ..closure.clone()
            };
            let Some(function) = self.source.find_closure(&closure).cloned() else {
                let message = format!("the closure of `.{method}(..)` takes two arguments");
                let problem = RuleProblem::new("wrong-argument", message)
                    .with_help(format!("write `.{method}(|{arguments}| ..)`"));
                self.report_problem(draft, closure.place, problem);
                continue;
            };
            if let Some(place) = asks_trees(self.source, &closure) {
                let problem = format!("`.{method}(..)` cannot ask trees");
                let help = "it may run again when an event comes late, and trees have changed by then; \
                            ask in `.when(..)`, or group by \"tree.root\"";
                self.report_problem(
                    draft,
                    place,
                    RuleProblem::new("trees-in-script", problem).with_help(help),
                );
            }
            if method == "on_event"
                && let Some(part) = parts.first_mut()
            {
                let captured = &closure.captured;
                let uses = self
                    .new_checker()
                    .check_condition(&draft.name, &function, captured);
                part.usages.extend(uses);
            }
        }
    }

    /// A key that is another one for each event: a window of several is never filled, and every
    /// event leaves a group behind.
    fn check_unique_keys(&mut self, draft: &RuleDraft, window: Option<&WindowSpec>) {
        let (Some(group_by), Some(window)) = (&draft.group_by, window) else {
            return;
        };
        let mut parts = group_by.value.iter().flatten();
        let lonely = parts.find(|part| UNIQUE_MEMBERS.contains(&part.path.as_ref()));
        if let Some(part) = lonely
            && needs_several_events(window)
        {
            let message = format!("`{}` is another one for each event", part.path);
            let problem = RuleProblem::new("unbounded-state", message)
                .with_help("group by what several events have in common, such as `metadata.user`");
            self.report_problem(draft, group_by.place, problem);
        }
    }

    fn build_rule(
        &mut self,
        window: WindowSpec,
        draft: RuleDraft,
        parts: Vec<RuleStepDraft>,
        measured: Vec<Arc<str>>,
    ) -> Option<Rule> {
        let steps = parts
            .into_iter()
            .map(|part| self.build_step(part))
            .collect();
        let state = |setting: Option<DraftSetting<RuleClosure>>| {
            setting
                .and_then(|setting| setting.value)
                .map(|closure| RuleClosure {
                    arguments: ClosureArguments::State,
                    ..closure
                })
        };
        let group_by = draft.group_by.and_then(|setting| setting.value);
        let values = measured
            .iter()
            .map(|path| self.resolve_field(path))
            .collect();
        let mut rule = Rule {
            id: draft.id?,
            language: RHAI,
            title: draft.title.and_then(|setting| setting.value),
            description: draft.description.and_then(|setting| setting.value),
            severity: draft
                .severity
                .and_then(|setting| setting.value)
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
            audience: AlertAudience::Everyone,
            synonyms: Vec::new(),
            source: self.number,
            steps,
            measured,
            values,
            alert: draft.alert.and_then(|setting| setting.value),
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
        // Hash last: it covers the steps and closures of the finished rule.
        rule.semantic_hash = semantic_hash(&rule, self.source, &self.file.text);
        Some(rule)
    }

    fn build_step(&mut self, part: RuleStepDraft) -> RuleStep {
        let condition = part
            .when
            .as_ref()
            .map(|closure| read_condition(self.source, closure));
        RuleStep {
            name: part.name,
            bit: part.bit,
            on: part.on,
            key: part
                .key
                .iter()
                .map(|part| self.resolve_field(&part.path))
                .collect(),
            key_paths: part.key.into_iter().map(|part| part.path).collect(),
            when: part.when,
            condition: condition.map(Arc::new),
            plan: None,
        }
    }

    fn resolve_field(&mut self, path: &str) -> KeySource {
        if path == TREE_ROOT {
            return KeySource::Root;
        }
        // A name that no event has was refused before.
        let field = FieldRef::parse(path).unwrap_or_else(|_| FieldRef::Path(path.to_owned()));
        KeySource::resolve_field(field, self.paths)
    }

    /// The definition of a closure, which must take one argument.
    pub(super) fn find_function(
        &mut self,
        draft: &RuleDraft,
        closure: &RuleClosure,
        method: &str,
        argument: &str,
    ) -> Option<Rc<ScriptFuncDef>> {
        let function = self.source.find_closure(closure).cloned();
        if function.is_none() {
            let problem = RuleProblem::new(
                "wrong-argument",
                format!("the closure of `.{method}(..)` takes one argument, the {argument}"),
            )
            .with_help(format!("write `.{method}(|{argument}| ..)`"));
            self.report_problem(draft, closure.place, problem);
        }
        function
    }

    pub(super) fn new_checker(&mut self) -> ScriptChecker<'_> {
        ScriptChecker {
            file: self.file,
            source: self.source,
            problems: self.problems,
        }
    }

    pub(super) fn report_problem(
        &mut self,
        draft: &RuleDraft,
        place: Position,
        problem: RuleProblem,
    ) {
        let problem = problem
            .about_rule(&draft.name)
            .into_error_at(self.file, place);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// Whether a window measures something else than how many events there are.
fn has_value(window: &WindowSpec) -> bool {
    match window {
        WindowSpec::Aggregate(aggregate) => {
            !matches!(aggregate.measure, larum_event::WindowMeasure::Count)
        }
        WindowSpec::Single | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => false,
    }
}

/// Whether one event of a group never is enough.
fn needs_several_events(window: &WindowSpec) -> bool {
    match window {
        WindowSpec::Single => false,
        WindowSpec::Aggregate(aggregate) => {
            let counts = matches!(aggregate.measure, larum_event::WindowMeasure::Count);
            !counts || aggregate.bounds.as_slice().is_empty() || aggregate.bounds.threshold() > 1
        }
        WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => true,
    }
}
