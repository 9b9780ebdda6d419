//! What a rule says about its window: which matches belong together, and what is checked.
//!
//! Owns what each method of a window accepts. Whether the methods fit together is checked when the
//! rule is finished, not here.
//! Invariant: a rule has one extent and one condition; a second one is refused, whatever the order
//! of the calls.

use std::sync::Arc;

use larum_event::{Amount, Bounds, Span, WindowExtent, WindowMeasure, limits};
use rhai::{Dynamic, Position};

use super::argument::{describe_argument, read_field_paths, read_text, suggest_number};
use super::comparison::{check_countable, read_bounds, read_count};
use super::duration::{read_nonzero_span, read_span};
use super::setting::{DraftSetting, set_once};
use super::step::{StepDraft, read_steps};
use crate::diagnostic::RuleProblem;
use crate::script::RuleClosure;

/// Most windows that one event of a hopping window is in.
const MOST_HOPS: i64 = 1_440;
/// How long a silent key of `.last(n)` is kept if the rule does not say.
const DEFAULT_KEEP: Span = Span::from_seconds(24 * 60 * 60);
/// The longest lateness.
const LONGEST_LATENESS: Span = Span::from_seconds(24 * 60 * 60);

/// The window as the methods called so far describe it.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowDraft {
    /// Which method set the extent.
    pub(crate) extent_method: &'static str,
    pub(crate) extent: Option<DraftSetting<WindowExtent>>,
    /// Which method set the condition.
    pub(crate) condition_method: &'static str,
    pub(crate) condition: Option<DraftSetting<WindowConditionDraft>>,
    /// How many steps of a combination must occur.
    pub(crate) steps: Option<DraftSetting<Bounds>>,
    pub(crate) stop_when: Option<DraftSetting<RuleClosure>>,
    pub(crate) policy: Option<DraftSetting<String>>,
    pub(crate) lateness: Option<DraftSetting<Span>>,
    pub(crate) keep: Option<DraftSetting<Span>>,
    pub(crate) on_event: Option<DraftSetting<RuleClosure>>,
    pub(crate) on_timer: Option<DraftSetting<RuleClosure>>,
}

/// What is checked about the matches that belong together.
#[derive(Debug, Clone)]
pub(crate) enum WindowConditionDraft {
    /// Something measured of these fields.
    Measured {
        measure: WindowMeasure,
        fields: Vec<Arc<str>>,
        bounds: Bounds,
    },
    /// Steps in their order.
    Sequence(Vec<StepDraft>),
    /// Steps in any order.
    Unordered(Vec<StepDraft>),
}

impl WindowDraft {
    fn set_extent(
        &mut self,
        name: &'static str,
        place: Position,
        extent: Result<WindowExtent, RuleProblem>,
    ) -> Result<(), RuleProblem> {
        if self.extent.is_some() && self.extent_method != name {
            let first = self.extent_method;
            let problem = format!("`.{name}(..)` beside `.{first}(..)`: a rule has one window");
            return Err(RuleProblem::new("two-windows", problem).with_help("keep one of them"));
        }
        self.extent_method = name;
        set_once(&mut self.extent, name, place, extent)
    }

    fn set_condition(
        &mut self,
        name: &'static str,
        place: Position,
        asked: Result<WindowConditionDraft, RuleProblem>,
    ) -> Result<(), RuleProblem> {
        if self.condition.is_some() && self.condition_method != name {
            let first = self.condition_method;
            let problem = format!("`.{name}(..)` beside `.{first}(..)`: a rule asks one thing");
            return Err(RuleProblem::new("two-conditions", problem).with_help(
                "make two rules, and a third one `.on(..)` their alerts where both must hold",
            ));
        }
        self.condition_method = name;
        set_once(&mut self.condition, name, place, asked)
    }

    fn set_measure(
        &mut self,
        name: &'static str,
        place: Position,
        measure: WindowMeasure,
        given: &[Dynamic],
    ) -> Result<(), RuleProblem> {
        let is_distinct = measure == WindowMeasure::Distinct;
        // A percentile has the percentage between the field and the bounds, so the bounds are last.
        let last = argument_at(given, given.len().saturating_sub(1))?;
        let fields = read_field_paths(argument_at(given, 0)?);
        let asked = fields.and_then(|fields| {
            if fields.len() > 1 && !is_distinct {
                let problem = format!("`.{name}(..)` measures one field, not a list");
                return Err(RuleProblem::new("wrong-argument", problem));
            }
            let bounds = read_bounds(last)?;
            if is_distinct {
                check_countable(name, &bounds)?;
            }
            Ok(WindowConditionDraft::Measured {
                measure,
                fields,
                bounds,
            })
        });
        self.set_condition(name, place, asked)
    }
}

