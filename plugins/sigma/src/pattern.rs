//! Sigma's strings: wildcards, escapes, and what modifiers make of them.
//!
//! Owns the reading of one value into parts; where it must be in a field is left to `item`.
//! Invariant: only an unescaped `*` or `?` is a wildcard; every other character stands for itself.

use larum_event::value::{CaseSensitivity, GlobPart, GlobPattern};
use larum_predicate::{FieldTest, TextAnchor};

/// The dashes that `windash` interchanges.
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// Reads a value: `*` and `?` are wildcards, a backslash before one of them or before another
/// backslash takes its meaning away, and before anything else is itself.
pub(crate) fn parse(text: &str) -> GlobPattern {
    GlobPattern::parse(text, &[])
}

/// The pattern with anything before it, or behind it, or both.
pub(crate) fn open_ends(glob: &GlobPattern, kind: TextAnchor) -> GlobPattern {
    let before = matches!(kind, TextAnchor::End | TextAnchor::Anywhere).then_some(GlobPart::Run);
    let behind = matches!(kind, TextAnchor::Start | TextAnchor::Anywhere).then_some(GlobPart::Run);
    GlobPattern::new(
        before
            .into_iter()
            .chain(glob.parts().iter().cloned())
            .chain(behind),
    )
}

/// The cheapest test that is the pattern.
pub(crate) fn cheapest_test(glob: GlobPattern, case: CaseSensitivity) -> FieldTest {
    let (kind, literal) = match glob.parts() {
        [GlobPart::Run] => return FieldTest::HasValue,
        [] => (TextAnchor::Whole, ""),
        [GlobPart::Literal(text)] => (TextAnchor::Whole, text.as_str()),
        [GlobPart::Literal(text), GlobPart::Run] => (TextAnchor::Start, text.as_str()),
        [GlobPart::Run, GlobPart::Literal(text)] => (TextAnchor::End, text.as_str()),
        [GlobPart::Run, GlobPart::Literal(text), GlobPart::Run] => {
            (TextAnchor::Anywhere, text.as_str())
        }
        _ => return FieldTest::Pattern { glob, case },
    };
    let literal = literal.to_owned();
    FieldTest::Text {
        kind,
        literal,
        case,
    }
}

/// Every way to write the pattern with other dashes before its flags; `None` if they are too many.
///
/// A dash begins a flag when a letter or digit follows it and none comes before it, as in pySigma.
pub(crate) fn dash_spellings(glob: &GlobPattern) -> Option<Vec<GlobPattern>> {
    /// Flags in one value: 5 to the power of 4 patterns.
    const FLAGS: usize = 4;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut spellings = vec![Vec::new()];
    let mut flags = 0;
    for part in glob.parts() {
        let GlobPart::Literal(text) = part else {
            spellings
                .iter_mut()
                .for_each(|spelling| spelling.push(part.clone()));
            continue;
        };
        let mut before = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let begins = DASHES.contains(&c)
                && !before.is_some_and(is_word)
                && chars.peek().is_some_and(|next| is_word(*next));
            before = Some(c);
            if !begins {
                let same = GlobPart::Literal(c.to_string());
                spellings
                    .iter_mut()
                    .for_each(|spelling| spelling.push(same.clone()));
                continue;
            }
            // Before the spellings are written out, as each flag makes five times as many.
            flags += 1;
            if flags > FLAGS {
                return None;
            }
            let with = |spelling: &Vec<GlobPart>, dash: char| {
                let mut spelling = spelling.clone();
                spelling.push(GlobPart::Literal(dash.to_string()));
                spelling
            };
            spellings = spellings
                .iter()
                .flat_map(|spelling| DASHES.map(|dash| with(spelling, dash)))
                .collect();
        }
    }
    Some(spellings.into_iter().map(GlobPattern::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> GlobPart {
        GlobPart::Literal(text.to_owned())
    }

    #[test]
    fn backslashes_escape_wildcards_and_themselves_and_nothing_else() {
        for (text, parts) in [
            (r"a\*b", vec![literal("a*b")]),
            (r"a\\*", vec![literal(r"a\"), GlobPart::Run]),
            (r"a\\\*", vec![literal(r"a\*")]),
            (r"C:\Windows", vec![literal(r"C:\Windows")]),
            (r"C:\\Windows", vec![literal(r"C:\Windows")]),
            (r"\\\x", vec![literal(r"\\x")]),
            (r"\\\\x", vec![literal(r"\\x")]),
            (r"a\", vec![literal(r"a\")]),
            ("a?**", vec![literal("a"), GlobPart::One, GlobPart::Run]),
            ("", vec![]),
        ] {
            assert_eq!(parse(text).parts(), parts, "{text}");
        }
    }

    #[test]
    fn opening_a_pattern_doubles_no_wildcard() {
        assert_eq!(open_ends(&parse("*a*"), TextAnchor::Anywhere), parse("*a*"));
        assert_eq!(open_ends(&parse("a"), TextAnchor::Start), parse("a*"));
        assert_eq!(open_ends(&parse("a"), TextAnchor::End), parse("*a"));
    }

    #[test]
    fn only_the_dash_that_begins_a_flag_is_interchanged() {
        assert_eq!(dash_spellings(&parse(" -a-b ")).unwrap().len(), 5);
        assert_eq!(dash_spellings(&parse("/a -b")).unwrap().len(), 25);
        assert!(
            dash_spellings(&parse("/a -b"))
                .unwrap()
                .contains(&parse("-a –b"))
        );
        assert_eq!(dash_spellings(&parse("a - b")).unwrap().len(), 1);
        assert!(dash_spellings(&parse("-a -b -c -d -e")).is_none());
    }
}
