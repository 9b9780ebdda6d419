//! Searching texts, exactly or without regard to case.

use crate::predicate::{Case, TextKind, fold};

/// A question about a text and a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
    EqualCi,
    ContainsCi,
    StartsWithCi,
    EndsWithCi,
}

impl TextTest {
    /// The same question as predicates ask it: where the text must stand, and whether case matters.
    pub(crate) fn placed(self) -> (TextKind, Case) {
        match self {
            Self::Contains => (TextKind::Anywhere, Case::Kept),
            Self::StartsWith => (TextKind::Start, Case::Kept),
            Self::EndsWith => (TextKind::End, Case::Kept),
            Self::EqualCi => (TextKind::Whole, Case::Ignored),
            Self::ContainsCi => (TextKind::Anywhere, Case::Ignored),
            Self::StartsWithCi => (TextKind::Start, Case::Ignored),
            Self::EndsWithCi => (TextKind::End, Case::Ignored),
        }
    }

    pub(crate) const ALL: [Self; 7] = [
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::EqualCi,
        Self::ContainsCi,
        Self::StartsWithCi,
        Self::EndsWithCi,
    ];

    /// The name of the function in rules.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::EqualCi => "eq_ci",
            Self::ContainsCi => "contains_ci",
            Self::StartsWithCi => "starts_with_ci",
            Self::EndsWithCi => "ends_with_ci",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|test| test.name() == name)
    }

    const fn ignores_case(self) -> bool {
        match self {
            Self::Contains | Self::StartsWith | Self::EndsWith => false,
            Self::EqualCi | Self::ContainsCi | Self::StartsWithCi | Self::EndsWithCi => true,
        }
    }
}

/// A test and what it looks for, made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    test: TextTest,
    wanted: Box<str>,
}

impl Search {
    pub(crate) fn new(test: TextTest, wanted: &str) -> Self {
        let wanted = if test.ignores_case() {
            fold(wanted).into_boxed_str()
        } else {
            wanted.into()
        };
        Self { test, wanted }
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        let wanted = self.wanted.as_ref();
        match self.test {
            TextTest::Contains => text.contains(wanted),
            TextTest::StartsWith => text.starts_with(wanted),
            TextTest::EndsWith => text.ends_with(wanted),
            TextTest::EqualCi => fold(text) == *wanted,
            TextTest::ContainsCi => fold(text).contains(wanted),
            TextTest::StartsWithCi => fold(text).starts_with(wanted),
            TextTest::EndsWithCi => fold(text).ends_with(wanted),
        }
    }
}

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES: usize = 1024 * 1024;

/// Compiles a regular expression; the error is a sentence.
pub(crate) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    compiled(pattern).map_err(|reason| format!("{pattern:?} is not a regular expression: {reason}"))
}

/// Compiles a regular expression; the error is what is wrong with it.
pub(crate) fn compiled(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES)
        .build()
        .map_err(|error| {
            let reason = error.to_string();
            // The crate draws a picture; its last line says what is wrong.
            let reason = reason.lines().last().unwrap_or_default();
            reason.trim().trim_start_matches("error: ").to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_ignored_in_all_scripts_and_parts_stay_parts() {
        let holds = |test, text, wanted| Search::new(test, wanted).holds(text);
        assert!(holds(TextTest::EqualCi, "STRASSE Ä", "strasse ä"));
        assert!(holds(TextTest::ContainsCi, "ΑΣΑ", "ΑΣ"));
        assert!(holds(TextTest::EqualCi, "ΣΑΣ", "σας"));
        assert!(holds(TextTest::EndsWithCi, r"C:\CMD.EXE", r"\cmd.exe"));
        assert!(!holds(TextTest::Contains, "ABC", "abc"));
        assert!(holds(TextTest::StartsWithCi, "ABC", ""));
    }
}
