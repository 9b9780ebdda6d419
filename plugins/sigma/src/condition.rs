//! Conditions: `or` binds weakest, then `and`, `not`, and `x of` strongest.
//!
//! Owns the grammar of `condition`; what a named detection asks is left to `detection`.
//! Invariant: a name without a detection is refused, as a rule that can never hold looks like a
//! quiet one; a selector that selects nothing holds for no event, with `all of` too.

use larum_predicate::BoolExpression;

/// How many of the selected parts must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartQuantity {
    One,
    All,
}

/// A condition, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SigmaCondition {
    Name(String),
    Of(PartQuantity, String),
    Not(Box<SigmaCondition>),
    And(Vec<SigmaCondition>),
    Or(Vec<SigmaCondition>),
}

/// Deepest nesting of a condition.
const DEPTH: usize = 64;

impl SigmaCondition {
    /// Reads a condition; the error is a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut parser = ConditionParser {
            words: &words,
            depth: 0,
        };
        let condition = parser.parse_or()?;
        match parser.words.first() {
            None => Ok(condition),
            Some(&"|") => Err("aggregations in conditions are replaced by correlations".to_owned()),
            Some(word) => Err(format!("{word:?} is not expected in the condition")),
        }
    }

    /// The expression, given what each name means. An unknown name is an error.
    pub(crate) fn build_expression(
        &self,
        parts: &[(String, BoolExpression)],
    ) -> Result<BoolExpression, String> {
        let all = |conditions: &[Self]| -> Result<Vec<_>, String> {
            conditions
                .iter()
                .map(|one| one.build_expression(parts))
                .collect()
        };
        Ok(match self {
            Self::Name(name) => {
                let part = parts.iter().find(|(known, _)| known == name);
                let (_, expression) =
                    part.ok_or_else(|| format!("there is no detection {name:?}"))?;
                expression.clone()
            }
            Self::Of(quantity, selector) => {
                let chosen = parts.iter().filter(|(name, _)| is_selected(selector, name));
                let selected: Vec<_> = chosen.map(|(_, part)| part.clone()).collect();
                match quantity {
                    PartQuantity::One => BoolExpression::Any(selected),
                    // All of nothing is not true.
                    PartQuantity::All if selected.is_empty() => BoolExpression::Never,
                    PartQuantity::All => BoolExpression::All(selected),
                }
            }
            Self::Not(inner) => inner.build_expression(parts)?.negate(),
            Self::And(conditions) => BoolExpression::All(all(conditions)?),
            Self::Or(conditions) => BoolExpression::Any(all(conditions)?),
        })
    }

    /// How many questions its expression asks, `sizes` telling of each detection.
    pub(crate) fn question_count(&self, sizes: &[(&str, usize)]) -> usize {
        let sum = |conditions: &[Self]| {
            let sizes = conditions
                .iter()
                .map(|condition| condition.question_count(sizes));
            sizes.fold(1, usize::saturating_add)
        };
        let of = |is: &dyn Fn(&str) -> bool| {
            let chosen = sizes.iter().filter(|(name, _)| is(name));
            chosen.fold(1_usize, |sum, (_, size)| sum.saturating_add(*size))
        };
        match self {
            Self::Name(wanted) => of(&|name| name == wanted),
            Self::Of(_, selector) => of(&|name| is_selected(selector, name)),
            Self::Not(inner) => inner.question_count(sizes),
            Self::And(conditions) | Self::Or(conditions) => sum(conditions),
        }
    }
}

/// Names with a leading underscore are selected only by a selector with one.
fn is_selected(selector: &str, name: &str) -> bool {
    if name.starts_with('_') && !selector.starts_with('_') {
        return false;
    }
    if selector == "them" {
        return true;
    }
    let mut pieces = selector.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    if !selector.contains('*') {
        return rest.is_empty();
    }
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

struct ConditionParser<'w> {
    words: &'w [&'w str],
    depth: usize,
}

