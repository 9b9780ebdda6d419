//! What a rule says of its window: which matches belong together, what is asked of them.

use std::sync::Arc;

use larum_event::{Amount, Bounds, Extent, Measure, Span, limits};
use rhai::{Dynamic, Position};

use super::argument::{meant_number, one, paths, shown};
use super::comparison::{bounds_of, count, countable};
use super::duration::{any_span, span};
use super::said::{Said, once};
use super::step::{StepDraft, steps};
use crate::diagnostic::Refusal;
use crate::script::Closure;

/// Most windows that one event of a hopping window is in.
const HOPS: i64 = 1_440;
/// How long a silent key of `.last(n)` is remembered, where the rule does not say.
const KEEP: Span = Span::from_seconds(24 * 60 * 60);
/// The longest lateness.
const LATENESS: Span = Span::from_seconds(24 * 60 * 60);

/// What was said of the window.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowDraft {
    /// Which method said the extent.
    pub(crate) extent_name: &'static str,
    pub(crate) extent: Option<Said<Extent>>,
    /// Which method said what is asked.
    pub(crate) asked_name: &'static str,
    pub(crate) asked: Option<Said<Asked>>,
    /// How many of the steps of a combination there must be.
    pub(crate) steps: Option<Said<Bounds>>,
    pub(crate) stop_when: Option<Said<Closure>>,
    pub(crate) policy: Option<Said<String>>,
    pub(crate) lateness: Option<Said<Span>>,
    pub(crate) keep: Option<Said<Span>>,
    pub(crate) on_event: Option<Said<Closure>>,
    pub(crate) on_timer: Option<Said<Closure>>,
}

/// What is asked of the matches that belong together.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// Something measured of these fields.
    Measured {
        measure: Measure,
        fields: Vec<Arc<str>>,
        bounds: Bounds,
    },
    /// Steps in their order.
    Sequence(Vec<StepDraft>),
    /// Steps in any order.
    Unordered(Vec<StepDraft>),
}

impl WindowDraft {
    fn extent(
        &mut self,
        name: &'static str,
        place: Position,
        extent: Result<Extent, Refusal>,
    ) -> Result<(), Refusal> {
        if self.extent.is_some() && self.extent_name != name {
            let first = self.extent_name;
            let problem = format!("`.{name}(..)` beside `.{first}(..)`: a rule has one window");
            return Err(Refusal::new("two-windows", problem).help("keep one of them"));
        }
        self.extent_name = name;
        once(&mut self.extent, name, place, extent)
    }

    fn asked(
        &mut self,
        name: &'static str,
        place: Position,
        asked: Result<Asked, Refusal>,
    ) -> Result<(), Refusal> {
        if self.asked.is_some() && self.asked_name != name {
            let first = self.asked_name;
            let problem = format!("`.{name}(..)` beside `.{first}(..)`: a rule asks one thing");
            return Err(Refusal::new("two-conditions", problem).help(
                "make two rules, and a third one `.on(..)` their alerts where both must hold",
            ));
        }
        self.asked_name = name;
        once(&mut self.asked, name, place, asked)
    }

    fn measured(
        &mut self,
        name: &'static str,
        place: Position,
        measure: Measure,
        (fields, bounds): (&Dynamic, &Dynamic),
    ) -> Result<(), Refusal> {
        let is_distinct = measure == Measure::Distinct;
        let fields = paths(fields).and_then(|fields| match fields.as_slice() {
            [_, _, ..] if !is_distinct => {
                let problem = format!("`.{name}(..)` is of one field, not of a list");
                Err(Refusal::new("wrong-argument", problem))
            }
            _ => Ok(fields),
        });
        let asked = fields.and_then(|fields| {
            let bounds = bounds_of(bounds)?;
            if is_distinct {
                countable(name, &bounds)?;
            }
            Ok(Asked::Measured {
                measure,
                fields,
                bounds,
            })
        });
        self.asked(name, place, asked)
    }
}

/// What a method does with its arguments.
type Method = fn(&mut WindowDraft, Position, &[Dynamic]) -> Result<(), Refusal>;

