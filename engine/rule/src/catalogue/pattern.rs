//! How the topics of two patterns relate.

use larum_event::TopicPattern;

/// How far the topics of a rule's pattern are among those of a catalogue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TopicOverlap {
    /// They share no topic.
    Disjoint,
    /// They share some.
    Partial,
    /// All of the rule's are among the catalogue's.
    Contained,
}

pub(super) fn topic_overlap(rule: &TopicPattern, known: &TopicPattern) -> TopicOverlap {
    let rule: Vec<&str> = rule.as_str().split('.').collect();
    let known: Vec<&str> = known.as_str().split('.').collect();
    if is_contained(&rule, &known) {
        TopicOverlap::Contained
    } else if is_disjoint(&rule, &known) {
        TopicOverlap::Disjoint
    } else {
        TopicOverlap::Partial
    }
}

/// Whether all topics of one pattern are among those of another.
pub(crate) fn is_contained_in(one: &TopicPattern, other: &TopicPattern) -> bool {
    topic_overlap(one, other) == TopicOverlap::Contained
}

/// Leading wildcards do not mean topics that begin with `$`.
fn is_hidden_topic(wildcard: &str, literal: &str) -> bool {
    ["+", "#"].contains(&wildcard) && literal.starts_with('$')
}

fn is_contained(rule: &[&str], known: &[&str]) -> bool {
    if let (Some(rule), Some(known)) = (rule.first(), known.first())
        && is_hidden_topic(known, rule)
    {
        return false;
    }
    contains_segments(rule, known)
}

fn contains_segments(rule: &[&str], known: &[&str]) -> bool {
    match (rule, known) {
        (_, ["#"]) | ([], []) => true,
        (["#"], _) => false,
        ([_, rule @ ..], ["+", known @ ..]) => contains_segments(rule, known),
        ([first, rule @ ..], [other, known @ ..]) => {
            first == other && contains_segments(rule, known)
        }
        ([], _) | (_, []) => false,
    }
}

fn is_disjoint(rule: &[&str], known: &[&str]) -> bool {
    if let (Some(one), Some(other)) = (rule.first(), known.first())
        && (is_hidden_topic(one, other) || is_hidden_topic(other, one))
    {
        return true;
    }
    has_disjoint_segments(rule, known)
}

fn has_disjoint_segments(one: &[&str], other: &[&str]) -> bool {
    match (one, other) {
        // `#` matches no segment at all, and any that the other pattern has.
        (["#"], _) | (_, ["#"]) | ([], []) => false,
        ([], _) | (_, []) => true,
        ([first, one @ ..], [second, other @ ..]) => {
            let meet = first == second || *first == "+" || *second == "+";
            !meet || has_disjoint_segments(one, other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_as_the_topics_they_stand_for_do() {
        for (rule, known, expected) in [
            ("a.b", "a.b", TopicOverlap::Contained),
            ("a.b", "a.c", TopicOverlap::Disjoint),
            ("a.b", "a.+", TopicOverlap::Contained),
            ("a.b", "a.#", TopicOverlap::Contained),
            ("a", "a.#", TopicOverlap::Contained),
            ("a", "a.+", TopicOverlap::Disjoint),
            ("a.#", "a.b", TopicOverlap::Partial),
            ("a.#", "a.#", TopicOverlap::Contained),
            ("a.#", "#", TopicOverlap::Contained),
            ("a.+", "a.#", TopicOverlap::Contained),
            ("a.+", "a.b", TopicOverlap::Partial),
            ("a.+.c", "a.b.+", TopicOverlap::Partial),
            ("a.b.#", "a.+.c", TopicOverlap::Partial),
            ("a.#", "a.+.#", TopicOverlap::Partial),
            ("a.b.c", "a.b", TopicOverlap::Disjoint),
            ("a.b.#", "a", TopicOverlap::Disjoint),
            ("#", "b.c", TopicOverlap::Partial),
            ("#", "$sys.a", TopicOverlap::Disjoint),
            ("$sys.a", "+.a", TopicOverlap::Disjoint),
            ("$sys.a", "$sys.#", TopicOverlap::Contained),
        ] {
            let pattern = |text| TopicPattern::new(text).unwrap();
            let found = topic_overlap(&pattern(rule), &pattern(known));
            assert_eq!(found, expected, "{rule} {known}");
        }
    }
}
