//! From what a rule says of its window to what the window is.
//!
//! Owns which methods go together. Evaluating windows is done elsewhere; nothing here counts.
//! Invariant: a window that would keep state without a limit is refused.

use larum_event::{
    Aggregate, Bounds, FiringPolicy, Scripted, Span, WindowExtent, WindowMeasure, WindowSpec,
};
use rhai::Position;

use super::RuleDraft;
use super::finish::RuleFinisher;
use super::joins::StepJoins;
use super::setting::setting_value;
use super::step::StepDraft;
use super::window::{WindowConditionDraft, WindowDraft};
use crate::diagnostic::{RuleProblem, did_you_mean};

/// Most stretches of a baseline, each of which has a count: a week of minutes.
const BASELINE_STRETCHES: i64 = 7 * 24 * 60;

impl WindowDraft {
    /// Whether anything makes it more than single events.
    pub(super) fn is_windowed(&self) -> bool {
        self.extent.is_some() || self.condition.is_some() || self.on_event.is_some()
    }

    pub(super) fn condition_draft(&self) -> Option<&WindowConditionDraft> {
        setting_value(self.condition.as_ref())
    }

    /// The steps, if that is what is asked.
    pub(super) fn condition_steps(&self) -> &[StepDraft] {
        match self.condition_draft() {
            Some(
                WindowConditionDraft::Sequence(steps) | WindowConditionDraft::Unordered(steps),
            ) => steps,
            Some(WindowConditionDraft::Measured { .. }) | None => &[],
        }
    }
}