/// The methods about the window, each with the fewest and most arguments it takes.
pub(crate) const WINDOW_METHODS: [(&str, (usize, usize), Method); 25] = [
    ("within", (1, 1), |draft, place, given| {
        let extent = at(given, 0)
            .and_then(span)
            .map(|within| Extent::Sliding { within });
        draft.extent("within", place, extent)
    }),
    ("tumbling", (1, 1), |draft, place, given| {
        let extent = at(given, 0)
            .and_then(span)
            .map(|size| Extent::Tumbling { size });
        draft.extent("tumbling", place, extent)
    }),
    ("hopping", (2, 2), |draft, place, given| {
        draft.extent("hopping", place, hopping(given))
    }),
    ("session", (1, 2), |draft, place, given| {
        draft.extent("session", place, session(given))
    }),
    ("last", (1, 2), |draft, place, given| {
        draft.extent("last", place, last(given))
    }),
    ("count", (1, 1), |draft, place, given| {
        let asked = at(given, 0).and_then(count).map(|bounds| Asked::Measured {
            measure: Measure::Count,
            fields: Vec::new(),
            bounds,
        });
        draft.asked("count", place, asked)
    }),
    ("distinct", (2, 2), |draft, place, given| {
        draft.measured("distinct", place, Measure::Distinct, two(given)?)
    }),
    ("sum", (2, 2), |draft, place, given| {
        draft.measured("sum", place, Measure::Sum, two(given)?)
    }),
    ("average", (2, 2), |draft, place, given| {
        draft.measured("average", place, Measure::Average, two(given)?)
    }),
    ("min", (2, 2), |draft, place, given| {
        draft.measured("min", place, Measure::Min, two(given)?)
    }),
    ("max", (2, 2), |draft, place, given| {
        draft.measured("max", place, Measure::Max, two(given)?)
    }),
    ("median", (2, 2), |draft, place, given| {
        draft.measured("median", place, Measure::Percentile(50_000), two(given)?)
    }),
    ("percentile", (3, 3), |draft, place, given| {
        match at(given, 1).and_then(percentile) {
            Ok(measure) => {
                let asked = (at(given, 0)?, at(given, 2)?);
                draft.measured("percentile", place, measure, asked)
            }
            Err(refused) => draft.asked("percentile", place, Err(refused)),
        }
    }),
    ("change", (2, 2), |draft, place, given| {
        draft.measured("change", place, Measure::Change, two(given)?)
    }),
    ("first_seen", (0, 1), |draft, place, given| {
        let fields = given.first().map_or(Ok(Vec::new()), paths);
        let asked = fields.map(|fields| Asked::Measured {
            measure: Measure::FirstSeen,
            fields,
            bounds: Bounds::at_least(Amount::from_int(1)),
        });
        draft.asked("first_seen", place, asked)
    }),
    ("rate", (2, 2), |draft, place, given| {
        let (baseline, bounds) = two(given)?;
        let asked = span(baseline).and_then(|baseline| {
            Ok(Asked::Measured {
                measure: Measure::Rate { baseline },
                fields: Vec::new(),
                bounds: bounds_of(bounds)?,
            })
        });
        draft.asked("rate", place, asked)
    }),
    ("sequence", (1, 1), |draft, place, given| {
        let asked = at(given, 0).and_then(steps).map(Asked::Sequence);
        draft.asked("sequence", place, asked)
    }),
    ("unordered", (1, 1), |draft, place, given| {
        let asked = at(given, 0).and_then(steps).map(Asked::Unordered);
        draft.asked("unordered", place, asked)
    }),
    ("steps", (1, 1), |draft, place, given| {
        let bounds = at(given, 0).and_then(count);
        once(&mut draft.steps, "steps", place, bounds)
    }),
    ("stop_when", (1, 1), |draft, place, given| {
        let closure = at(given, 0).and_then(|value| super::closure(place, value));
        once(&mut draft.stop_when, "stop_when", place, closure)
    }),
    ("policy", (1, 1), |draft, place, given| {
        let policy = at(given, 0).and_then(one);
        once(&mut draft.policy, "policy", place, policy)
    }),
    ("lateness", (1, 1), |draft, place, given| {
        let lateness = at(given, 0).and_then(lateness);
        once(&mut draft.lateness, "lateness", place, lateness)
    }),
    ("keep", (1, 1), |draft, place, given| {
        let keep = at(given, 0).and_then(span);
        once(&mut draft.keep, "keep", place, keep)
    }),
    ("on_event", (1, 1), |draft, place, given| {
        let closure = at(given, 0).and_then(|value| super::closure(place, value));
        once(&mut draft.on_event, "on_event", place, closure)
    }),
    ("on_timer", (1, 1), |draft, place, given| {
        let closure = at(given, 0).and_then(|value| super::closure(place, value));
        once(&mut draft.on_timer, "on_timer", place, closure)
    }),
];

