//! From the drafts of steps to the steps of a window.

use larum_event::{
    Amount, Bounds, Sequence, Step, StepOccurrence, WindowExtent, WindowMeasure, WindowSpec,
};

use super::RuleDraft;
use super::finish::RuleFinisher;
use super::joins::StepJoins;
use super::setting::setting_value;
use super::step::StepDraft;
use crate::diagnostic::RuleProblem;

impl RuleFinisher<'_> {
    pub(super) fn finish_unordered(
        &mut self,
        draft: &RuleDraft,
        steps: &[StepDraft],
    ) -> Option<WindowSpec> {
        // Settings that need an order are refused before the window is built without one.
        for step in steps {
            let problem = if step.is_absent {
                Some((step.place, "in any order nothing can be absent"))
            } else if let Some(setting) = &step.optional {
                Some((
                    setting.place,
                    "in any order `.steps(..)` says how many there must be",
                ))
            } else {
                let within = step.within.as_ref();
                within.map(|setting| (setting.place, "in any order no step comes before another"))
            };
            if let Some((place, problem)) = problem {
                let problem = RuleProblem::new("bad-step", problem).about_step(&step.name);
                self.report_problem(
                    draft,
                    place,
                    problem.with_help("use `.sequence(..)` for steps in order"),
                );
            }
        }
        let all = Amount::from_int(steps.len() as i64);
        let bounds = match &draft.window.steps {
            None => Bounds::at_least(all),
            Some(setting) => {
                let bounds = setting.value.clone()?;
                if bounds.are_lower_bounds() && bounds.threshold() > steps.len() as u64 {
                    let problem = format!("there are {} steps and never more", steps.len());
                    self.report_problem(
                        draft,
                        setting.place,
                        RuleProblem::new("bad-count", problem),
                    );
                }
                bounds
            }
        };
        let counts = steps.iter().map(|step| {
            let count = setting_value(step.count.as_ref()).copied();
            count.unwrap_or(1)
        });
        self.build_aggregate(draft, WindowMeasure::Steps(counts.collect()), bounds)
    }

    pub(super) fn finish_sequence(
        &mut self,
        draft: &RuleDraft,
        extent: WindowExtent,
        steps: &[StepDraft],
        joined: &StepJoins,
    ) -> Option<WindowSpec> {
        let WindowExtent::Sliding { within } = extent else {
            let name = draft.window.extent_method;
            let problem =
                format!("`.sequence(..)` goes with `.within(..)`, not with `.{name}(..)`");
            let place = draft
                .window
                .extent
                .as_ref()
                .map_or(draft.place, |setting| setting.place);
            let problem = RuleProblem::new("bad-window", problem);
            let help = "the time from the first event to the last: `.within(\"10m\")`";
            self.report_problem(draft, place, problem.with_help(help));
            return None;
        };
        // Only now: without a time for the whole, what is said of the order would be noise.
        self.check_step_order(draft, steps);
        let built = steps.iter().zip(&joined.joins).map(|(step, joins)| {
            let count = setting_value(step.count.as_ref()).copied().unwrap_or(1);
            Step {
                name: step.name.clone(),
                occurs: match (step.is_absent, &step.optional) {
                    (true, _) => StepOccurrence::Never,
                    (false, Some(_)) => StepOccurrence::Optional(count),
                    (false, None) => StepOccurrence::Times(count),
                },
                within: setting_value(step.within.as_ref()).copied(),
                joins: joins.clone(),
            }
        });
        Some(WindowSpec::Sequence(Sequence {
            steps: built.collect(),
            within,
            stops: draft.window.stop_when.is_some(),
            policy: self.parse_policy(draft, Some(within))?,
            lateness: setting_value(draft.window.lateness.as_ref()).copied(),
        }))
    }

    /// Refuses steps that cannot be in their position.
    fn check_step_order(&mut self, draft: &RuleDraft, steps: &[StepDraft]) {
        let occurs = |step: &&StepDraft| !step.is_absent;
        let certain = steps
            .iter()
            .any(|step| !step.is_absent && step.optional.is_none());
        if !certain {
            let place = draft
                .window
                .condition
                .as_ref()
                .map_or(draft.place, |setting| setting.place);
            let message = "none of its steps must come, so nothing begins it";
            let problem = RuleProblem::new("bad-step", message)
                .with_help("at least one step is neither `absent(..)` nor `.optional()`");
            self.report_problem(draft, place, problem);
            return;
        }
        for (index, step) in steps.iter().enumerate() {
            // No step before it must come, so it has no event to count its time from.
            let is_first = !steps.iter().take(index).any(|step| occurs(&step));
            let found = match (step.is_absent, is_first, &step.within) {
                (true, true, None) => Some((
                    step.place,
                    "it is not said how long nothing may come before the first event",
                    format!("write `absent({:?}).within(\"10m\")`", &*step.name),
                )),
                (false, true, Some(setting)) => Some((
                    setting.place,
                    "`.within(..)` is the time since the step before, and there is none",
                    "the time of the whole is `.within(..)` of the rule".to_owned(),
                )),
                _ => None,
            };
            if let Some((place, problem, help)) = found {
                let problem = RuleProblem::new("bad-step", problem).about_step(&step.name);
                self.report_problem(draft, place, problem.with_help(help));
            }
        }
    }
}
