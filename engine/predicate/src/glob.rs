//! Patterns with `*` (any run of characters, line breaks too) and `?` (exactly one character).
//!
//! Owns parsing into parts and matching; escapes are a matter of the rule language, and folding of
//! the caller.
//! Invariant: matching takes time in proportion to the product of both lengths, never more, since
//! patterns and values both come from strangers.

use crate::fold::fold;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GlobPart {
    /// These characters.
    Literal(String),
    /// Any run of characters, also none.
    Run,
    /// Exactly one character.
    One,
}

/// A pattern that is anchored at both ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GlobPattern {
    parts: Vec<GlobPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GlobStep {
    Char(char),
    Run,
    One,
}

/// A pattern ready to be matched.
#[derive(Debug)]
pub(crate) struct GlobMatcher {
    steps: Vec<GlobStep>,
}

impl GlobPattern {
    /// A pattern of parts; runs beside each other are one, as are literals.
    pub fn new(parts: impl IntoIterator<Item = GlobPart>) -> Self {
        let mut joined: Vec<GlobPart> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (Some(GlobPart::Run), GlobPart::Run) => {}
                (Some(GlobPart::Literal(before)), GlobPart::Literal(text)) => {
                    before.push_str(&text);
                }
                (_, GlobPart::Literal(text)) if text.is_empty() => {}
                (_, part) => joined.push(part),
            }
        }
        Self { parts: joined }
    }

    /// Its parts, in order.
    pub fn parts(&self) -> &[GlobPart] {
        &self.parts
    }

    /// The same pattern for folded texts.
    pub(crate) fn to_folded(&self) -> Self {
        Self::new(self.parts.iter().map(|part| match part {
            GlobPart::Literal(text) => GlobPart::Literal(fold(text)),
            other => other.clone(),
        }))
    }

    /// The longest text that whatever matches must contain.
    pub(crate) fn required_literal(&self) -> Option<&str> {
        let literals = self.parts.iter().filter_map(|part| match part {
            GlobPart::Literal(text) => Some(text.as_str()),
            GlobPart::Run | GlobPart::One => None,
        });
        literals.max_by_key(|text| text.len())
    }

    pub(crate) fn to_matcher(&self) -> GlobMatcher {
        let mut steps = Vec::new();
        for part in &self.parts {
            match part {
                GlobPart::Literal(text) => steps.extend(text.chars().map(GlobStep::Char)),
                GlobPart::Run => steps.push(GlobStep::Run),
                GlobPart::One => steps.push(GlobStep::One),
            }
        }
        GlobMatcher { steps }
    }
}

impl GlobMatcher {
    /// Two pointers: on a mismatch the last run takes one character more. At worst pattern × text.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let mut rest = text;
        let mut at = 0;
        // Where to go on when it does not fit: the step after the last run, and the text it is at.
        let mut again: Option<(usize, &str)> = None;
        loop {
            let step = self.steps.get(at).copied();
            if step == Some(GlobStep::Run) {
                at += 1;
                again = Some((at, rest));
                continue;
            }
            let mut chars = rest.chars();
            let next = chars.next();
            let fits = match (step, next) {
                (None, None) => return true,
                (Some(GlobStep::One), Some(_)) => true,
                (Some(GlobStep::Char(wanted)), Some(found)) => wanted == found,
                _ => false,
            };
            if fits {
                at += 1;
                rest = chars.as_str();
                continue;
            }
            // Only the last run has to take more: it can take whatever an earlier one could.
            let Some((step_after, tried)) = again else {
                return false;
            };
            let mut chars = tried.chars();
            if chars.next().is_none() {
                return false;
            }
            rest = chars.as_str();
            at = step_after;
            again = Some((step_after, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str) -> GlobPattern {
        GlobPattern::new(pattern.chars().map(|c| match c {
            '*' => GlobPart::Run,
            '?' => GlobPart::One,
            c => GlobPart::Literal(c.to_string()),
        }))
    }

    #[test]
    fn a_pattern_is_anchored_and_runs_cross_lines() {
        for (pattern, text, matches) in [
            ("a*b", "ab", true),
            ("a*b", "a\nb", true),
            ("a*b", "abc", false),
            ("a*b", "xab", false),
            ("a?b", "a\nb", true),
            ("a?b", "aäb", true),
            ("a?b", "ab", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("*", "", true),
            ("?", "", false),
            ("a*", "b", false),
            ("*a?c*", "xxabxabc", true),
        ] {
            assert_eq!(
                glob(pattern).to_matcher().is_match(text),
                matches,
                "{pattern} on {text:?}"
            );
        }
        assert_eq!(glob("a**bcd?").required_literal(), Some("bcd"));
        assert_eq!(glob("a**b"), glob("a*b"));
    }
}
