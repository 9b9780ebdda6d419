//! From a draft to a rule: what must be there, what goes together, what its texts mean.

use std::rc::Rc;
use std::sync::Arc;

use larum_event::{FieldSet, FiringPolicy, RuleFile, RuleId, Severity, Span, WindowSpec};
use rhai::{Position, ScriptFuncDef};

use super::{Draft, Said};
use crate::condition::{Condition, Field, Reader};
use crate::diagnostic::{Diagnostic, Refusal, did_you_mean};
use crate::load::RHAI;
use crate::rule::Rule;
use crate::script::{Checker, Closure, Normal, Source, body};
use crate::view::FieldRef;

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
}

impl Finish<'_> {
    /// The rule that a draft describes; `None` if something in it was refused, now or before.
    pub(crate) fn rule(&mut self, draft: Draft) -> Option<Finished> {
        let before = self.problems.len();
        if !draft.on_said {
            self.problem(
                &draft,
                draft.place,
                Refusal::new("no-topic", "it reads no topic")
                    .help("say which: `.on(\"security.auth.#\")`"),
            );
        }
        let window = self.window(&draft);
        let keys: Vec<&str> = said(draft.group_by.as_ref())
            .map(|parts| parts.iter().map(|part| part.name.as_ref()).collect())
            .unwrap_or_default();
        if let Some(closure) = said(draft.when.as_ref())
            && let Some(function) = self.function(&draft, closure, "when", "event")
        {
            self.checker().condition(&draft.name, &function);
        }
        if let Some(closure) = said(draft.alert.as_ref())
            && let Some(function) = self.function(&draft, closure, "alert", "window")
        {
            self.checker().alert(&draft.name, &function, &keys);
        }
        if self.problems.len() > before {
            return None;
        }
        let place = draft.place;
        let rule = self.build(draft.id.clone()?, window?, draft);
        Some(Finished { rule, place })
    }

    fn build(&mut self, id: RuleId, window: WindowSpec, draft: Draft) -> Rule {
        let group_by = draft
            .group_by
            .and_then(|said| said.value)
            .unwrap_or_default();
        let key = group_by
            .iter()
            .filter_map(|part| FieldRef::parse(&part.path).ok())
            .map(|field| Field::of(field, self.paths))
            .collect();
        let when = draft.when.and_then(|said| said.value);
        let read = when.as_ref().and_then(|closure| self.read(closure));
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
            group_by,
            window,
            layer: 0,
            semantic_hash: [0; 32],
            file: Arc::from(self.file.path.as_str()),
            line: draft.place.line().unwrap_or(0),
            source: self.number,
            when,
            read,
            key,
            alert: draft.alert.and_then(|said| said.value),
        };
        rule.semantic_hash = self.semantic_hash(&rule);
        rule
    }

    /// The condition of a closure, where it can be read.
    fn read(&mut self, closure: &Closure) -> Option<Condition> {
        let function = self.source.closure(closure, 1)?;
        let (event, parameters) = function.params.split_last()?;
        let captured = parameters.iter().map(|parameter| parameter.as_str());
        let mut reader = Reader {
            event,
            captured: captured.zip(&closure.captured).collect(),
            source: self.source,
            paths: self.paths,
        };
        reader.read(&body(function))
    }

    fn window(&mut self, draft: &Draft) -> Option<WindowSpec> {
        match (&draft.within, &draft.count) {
            (Some(within), None) => {
                let problem = Refusal::new("within-without-count", "`.within(..)` counts nothing")
                    .help("add `.count(n)`, or leave `.within(..)` out");
                self.problem(draft, within.place, problem);
            }
            (None, Some(count)) => {
                let problem = Refusal::new("count-without-within", "`.count(..)` has no window")
                    .help("add `.within(\"5m\")`, or leave `.count(..)` out");
                self.problem(draft, count.place, problem);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let (Some(policy), None) = (&draft.policy, &draft.count) {
            let problem = Refusal::new(
                "policy-without-count",
                "`.policy(..)` says when a count fires, and there is no `.count(..)`",
            )
            .help("without a count every match fires");
            self.problem(draft, policy.place, problem);
        }
        let (Some(within), Some(count)) = (&draft.within, &draft.count) else {
            return Some(WindowSpec::Single);
        };
        let within = within.value;
        let policy = self.policy(draft, within.unwrap_or(Span::from_seconds(1)));
        Some(WindowSpec::Count {
            within: within?,
            threshold: count.value?,
            policy: policy?,
        })
    }

    fn policy(&mut self, draft: &Draft, within: Span) -> Option<FiringPolicy> {
        let Some(said) = &draft.policy else {
            return Some(FiringPolicy::default());
        };
        let text = said.value.as_deref()?;
        match FiringPolicy::parse(text, within) {
            Ok(policy) => Some(policy),
            Err(error) => {
                let word = text.split_whitespace().next().unwrap_or_default();
                let near = did_you_mean(word, ["edge", "every", "reset", "suppress"]);
                let near = near.filter(|near| !near.contains(&format!("`{word}`")));
                let problem = Refusal::new("bad-policy", error.to_string()).maybe_help(near);
                self.problem(draft, said.place, problem);
                None
            }
        }
    }

    /// The definition of a closure, which must take one argument.
    fn function(
        &mut self,
        draft: &Draft,
        closure: &Closure,
        method: &str,
        argument: &str,
    ) -> Option<Rc<ScriptFuncDef>> {
        let function = self.source.closure(closure, 1).cloned();
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

    fn checker(&mut self) -> Checker<'_> {
        Checker {
            file: self.file,
            source: self.source,
            problems: self.problems,
        }
    }

    fn problem(&mut self, draft: &Draft, place: Position, problem: Refusal) {
        self.problems
            .push(problem.of_rule(&draft.name).at(self.file, place));
    }

    /// Covers what decides a fire and nothing else, so that a rule whose text for people changed
    /// keeps its state.
    fn semantic_hash(&self, rule: &Rule) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut part = |name: &str, text: &str| {
            for bytes in [name.as_bytes(), text.as_bytes()] {
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        };
        part("semantics", "1");
        let mut topics: Vec<&str> = rule.on.iter().map(|pattern| pattern.as_str()).collect();
        topics.sort_unstable();
        for topic in topics {
            part("on", topic);
        }
        if let Some(closure) = &rule.when {
            part("when", &Normal::of(self.source, &self.file.text, closure));
        }
        for member in &rule.group_by {
            part("by", &member.path);
        }
        match &rule.window {
            WindowSpec::Single => part("window", "single"),
            WindowSpec::Count {
                within,
                threshold,
                policy,
            } => {
                part("within", &within.to_string());
                part("count", &threshold.to_string());
                part("policy", &policy.to_string());
            }
        }
        *hasher.finalize().as_bytes()
    }
}

fn said<T>(said: Option<&Said<T>>) -> Option<&T> {
    said.and_then(|said| said.value.as_ref())
}