impl RuleFinisher<'_> {
    /// The window of a rule; `None` if something of it was refused.
    pub(super) fn finish_window(
        &mut self,
        draft: &RuleDraft,
        joined: &StepJoins,
    ) -> Option<WindowSpec> {
        let before = self.problems.len();
        let window = if draft.window.on_event.is_some() || draft.window.on_timer.is_some() {
            self.finish_scripted(draft)
        } else {
            self.finish_unscripted(draft, joined)
        };
        window.filter(|_| self.problems.len() == before)
    }

    fn finish_unscripted(&mut self, draft: &RuleDraft, joined: &StepJoins) -> Option<WindowSpec> {
        let window = &draft.window;
        if let Some(keep) = &window.keep {
            let message = "`.keep(..)` is about the state of a script, and there is none";
            let problem = RuleProblem::new("keep-without-script", message).with_help(
                "a window keeps what it needs; `.last(100, \"1d\")` says how long a group is remembered",
            );
            self.report_problem(draft, keep.place, problem);
        }
        self.check_step_settings(draft);
        // An extent needs a condition and a condition an extent; only a session fires without one.
        match (&window.extent, &window.condition) {
            (None, None) => {
                self.reject_window_settings(draft);
                Some(WindowSpec::Single)
            }
            (None, Some(asked)) => {
                self.report_missing_extent(draft, asked.place);
                None
            }
            (Some(extent), None) => match extent.value? {
                WindowExtent::Session { .. } => self.finish_whole_session(draft),
                _ => {
                    self.report_missing_condition(draft, extent.place);
                    None
                }
            },
            (Some(extent), Some(asked)) => {
                let (extent, place) = (extent.value?, asked.place);
                match asked.value.as_ref()? {
                    WindowConditionDraft::Measured {
                        measure, bounds, ..
                    } => self.finish_measure(draft, place, measure, bounds),
                    WindowConditionDraft::Sequence(steps) => {
                        self.finish_sequence(draft, extent, steps, joined)
                    }
                    WindowConditionDraft::Unordered(steps) => self.finish_unordered(draft, steps),
                }
            }
        }
    }

    /// Refuses methods about windows in a rule without one.
    fn reject_window_settings(&mut self, draft: &RuleDraft) {
        if let Some(policy) = &draft.window.policy {
            let problem = RuleProblem::new(
                "policy-without-count",
                "`.policy(..)` says when a count fires, and there is no `.count(..)`",
            )
            .with_help("without a count every match fires");
            self.report_problem(draft, policy.place, problem);
        }
        if let Some(lateness) = &draft.window.lateness {
            let message = "`.lateness(..)` says how long a window waits, and there is none";
            let problem = RuleProblem::new("lateness-without-window", message)
                .with_help("without a window every match fires whenever it comes");
            self.report_problem(draft, lateness.place, problem);
        }
    }

    fn check_step_settings(&mut self, draft: &RuleDraft) {
        let window = &draft.window;
        let asked = window.condition_draft();
        if let Some(stop) = &window.stop_when
            && !matches!(asked, Some(WindowConditionDraft::Sequence(_)))
        {
            let message = "`.stop_when(..)` ends sequences, and there is no `.sequence(..)`";
            let problem = RuleProblem::new("stop-without-sequence", message)
                .with_help("what shall not be counted is left out by `.when(..)`");
            self.report_problem(draft, stop.place, problem);
        }
        if let Some(steps) = &window.steps
            && !matches!(asked, Some(WindowConditionDraft::Unordered(_)))
        {
            let message =
                "`.steps(..)` is about steps in any order, and there is no `.unordered(..)`";
            let problem = RuleProblem::new("steps-without-unordered", message);
            let help = "in a `.sequence(..)` a step that may be left out is `.optional()`";
            self.report_problem(draft, steps.place, problem.with_help(help));
        }
    }

    fn report_missing_extent(&mut self, draft: &RuleDraft, place: Position) {
        let name = draft.window.condition_method;
        let problem = match name {
            "sequence" => {
                let problem = "`.sequence(..)` without an end would wait for ever";
                RuleProblem::new("unbounded-state", problem)
                    .with_help("say how long from the first event to the last: `.within(\"10m\")`")
            }
            "count" => RuleProblem::new("count-without-within", "`.count(..)` has no window")
                .with_help("add `.within(\"5m\")`, or leave `.count(..)` out"),
            "first_seen" => {
                let problem = "`.first_seen(..)` would remember for ever what was seen";
                RuleProblem::new("unbounded-state", problem)
                    .with_help("say for how long: `.within(\"30d\")`")
            }
            name => RuleProblem::new(
                "count-without-within",
                format!("`.{name}(..)` has no window"),
            )
            .with_help("add `.within(\"5m\")`, or another window"),
        };
        self.report_problem(draft, place, problem);
    }

    fn report_missing_condition(&mut self, draft: &RuleDraft, place: Position) {
        let problem = match draft.window.extent_method {
            "within" => RuleProblem::new("within-without-count", "`.within(..)` counts nothing")
                .with_help("add `.count(n)`, or leave `.within(..)` out"),
            name => RuleProblem::new(
                "window-without-condition",
                format!("`.{name}(..)` asks nothing of what is in it"),
            )
            .with_help("add a condition: `.count(n)`, `.distinct(..)`, `.sum(..)` or another one"),
        };
        self.report_problem(draft, place, problem);
    }

    /// A session without a condition fires when it ends.
    fn finish_whole_session(&mut self, draft: &RuleDraft) -> Option<WindowSpec> {
        if let Some(policy) = &draft.window.policy {
            let problem = RuleProblem::new(
                "policy-without-count",
                "`.policy(..)` says when a condition fires, and the end of a session has none",
            )
            .with_help("each session ends once");
            self.report_problem(draft, policy.place, problem);
        }
        self.build_aggregate(draft, WindowMeasure::Count, Bounds::any_value())
    }

    fn finish_measure(
        &mut self,
        draft: &RuleDraft,
        place: Position,
        measure: &WindowMeasure,
        bounds: &Bounds,
    ) -> Option<WindowSpec> {
        let name = draft.window.condition_method;
        let extent = *setting_value(draft.window.extent.as_ref())?;
        let problem = match (measure, extent) {
            (WindowMeasure::Count, WindowExtent::Last { matches, .. })
                if bounds.are_lower_bounds() && bounds.threshold() > matches.into() =>
            {
                let problem =
                    format!("`.count(..)` of the last {matches} is never more than {matches}");
                Some(RuleProblem::new("bad-count", problem))
            }
            (WindowMeasure::FirstSeen, WindowExtent::Sliding { .. }) => None,
            (WindowMeasure::Rate { baseline }, _) if extent_length(extent).is_some() => {
                check_rate(extent, *baseline)
            }
            (WindowMeasure::FirstSeen | WindowMeasure::Rate { .. }, _) => {
                let first = draft.window.extent_method;
                let problem =
                    format!("`.{name}(..)` goes with `.within(..)`, not with `.{first}(..)`");
                Some(RuleProblem::new("bad-window", problem))
            }
            _ => None,
        };
        // Built even so: its policy is checked too, and the problem keeps the rule from loading.
        if let Some(problem) = problem {
            self.report_problem(draft, place, problem);
        }
        self.build_aggregate(draft, measure.clone(), bounds.clone())
    }

    pub(super) fn build_aggregate(
        &mut self,
        draft: &RuleDraft,
        measure: WindowMeasure,
        bounds: Bounds,
    ) -> Option<WindowSpec> {
        let extent = *setting_value(draft.window.extent.as_ref())?;
        let silence = match extent {
            WindowExtent::Sliding { within } => Some(within),
            WindowExtent::Tumbling { size } | WindowExtent::Hopping { size, .. } => Some(size),
            WindowExtent::Session { gap, .. } => Some(gap),
            WindowExtent::Last { .. } => None,
        };
        Some(WindowSpec::Aggregate(Aggregate {
            extent,
            measure,
            bounds,
            policy: self.parse_policy(draft, silence)?,
            lateness: setting_value(draft.window.lateness.as_ref()).copied(),
        }))
    }

    fn finish_scripted(&mut self, draft: &RuleDraft) -> Option<WindowSpec> {
        let window = &draft.window;
        if let (None, Some(timer)) = (&window.on_event, &window.on_timer) {
            let problem =
                RuleProblem::new("timer-without-events", "no `.on_event(..)` sets its timer")
                    .with_help("add `.on_event(|event, state| { state.timer = \"5m\"; .. })`");
            self.report_problem(draft, timer.place, problem);
            return None;
        }
        let extent = window
            .extent
            .as_ref()
            .map(|setting| (window.extent_method, setting.place));
        let asked = window
            .condition
            .as_ref()
            .map(|setting| (window.condition_method, setting.place));
        let policy = window
            .policy
            .as_ref()
            .map(|setting| ("policy", setting.place));
        let steps = window
            .steps
            .as_ref()
            .map(|setting| ("steps", setting.place));
        let stop = window
            .stop_when
            .as_ref()
            .map(|setting| ("stop_when", setting.place));
        let alert = draft.alert.as_ref().map(|setting| ("alert", setting.place));
        // The script decides everything, so each of these would silently do nothing.
        let others = [extent, asked, policy, steps, stop, alert];
        for (name, place) in others.into_iter().flatten() {
            let problem =
                format!("`.{name}(..)` beside `.on_event(..)`, whose script decides it all");
            let help = match name {
                "alert" => "what the script gives is the alert: `true`, a text or a map",
                _ => "leave it out, or ask it of the window without a script",
            };
            self.report_problem(
                draft,
                place,
                RuleProblem::new("two-conditions", problem).with_help(help),
            );
        }
        let Some(keep) = &window.keep else {
            let place = window
                .on_event
                .as_ref()
                .map_or(draft.place, |setting| setting.place);
            let message = "the state of its script would be kept for ever";
            let problem = RuleProblem::new("unbounded-state", message)
                .with_help("say how long that of a silent group is: `.keep(\"1h\")`");
            self.report_problem(draft, place, problem);
            return None;
        };
        Some(WindowSpec::Scripted(Scripted {
            keep: keep.value?,
            lateness: setting_value(window.lateness.as_ref()).copied(),
        }))
    }

    pub(super) fn parse_policy(
        &mut self,
        draft: &RuleDraft,
        silence: Option<Span>,
    ) -> Option<FiringPolicy> {
        let Some(setting) = &draft.window.policy else {
            return Some(FiringPolicy::default());
        };
        let text = setting.value.as_deref()?;
        match FiringPolicy::parse(text, silence.unwrap_or(Span::from_seconds(1))) {
            Ok(FiringPolicy::Suppress(_)) if silence.is_none() && text.trim() == "suppress" => {
                let problem = RuleProblem::new("bad-policy", "the last so many are of no length")
                    .with_help("say how long it is silent: `.policy(\"suppress 10m\")`");
                self.report_problem(draft, setting.place, problem);
                None
            }
            Ok(policy) => Some(policy),
            Err(error) => {
                let word = text.split_whitespace().next().unwrap_or_default();
                let suggestion = did_you_mean(word, ["edge", "every", "reset", "suppress"]);
                let near =
                    suggestion.filter(|suggestion| !suggestion.contains(&format!("`{word}`")));
                let problem =
                    RuleProblem::new("bad-policy", error.to_string()).with_optional_help(near);
                self.report_problem(draft, setting.place, problem);
                None
            }
        }
    }
}