impl<'w> ConditionParser<'w> {
    fn next(&mut self) -> Option<&'w str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = self.words.first() == Some(&word);
        if there {
            self.next();
        }
        there
    }

    fn parse_or(&mut self) -> Result<SigmaCondition, String> {
        let mut parts = vec![self.parse_and()?];
        while self.take_word("or") {
            parts.push(self.parse_and()?);
        }
        Ok(single_or_list(parts, SigmaCondition::Or))
    }

    fn parse_and(&mut self) -> Result<SigmaCondition, String> {
        let mut parts = vec![self.parse_not()?];
        while self.take_word("and") {
            parts.push(self.parse_not()?);
        }
        Ok(single_or_list(parts, SigmaCondition::And))
    }

    fn parse_not(&mut self) -> Result<SigmaCondition, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("the condition is nested too deep".to_owned());
        }
        let condition = if self.take_word("not") {
            SigmaCondition::Not(Box::new(self.parse_not()?))
        } else {
            self.parse_operand()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn parse_operand(&mut self) -> Result<SigmaCondition, String> {
        let word = self.next().ok_or("the condition ends too early")?;
        if word == "(" {
            let inner = self.parse_or()?;
            return if self.take_word(")") {
                Ok(inner)
            } else {
                Err("a parenthesis is not closed".to_owned())
            };
        }
        if matches!(word, ")" | "and" | "or" | "of" | "|") {
            return Err(format!("{word:?} is not expected in the condition"));
        }
        if self.words.first() != Some(&"of") {
            return Ok(SigmaCondition::Name(word.to_owned()));
        }
        let quantity = match word {
            "1" | "any" => PartQuantity::One,
            "all" => PartQuantity::All,
            _ => return Err(format!("\"{word} of\" is neither \"1 of\" nor \"all of\"")),
        };
        self.next();
        let word = self.next().filter(|word| !matches!(*word, "(" | ")"));
        let selector = word.ok_or("\"of\" needs a selector")?;
        Ok(SigmaCondition::Of(quantity, selector.to_owned()))
    }
}

fn single_or_list(
    mut parts: Vec<SigmaCondition>,
    list: impl FnOnce(Vec<SigmaCondition>) -> SigmaCondition,
) -> SigmaCondition {
    if parts.len() > 1 {
        return list(parts);
    }
    parts.pop().unwrap_or_else(|| list(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn or_binds_weaker_than_and_than_not_than_of() {
        for (text, same) in [
            ("a or b and c", "a or (b and c)"),
            ("not a and b", "(not a) and b"),
            ("not 1 of a* or b", "(not (1 of a*)) or b"),
        ] {
            assert_eq!(
                SigmaCondition::parse(text),
                SigmaCondition::parse(same),
                "{text}"
            );
        }
        assert_ne!(
            SigmaCondition::parse("(a or b) and c"),
            SigmaCondition::parse("a or b and c")
        );
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "",
            "a b",
            "a and",
            "(a",
            "a)",
            "2 of a*",
            "1 of",
            "a | count() > 5",
            "a AND b",
        ] {
            assert!(SigmaCondition::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn selectors_skip_names_with_an_underscore_unless_they_begin_with_one() {
        for (selector, name, selected) in [
            ("them", "a", true),
            ("them", "_a", false),
            ("*", "_a", false),
            ("_*", "_a", true),
            ("s_*_x", "s_a_x", true),
            ("s_*_x", "s_x", false),
            ("s*", "s", true),
            ("*s", "as", true),
            ("s", "s", true),
            ("s", "st", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
        ] {
            assert_eq!(is_selected(selector, name), selected, "{selector} {name}");
        }
    }

    #[test]
    fn all_of_nothing_is_not_true_and_one_of_nothing_is_not_either() {
        for text in ["all of x*", "1 of x*"] {
            let expression = SigmaCondition::parse(text)
                .unwrap()
                .build_expression(&[])
                .unwrap();
            assert_ne!(expression, BoolExpression::Always);
            assert_ne!(expression, BoolExpression::All(Vec::new()));
        }
    }
}
