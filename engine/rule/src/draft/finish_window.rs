//! From what was said of a window to what it is.

use larum_event::{Aggregate, Bounds, Extent, FiringPolicy, Measure, Scripted, Span, WindowSpec};
use rhai::Position;

use super::Draft;
use super::finish::Finish;
use super::joins::Joined;
use super::said::said;
use super::step::StepDraft;
use super::window::{Asked, WindowDraft};
use crate::diagnostic::{Refusal, did_you_mean};

/// Most stretches of a baseline, each of which has a count: a week of minutes.
const STRETCHES: i64 = 7 * 24 * 60;

impl WindowDraft {
    /// Whether anything makes it more than single events.
    pub(super) fn is_any(&self) -> bool {
        self.extent.is_some() || self.asked.is_some() || self.on_event.is_some()
    }

    pub(super) fn asked_value(&self) -> Option<&Asked> {
        said(self.asked.as_ref())
    }

    /// The steps, if that is what is asked.
    pub(super) fn steps_of(&self) -> &[StepDraft] {
        match self.asked_value() {
            Some(Asked::Sequence(steps) | Asked::Unordered(steps)) => steps,
            Some(Asked::Measured { .. }) | None => &[],
        }
    }
}

impl Finish<'_> {
    /// The window of a rule; `None` if something of it was refused.
    pub(super) fn window(&mut self, draft: &Draft, joined: &Joined) -> Option<WindowSpec> {
        let before = self.problems.len();
        let window = if draft.window.on_event.is_some() || draft.window.on_timer.is_some() {
            self.scripted(draft)
        } else {
            self.plain(draft, joined)
        };
        window.filter(|_| self.problems.len() == before)
    }

    fn plain(&mut self, draft: &Draft, joined: &Joined) -> Option<WindowSpec> {
        let said = &draft.window;
        if let Some(keep) = &said.keep {
            let problem = "`.keep(..)` is about the state of a script, and there is none";
            let problem = Refusal::new("keep-without-script", problem).help(
                "a window keeps what it needs; `.last(100, \"1d\")` says how long a group is remembered",
            );
            self.problem(draft, keep.place, problem);
        }
        self.only_with_steps(draft);
        match (&said.extent, &said.asked) {
            (None, None) => {
                self.no_window(draft);
                Some(WindowSpec::Single)
            }
            (None, Some(asked)) => {
                self.no_extent(draft, asked.place);
                None
            }
            (Some(extent), None) => match extent.value? {
                Extent::Session { .. } => self.whole_session(draft),
                _ => {
                    self.no_condition(draft, extent.place);
                    None
                }
            },
            (Some(extent), Some(asked)) => {
                let (extent, place) = (extent.value?, asked.place);
                match asked.value.as_ref()? {
                    Asked::Measured {
                        measure, bounds, ..
                    } => self.measure(draft, place, extent, (measure, bounds)),
                    Asked::Sequence(steps) => self.sequence(draft, extent, steps, joined),
                    Asked::Unordered(steps) => self.unordered(draft, steps),
                }
            }
        }
    }

    /// Methods that are about windows, and there is none.
    fn no_window(&mut self, draft: &Draft) {
        if let Some(policy) = &draft.window.policy {
            let problem = Refusal::new(
                "policy-without-count",
                "`.policy(..)` says when a count fires, and there is no `.count(..)`",
            )
            .help("without a count every match fires");
            self.problem(draft, policy.place, problem);
        }
        if let Some(lateness) = &draft.window.lateness {
            let problem = "`.lateness(..)` says how long a window waits, and there is none";
            let problem = Refusal::new("lateness-without-window", problem)
                .help("without a window every match fires whenever it comes");
            self.problem(draft, lateness.place, problem);
        }
    }

    fn only_with_steps(&mut self, draft: &Draft) {
        let said = &draft.window;
        let asked = said.asked_value();
        if let Some(stop) = &said.stop_when
            && !matches!(asked, Some(Asked::Sequence(_)))
        {
            let problem = "`.stop_when(..)` ends sequences, and there is no `.sequence(..)`";
            let problem = Refusal::new("stop-without-sequence", problem)
                .help("what shall not be counted is left out by `.when(..)`");
            self.problem(draft, stop.place, problem);
        }
        if let Some(steps) = &said.steps
            && !matches!(asked, Some(Asked::Unordered(_)))
        {
            let problem =
                "`.steps(..)` is about steps in any order, and there is no `.unordered(..)`";
            let problem = Refusal::new("steps-without-unordered", problem);
            let help = "in a `.sequence(..)` a step that may be left out is `.optional()`";
            self.problem(draft, steps.place, problem.help(help));
        }
    }

    fn no_extent(&mut self, draft: &Draft, place: Position) {
        let name = draft.window.asked_name;
        let problem = match name {
            "sequence" => {
                let problem = "`.sequence(..)` without an end would wait for ever";
                Refusal::new("unbounded-state", problem)
                    .help("say how long from the first event to the last: `.within(\"10m\")`")
            }
            "count" => Refusal::new("count-without-within", "`.count(..)` has no window")
                .help("add `.within(\"5m\")`, or leave `.count(..)` out"),
            "first_seen" => {
                let problem = "`.first_seen(..)` would remember for ever what was seen";
                Refusal::new("unbounded-state", problem)
                    .help("say for how long: `.within(\"30d\")`")
            }
            name => Refusal::new(
                "count-without-within",
                format!("`.{name}(..)` has no window"),
            )
            .help("add `.within(\"5m\")`, or another window"),
        };
        self.problem(draft, place, problem);
    }

    fn no_condition(&mut self, draft: &Draft, place: Position) {
        let problem = match draft.window.extent_name {
            "within" => Refusal::new("within-without-count", "`.within(..)` counts nothing")
                .help("add `.count(n)`, or leave `.within(..)` out"),
            name => Refusal::new(
                "window-without-condition",
                format!("`.{name}(..)` asks nothing of what is in it"),
            )
            .help("add a condition: `.count(n)`, `.distinct(..)`, `.sum(..)` or another one"),
        };
        self.problem(draft, place, problem);
    }

    /// A session without a condition is told when it ends.
    fn whole_session(&mut self, draft: &Draft) -> Option<WindowSpec> {
        if let Some(policy) = &draft.window.policy {
            let problem = Refusal::new(
                "policy-without-count",
                "`.policy(..)` says when a condition fires, and the end of a session has none",
            )
            .help("each session ends once");
            self.problem(draft, policy.place, problem);
        }
        self.aggregate(draft, Measure::Count, Bounds::any())
    }

    fn measure(
        &mut self,
        draft: &Draft,
        place: Position,
        extent: Extent,
        (measure, bounds): (&Measure, &Bounds),
    ) -> Option<WindowSpec> {
        let name = draft.window.asked_name;
        let problem = match (measure, extent) {
            (Measure::Count, Extent::Last { matches, .. })
                if bounds.are_lower() && bounds.threshold() > matches.into() =>
            {
                let problem =
                    format!("`.count(..)` of the last {matches} is never more than {matches}");
                Some(Refusal::new("bad-count", problem))
            }
            (Measure::FirstSeen, Extent::Sliding { .. }) => None,
            (Measure::Rate { baseline }, _) if extent_length(extent).is_some() => {
                rate_problem(extent, *baseline)
            }
            (Measure::FirstSeen | Measure::Rate { .. }, _) => {
                let first = draft.window.extent_name;
                let problem =
                    format!("`.{name}(..)` goes with `.within(..)`, not with `.{first}(..)`");
                Some(Refusal::new("bad-window", problem))
            }
            _ => None,
        };
        if let Some(problem) = problem {
            self.problem(draft, place, problem);
        }
        self.aggregate(draft, measure.clone(), bounds.clone())
    }

    pub(super) fn aggregate(
        &mut self,
        draft: &Draft,
        measure: Measure,
        bounds: Bounds,
    ) -> Option<WindowSpec> {
        let extent = *said(draft.window.extent.as_ref())?;
        let silence = match extent {
            Extent::Sliding { within } => Some(within),
            Extent::Tumbling { size } | Extent::Hopping { size, .. } => Some(size),
            Extent::Session { gap, .. } => Some(gap),
            Extent::Last { .. } => None,
        };
        Some(WindowSpec::Aggregate(Aggregate {
            extent,
            measure,
            bounds,
            policy: self.policy(draft, silence)?,
            lateness: said(draft.window.lateness.as_ref()).copied(),
        }))
    }

    fn scripted(&mut self, draft: &Draft) -> Option<WindowSpec> {
        let window = &draft.window;
        if let (None, Some(timer)) = (&window.on_event, &window.on_timer) {
            let problem = Refusal::new("timer-without-events", "no `.on_event(..)` sets its timer")
                .help("add `.on_event(|event, state| { state.timer = \"5m\"; .. })`");
            self.problem(draft, timer.place, problem);
            return None;
        }
        let extent = window
            .extent
            .as_ref()
            .map(|said| (window.extent_name, said.place));
        let asked = window
            .asked
            .as_ref()
            .map(|said| (window.asked_name, said.place));
        let policy = window.policy.as_ref().map(|said| ("policy", said.place));
        let steps = window.steps.as_ref().map(|said| ("steps", said.place));
        let stop = window
            .stop_when
            .as_ref()
            .map(|said| ("stop_when", said.place));
        let alert = draft.alert.as_ref().map(|said| ("alert", said.place));
        let others = [extent, asked, policy, steps, stop, alert];
        for (name, place) in others.into_iter().flatten() {
            let problem =
                format!("`.{name}(..)` beside `.on_event(..)`, whose script decides it all");
            let help = match name {
                "alert" => "what the script gives is the alert: `true`, a text or a map",
                _ => "leave it out, or ask it of the window without a script",
            };
            self.problem(
                draft,
                place,
                Refusal::new("two-conditions", problem).help(help),
            );
        }
        let Some(keep) = &window.keep else {
            let place = window
                .on_event
                .as_ref()
                .map_or(draft.place, |said| said.place);
            let problem = "the state of its script would be kept for ever";
            let problem = Refusal::new("unbounded-state", problem)
                .help("say how long that of a silent group is: `.keep(\"1h\")`");
            self.problem(draft, place, problem);
            return None;
        };
        Some(WindowSpec::Scripted(Scripted {
            keep: keep.value?,
            lateness: said(window.lateness.as_ref()).copied(),
        }))
    }

    pub(super) fn policy(&mut self, draft: &Draft, silence: Option<Span>) -> Option<FiringPolicy> {
        let Some(said) = &draft.window.policy else {
            return Some(FiringPolicy::default());
        };
        let text = said.value.as_deref()?;
        match FiringPolicy::parse(text, silence.unwrap_or(Span::from_seconds(1))) {
            Ok(FiringPolicy::Suppress(_)) if silence.is_none() && text.trim() == "suppress" => {
                let problem = Refusal::new("bad-policy", "the last so many are of no length")
                    .help("say how long it is silent: `.policy(\"suppress 10m\")`");
                self.problem(draft, said.place, problem);
                None
            }
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
}

/// The length of windows that are all of one length.
fn extent_length(extent: Extent) -> Option<Span> {
    match extent {
        Extent::Sliding { within } => Some(within),
        Extent::Tumbling { size } | Extent::Hopping { size, .. } => Some(size),
        Extent::Session { .. } | Extent::Last { .. } => None,
    }
}

/// What is wrong with comparing windows with others of their length in `baseline`.
fn rate_problem(extent: Extent, baseline: Span) -> Option<Refusal> {
    let length = extent_length(extent)?;
    if baseline <= length {
        let problem = format!("a baseline of {baseline} is no longer than the window of {length}");
        return Some(Refusal::new("bad-window", problem).help(
            "the window is compared with others of its length before it: `.within(\"10m\").rate(\"1d\", \">= 3\")`",
        ));
    }
    let part = match extent {
        Extent::Hopping { hop, .. } => hop,
        Extent::Sliding { .. }
        | Extent::Tumbling { .. }
        | Extent::Session { .. }
        | Extent::Last { .. } => length,
    };
    let parts = baseline.as_nanos() / part.as_nanos().max(1);
    if parts <= STRETCHES {
        return None;
    }
    let problem = format!("a baseline of {baseline} is {parts} times {part}, each with a count");
    let help = format!("at most {STRETCHES}; take a longer window or a shorter baseline");
    Some(Refusal::new("unbounded-state", problem).help(help))
}
