//! How the topics of two patterns relate.

use larum_event::TopicPattern;

/// How far the topics of a rule's pattern are among those of a catalogue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    /// They share none.
    Apart,
    /// They share some.
    Some,
    /// All of the rule's are among the catalogue's.
    All,
}

pub(super) fn overlap(rule: &TopicPattern, known: &TopicPattern) -> Overlap {
    let rule: Vec<&str> = rule.as_str().split('.').collect();
    let known: Vec<&str> = known.as_str().split('.').collect();
    if is_inside(&rule, &known) {
        Overlap::All
    } else if is_apart(&rule, &known) {
        Overlap::Apart
    } else {
        Overlap::Some
    }
}

/// Whether all topics of one pattern are among those of another.
pub(crate) fn is_inside_of(one: &TopicPattern, other: &TopicPattern) -> bool {
    overlap(one, other) == Overlap::All
}

/// Leading wildcards do not mean topics that begin with `$`.
fn is_hidden(wildcard: &str, literal: &str) -> bool {
    ["+", "#"].contains(&wildcard) && literal.starts_with('$')
}

fn is_inside(rule: &[&str], known: &[&str]) -> bool {
    if let (Some(rule), Some(known)) = (rule.first(), known.first())
        && is_hidden(known, rule)
    {
        return false;
    }
    inside(rule, known)
}

fn inside(rule: &[&str], known: &[&str]) -> bool {
    match (rule, known) {
        (_, ["#"]) | ([], []) => true,
        (["#"], _) => false,
        ([_, rule @ ..], ["+", known @ ..]) => inside(rule, known),
        ([first, rule @ ..], [other, known @ ..]) => first == other && inside(rule, known),
        ([], _) | (_, []) => false,
    }
}

fn is_apart(rule: &[&str], known: &[&str]) -> bool {
    if let (Some(one), Some(other)) = (rule.first(), known.first())
        && (is_hidden(one, other) || is_hidden(other, one))
    {
        return true;
    }
    apart(rule, known)
}

fn apart(one: &[&str], other: &[&str]) -> bool {
    match (one, other) {
        // `#` may stand for nothing, and for whatever the other one says.
        (["#"], _) | (_, ["#"]) | ([], []) => false,
        ([], _) | (_, []) => true,
        ([first, one @ ..], [second, other @ ..]) => {
            let meet = first == second || *first == "+" || *second == "+";
            !meet || apart(one, other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_as_the_topics_they_stand_for_do() {
        for (rule, known, expected) in [
            ("a.b", "a.b", Overlap::All),
            ("a.b", "a.c", Overlap::Apart),
            ("a.b", "a.+", Overlap::All),
            ("a.b", "a.#", Overlap::All),
            ("a", "a.#", Overlap::All),
            ("a", "a.+", Overlap::Apart),
            ("a.#", "a.b", Overlap::Some),
            ("a.#", "a.#", Overlap::All),
            ("a.#", "#", Overlap::All),
            ("a.+", "a.#", Overlap::All),
            ("a.+", "a.b", Overlap::Some),
            ("a.+.c", "a.b.+", Overlap::Some),
            ("a.b.#", "a.+.c", Overlap::Some),
            ("a.#", "a.+.#", Overlap::Some),
            ("a.b.c", "a.b", Overlap::Apart),
            ("a.b.#", "a", Overlap::Apart),
            ("#", "b.c", Overlap::Some),
            ("#", "$sys.a", Overlap::Apart),
            ("$sys.a", "+.a", Overlap::Apart),
            ("$sys.a", "$sys.#", Overlap::All),
        ] {
            let pattern = |text| TopicPattern::new(text).unwrap();
            let found = overlap(&pattern(rule), &pattern(known));
            assert_eq!(found, expected, "{rule} {known}");
        }
    }
}
