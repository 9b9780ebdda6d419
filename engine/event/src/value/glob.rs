//! Texts with wildcards.
//!
//! Owns the pattern as data and what matches it; which texts are folded, and where a cheaper test
//! than a pattern will do, is left to those who ask. `*` stands for any run of characters, line
//! breaks too, and `?` for exactly one. Both, and the backslash itself, are literal behind a
//! backslash, and a backslash before anything else is itself. That is Sigma's way, so `*\cmd.exe`
//! and `*\\cmd.exe` mean the same.
//! Invariant: parts of one kind are never neighbours, except `?`, and no literal is empty, so
//! patterns that mean the same text are equal.

use std::fmt;

use super::text_case::CaseSensitivity;

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

    /// Reads a text in which wildcards and backslashes have their meaning; a backslash also takes
    /// the meaning of the characters in `escapable`.
    pub fn parse(text: &str, escapable: &[char]) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let wildcard = match character {
                '\\' => {
                    let is_escapable =
                        |next: &char| matches!(next, '*' | '?' | '\\') || escapable.contains(next);
                    literal.push(characters.next_if(is_escapable).unwrap_or('\\'));
                    continue;
                }
                '*' => GlobPart::Run,
                '?' => GlobPart::One,
                other => {
                    literal.push(other);
                    continue;
                }
            };
            parts.push(GlobPart::Literal(std::mem::take(&mut literal)));
            parts.push(wildcard);
        }
        parts.push(GlobPart::Literal(literal));
        Self::new(parts)
    }

    /// The text itself, without wildcards.
    pub fn from_literal(text: &str) -> Self {
        Self::new([GlobPart::Literal(text.to_owned())])
    }

    /// Its parts, in order.
    pub fn parts(&self) -> &[GlobPart] {
        &self.parts
    }

    /// The text, if it holds no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [GlobPart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether only the empty text matches.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The texts in it, without the wildcards between them.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            GlobPart::Literal(text) => Some(text.as_str()),
            GlobPart::Run | GlobPart::One => None,
        })
    }

    /// The same pattern for texts that were [normalized](CaseSensitivity::normalize).
    #[must_use]
    pub fn normalize(&self, case: CaseSensitivity) -> Self {
        Self::new(self.parts.iter().map(|part| match part {
            GlobPart::Literal(text) => GlobPart::Literal(case.normalize(text).into_owned()),
            other => other.clone(),
        }))
    }

    /// Makes what finds texts that are wholly this.
    pub fn whole_matcher(&self) -> GlobMatcher {
        let segments = self.parts.split(|part| *part == GlobPart::Run);
        GlobMatcher {
            segments: segments.map(GlobSegment::from_parts).collect(),
        }
    }

    /// Makes what finds texts that have this in them.
    pub fn substring_matcher(&self) -> GlobMatcher {
        let mut matcher = self.whole_matcher();
        matcher.segments.insert(0, GlobSegment::default());
        matcher.segments.push(GlobSegment::default());
        matcher
    }
}

