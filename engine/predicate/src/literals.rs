//! Texts of which one is contained in whatever a regular expression matches, ignoring case.
//!
//! Folding goes character by character, so a text that a value contains is also contained in it
//! folded.
//!
//! Owns reading the expression's syntax; running it is left to the verifier.
//! Invariant: if the expression matches a value, the folded value contains one of the texts. An
//! expression that cannot be read gives no texts, so it is run more often and never too seldom.

use larum_event::value::{fold_case, fold_char};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Most texts of one choice.
const MAX_TEXTS: usize = 32;
/// Most characters of a class that are written out.
const MAX_CLASS_CHARACTERS: u32 = 64;

/// Folded texts, one of which every value that `pattern` matches contains.
pub(crate) fn regex_literals(pattern: &str) -> Option<Vec<String>> {
    let parsed = regex_syntax::parse(pattern).ok()?;
    required_literals(&parsed).filter(|texts| texts.iter().all(|text| !text.is_empty()))
}

/// What says most: the longer its shortest text, then the fewer.
fn is_better(left: &[String], right: &[String]) -> bool {
    let worth = |texts: &[String]| {
        let shortest = texts.iter().map(String::len).min().unwrap_or_default();
        (shortest.min(8), usize::MAX - texts.len())
    };
    worth(left) > worth(right)
}

fn required_literals(hir: &Hir) -> Option<Vec<String>> {
    // All texts that match are the best that can be required.
    if let Some(texts) = exact_texts(hir) {
        return Some(texts);
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => None,
        HirKind::Repetition(repetition) if repetition.min == 0 => None,
        HirKind::Repetition(repetition) => required_literals(&repetition.sub),
        HirKind::Capture(capture) => required_literals(&capture.sub),
        // Each branch must require something, or nothing is required of the whole.
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(required_literals(part)?);
            }
            all.sort();
            all.dedup();
            (all.len() <= MAX_TEXTS).then_some(all)
        }
        HirKind::Concat(parts) => {
            let mut best: Option<Vec<String>> = None;
            let mut offer = |texts: Vec<String>| {
                if best.as_ref().is_none_or(|best| is_better(&texts, best)) {
                    best = Some(texts);
                }
            };
            let mut run = vec![String::new()];
            for part in parts {
                match exact_texts(part).and_then(|texts| concat_texts(&run, &texts)) {
                    Some(longer) => run = longer,
                    // The run ends here. It is offered before a new one begins, as the texts of
                    // what follows need not be next to it.
                    None => {
                        offer(std::mem::replace(&mut run, vec![String::new()]));
                        match exact_texts(part) {
                            Some(texts) => run = texts,
                            None => required_literals(part).into_iter().for_each(&mut offer),
                        }
                    }
                }
            }
            offer(run);
            best
        }
    }
}

/// Every text of one before every text of the other, if they are not too many.
fn concat_texts(before: &[String], behind: &[String]) -> Option<Vec<String>> {
    if before.len() * behind.len() > MAX_TEXTS {
        return None;
    }
    let pairs = before.iter().flat_map(|before| {
        let joined = move |behind: &String| format!("{before}{behind}");
        behind.iter().map(joined)
    });
    Some(pairs.collect())
}

/// All folded texts that the expression matches, if they are few.
fn exact_texts(hir: &Hir) -> Option<Vec<String>> {
    let mut texts = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![fold_case(str::from_utf8(&literal.0).ok()?).into_owned()],
        HirKind::Class(Class::Unicode(class)) => {
            let mut texts = Vec::new();
            let mut count = 0;
            for range in class.ranges() {
                // Counted before it is written out: `.` is a range of a million characters.
                count += u32::from(range.end()) - u32::from(range.start()) + 1;
                if count > MAX_CLASS_CHARACTERS {
                    return None;
                }
                let characters = range.start()..=range.end();
                texts.extend(characters.map(|c| fold_char(c).to_string()));
            }
            texts
        }
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Repetition(repetition) if repetition.max == Some(1) => {
            let mut texts = exact_texts(&repetition.sub)?;
            if repetition.min == 0 {
                texts.push(String::new());
            }
            texts
        }
        HirKind::Repetition(_) => return None,
        HirKind::Capture(capture) => exact_texts(&capture.sub)?,
        HirKind::Concat(parts) => {
            let mut texts = vec![String::new()];
            for part in parts {
                texts = concat_texts(&texts, &exact_texts(part)?)?;
            }
            texts
        }
        HirKind::Alternation(parts) => {
            let mut texts = Vec::new();
            for part in parts {
                texts.extend(exact_texts(part)?);
            }
            texts
        }
    };
    // Texts that fold to the same count once against the limit.
    texts.sort();
    texts.dedup();
    (texts.len() <= MAX_TEXTS).then_some(texts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, wanted: Option<&[&str]>) {
        let found = regex_literals(pattern);
        let found = found.as_ref().map(|texts| {
            let texts = texts.iter().map(String::as_str);
            texts.collect::<Vec<_>>()
        });
        assert_eq!(found.as_deref(), wanted, "{pattern}");
    }

    #[test]
    fn the_texts_that_say_most_are_taken() {
        check("abc", Some(&["abc"]));
        check("(?i)AbK", Some(&["abk"]));
        check("a+bcd.*ef", Some(&["bcd"]));
        check("^x(ab|cd)y$", Some(&["xaby", "xcdy"]));
        check("(abc|de).+f?", Some(&["abc", "de"]));
        check("(abc.|.de)", Some(&["abc", "de"]));
        check(r"\d{3}-\w+", Some(&["-"]));
        check(".*", None);
        check("a?", None);
        check("(a|)", None);
        check("(abc)?", None);
        check("(?:longtext){2,}", Some(&["longtext"]));
        check("cmd(?:\\.exe)? /c", Some(&["cmd /c", "cmd.exe /c"]));
        check("[Kk\u{212a}]x", Some(&["kx"]));
    }

    proptest! {
        #[test]
        fn one_of_the_texts_stands_in_whatever_matches(
            pattern in "(\\(\\?i\\))?([abKſ]|a[bK]|\\.|\\(a\\|bK?\\)|b\\?|a\\+|\\[\\^b\\]){1,6}",
            value in "[aAbBkKsſ\u{212a}]{0,8}",
        ) {
            let regex = regex::Regex::new(&pattern).unwrap();
            if regex.is_match(&value) && let Some(texts) = regex_literals(&pattern) {
                let folded = fold_case(&value);
                prop_assert!(texts.iter().any(|text| folded.contains(text)), "{texts:?}");
            }
        }
    }
}
