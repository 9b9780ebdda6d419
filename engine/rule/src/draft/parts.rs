//! The conditions of a rule: what each asks, of which events, and how it groups them.

use std::sync::Arc;

use larum_event::{Sequence, TopicPattern};

use super::Draft;
use super::finish::Finish;
use super::joins::Joined;
use super::said::{Said, said};
use super::step::StepDraft;
use super::window::Asked as Wanted;
use crate::catalogue::is_inside_of;
use crate::condition::TREE_ROOT;
use crate::diagnostic::Refusal;
use crate::rule::KeyPart;
use crate::script::{Arguments, Asked, Closure, FieldUse, read_joins};

/// A condition of a rule before it is read.
pub(super) struct Part {
    pub(super) name: Arc<str>,
    pub(super) bit: u32,
    pub(super) on: Vec<TopicPattern>,
    pub(super) when: Option<Closure>,
    pub(super) key: Vec<KeyPart>,
    pub(super) uses: Vec<FieldUse>,
}

impl Finish<'_> {
    /// The conditions of a rule: its only one, or that of each step.
    pub(super) fn parts(&mut self, draft: &Draft, joined: &mut Joined) -> Vec<Part> {
        let key = said(draft.group_by.as_ref()).cloned().unwrap_or_default();
        let whole = |name: &str, bit| Part {
            name: name.into(),
            bit,
            on: draft.on.clone(),
            when: None,
            key: key.clone(),
            uses: key_uses(draft.group_by.as_ref()),
        };
        let steps = draft.window.steps_of();
        if steps.is_empty() {
            let mut only = whole("", 1);
            self.condition(draft, draft.when.as_ref(), "when", &mut only);
            return vec![only];
        }
        if let Some(when) = &draft.when {
            let problem = "`.when(..)` beside steps, each of which has its own";
            let problem = Refusal::new("when-with-steps", problem)
                .help("ask it in each step that it is about: `step(\"a\").when(|event| ..)`");
            self.problem(draft, when.place, problem);
        }
        let mut parts = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let mut part = whole(&step.name, 1 << index);
            self.step_topics(draft, step, &mut part);
            self.step_key(draft, step, &mut part);
            self.step_condition(draft, (steps, index), &mut part, joined);
            parts.push(part);
        }
        for (step, asked) in std::mem::take(&mut joined.uses) {
            if let Some(part) = parts.get_mut(step) {
                part.uses.push(asked);
            }
        }
        if let Some(stop) = &draft.window.stop_when {
            let mut part = whole("stop_when", Sequence::STOP);
            self.condition(draft, Some(stop), "stop_when", &mut part);
            parts.push(part);
        }
        parts
    }

    fn condition(
        &mut self,
        draft: &Draft,
        when: Option<&Said<Closure>>,
        method: &str,
        part: &mut Part,
    ) {
        let Some(closure) = said(when) else {
            return;
        };
        if let Some(function) = self.function(draft, closure, method, "event") {
            let captured = &closure.captured;
            let uses = self.checker().condition(&draft.name, &function, captured);
            part.uses.extend(uses);
        }
        part.when = Some(closure.clone());
    }

    /// The same of a step, which may compare with those before.
    fn step_condition(
        &mut self,
        draft: &Draft,
        (steps, index): (&[StepDraft], usize),
        part: &mut Part,
        joined: &mut Joined,
    ) {
        let step = steps.get(index);
        let Some(closure) = step.and_then(|step| said(step.when.as_ref())) else {
            joined.joins.push(Vec::new());
            return;
        };
        let seeing = Closure {
            arguments: Arguments::Seen,
            ..closure.clone()
        };
        let Some(function) = self.source.closure(&seeing).cloned() else {
            joined.joins.push(Vec::new());
            self.condition(
                draft,
                step.and_then(|step| step.when.as_ref()),
                "when",
                part,
            );
            return;
        };
        let captured = &seeing.captured;
        let uses = self.checker().condition(&draft.name, &function, captured);
        part.uses.extend(uses);
        let found = read_joins(&function, &seeing);
        if matches!(draft.window.asked_value(), Some(Wanted::Unordered(_))) && !found.is_empty() {
            let problem = Refusal::new("bad-join", "steps in any order have none before them")
                .help("use `.sequence(..)`, or make what they have in common a `.group_by(..)`");
            self.problem(draft, seeing.place, problem);
        }
        self.join(draft, (steps, index), found, joined);
        part.when = Some(seeing);
    }

    fn step_topics(&mut self, draft: &Draft, step: &StepDraft, part: &mut Part) {
        let Some(on) = said(step.on.as_ref()) else {
            return;
        };
        let outside = on
            .iter()
            .find(|own| !draft.on.iter().any(|known| is_inside_of(own, known)));
        if let (Some(outside), Some(said)) = (outside, &step.on) {
            let problem = format!("the rule does not read {:?}", outside.as_str());
            let problem = Refusal::new("bad-step", problem).of_step(&step.name).help(
                "a step reads some of the rule's topics; a rule whose steps all say theirs needs no `.on(..)`",
            );
            self.problem(draft, said.place, problem);
        }
        part.on.clone_from(on);
    }

    /// A step may have its members of the group key elsewhere.
    fn step_key(&mut self, draft: &Draft, step: &StepDraft, part: &mut Part) {
        let Some(key) = said(step.group_by.as_ref()) else {
            return;
        };
        let names = |parts: &[KeyPart]| {
            let names = parts.iter().map(|part| part.name.to_string());
            names.collect::<Vec<String>>()
        };
        let (wanted, found) = (names(&part.key), names(key));
        let mut ordered = Vec::new();
        for one in &part.key {
            ordered.extend(key.iter().find(|other| other.name == one.name).cloned());
        }
        if (ordered.len() != part.key.len() || key.len() != part.key.len())
            && let Some(said) = &step.group_by
        {
            let problem = format!(
                "its key is {}, and that of the rule {}",
                found.join(", "),
                if wanted.is_empty() {
                    "nothing".to_owned()
                } else {
                    wanted.join(", ")
                }
            );
            let example: Vec<String> = wanted
                .iter()
                .map(|name| format!("{name}: \"..\""))
                .collect();
            let help = if wanted.is_empty() {
                "say what keeps the rule's events apart: `.group_by(..)` of the rule".to_owned()
            } else {
                format!("the same names: `.group_by(#{{{}}})`", example.join(", "))
            };
            let problem = Refusal::new("bad-step", problem).of_step(&step.name);
            self.problem(draft, said.place, problem.help(help));
        }
        part.uses = key_uses(step.group_by.as_ref());
        part.key = ordered;
    }

    /// The fields that the window measures.
    pub(super) fn measured(&mut self, draft: &Draft, joined: &mut Joined, parts: &mut [Part]) {
        let Some(Wanted::Measured { fields, .. }) = draft.window.asked_value() else {
            return;
        };
        joined.fields.clone_from(fields);
        let place = draft
            .window
            .asked
            .as_ref()
            .map_or(draft.place, |said| said.place);
        if let Some(part) = parts.first_mut() {
            let fields = fields.iter().filter(|path| ***path != *TREE_ROOT);
            part.uses.extend(fields.map(|path| FieldUse {
                path: path.to_string(),
                asked: Asked::Value,
                place,
            }));
        }
    }
}

/// The paths that a key is read from.
fn key_uses(group_by: Option<&Said<Vec<KeyPart>>>) -> Vec<FieldUse> {
    let Some(group_by) = group_by else {
        return Vec::new();
    };
    let parts = group_by.value.iter().flatten();
    let parts = parts.filter(|part| *part.path != *TREE_ROOT);
    let keys = parts.flat_map(|part| {
        [Asked::Value, Asked::Key].map(|asked| FieldUse {
            path: part.path.to_string(),
            asked,
            place: group_by.place,
        })
    });
    keys.collect()
}