impl fmt::Display for GlobPattern {
    /// As [`GlobPattern::parse`] reads it, with quotes escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                GlobPart::One => f.write_str("?")?,
                GlobPart::Run => f.write_str("*")?,
                GlobPart::Literal(text) => {
                    for character in text.chars() {
                        if matches!(character, '*' | '?' | '\\' | '"') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{character}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Finds the texts that a pattern describes, character by character: the caller folds.
#[derive(Debug, Clone)]
pub struct GlobMatcher {
    /// What is between the runs of any characters; never empty.
    segments: Vec<GlobSegment>,
}

impl GlobMatcher {
    /// Whether the pattern matches `text`. At worst this takes pattern × text.
    pub fn is_match(&self, text: &str) -> bool {
        self.match_segments(text).is_some()
    }

    fn match_segments(&self, text: &str) -> Option<()> {
        let (first, rest) = self.segments.split_first()?;
        let after_first = first.prefix_length(text)?;
        let Some((last, middle)) = rest.split_last() else {
            return (after_first == text.len()).then_some(());
        };
        let behind = text.get(after_first..)?;
        // The last one is anchored: its room is taken before those between are looked for.
        let mut between = behind.get(..behind.len() - last.suffix_length(behind)?)?;
        for segment in middle {
            // The first place is as good as any: what follows only needs room.
            between = between.get(segment.find_end(between)?..)?;
        }
        Some(())
    }
}

/// A text without runs of any characters.
#[derive(Debug, Clone)]
enum GlobSegment {
    Text(String),
    /// With places for one character each, which are `None`.
    Mixed(Vec<Option<char>>),
}

impl Default for GlobSegment {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl GlobSegment {
    fn from_parts(parts: &[GlobPart]) -> Self {
        match parts {
            [] => Self::default(),
            [GlobPart::Literal(text)] => Self::Text(text.clone()),
            _ => {
                let mut places = Vec::new();
                for part in parts {
                    match part {
                        GlobPart::Literal(text) => places.extend(text.chars().map(Some)),
                        GlobPart::One | GlobPart::Run => places.push(None),
                    }
                }
                Self::Mixed(places)
            }
        }
    }

    /// Bytes that it takes at the start of `text`.
    fn prefix_length(&self, text: &str) -> Option<usize> {
        match self {
            Self::Text(own) => text.starts_with(own.as_str()).then_some(own.len()),
            Self::Mixed(places) => {
                let mut characters = text.chars();
                let fits = places.iter().all(|place| {
                    characters
                        .next()
                        .is_some_and(|c| place.is_none_or(|own| own == c))
                });
                fits.then(|| text.len() - characters.as_str().len())
            }
        }
    }

    /// Bytes that it takes at the end of `text`.
    fn suffix_length(&self, text: &str) -> Option<usize> {
        match self {
            Self::Text(own) => text.ends_with(own.as_str()).then_some(own.len()),
            Self::Mixed(places) => {
                let mut characters = text.chars();
                let fits = places.iter().rev().all(|place| {
                    characters
                        .next_back()
                        .is_some_and(|c| place.is_none_or(|own| own == c))
                });
                fits.then(|| text.len() - characters.as_str().len())
            }
        }
    }

    /// Where its first place in `text` ends.
    fn find_end(&self, text: &str) -> Option<usize> {
        match self {
            Self::Text(own) => text.find(own.as_str()).map(|at| at + own.len()),
            Self::Mixed(_) => text.char_indices().find_map(|(at, _)| {
                let length = self.prefix_length(text.get(at..)?)?;
                Some(at + length)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::fold_case;

    fn folded(pattern: &str) -> GlobPattern {
        GlobPattern::parse(pattern, &[]).normalize(CaseSensitivity::Insensitive)
    }

    #[test]
    fn wildcards_stand_for_any_run_and_for_one_character() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("auth.*", "AUTH.login", true),
            ("auth.*", "auth", false),
            ("*.exe", "a.EXE", true),
            ("*.exe", "a.exe ", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("a?c", "abc", true),
            ("a?c", "aüc", true),
            ("a?c", "ac", false),
            ("*a?c*", "xxabcx", true),
            ("*?", "", false),
            ("?*?", "a", false),
            ("?*?", "ab", true),
            (r"*\cmd.exe", r"C:\cmd.exe", true),
            (r"*\\cmd.exe", r"C:\cmd.exe", true),
            (r"100\%\*", "100\\%*", true),
            (r"100\*", "100%", false),
            (r"a\\*", r"a\b", true),
            (r"a\\\*", r"a\*", true),
            (r"a\\\*", r"a\b", false),
            ("ÜBER", "über", true),
            ("a*b", "a\nb", true),
        ] {
            assert_eq!(
                folded(pattern).whole_matcher().is_match(&fold_case(text)),
                expected,
                "{pattern} in {text:?}"
            );
        }
        assert!(folded("b?d").substring_matcher().is_match("abcde"));
        assert!(!folded("b?d").substring_matcher().is_match("abde"));
        assert!(!GlobPattern::parse("A", &[]).whole_matcher().is_match("a"));
    }

    #[test]
    fn a_pattern_is_anchored_and_runs_cross_lines() {
        for (pattern, text, matches) in [
            ("a*b", "ab", true),
            ("a*b", "abc", false),
            ("a*b", "xab", false),
            ("a?b", "a\nb", true),
            ("a?b", "aäb", true),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("?", "", false),
            ("a*", "b", false),
            ("*a?c*", "xxabxabc", true),
        ] {
            let found = GlobPattern::parse(pattern, &[])
                .whole_matcher()
                .is_match(text);
            assert_eq!(found, matches, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn patterns_written_alike_are_equal_and_read_back() {
        let parse = |text| GlobPattern::parse(text, &['"']);
        assert_eq!(parse("a**b"), parse("a*b"));
        assert_eq!(GlobPattern::from_literal(""), parse(""));
        for text in ["a*b?c", r#"a\*\?\\\"b"#, "??*", ""] {
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(GlobPattern::from_literal("*").as_literal(), Some("*"));
        assert_eq!(parse("a?").as_literal(), None);
    }
}
