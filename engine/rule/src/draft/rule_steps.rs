//! The conditions of a rule: what each asks, of which events, and how it groups them.
//!
//! Owns putting each step's topics, key and condition together. Reading the condition natively is
//! left to `condition`.
//! Invariant: every step has the members of the rule's key in the rule's order, so that keys of
//! different steps are equal if their members are.

use std::sync::Arc;

use larum_event::{Sequence, TopicPattern};

use super::RuleDraft;
use super::finish::RuleFinisher;
use super::joins::StepJoins;
use super::setting::{DraftSetting, setting_value};
use super::step::StepDraft;
use super::window::WindowConditionDraft as Wanted;
use crate::catalogue::is_contained_in;
use crate::condition::TREE_ROOT;
use crate::diagnostic::RuleProblem;
use crate::rule::KeyPart;
use crate::script::{ClosureArguments, FieldUsage, FieldUsageKind, RuleClosure, read_joins};

/// A condition of a rule before it is read.
pub(super) struct RuleStepDraft {
    pub(super) name: Arc<str>,
    pub(super) bit: u32,
    pub(super) on: Vec<TopicPattern>,
    pub(super) when: Option<RuleClosure>,
    pub(super) key: Vec<KeyPart>,
    pub(super) usages: Vec<FieldUsage>,
}