/// An argument that the number of arguments says is there.
fn at(given: &[Dynamic], index: usize) -> Result<&Dynamic, Refusal> {
    let missing = || Refusal::new("wrong-argument", "an argument is missing");
    given.get(index).ok_or_else(missing)
}

fn two(given: &[Dynamic]) -> Result<(&Dynamic, &Dynamic), Refusal> {
    Ok((at(given, 0)?, at(given, 1)?))
}

fn hopping(given: &[Dynamic]) -> Result<Extent, Refusal> {
    let (size, hop) = two(given)?;
    let (size, hop) = (span(size)?, span(hop)?);
    if size.as_nanos() % hop.as_nanos() != 0 {
        let problem = format!("a window of {size} is no multiple of its hop of {hop}");
        return Err(Refusal::new("bad-window", problem)
            .help("windows are made of whole hops: `.hopping(\"10m\", \"1m\")`"));
    }
    let hops = size.as_nanos() / hop.as_nanos();
    if hops > HOPS {
        let problem = format!("each event would be in {hops} windows at once");
        let help = format!("at most {HOPS}; a window of {size} hops by {HOPS}th parts");
        return Err(Refusal::new("unbounded-state", problem).help(help));
    }
    Ok(Extent::Hopping { size, hop })
}

fn session(given: &[Dynamic]) -> Result<Extent, Refusal> {
    let gap = at(given, 0).and_then(span)?;
    let cap = given.get(1).map(span).transpose()?;
    if let Some(cap) = cap.filter(|cap| *cap < gap) {
        let problem = format!("a session of at most {cap} cannot have gaps of {gap}");
        return Err(Refusal::new("bad-window", problem).help(
            "first the longest silence, then the longest session: `.session(\"60s\", \"1h\")`",
        ));
    }
    Ok(Extent::Session { gap, cap })
}

fn last(given: &[Dynamic]) -> Result<Extent, Refusal> {
    let found = at(given, 0)?;
    let matches = found
        .as_int()
        .ok()
        .and_then(|number| u32::try_from(number).ok());
    let Some(matches) = matches.filter(|matches| *matches > 0) else {
        let problem = format!(
            "the last so many is a whole number from 1 on, not {}",
            shown(found)
        );
        return Err(Refusal::new("bad-count", problem).maybe_help(meant_number(found)));
    };
    if matches as usize > limits::EVENTS_PER_KEY {
        let problem = format!("the last {matches} matches of each group would have to be kept");
        let help = format!("at most the last {}", limits::EVENTS_PER_KEY);
        return Err(Refusal::new("unbounded-state", problem).help(help));
    }
    let keep = given.get(1).map_or(Ok(KEEP), span)?;
    Ok(Extent::Last { matches, keep })
}

fn lateness(value: &Dynamic) -> Result<Span, Refusal> {
    let lateness = any_span(value)?;
    if lateness > LATENESS {
        let problem = format!("waiting {lateness} for late events keeps everything that long");
        return Err(Refusal::new("unbounded-state", problem).help("at most 1d"));
    }
    Ok(lateness)
}

fn percentile(value: &Dynamic) -> Result<Measure, Refusal> {
    let number = value
        .as_float()
        .or_else(|_| value.as_int().map(|whole| whole as f64));
    let inside = number.ok().filter(|number| (0.0..=100.0).contains(number));
    let Some(number) = inside else {
        let problem = format!(
            "a percentile is a number from 0 to 100, not {}",
            shown(value)
        );
        return Err(Refusal::new("bad-percentile", problem).maybe_help(meant_number(value)));
    };
    Ok(Measure::Percentile((number * 1_000.0).round() as u32))
}