/// What a method does with its arguments.
type WindowMethod = fn(&mut WindowDraft, Position, &[Dynamic]) -> Result<(), RuleProblem>;

/// The methods about the window, each with the fewest and most arguments it takes.
pub(crate) const WINDOW_METHODS: [(&str, (usize, usize), WindowMethod); 25] = [
    ("within", (1, 1), |draft, place, given| {
        let extent = argument_at(given, 0)
            .and_then(read_nonzero_span)
            .map(|within| WindowExtent::Sliding { within });
        draft.set_extent("within", place, extent)
    }),
    ("tumbling", (1, 1), |draft, place, given| {
        let extent = argument_at(given, 0)
            .and_then(read_nonzero_span)
            .map(|size| WindowExtent::Tumbling { size });
        draft.set_extent("tumbling", place, extent)
    }),
    ("hopping", (2, 2), |draft, place, given| {
        draft.set_extent("hopping", place, read_hopping(given))
    }),
    ("session", (1, 2), |draft, place, given| {
        draft.set_extent("session", place, read_session(given))
    }),
    ("last", (1, 2), |draft, place, given| {
        draft.set_extent("last", place, read_last(given))
    }),
    ("count", (1, 1), |draft, place, given| {
        let asked = argument_at(given, 0).and_then(read_count).map(|bounds| {
            WindowConditionDraft::Measured {
                measure: WindowMeasure::Count,
                fields: Vec::new(),
                bounds,
            }
        });
        draft.set_condition("count", place, asked)
    }),
    ("distinct", (2, 2), |draft, place, given| {
        draft.set_measure("distinct", place, WindowMeasure::Distinct, given)
    }),
    ("sum", (2, 2), |draft, place, given| {
        draft.set_measure("sum", place, WindowMeasure::Sum, given)
    }),
    ("average", (2, 2), |draft, place, given| {
        draft.set_measure("average", place, WindowMeasure::Average, given)
    }),
    ("min", (2, 2), |draft, place, given| {
        draft.set_measure("min", place, WindowMeasure::Min, given)
    }),
    ("max", (2, 2), |draft, place, given| {
        draft.set_measure("max", place, WindowMeasure::Max, given)
    }),
    ("median", (2, 2), |draft, place, given| {
        draft.set_measure("median", place, WindowMeasure::Percentile(50_000), given)
    }),
    (
        "percentile",
        (3, 3),
        |draft, place, given| match argument_at(given, 1).and_then(read_percentile) {
            Ok(measure) => draft.set_measure("percentile", place, measure, given),
            Err(refused) => draft.set_condition("percentile", place, Err(refused)),
        },
    ),
    ("change", (2, 2), |draft, place, given| {
        draft.set_measure("change", place, WindowMeasure::Change, given)
    }),
    ("first_seen", (0, 1), |draft, place, given| {
        let fields = given.first().map_or(Ok(Vec::new()), read_field_paths);
        let asked = fields.map(|fields| WindowConditionDraft::Measured {
            measure: WindowMeasure::FirstSeen,
            fields,
            bounds: Bounds::at_least(Amount::from_int(1)),
        });
        draft.set_condition("first_seen", place, asked)
    }),
    ("rate", (2, 2), |draft, place, given| {
        let (baseline, bounds) = two_arguments(given)?;
        let asked = read_nonzero_span(baseline).and_then(|baseline| {
            Ok(WindowConditionDraft::Measured {
                measure: WindowMeasure::Rate { baseline },
                fields: Vec::new(),
                bounds: read_bounds(bounds)?,
            })
        });
        draft.set_condition("rate", place, asked)
    }),
    ("sequence", (1, 1), |draft, place, given| {
        let asked = argument_at(given, 0)
            .and_then(read_steps)
            .map(WindowConditionDraft::Sequence);
        draft.set_condition("sequence", place, asked)
    }),
    ("unordered", (1, 1), |draft, place, given| {
        let asked = argument_at(given, 0)
            .and_then(read_steps)
            .map(WindowConditionDraft::Unordered);
        draft.set_condition("unordered", place, asked)
    }),
    ("steps", (1, 1), |draft, place, given| {
        let bounds = argument_at(given, 0).and_then(read_count);
        set_once(&mut draft.steps, "steps", place, bounds)
    }),
    ("stop_when", (1, 1), |draft, place, given| {
        let closure = argument_at(given, 0).and_then(|value| super::read_closure(place, value));
        set_once(&mut draft.stop_when, "stop_when", place, closure)
    }),
    ("policy", (1, 1), |draft, place, given| {
        let policy = argument_at(given, 0).and_then(read_text);
        set_once(&mut draft.policy, "policy", place, policy)
    }),
    ("lateness", (1, 1), |draft, place, given| {
        let lateness = argument_at(given, 0).and_then(read_lateness);
        set_once(&mut draft.lateness, "lateness", place, lateness)
    }),
    ("keep", (1, 1), |draft, place, given| {
        let keep = argument_at(given, 0).and_then(read_nonzero_span);
        set_once(&mut draft.keep, "keep", place, keep)
    }),
    ("on_event", (1, 1), |draft, place, given| {
        let closure = argument_at(given, 0).and_then(|value| super::read_closure(place, value));
        set_once(&mut draft.on_event, "on_event", place, closure)
    }),
    ("on_timer", (1, 1), |draft, place, given| {
        let closure = argument_at(given, 0).and_then(|value| super::read_closure(place, value));
        set_once(&mut draft.on_timer, "on_timer", place, closure)
    }),
];

