//! Whether an event contains any of a few texts at all: one pass over all of its texts at once.

use aho_corasick::packed::{Config, MatchKind, Searcher};

use crate::slot_tests::SlotTests;
use crate::text_anchor::TextAnchor;

/// Most texts that are looked for with vectors.
const MAX_TEXTS: usize = 64;
/// Shorter texts are too common to be worth a look.
const MIN_TEXT_BYTES: usize = 3;

/// Says whether one of its texts may occur.
#[derive(Debug)]
pub(crate) struct TextPrefilter(Searcher);

impl TextPrefilter {
    /// A prefilter for `tests` if they are of few texts, none of them short, and of nothing else.
    pub(crate) fn new(tests: &SlotTests) -> Option<Self> {
        let only_texts = tests.present.is_none()
            && tests.has_value.is_none()
            && tests.numbers.is_empty()
            && tests.shapes.is_empty();
        let fits = |kind: TextAnchor, text: &str| {
            kind == TextAnchor::Anywhere && text.len() >= MIN_TEXT_BYTES
        };
        let all_fit = tests.texts.iter().all(|(kind, text, _)| fits(*kind, text));
        let few = (1..=MAX_TEXTS).contains(&tests.texts.len());
        if !(only_texts && all_fit && few) {
            return None;
        }
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        builder.extend(tests.texts.iter().map(|(_, text, _)| text));
        builder.build().map(Self)
    }

    /// Whether `value`, which is folded, contains one of the texts.
    pub(crate) fn may_match(&self, value: &[u8]) -> bool {
        self.0.find(value).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PredicateId;

    fn slot_tests(texts: &[&str]) -> SlotTests {
        let texts = texts.iter().zip(0..);
        SlotTests {
            texts: texts
                .map(|(text, id)| (TextAnchor::Anywhere, (*text).to_owned(), PredicateId(id)))
                .collect(),
            ..SlotTests::default()
        }
    }

    #[test]
    fn a_gate_opens_where_one_of_its_texts_stands() {
        let Some(gate) = TextPrefilter::new(&slot_tests(&["mimikatz", "psexec", "äöü"])) else {
            return;
        };
        let filling = "x".repeat(100);
        for (value, opens) in [
            (format!("{filling}psexec{filling}"), true),
            ("psexec".to_owned(), true),
            ("äöü".to_owned(), true),
            (filling, false),
            ("psexe".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(gate.may_match(value.as_bytes()), opens, "{value}");
        }
    }

    #[test]
    fn short_texts_and_many_have_no_gate() {
        assert!(TextPrefilter::new(&slot_tests(&[])).is_none());
        assert!(TextPrefilter::new(&slot_tests(&["ab", "mimikatz"])).is_none());
        let many: Vec<String> = (0..=MAX_TEXTS).map(|at| format!("text{at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(TextPrefilter::new(&slot_tests(&many)).is_none());
        let mut valued = slot_tests(&["mimikatz"]);
        valued.has_value = Some(PredicateId(1));
        assert!(TextPrefilter::new(&valued).is_none());
    }
}
