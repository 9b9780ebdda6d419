//! Faults as text.

use larum_event::Span;

use super::InvalidFaults;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) point: Pattern,
    pub(super) kind: Kind,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
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
pub(super) enum Pattern {
    Exactly(String),
    StartsWith(String),
}

impl Pattern {
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
pub(super) fn parse(text: &str) -> Result<Vec<Fault>, InvalidFaults> {
    text.split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            parse_one(part).ok_or_else(|| InvalidFaults {
                text: part.to_owned(),
            })
        })
        .collect()
}

fn parse_one(text: &str) -> Option<Fault> {
    let (kind, rest) = text.split_once(':')?;
    let (point, kind) = match kind {
        "panic" => {
            let (point, count) = split_at_sign(rest);
            let (nth, times) = match count.split_once('*') {
                Some((nth, times)) => (nth.parse().ok()?, times.parse().ok()?),
                None => (count.parse().ok()?, 1),
            };
            (point, Kind::Panic { nth, times })
        }
        "hang" => {
            let (point, nth) = split_at_sign(rest);
            let nth = nth.parse().ok()?;
            (point, Kind::Hang { nth })
        }
        "slow" => {
            let (point, span) = rest.rsplit_once('=')?;
            (point, Kind::Slow(parse_span(span)?))
        }
        "delay" => {
            let (point, range) = rest.rsplit_once('=')?;
            let (seed, range) = range.strip_prefix("seed")?.split_once(':')?;
            let (least, most) = range.split_once("..")?;
            let kind = Kind::Delay {
                seed: seed.parse().ok()?,
                least: parse_span(least)?,
                most: parse_span(most)?,
            };
            (point, kind)
        }
        _ => return None,
    };
    let kind = counts_from_one(kind)?;
    let point = Pattern::parse(point)?;
    Some(Fault { point, kind })
}

/// The point, and what follows the last `@`, which is the first unit of work when left out.
fn split_at_sign(text: &str) -> (&str, &str) {
    text.rsplit_once('@').unwrap_or((text, "1"))
}

fn parse_span(text: &str) -> Option<Span> {
    if text == "0" {
        return Some(Span::ZERO);
    }
    Span::parse(text).ok()
}

fn counts_from_one(kind: Kind) -> Option<Kind> {
    let sound = match &kind {
        Kind::Panic { nth, times } => *nth > 0 && *times > 0,
        Kind::Hang { nth } => *nth > 0,
        Kind::Delay { least, most, .. } => least <= most,
        Kind::Slow(_) => true,
    };
    sound.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, point: &str, kind: Kind) {
        let point = Pattern::parse(point).unwrap();
        assert_eq!(parse(text), Ok(vec![Fault { point, kind }]));
    }

    #[test]
    fn each_kind_of_fault_is_read() {
        let panic = |nth, times| Kind::Panic { nth, times };
        check("panic:window/r1/0@100*2", "window/r1/0", panic(100, 2));
        check("panic:window/r1/0@100", "window/r1/0", panic(100, 1));
        check("panic:window/r1/0", "window/r1/0", panic(1, 1));
        let slow = Kind::Slow(Span::parse("5ms").unwrap());
        check("slow:rule/r2=5ms", "rule/r2", slow);
        check("hang:handler/x", "handler/x", Kind::Hang { nth: 1 });
        let delay = Kind::Delay {
            seed: 7,
            least: Span::ZERO,
            most: Span::parse("20ms").unwrap(),
        };
        check("delay:window/*=seed7:0..20ms", "window/*", delay);
        assert_eq!(parse("hang:a; slow:b=1s ;").unwrap().len(), 2);
        assert_eq!(parse(" "), Ok(vec![]));
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
            let refused = parse(&format!("hang:fine;{text}"));
            assert_eq!(refused.unwrap_err().text, text);
        }
    }

    #[test]
    fn a_star_stands_for_any_rest_and_a_name_only_for_itself() {
        let star = Pattern::parse("window/*").unwrap();
        assert!(star.matches("window/r1/0") && !star.matches("rule/r1"));
        let name = Pattern::parse("window/r1/0").unwrap();
        assert!(name.matches("window/r1/0") && !name.matches("window/r1/01"));
    }
}
