//! Texts with wildcards.
//!
//! `*` stands for any run of characters and `?` for exactly one; both, and the backslash itself, are
//! literal behind a backslash, and a backslash before anything else is itself. That is Sigma's way, so
//! `*\cmd.exe` and `*\\cmd.exe` mean the same. Texts are compared without regard to case unless they are ids.

use std::borrow::Cow;
use std::fmt;

/// Replaces a text's characters by those that are equal without regard to case, one by one.
pub(crate) fn fold_case(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        Cow::Borrowed(text)
    } else if text.is_ascii() {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Owned(text.chars().map(fold_char).collect())
    }
}

/// Unicode's simple folding, as in rules: one character stays one character.
fn fold_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (c, lower.next(), lower.next()) {
        ('ς', ..) => 'σ',
        ('ſ', ..) => 's',
        (_, Some(one), None) => one,
        _ => c,
    }
}

/// Whether texts that differ in case are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaseMode {
    /// They are.
    Folded,
    /// They are not.
    Exact,
}

/// A text with wildcards, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchGlob {
    pieces: Vec<GlobPiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum GlobPiece {
    Text(String),
    One,
    Many,
}

impl SearchGlob {
    /// Reads a text in which wildcards and backslashes have their meaning.
    pub(crate) fn parse(text: &str) -> Self {
        let mut glob = Self { pieces: Vec::new() };
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' => {
                    let escaped = characters.next_if(|next| matches!(next, '*' | '?' | '\\' | '"'));
                    glob.push_char(escaped.unwrap_or('\\'));
                }
                '?' => glob.pieces.push(GlobPiece::One),
                '*' if glob.pieces.last() == Some(&GlobPiece::Many) => {}
                '*' => glob.pieces.push(GlobPiece::Many),
                other => glob.push_char(other),
            }
        }
        glob
    }

    /// The text itself, without wildcards.
    pub(crate) fn from_literal(text: &str) -> Self {
        let pieces = match text {
            "" => Vec::new(),
            _ => vec![GlobPiece::Text(text.to_owned())],
        };
        Self { pieces }
    }

    fn push_char(&mut self, character: char) {
        match self.pieces.last_mut() {
            Some(GlobPiece::Text(text)) => text.push(character),
            _ => self.pieces.push(GlobPiece::Text(character.into())),
        }
    }

    /// The text, if it holds no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [GlobPiece::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Makes what finds texts that are wholly this.
    pub(crate) fn whole_matcher(&self, case: CaseMode) -> TextMatcher {
        let segments = self.pieces.split(|piece| *piece == GlobPiece::Many);
        TextMatcher {
            case,
            segments: segments
                .map(|pieces| GlobSegment::from_pieces(pieces, case))
                .collect(),
        }
    }

    /// Makes what finds texts that have this in them.
    pub(crate) fn substring_matcher(&self, case: CaseMode) -> TextMatcher {
        let mut matcher = self.whole_matcher(case);
        matcher.segments.insert(0, GlobSegment::default());
        matcher.segments.push(GlobSegment::default());
        matcher
    }
}

impl fmt::Display for SearchGlob {
    /// As `SearchGlob::parse_search` reads it, without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                GlobPiece::One => f.write_str("?")?,
                GlobPiece::Many => f.write_str("*")?,
                GlobPiece::Text(text) => {
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

impl SearchGlob {
    /// The longest run of characters, in lower case, that stands as it is in the JSON of every text that fits, as
    /// long as that hides no character of ASCII behind another one.
    pub(crate) fn needle(&self) -> Option<String> {
        let is_plain =
            |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/'));
        let texts = self.pieces.iter().filter_map(|piece| match piece {
            GlobPiece::Text(text) => Some(text.as_str()),
            GlobPiece::One | GlobPiece::Many => None,
        });
        let runs = texts.flat_map(|text| text.split(|c| !is_plain(c)));
        let longest = runs.max_by_key(|run| run.len())?;
        (longest.len() >= MIN_NEEDLE_BYTES).then(|| longest.to_ascii_lowercase())
    }
}

/// Shorter runs are in too many texts.
const MIN_NEEDLE_BYTES: usize = 3;

/// Finds texts.
#[derive(Debug, Clone)]
pub(crate) struct TextMatcher {
    case: CaseMode,
    /// What stands between the runs of any characters; never empty.
    segments: Vec<GlobSegment>,
}

impl TextMatcher {
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text = match self.case {
            CaseMode::Folded => fold_case(text),
            CaseMode::Exact => Cow::Borrowed(text),
        };
        self.match_segments(&text).is_some()
    }

    fn match_segments(&self, text: &str) -> Option<()> {
        let (first, rest) = self.segments.split_first()?;
        let after_first = first.prefix_length(text)?;
        let Some((last, middle)) = rest.split_last() else {
            return (after_first == text.len()).then_some(());
        };
        let text = text.get(after_first..)?;
        let mut text = text.get(..text.len() - last.suffix_length(text)?)?;
        for segment in middle {
            // The first place is as good as any: what follows only needs room.
            text = text.get(segment.find_end(text)?..)?;
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
    fn from_pieces(pieces: &[GlobPiece], case: CaseMode) -> Self {
        let folded = |text: &str| match case {
            CaseMode::Folded => fold_case(text).into_owned(),
            CaseMode::Exact => text.to_owned(),
        };
        match pieces {
            [] => Self::default(),
            [GlobPiece::Text(text)] => Self::Text(folded(text)),
            _ => {
                let mut places = Vec::new();
                for piece in pieces {
                    match piece {
                        GlobPiece::Text(text) => places.extend(folded(text).chars().map(Some)),
                        GlobPiece::One | GlobPiece::Many => places.push(None),
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
            let found = SearchGlob::parse(pattern)
                .whole_matcher(CaseMode::Folded)
                .matches(text);
            assert_eq!(found, expected, "{pattern} in {text:?}");
        }
        assert!(
            SearchGlob::parse("b?d")
                .substring_matcher(CaseMode::Folded)
                .matches("aBCDe")
        );
        assert!(
            !SearchGlob::parse("b?d")
                .substring_matcher(CaseMode::Folded)
                .matches("aBDe")
        );
        assert!(
            !SearchGlob::parse("A")
                .whole_matcher(CaseMode::Exact)
                .matches("a")
        );
    }
}
