//! Whether any of a few texts stands in an event at all: one pass over all of its texts at once.

use aho_corasick::packed::{Config, MatchKind, Searcher};

use super::decide::Asked;
use super::test::TextKind;

/// Most texts that are looked for with vectors.
const MOST: usize = 64;
/// Shorter texts are too common to be worth a look.
const SHORTEST: usize = 3;

/// Opens where a text may stand.
#[derive(Debug)]
pub(crate) struct Gate(Searcher);

impl Gate {
    /// A gate for what is asked, if there are few texts, none of them short, and nothing else is asked.
    pub(crate) fn new(asked: &Asked) -> Option<Self> {
        let only_texts = asked.present.is_none()
            && asked.valued.is_none()
            && asked.numbers.is_empty()
            && asked.shapes.is_empty();
        let fits =
            |kind: TextKind, text: &str| kind == TextKind::Anywhere && text.len() >= SHORTEST;
        let all_fit = asked.texts.iter().all(|(kind, text, _)| fits(*kind, text));
        let few = (1..=MOST).contains(&asked.texts.len());
        if !(only_texts && all_fit && few) {
            return None;
        }
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        builder.extend(asked.texts.iter().map(|(_, text, _)| text));
        builder.build().map(Self)
    }

    /// Whether one of the texts stands in `value`, which is folded.
    pub(crate) fn opens(&self, value: &[u8]) -> bool {
        self.0.find(value).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predicate::PredicateId;

    fn asked(texts: &[&str]) -> Asked {
        let texts = texts.iter().zip(0..);
        Asked {
            texts: texts
                .map(|(text, id)| (TextKind::Anywhere, (*text).to_owned(), PredicateId(id)))
                .collect(),
            ..Asked::default()
        }
    }

    #[test]
    fn a_gate_opens_where_one_of_its_texts_stands() {
        let Some(gate) = Gate::new(&asked(&["mimikatz", "psexec", "äöü"])) else {
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
            assert_eq!(gate.opens(value.as_bytes()), opens, "{value}");
        }
    }

    #[test]
    fn short_texts_and_many_have_no_gate() {
        assert!(Gate::new(&asked(&[])).is_none());
        assert!(Gate::new(&asked(&["ab", "mimikatz"])).is_none());
        let many: Vec<String> = (0..=MOST).map(|at| format!("text{at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(Gate::new(&asked(&many)).is_none());
        let mut valued = asked(&["mimikatz"]);
        valued.valued = Some(PredicateId(1));
        assert!(Gate::new(&valued).is_none());
    }
}
