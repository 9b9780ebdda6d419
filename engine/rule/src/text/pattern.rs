//! Searching texts, exactly or without regard to case.

use larum_event::value::{CaseSensitivity, fold_case};
use larum_predicate::{TextAnchor, compile_regex};

/// A question about a text and a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextOperator {
    Contains,
    StartsWith,
    EndsWith,
    EqualCi,
    ContainsCi,
    StartsWithCi,
    EndsWithCi,
}

impl TextOperator {
    /// The same question as predicates ask it: where the text must stand, and whether case matters.
    pub(crate) fn anchor_and_case(self) -> (TextAnchor, CaseSensitivity) {
        match self {
            Self::Contains => (TextAnchor::Anywhere, CaseSensitivity::Sensitive),
            Self::StartsWith => (TextAnchor::Start, CaseSensitivity::Sensitive),
            Self::EndsWith => (TextAnchor::End, CaseSensitivity::Sensitive),
            Self::EqualCi => (TextAnchor::Whole, CaseSensitivity::Insensitive),
            Self::ContainsCi => (TextAnchor::Anywhere, CaseSensitivity::Insensitive),
            Self::StartsWithCi => (TextAnchor::Start, CaseSensitivity::Insensitive),
            Self::EndsWithCi => (TextAnchor::End, CaseSensitivity::Insensitive),
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

    pub(crate) fn from_name(name: &str) -> Option<Self> {
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
pub(crate) struct TextSearch {
    test: TextOperator,
    wanted: Box<str>,
}

impl TextSearch {
    pub(crate) fn new(test: TextOperator, wanted: &str) -> Self {
        let wanted = if test.ignores_case() {
            fold_case(wanted).into()
        } else {
            wanted.into()
        };
        Self { test, wanted }
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        let wanted = self.wanted.as_ref();
        match self.test {
            TextOperator::Contains => text.contains(wanted),
            TextOperator::StartsWith => text.starts_with(wanted),
            TextOperator::EndsWith => text.ends_with(wanted),
            TextOperator::EqualCi => fold_case(text) == *wanted,
            TextOperator::ContainsCi => fold_case(text).contains(wanted),
            TextOperator::StartsWithCi => fold_case(text).starts_with(wanted),
            TextOperator::EndsWithCi => fold_case(text).ends_with(wanted),
        }
    }
}

/// Compiles a regular expression; the error is a sentence.
pub(crate) fn compile_rule_regex(pattern: &str) -> Result<regex::Regex, String> {
    compile_regex(pattern)
        .map_err(|reason| format!("{pattern:?} is not a regular expression: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_ignored_in_all_scripts_and_parts_stay_parts() {
        let holds = |test, text, wanted| TextSearch::new(test, wanted).holds(text);
        assert!(holds(TextOperator::EqualCi, "STRASSE Ä", "strasse ä"));
        assert!(holds(TextOperator::ContainsCi, "ΑΣΑ", "ΑΣ"));
        assert!(holds(TextOperator::EqualCi, "ΣΑΣ", "σας"));
        assert!(holds(TextOperator::EndsWithCi, r"C:\CMD.EXE", r"\cmd.exe"));
        assert!(!holds(TextOperator::Contains, "ABC", "abc"));
        assert!(holds(TextOperator::StartsWithCi, "ABC", ""));
    }
}
