//! Comparisons as arguments: `5`, `">= 3 && <= 10"`.

use larum_event::value::Comparison;
use larum_event::{Amount, Bound, Bounds, limits};
use rhai::Dynamic;

use super::argument::{describe_argument, suggest_number};
use crate::diagnostic::RuleProblem;

/// A comparison: a text, or a number that the value must reach.
pub(super) fn read_bounds(value: &Dynamic) -> Result<Bounds, RuleProblem> {
    if let Ok(whole) = value.as_int() {
        return Ok(Bounds::at_least(Amount::from_int(whole)));
    }
    if let Ok(number) = value.as_float() {
        let amount = Amount::from_float(number);
        let bad = || RuleProblem::new("bad-comparison", format!("{number} is beyond all numbers"));
        return amount.map(Bounds::at_least).ok_or_else(bad);
    }
    let Ok(text) = value.as_immutable_string_ref() else {
        let problem = format!("a comparison is wanted, not {}", describe_argument(value));
        return Err(RuleProblem::new("bad-comparison", problem)
            .with_help("write a number that must be reached, or such as `\"< 0.5\"`"));
    };
    let bounds = text.parse::<Bounds>().map_err(|error| {
        let help = suggest_number(value).or_else(|| suggest_bounds(&text));
        RuleProblem::new("bad-comparison", error.to_string()).with_optional_help(help)
    })?;
    if is_unsatisfiable(&bounds) {
        let problem = format!("no number is `{bounds}`");
        return Err(RuleProblem::new("bad-comparison", problem));
    }
    Ok(bounds)
}

/// What was meant by `=> 5`, `= 5`, `>= 5 and < 9`.
fn suggest_bounds(text: &str) -> Option<String> {
    let meant = text
        .replace("=>", ">=")
        .replace("=<", "<=")
        .replace(" and ", " && ")
        .replace(" AND ", " && ");
    let single = meant
        .trim()
        .strip_prefix('=')
        .filter(|rest| !rest.starts_with('='));
    let meant = single.map_or(meant.clone(), |rest| format!("== {}", rest.trim()));
    meant.parse::<Bounds>().ok()?;
    Some(format!("did you mean `{meant:?}`?"))
}

/// Whether nothing satisfies all bounds.
fn is_unsatisfiable(bounds: &Bounds) -> bool {
    let tiny = Amount::from_billionths(1);
    let suggestion = bounds.as_slice().iter().flat_map(|Bound { value, .. }| {
        [
            value.saturating_sub(tiny),
            *value,
            value.saturating_add(tiny),
        ]
    });
    let mut near = suggestion.peekable();
    near.peek().is_some() && !near.any(|value| bounds.contains(value))
}

/// How many: a whole number that must be reached, or a comparison.
pub(super) fn read_count(value: &Dynamic) -> Result<Bounds, RuleProblem> {
    let bad = |found: String| {
        RuleProblem::new(
            "bad-count",
            format!("a count is a whole number from 1 on, not {found}"),
        )
    };
    if value.as_int().is_ok_and(|count| count < 1) || value.is_float() {
        return Err(bad(describe_argument(value)));
    }
    if !value.is_int() && (!value.is_string() || suggest_number(value).is_some()) {
        return Err(bad(describe_argument(value)).with_optional_help(suggest_number(value)));
    }
    let bounds = read_bounds(value)?;
    check_countable("count", &bounds)?;
    let most = Amount::from_int(limits::EVENTS_PER_KEY as i64);
    if let Some(bound) = bounds.as_slice().iter().find(|bound| bound.value > most) {
        let problem = format!(
            "a window that waits for {} matches would have to keep them all",
            bound.value
        );
        let help = format!("a count is at most {}", limits::EVENTS_PER_KEY);
        return Err(RuleProblem::new("unbounded-state", problem).with_help(help));
    }
    Ok(bounds)
}

/// A window begins with a match, so its count is never zero.
pub(super) fn check_countable(name: &str, bounds: &Bounds) -> Result<(), RuleProblem> {
    let one = Amount::from_int(1);
    let can_hold = |bound: &Bound| match bound.comparison {
        Comparison::Less => bound.value > one,
        Comparison::AtMost => bound.value >= one,
        Comparison::Equal => {
            bound.value >= one && bound.value.billionths() % Amount::from_int(1).billionths() == 0
        }
        Comparison::NotEqual | Comparison::AtLeast | Comparison::Greater => true,
    };
    if bounds.as_slice().iter().all(can_hold) {
        return Ok(());
    }
    let problem = format!("`{name} {bounds}` never holds: a window begins with a match");
    Err(RuleProblem::new("bad-count", problem).with_help(
        "what must not come is a step: `.within(\"5m\").sequence([step(\"a\"), absent(\"b\")])`",
    ))
}
