//! Texts with wildcards.
//!
//! `*` stands for any run of characters and `?` for exactly one; both, and the backslash itself, are
//! literal behind a backslash, and a backslash before anything else is itself. That is Sigma's way, so
//! `*\cmd.exe` and `*\\cmd.exe` mean the same. Texts are compared without regard to case unless they are ids.

use std::borrow::Cow;
use std::fmt;

/// Replaces a text's characters by those that are equal without regard to case, one by one.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
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
pub(crate) enum Case {
    /// They are.
    Folded,
    /// They are not.
    Exact,
}

/// A text with wildcards, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    One,
    Many,
}

impl Glob {
    /// Reads a text in which wildcards and backslashes have their meaning.
    pub(crate) fn parse(text: &str) -> Self {
        let mut glob = Self { pieces: Vec::new() };
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' => {
                    let escaped = characters.next_if(|next| matches!(next, '*' | '?' | '\\' | '"'));
                    glob.push(escaped.unwrap_or('\\'));
                }
                '?' => glob.pieces.push(Piece::One),
                '*' if glob.pieces.last() == Some(&Piece::Many) => {}
                '*' => glob.pieces.push(Piece::Many),
                other => glob.push(other),
            }
        }
        glob
    }

    /// The text itself, without wildcards.
    pub(crate) fn exactly(text: &str) -> Self {
        let pieces = match text {
            "" => Vec::new(),
            _ => vec![Piece::Text(text.to_owned())],
        };
        Self { pieces }
    }

    fn push(&mut self, character: char) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(character),
            _ => self.pieces.push(Piece::Text(character.into())),
        }
    }

    /// The text, if it holds no wildcard.
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn has_no_text(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Makes what finds texts that are wholly this.
    pub(crate) fn whole(&self, case: Case) -> Matcher {
        let segments = self.pieces.split(|piece| *piece == Piece::Many);
        Matcher {
            case,
            segments: segments.map(|pieces| Segment::of(pieces, case)).collect(),
        }
    }

    /// Makes what finds texts that have this in them.
    pub(crate) fn inside(&self, case: Case) -> Matcher {
        let mut matcher = self.whole(case);
        matcher.segments.insert(0, Segment::default());
        matcher.segments.push(Segment::default());
        matcher
    }
}

impl fmt::Display for Glob {
    /// As `Glob::parse` reads it, without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::One => f.write_str("?")?,
                Piece::Many => f.write_str("*")?,
                Piece::Text(text) => {
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

impl Glob {
    /// The longest run of characters, in lower case, that stands as it is in the JSON of every text that fits, as
    /// long as that hides no character of ASCII behind another one.
    pub(crate) fn needle(&self) -> Option<String> {
        let is_plain =
            |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/'));
        let texts = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::One | Piece::Many => None,
        });
        let runs = texts.flat_map(|text| text.split(|c| !is_plain(c)));
        let longest = runs.max_by_key(|run| run.len())?;
        (longest.len() >= NEEDLE_BYTES).then(|| longest.to_ascii_lowercase())
    }
}

/// Shorter runs are in too many texts.
const NEEDLE_BYTES: usize = 3;

/// Finds texts.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    case: Case,
    /// What stands between the runs of any characters; never empty.
    segments: Vec<Segment>,
}

impl Matcher {
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text = match self.case {
            Case::Folded => fold(text),
            Case::Exact => Cow::Borrowed(text),
        };
        self.matches_folded(&text).is_some()
    }

    fn matches_folded(&self, text: &str) -> Option<()> {
        let (first, rest) = self.segments.split_first()?;
        let after_first = first.length_at_start(text)?;
        let Some((last, middle)) = rest.split_last() else {
            return (after_first == text.len()).then_some(());
        };
        let text = text.get(after_first..)?;
        let mut text = text.get(..text.len() - last.length_at_end(text)?)?;
        for segment in middle {
            // The first place is as good as any: what follows only needs room.
            text = text.get(segment.end_of_first(text)?..)?;
        }
        Some(())
    }
}

/// A text without runs of any characters.
#[derive(Debug, Clone)]
enum Segment {
    Text(String),
    /// With places for one character each, which are `None`.
    Mixed(Vec<Option<char>>),
}

impl Default for Segment {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Segment {
    fn of(pieces: &[Piece], case: Case) -> Self {
        let folded = |text: &str| match case {
            Case::Folded => fold(text).into_owned(),
            Case::Exact => text.to_owned(),
        };
        match pieces {
            [] => Self::default(),
            [Piece::Text(text)] => Self::Text(folded(text)),
            _ => {
                let mut places = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => places.extend(folded(text).chars().map(Some)),
                        Piece::One | Piece::Many => places.push(None),
                    }
                }
                Self::Mixed(places)
            }
        }
    }

    /// Bytes that it takes at the start of `text`.
    fn length_at_start(&self, text: &str) -> Option<usize> {
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
    fn length_at_end(&self, text: &str) -> Option<usize> {
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
    fn end_of_first(&self, text: &str) -> Option<usize> {
        match self {
            Self::Text(own) => text.find(own.as_str()).map(|at| at + own.len()),
            Self::Mixed(_) => text.char_indices().find_map(|(at, _)| {
                let length = self.length_at_start(text.get(at..)?)?;
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
            let found = Glob::parse(pattern).whole(Case::Folded).matches(text);
            assert_eq!(found, expected, "{pattern} in {text:?}");
        }
        assert!(Glob::parse("b?d").inside(Case::Folded).matches("aBCDe"));
        assert!(!Glob::parse("b?d").inside(Case::Folded).matches("aBDe"));
        assert!(!Glob::parse("A").whole(Case::Exact).matches("a"));
    }
}