/// The length of windows that are all of one length.
fn extent_length(extent: WindowExtent) -> Option<Span> {
    match extent {
        WindowExtent::Sliding { within } => Some(within),
        WindowExtent::Tumbling { size } | WindowExtent::Hopping { size, .. } => Some(size),
        WindowExtent::Session { .. } | WindowExtent::Last { .. } => None,
    }
}

/// What is wrong with comparing windows with others of their length in `baseline`.
fn check_rate(extent: WindowExtent, baseline: Span) -> Option<RuleProblem> {
    let length = extent_length(extent)?;
    if baseline <= length {
        let problem = format!("a baseline of {baseline} is no longer than the window of {length}");
        return Some(RuleProblem::new("bad-window", problem).with_help(
            "the window is compared with others of its length before it: `.within(\"10m\").rate(\"1d\", \">= 3\")`",
        ));
    }
    let part = match extent {
        WindowExtent::Hopping { hop, .. } => hop,
        WindowExtent::Sliding { .. }
        | WindowExtent::Tumbling { .. }
        | WindowExtent::Session { .. }
        | WindowExtent::Last { .. } => length,
    };
    let parts = baseline.as_nanos() / part.as_nanos().max(1);
    if parts <= BASELINE_STRETCHES {
        return None;
    }
    let problem = format!("a baseline of {baseline} is {parts} times {part}, each with a count");
    let help = format!("at most {BASELINE_STRETCHES}; take a longer window or a shorter baseline");
    Some(RuleProblem::new("unbounded-state", problem).with_help(help))
}
