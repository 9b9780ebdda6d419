//! From steps as they were said to those of a window.

use larum_event::{Amount, Bounds, Extent, Measure, Occurs, Sequence, Step, WindowSpec};

use super::Draft;
use super::finish::Finish;
use super::joins::Joined;
use super::said::said;
use super::step::StepDraft;
use crate::diagnostic::Refusal;

impl Finish<'_> {
    pub(super) fn unordered(&mut self, draft: &Draft, steps: &[StepDraft]) -> Option<WindowSpec> {
        for step in steps {
            let problem = if step.is_absent {
                Some((step.place, "in any order nothing can be absent"))
            } else if let Some(said) = &step.optional {
                Some((
                    said.place,
                    "in any order `.steps(..)` says how many there must be",
                ))
            } else {
                let within = step.within.as_ref();
                within.map(|said| (said.place, "in any order no step stands before another"))
            };
            if let Some((place, problem)) = problem {
                let problem = Refusal::new("bad-step", problem).of_step(&step.name);
                self.problem(
                    draft,
                    place,
                    problem.help("use `.sequence(..)` for steps in order"),
                );
            }
        }
        let all = Amount::from_int(steps.len() as i64);
        let bounds = match &draft.window.steps {
            None => Bounds::at_least(all),
            Some(said) => {
                let bounds = said.value.clone()?;
                if bounds.are_lower() && bounds.threshold() > steps.len() as u64 {
                    let problem = format!("there are {} steps and never more", steps.len());
                    self.problem(draft, said.place, Refusal::new("bad-count", problem));
                }
                bounds
            }
        };
        let counts = steps.iter().map(|step| {
            let count = said(step.count.as_ref()).copied();
            count.unwrap_or(1)
        });
        self.aggregate(draft, Measure::Steps(counts.collect()), bounds)
    }

    pub(super) fn sequence(
        &mut self,
        draft: &Draft,
        extent: Extent,
        steps: &[StepDraft],
        joined: &Joined,
    ) -> Option<WindowSpec> {
        let Extent::Sliding { within } = extent else {
            let name = draft.window.extent_name;
            let problem =
                format!("`.sequence(..)` goes with `.within(..)`, not with `.{name}(..)`");
            let place = draft
                .window
                .extent
                .as_ref()
                .map_or(draft.place, |said| said.place);
            let problem = Refusal::new("bad-window", problem);
            let help = "the time from the first event to the last: `.within(\"10m\")`";
            self.problem(draft, place, problem.help(help));
            return None;
        };
        self.step_order(draft, steps);
        let built = steps.iter().zip(&joined.joins).map(|(step, joins)| {
            let count = said(step.count.as_ref()).copied().unwrap_or(1);
            Step {
                name: step.name.clone(),
                occurs: match (step.is_absent, &step.optional) {
                    (true, _) => Occurs::Never,
                    (false, Some(_)) => Occurs::Optional(count),
                    (false, None) => Occurs::Times(count),
                },
                within: said(step.within.as_ref()).copied(),
                joins: joins.clone(),
            }
        });
        Some(WindowSpec::Sequence(Sequence {
            steps: built.collect(),
            within,
            stops: draft.window.stop_when.is_some(),
            policy: self.policy(draft, Some(within))?,
            lateness: said(draft.window.lateness.as_ref()).copied(),
        }))
    }

    /// What steps can be where they stand.
    fn step_order(&mut self, draft: &Draft, steps: &[StepDraft]) {
        let occurs = |step: &&StepDraft| !step.is_absent;
        let certain = steps
            .iter()
            .any(|step| !step.is_absent && step.optional.is_none());
        if !certain {
            let place = draft
                .window
                .asked
                .as_ref()
                .map_or(draft.place, |said| said.place);
            let problem = "none of its steps must come, so nothing begins it";
            let problem = Refusal::new("bad-step", problem)
                .help("at least one step is neither `absent(..)` nor `.optional()`");
            self.problem(draft, place, problem);
            return;
        }
        for (index, step) in steps.iter().enumerate() {
            let is_first = !steps.iter().take(index).any(|step| occurs(&step));
            let found = match (step.is_absent, is_first, &step.within) {
                (true, true, None) => Some((
                    step.place,
                    "it is not said how long nothing may come before the first event",
                    format!("write `absent({:?}).within(\"10m\")`", &*step.name),
                )),
                (false, true, Some(said)) => Some((
                    said.place,
                    "`.within(..)` is the time since the step before, and there is none",
                    "the time of the whole is `.within(..)` of the rule".to_owned(),
                )),
                _ => None,
            };
            if let Some((place, problem, help)) = found {
                let problem = Refusal::new("bad-step", problem).of_step(&step.name);
                self.problem(draft, place, problem.help(help));
            }
        }
    }
}