/// An argument that must exist, because the number of arguments was checked.
fn argument_at(given: &[Dynamic], index: usize) -> Result<&Dynamic, RuleProblem> {
    let missing = || RuleProblem::new("wrong-argument", "an argument is missing");
    given.get(index).ok_or_else(missing)
}

fn two_arguments(given: &[Dynamic]) -> Result<(&Dynamic, &Dynamic), RuleProblem> {
    Ok((argument_at(given, 0)?, argument_at(given, 1)?))
}

fn read_hopping(given: &[Dynamic]) -> Result<WindowExtent, RuleProblem> {
    let (size, hop) = two_arguments(given)?;
    let (size, hop) = (read_nonzero_span(size)?, read_nonzero_span(hop)?);
    if size.as_nanos() % hop.as_nanos() != 0 {
        let problem = format!("a window of {size} is no multiple of its hop of {hop}");
        return Err(RuleProblem::new("bad-window", problem)
            .with_help("windows are made of whole hops: `.hopping(\"10m\", \"1m\")`"));
    }
    let hops = size.as_nanos() / hop.as_nanos();
    if hops > MOST_HOPS {
        let problem = format!("each event would be in {hops} windows at once");
        let help = format!("at most {MOST_HOPS}; a window of {size} hops by {MOST_HOPS}th parts");
        return Err(RuleProblem::new("unbounded-state", problem).with_help(help));
    }
    Ok(WindowExtent::Hopping { size, hop })
}

fn read_session(given: &[Dynamic]) -> Result<WindowExtent, RuleProblem> {
    let gap = argument_at(given, 0).and_then(read_nonzero_span)?;
    let cap = given.get(1).map(read_nonzero_span).transpose()?;
    if let Some(cap) = cap.filter(|cap| *cap < gap) {
        let problem = format!("a session of at most {cap} cannot have gaps of {gap}");
        return Err(RuleProblem::new("bad-window", problem).with_help(
            "first the longest silence, then the longest session: `.session(\"60s\", \"1h\")`",
        ));
    }
    Ok(WindowExtent::Session { gap, cap })
}

fn read_last(given: &[Dynamic]) -> Result<WindowExtent, RuleProblem> {
    let found = argument_at(given, 0)?;
    let matches = found
        .as_int()
        .ok()
        .and_then(|number| u32::try_from(number).ok());
    let Some(matches) = matches.filter(|matches| *matches > 0) else {
        let problem = format!(
            "the last so many is a whole number from 1 on, not {}",
            describe_argument(found)
        );
        return Err(
            RuleProblem::new("bad-count", problem).with_optional_help(suggest_number(found))
        );
    };
    if matches as usize > limits::EVENTS_PER_KEY {
        let problem = format!("the last {matches} matches of each group would have to be kept");
        let help = format!("at most the last {}", limits::EVENTS_PER_KEY);
        return Err(RuleProblem::new("unbounded-state", problem).with_help(help));
    }
    let keep = given.get(1).map_or(Ok(DEFAULT_KEEP), read_nonzero_span)?;
    Ok(WindowExtent::Last { matches, keep })
}

fn read_lateness(value: &Dynamic) -> Result<Span, RuleProblem> {
    let lateness = read_span(value)?;
    if lateness > LONGEST_LATENESS {
        let problem = format!("waiting {lateness} for late events keeps everything that long");
        return Err(RuleProblem::new("unbounded-state", problem).with_help("at most 1d"));
    }
    Ok(lateness)
}

fn read_percentile(value: &Dynamic) -> Result<WindowMeasure, RuleProblem> {
    let number = value
        .as_float()
        .or_else(|_| value.as_int().map(|whole| whole as f64));
    let inside = number.ok().filter(|number| (0.0..=100.0).contains(number));
    let Some(number) = inside else {
        let problem = format!(
            "a percentile is a number from 0 to 100, not {}",
            describe_argument(value)
        );
        return Err(
            RuleProblem::new("bad-percentile", problem).with_optional_help(suggest_number(value))
        );
    };
    Ok(WindowMeasure::Percentile((number * 1_000.0).round() as u32))
}
