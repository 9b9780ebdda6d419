//! From a draft to a rule: what must be there, what goes together, what its texts mean.

use std::rc::Rc;
use std::sync::Arc;

use larum_event::{FieldSet, FiringPolicy, RuleFile, RuleId, Severity, Span, WindowSpec};
use rhai::{Position, ScriptFuncDef};

use super::{Draft, Said};
use crate::condition::{Field, read};
use crate::diagnostic::{Diagnostic, Refusal, did_you_mean};
use crate::load::RHAI;
use crate::rule::Rule;
use crate::script::{Asked, Checker, Closure, FieldUse, Normal, Source};
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
    pub(crate) uses: Vec<FieldUse>,
    /// Where `.on(..)` stands.
    pub(crate) on_place: Position,
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
        let mut uses = key_uses(&draft);
        let keys: Vec<&str> = said(draft.group_by.as_ref())
            .map(|parts| parts.iter().map(|part| part.name.as_ref()).collect())
            .unwrap_or_default();
        if let Some(closure) = said(draft.when.as_ref())
            && let Some(function) = self.function(&draft, closure, "when", "event")
        {
            let captured = &closure.captured;
            uses.extend(self.checker().condition(&draft.name, &function, captured));
        }
        if let Some(closure) = said(draft.alert.as_ref())
            && let Some(function) = self.function(&draft, closure, "alert", "window")
        {
            let counts = draft.count.is_some();
            let found = self.checker().alert(&draft.name, &function, &keys, counts);
            uses.extend(found);
        }
        self.lonely_groups(&draft);
        if self.problems.len() > before {
            return None;
        }
        let (place, on_place) = (draft.place, draft.on_place);
        let rule = self.build(draft.id.clone()?, window?, draft);
        Some(Finished {
            rule,
            place,
            asks: Asks { uses, on_place },
        })
    }

    /// A key that is another one for each event: a count of more than one is never reached, and every event
    /// leaves a group behind.
    fn lonely_groups(&mut self, draft: &Draft) {
        let (Some(group_by), Some(count)) = (&draft.group_by, &draft.count) else {
            return;
        };
        let mut parts = group_by.value.iter().flatten();
        let lonely = parts.find(|part| LONELY.contains(&part.path.as_ref()));
        if let (Some(part), Some(2..)) = (lonely, count.value) {
            let problem = format!("`{}` is another one for each event", part.path);
            let problem = Refusal::new("unbounded-state", problem)
                .help("group by what several events have in common, such as `metadata.user`");
            self.problem(draft, group_by.place, problem);
        }
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
        let condition = when.as_ref().map(|closure| read(self.source, closure));
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
            exceptions: Vec::new(),
            synonyms: Vec::new(),
            source: self.number,
            when,
            condition: condition.map(Arc::new),
            plan: None,
            key,
            alert: draft.alert.and_then(|said| said.value),
        };
        rule.semantic_hash = self.semantic_hash(&rule);
        rule
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
        let count = u32::try_from(count.value?).unwrap_or(u32::MAX);
        Some(WindowSpec::counting(within?, count, policy?))
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
            WindowSpec::Aggregate(_) | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => {
                part("window", &format!("{:?}", rule.window));
            }
        }
        *hasher.finalize().as_bytes()
    }
}

/// The paths that a draft groups by.
fn key_uses(draft: &Draft) -> Vec<FieldUse> {
    let Some(group_by) = &draft.group_by else {
        return Vec::new();
    };
    let parts = group_by.value.iter().flatten();
    let keys = parts.flat_map(|part| {
        [Asked::Value, Asked::Key].map(|asked| FieldUse {
            path: part.path.to_string(),
            asked,
            place: group_by.place,
        })
    });
    keys.collect()
}

fn said<T>(said: Option<&Said<T>>) -> Option<&T> {
    said.and_then(|said| said.value.as_ref())
}