impl RuleFinisher<'_> {
    /// The conditions of a rule: its only one, or that of each step.
    pub(super) fn draft_rule_steps(
        &mut self,
        draft: &RuleDraft,
        joined: &mut StepJoins,
    ) -> Vec<RuleStepDraft> {
        let key = setting_value(draft.group_by.as_ref())
            .cloned()
            .unwrap_or_default();
        let whole = |name: &str, bit| RuleStepDraft {
            name: name.into(),
            bit,
            on: draft.on.clone(),
            when: None,
            key: key.clone(),
            usages: key_usages(draft.group_by.as_ref()),
        };
        let steps = draft.window.condition_steps();
        if steps.is_empty() {
            let mut only = whole("", 1);
            self.set_condition(draft, draft.when.as_ref(), "when", &mut only);
            return vec![only];
        }
        if let Some(when) = &draft.when {
            let message = "`.when(..)` beside steps, each of which has its own";
            let problem = RuleProblem::new("when-with-steps", message)
                .with_help("ask it in each step that it is about: `step(\"a\").when(|event| ..)`");
            self.report_problem(draft, when.place, problem);
        }
        let mut parts = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let mut part = whole(&step.name, 1 << index);
            self.set_step_topics(draft, step, &mut part);
            self.set_step_key(draft, step, &mut part);
            self.set_step_condition(draft, index, &mut part, joined);
            parts.push(part);
        }
        // After all steps: a comparison asks of an event of a step before it.
        for (step, asked) in std::mem::take(&mut joined.usages) {
            if let Some(part) = parts.get_mut(step) {
                part.usages.push(asked);
            }
        }
        if let Some(stop) = &draft.window.stop_when {
            let mut part = whole("stop_when", Sequence::STOP);
            self.set_condition(draft, Some(stop), "stop_when", &mut part);
            parts.push(part);
        }
        parts
    }

    fn set_condition(
        &mut self,
        draft: &RuleDraft,
        when: Option<&DraftSetting<RuleClosure>>,
        method: &str,
        part: &mut RuleStepDraft,
    ) {
        let Some(closure) = setting_value(when) else {
            return;
        };
        if let Some(function) = self.find_function(draft, closure, method, "event") {
            let captured = &closure.captured;
            let uses = self
                .new_checker()
                .check_condition(&draft.name, &function, captured);
            part.usages.extend(uses);
        }
        part.when = Some(closure.clone());
    }

    /// The same of a step, which may compare with those before.
    fn set_step_condition(
        &mut self,
        draft: &RuleDraft,
        index: usize,
        part: &mut RuleStepDraft,
        joined: &mut StepJoins,
    ) {
        let step = draft.window.condition_steps().get(index);
        let Some(closure) = step.and_then(|step| setting_value(step.when.as_ref())) else {
            joined.joins.push(Vec::new());
            return;
        };
        let seeing = RuleClosure {
            arguments: ClosureArguments::Seen,
            ..closure.clone()
        };
        // With two parameters it compares with steps before; else it is a condition like any other.
        let Some(function) = self.source.find_closure(&seeing).cloned() else {
            joined.joins.push(Vec::new());
            self.set_condition(
                draft,
                step.and_then(|step| step.when.as_ref()),
                "when",
                part,
            );
            return;
        };
        let captured = &seeing.captured;
        let uses = self
            .new_checker()
            .check_condition(&draft.name, &function, captured);
        part.usages.extend(uses);
        let found = read_joins(&function, &seeing);
        if matches!(draft.window.condition_draft(), Some(Wanted::Unordered(_))) && !found.is_empty()
        {
            let problem = RuleProblem::new("bad-join", "steps in any order have none before them")
                .with_help(
                    "use `.sequence(..)`, or make what they have in common a `.group_by(..)`",
                );
            self.report_problem(draft, seeing.place, problem);
        }
        self.add_joins(draft, index, found, joined);
        part.when = Some(seeing);
    }

    fn set_step_topics(&mut self, draft: &RuleDraft, step: &StepDraft, part: &mut RuleStepDraft) {
        let Some(on) = setting_value(step.on.as_ref()) else {
            return;
        };
        let outside = on
            .iter()
            .find(|own| !draft.on.iter().any(|known| is_contained_in(own, known)));
        if let (Some(outside), Some(setting)) = (outside, &step.on) {
            let message = format!("the rule does not read {:?}", outside.as_str());
            let problem = RuleProblem::new("bad-step", message).about_step(&step.name).with_help(
                "a step reads some of the rule's topics; a rule whose steps all say theirs needs no `.on(..)`",
            );
            self.report_problem(draft, setting.place, problem);
        }
        part.on.clone_from(on);
    }

    /// A step may have its members of the group key elsewhere.
    fn set_step_key(&mut self, draft: &RuleDraft, step: &StepDraft, part: &mut RuleStepDraft) {
        let Some(key) = setting_value(step.group_by.as_ref()) else {
            return;
        };
        let names = |parts: &[KeyPart]| {
            let names = parts.iter().map(|part| part.name.to_string());
            names.collect::<Vec<String>>()
        };
        let (wanted, found) = (names(&part.key), names(key));
        // In the order of the rule's key, whatever the step's order is: keys are compared member by
        // member.
        let mut ordered = Vec::new();
        for one in &part.key {
            ordered.extend(key.iter().find(|other| other.name == one.name).cloned());
        }
        if (ordered.len() != part.key.len() || key.len() != part.key.len())
            && let Some(setting) = &step.group_by
        {
            let message = format!(
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
            let problem = RuleProblem::new("bad-step", message).about_step(&step.name);
            self.report_problem(draft, setting.place, problem.with_help(help));
        }
        part.usages = key_usages(step.group_by.as_ref());
        part.key = ordered;
    }

    /// The fields that the window measures.
    pub(super) fn collect_measured_fields(
        &mut self,
        draft: &RuleDraft,
        joined: &mut StepJoins,
        parts: &mut [RuleStepDraft],
    ) {
        let Some(Wanted::Measured { fields, .. }) = draft.window.condition_draft() else {
            return;
        };
        joined.fields.clone_from(fields);
        let place = draft
            .window
            .condition
            .as_ref()
            .map_or(draft.place, |setting| setting.place);
        if let Some(part) = parts.first_mut() {
            let fields = fields.iter().filter(|path| ***path != *TREE_ROOT);
            part.usages.extend(fields.map(|path| FieldUsage {
                path: path.to_string(),
                kind: FieldUsageKind::Value,
                place,
            }));
        }
    }
}

/// The paths that a key is read from.
fn key_usages(group_by: Option<&DraftSetting<Vec<KeyPart>>>) -> Vec<FieldUsage> {
    let Some(group_by) = group_by else {
        return Vec::new();
    };
    let parts = group_by
        .value
        .iter()
        .flatten()
        .filter(|part| *part.path != *TREE_ROOT);
    let keys = parts.flat_map(|part| {
        [FieldUsageKind::Value, FieldUsageKind::Key].map(|asked| FieldUsage {
            path: part.path.to_string(),
            kind: asked,
            place: group_by.place,
        })
    });
    keys.collect()
}
