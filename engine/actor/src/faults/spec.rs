//! Faults as text.
//!
//! Owns the grammar of faults; what a fault does to a unit of work is decided in `injection.rs`,
//! never here.
//! Invariant: a text that is not understood as a whole is refused and named, so a test never runs
//! without the fault it asked for.

use larum_event::Span;

use super::InvalidFaults;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InjectedFault {
    pub(super) point: PointPattern,
    pub(super) kind: FaultEffect,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FaultEffect {
    /// Units of work number `nth`, counted from 1, and the `times - 1` after it panic.
    Panic {
        nth: u64,
        times: u64,
    },
    Slow(Span),
    /// Units of work from number `nth` on hang.
    Hang {
        nth: u64,
    },
    Delay {
        seed: u64,
        least: Span,
        most: Span,
    },
}

/// A point, or all points that begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PointPattern {
    Exactly(String),
    StartsWith(String),
}

impl PointPattern {
    pub(super) fn matches(&self, point: &str) -> bool {
        match self {
            Self::Exactly(name) => name == point,
            Self::StartsWith(start) => point.starts_with(start.as_str()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('*') {
            Some(start) if !start.contains('*') => Some(Self::StartsWith(start.to_owned())),
            None if !text.is_empty() => Some(Self::Exactly(text.to_owned())),
            Some(_) | None => None,
        }
    }
}

/// Reads faults separated by `;`. A text without any is no faults.
pub(super) fn parse_faults(text: &str) -> Result<Vec<InjectedFault>, InvalidFaults> {
    text.split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            parse_fault(part).ok_or_else(|| InvalidFaults {
                text: part.to_owned(),
            })
        })
        .collect()
}

fn parse_fault(text: &str) -> Option<InjectedFault> {
    let (kind, rest) = text.split_once(':')?;
    let (point, kind) = match kind {
        "panic" => {
            let (point, count) = split_count(rest);
            let (nth, times) = match count.split_once('*') {
                Some((nth, times)) => (nth.parse().ok()?, times.parse().ok()?),
                None => (count.parse().ok()?, 1),
            };
            (point, FaultEffect::Panic { nth, times })
        }
        "hang" => {
            let (point, nth) = split_count(rest);
            let nth = nth.parse().ok()?;
            (point, FaultEffect::Hang { nth })
        }
        "slow" => {
            let (point, span) = rest.rsplit_once('=')?;
            (point, FaultEffect::Slow(parse_span(span)?))
        }
        "delay" => {
            let (point, range) = rest.rsplit_once('=')?;
            let (seed, range) = range.strip_prefix("seed")?.split_once(':')?;
            let (least, most) = range.split_once("..")?;
            let kind = FaultEffect::Delay {
                seed: seed.parse().ok()?,
                least: parse_span(least)?,
                most: parse_span(most)?,
            };
            (point, kind)
        }
        _ => return None,
    };
    let kind = check_counts(kind)?;
    let point = PointPattern::parse(point)?;
    Some(InjectedFault { point, kind })
}

/// The point, and what follows the last `@`, which is the first unit of work when left out.
fn split_count(text: &str) -> (&str, &str) {
    text.rsplit_once('@').unwrap_or((text, "1"))
}

fn parse_span(text: &str) -> Option<Span> {
    if text == "0" {
        return Some(Span::ZERO);
    }
    Span::parse(text).ok()
}

fn check_counts(kind: FaultEffect) -> Option<FaultEffect> {
    let sound = match &kind {
        FaultEffect::Panic { nth, times } => *nth > 0 && *times > 0,
        FaultEffect::Hang { nth } => *nth > 0,
        FaultEffect::Delay { least, most, .. } => least <= most,
        FaultEffect::Slow(_) => true,
    };
    sound.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, point: &str, kind: FaultEffect) {
        let point = PointPattern::parse(point).unwrap();
        assert_eq!(parse_faults(text), Ok(vec![InjectedFault { point, kind }]));
    }

    #[test]
    fn each_kind_of_fault_is_read() {
        let panic = |nth, times| FaultEffect::Panic { nth, times };
        check("panic:window/r1/0@100*2", "window/r1/0", panic(100, 2));
        check("panic:window/r1/0@100", "window/r1/0", panic(100, 1));
        check("panic:window/r1/0", "window/r1/0", panic(1, 1));
        let slow = FaultEffect::Slow(Span::parse("5ms").unwrap());
        check("slow:rule/r2=5ms", "rule/r2", slow);
        check("hang:handler/x", "handler/x", FaultEffect::Hang { nth: 1 });
        let delay = FaultEffect::Delay {
            seed: 7,
            least: Span::ZERO,
            most: Span::parse("20ms").unwrap(),
        };
        check("delay:window/*=seed7:0..20ms", "window/*", delay);
        assert_eq!(parse_faults("hang:a; slow:b=1s ;").unwrap().len(), 2);
        assert_eq!(parse_faults(" "), Ok(vec![]));
    }

    #[test]
    fn what_is_not_a_fault_is_refused_and_named() {
        for text in [
            "panic",
            "panic:",
            "panic:a@0",
            "panic:a@1*0",
            "panic:a@x",
            "panic:a*b*",
            "slow:a",
            "slow:a=5",
            "hang:a@0",
            "delay:a=7:0..1s",
            "delay:a=seed7:2s..1s",
            "kill:a",
        ] {
            let refused = parse_faults(&format!("hang:fine;{text}"));
            assert_eq!(refused.unwrap_err().text, text);
        }
    }

    #[test]
    fn a_star_stands_for_any_rest_and_a_name_only_for_itself() {
        let star = PointPattern::parse("window/*").unwrap();
        assert!(star.matches("window/r1/0") && !star.matches("rule/r1"));
        let name = PointPattern::parse("window/r1/0").unwrap();
        assert!(name.matches("window/r1/0") && !name.matches("window/r1/01"));
    }
}
