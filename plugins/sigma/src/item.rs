//! One line of a detection, `Field|modifiers: values`, as an expression.
//!
//! Owns which modifiers go together and what they make of values; the syntax of strings is left to
//! `pattern`.
//! Invariant: a modifier that is unknown, or that cannot be combined with the others, refuses the
//! rule. It is never skipped, as the rule would then match too much.

use larum_event::value::{CaseSensitivity, Comparison, GlobPattern, Number};
use larum_predicate::{
    BoolExpression, FieldTest, PredicateSetBuilder, SlotId, TextAnchor, TimePart,
};

use crate::encode;
use crate::error::{DocumentProblem, SigmaResult};
use crate::log_source::FieldMap;
use crate::modifier::ItemModifier;
use crate::pattern;
use crate::yaml::{YamlNode, YamlValue};

/// What an item asks with its values, once its modifiers are read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ItemQuestion {
    Text,
    Regex(String),
    Cidr,
    Compare(Comparison),
    Time(TimePart, Comparison),
    Exists,
    Field(TextAnchor),
}

/// An item's modifiers, read.
struct DetectionItem<'i> {
    line: usize,
    modifiers: Vec<ItemModifier>,
    question: ItemQuestion,
    case: CaseSensitivity,
    all: bool,
    negated: bool,
    /// `None`: any value of the event.
    field: Option<&'i str>,
}

/// A value on its way through the modifiers.
enum ItemValue {
    Pattern(GlobPattern),
    Bytes(Vec<u8>),
}

/// Where expressions are built: the predicates, and the names that fields have in a log source.
pub(crate) struct ExpressionScope<'s> {
    pub(crate) predicates: &'s mut PredicateSetBuilder,
    pub(crate) fields: &'s FieldMap,
    /// Questions that the rule may still ask; see [`QUESTIONS`].
    pub(crate) left: usize,
}

/// Most questions of one rule, each counted where it is written and wherever the condition uses it.
/// The largest public rules ask some thousands; a few lines with aliases, modifiers and selectors
/// could ask for more than any memory holds.
pub(crate) const QUESTIONS: usize = 200_000;
/// What a regular expression counts as: compiled, it takes up to a megabyte.
const REGEX_QUESTIONS: usize = 200;
/// Most modifiers of an item; what they make of one value grows with each.
const MODIFIERS: usize = 8;
/// Most patterns that modifiers make of one value.
const PATTERNS: usize = 2_000;

impl ExpressionScope<'_> {
    /// Counts questions against the limit of the rule.
    pub(crate) fn spend_questions(&mut self, questions: usize, line: usize) -> SigmaResult<()> {
        self.left = self.left.checked_sub(questions).ok_or_else(|| {
            let reason = format!("it asks more than {QUESTIONS} questions, repetitions counted");
            DocumentProblem::new(line, reason)
        })?;
        Ok(())
    }

    fn field_slot(&mut self, field: &str) -> SlotId {
        let name = self.fields.get(field).map_or(field, String::as_str);
        self.predicates.field_slot(name)
    }

    fn build_test(
        &mut self,
        slot: Option<SlotId>,
        test: FieldTest,
        line: usize,
    ) -> SigmaResult<BoolExpression> {
        let is_regex = matches!(test, FieldTest::Regex(_));
        self.spend_questions(if is_regex { REGEX_QUESTIONS } else { 1 }, line)?;
        let id = self.predicates.add_predicate(slot, test);
        id.map(BoolExpression::Is)
            .map_err(|error| DocumentProblem::new(line, error.to_string()))
    }

    /// The expression of an item of a map.
    pub(crate) fn build_item(
        &mut self,
        key: &str,
        values: &YamlNode,
    ) -> SigmaResult<BoolExpression> {
        let item = DetectionItem::parse_key(key, values.line)?;
        let list = match &values.value {
            YamlValue::List(list) => {
                if item.all && list.len() < 2 {
                    let reason = format!("{key:?} asks for all of a list of one value");
                    return Err(DocumentProblem::new(values.line, reason));
                }
                list.as_slice()
            }
            YamlValue::Map(_) => {
                return Err(DocumentProblem::new(
                    values.line,
                    format!("the value of {key:?} is a map"),
                ));
            }
            YamlValue::Null | YamlValue::Text(_) => {
                if item.all {
                    let reason = format!("{key:?} asks for all of one value");
                    return Err(DocumentProblem::new(values.line, reason));
                }
                std::slice::from_ref(values)
            }
        };
        if list.is_empty() {
            return Err(DocumentProblem::new(
                values.line,
                format!("{key:?} has no value"),
            ));
        }
        self.build_values(&item, list)
    }

    /// The expression of a list of keywords.
    pub(crate) fn build_keywords(
        &mut self,
        values: &[YamlNode],
        line: usize,
    ) -> SigmaResult<BoolExpression> {
        self.build_values(&DetectionItem::parse_key("", line)?, values)
    }

    fn build_values(
        &mut self,
        item: &DetectionItem<'_>,
        values: &[YamlNode],
    ) -> SigmaResult<BoolExpression> {
        let mut parts = Vec::with_capacity(values.len());
        for value in values {
            parts.push(self.build_value(item, value)?);
        }
        let whole = if item.all {
            BoolExpression::All(parts)
        } else {
            BoolExpression::Any(parts)
        };
        Ok(if item.negated { whole.negate() } else { whole })
    }

    fn build_value(
        &mut self,
        item: &DetectionItem<'_>,
        node: &YamlNode,
    ) -> SigmaResult<BoolExpression> {
        let slot = item.field.map(|field| self.field_slot(field));
        let problem = |reason: String| DocumentProblem::new(node.line, reason);
        let text = match &node.value {
            YamlValue::Null if slot.is_some() && item.is_plain() => {
                return self.build_test(slot, FieldTest::Null, node.line);
            }
            YamlValue::Null => return Err(problem("null cannot be asked for so".to_owned())),
            YamlValue::Text(text) => text,
            YamlValue::List(_) | YamlValue::Map(_) => {
                return Err(problem(
                    "a value must be a text, a number or null".to_owned(),
                ));
            }
        };
        let number = || {
            let number = Number::parse(text);
            number.ok_or_else(|| problem(format!("{text:?} is not a number")))
        };
        // A text may become many patterns; every other question is one test.
        let test = match &item.question {
            ItemQuestion::Text => return self.build_patterns(item, slot, text, node.line),
            ItemQuestion::Regex(flags) if flags.is_empty() => FieldTest::Regex(text.clone()),
            ItemQuestion::Regex(flags) => FieldTest::Regex(format!("(?{flags}){text}")),
            ItemQuestion::Cidr => FieldTest::Network(text.clone()),
            ItemQuestion::Compare(comparison) => FieldTest::Number(*comparison, number()?),
            ItemQuestion::Time(part, comparison) => FieldTest::Time(*part, *comparison, number()?),
            ItemQuestion::Field(kind) => {
                let other = self.field_slot(text);
                FieldTest::Field {
                    other,
                    kind: *kind,
                    case: item.case,
                }
            }
            ItemQuestion::Exists => {
                let present = self.build_test(slot, FieldTest::Present, node.line)?;
                return match text.to_ascii_lowercase().as_str() {
                    "true" => Ok(present),
                    "false" => Ok(present.negate()),
                    _ => Err(problem(format!("exists is true or false, not {text:?}"))),
                };
            }
        };
        self.build_test(slot, test, node.line)
    }

    fn build_patterns(
        &mut self,
        item: &DetectionItem<'_>,
        slot: Option<SlotId>,
        text: &str,
        line: usize,
    ) -> SigmaResult<BoolExpression> {
        let patterns = item.expand_patterns(text, line)?;
        let mut parts = Vec::with_capacity(patterns.len());
        for glob in patterns {
            // Keywords may be anywhere in a value.
            let glob = match slot {
                Some(_) => glob,
                None => pattern::open_ends(&glob, TextAnchor::Anywhere),
            };
            parts.push(self.build_test(slot, pattern::cheapest_test(glob, item.case), line)?);
        }
        Ok(BoolExpression::Any(parts))
    }
}

impl<'i> DetectionItem<'i> {
    fn parse_key(key: &'i str, line: usize) -> SigmaResult<Self> {
        let mut names = key.split('|');
        let field = names.next().filter(|field| !field.is_empty());
        let mut item = Self {
            line,
            modifiers: Vec::new(),
            question: ItemQuestion::Text,
            case: CaseSensitivity::Insensitive,
            all: false,
            negated: false,
            field,
        };
        for (number, name) in names.enumerate() {
            if number == MODIFIERS {
                let reason = format!("an item has more than {MODIFIERS} modifiers");
                return Err(DocumentProblem::new(line, reason));
            }
            let known = ItemModifier::parse(name);
            let modifier = known.ok_or_else(|| {
                DocumentProblem::new(line, format!("there is no modifier {name:?}"))
            })?;
            item.add_modifier(modifier)
                .map_err(|reason| DocumentProblem::new(line, format!("{key:?}: {reason}")))?;
        }
        // Only once all modifiers are read: which question it is can change with the last one.
        let needs_field = matches!(
            item.question,
            ItemQuestion::Exists
                | ItemQuestion::Field(_)
                | ItemQuestion::Compare(_)
                | ItemQuestion::Time(..)
        );
        if item.field.is_none() && needs_field {
            return Err(DocumentProblem::new(line, format!("{key:?} needs a field")));
        }
        Ok(item)
    }

    /// Whether no modifier changes values or the question.
    fn is_plain(&self) -> bool {
        self.modifiers.is_empty() && self.question == ItemQuestion::Text
    }

    fn add_modifier(&mut self, modifier: ItemModifier) -> Result<(), String> {
        // A question replaces the comparison of texts, so nothing that changes texts may stand
        // before it.
        let fresh = self.is_plain() && self.case == CaseSensitivity::Insensitive;
        let ask = |question: ItemQuestion| {
            if fresh {
                Ok(question)
            } else {
                Err("it stands behind another modifier that changes the value".to_owned())
            }
        };
        match modifier {
            ItemModifier::All => self.all = true,
            ItemModifier::Neq => self.negated = true,
            ItemModifier::Re => self.question = ask(ItemQuestion::Regex(String::new()))?,
            ItemModifier::Cidr => self.question = ask(ItemQuestion::Cidr)?,
            ItemModifier::Exists => self.question = ask(ItemQuestion::Exists)?,
            ItemModifier::FieldRef => self.question = ask(ItemQuestion::Field(TextAnchor::Whole))?,
            ItemModifier::Time(part) => {
                self.question = ask(ItemQuestion::Time(part, Comparison::Equal))?
            }
            ItemModifier::Compare(comparison) => match &mut self.question {
                ItemQuestion::Time(_, of_time) => *of_time = comparison,
                _ => self.question = ask(ItemQuestion::Compare(comparison))?,
            },
            ItemModifier::Expand => {
                return Err("placeholders need a source of values, and there is none".to_owned());
            }
            ItemModifier::Flag(flag) => match &mut self.question {
                ItemQuestion::Regex(flags) => flags.push(flag),
                _ => return Err(format!("{flag} is a flag of re")),
            },
            ItemModifier::Cased
                if matches!(self.question, ItemQuestion::Text | ItemQuestion::Field(_)) =>
            {
                self.case = CaseSensitivity::Sensitive;
            }
            ItemModifier::Open(kind) => match &mut self.question {
                ItemQuestion::Field(of_field) if *of_field == TextAnchor::Whole => *of_field = kind,
                ItemQuestion::Text if self.field.is_none() && kind != TextAnchor::Anywhere => {
                    return Err("a keyword stands anywhere".to_owned());
                }
                ItemQuestion::Text => self.modifiers.push(modifier),
                _ => return Err("it cannot be combined so".to_owned()),
            },
            ItemModifier::Base64 | ItemModifier::Base64Offset
                if self.question == ItemQuestion::Text =>
            {
                // Base64 that differs in case is of other bytes.
                self.case = CaseSensitivity::Sensitive;
                self.modifiers.push(modifier);
            }
            ItemModifier::Windash
            | ItemModifier::Wide
            | ItemModifier::Utf16be
            | ItemModifier::Utf16
                if self.question == ItemQuestion::Text =>
            {
                self.modifiers.push(modifier);
            }
            _ => return Err("it cannot be combined so".to_owned()),
        }
        Ok(())
    }

    /// What the modifiers make of a value, in order; any of the results will do.
    fn expand_patterns(&self, text: &str, line: usize) -> SigmaResult<Vec<GlobPattern>> {
        let mut values = vec![ItemValue::Pattern(pattern::parse(text))];
        for modifier in &self.modifiers {
            let mut next = Vec::with_capacity(values.len());
            for value in &values {
                let changed = value.apply_modifier(*modifier);
                next.extend(changed.map_err(|reason| DocumentProblem::new(line, reason))?);
                if next.len() > PATTERNS {
                    let reason = format!("its modifiers make more than {PATTERNS} of one value");
                    return Err(DocumentProblem::new(line, reason));
                }
            }
            values = next;
        }
        let patterns = values
            .iter()
            .map(ItemValue::to_glob)
            .collect::<Result<_, _>>();
        patterns.map_err(|reason| DocumentProblem::new(self.line, reason))
    }
}

impl ItemValue {
    fn apply_modifier(&self, modifier: ItemModifier) -> Result<Vec<Self>, String> {
        let one = |value: Self| Ok(vec![value]);
        match modifier {
            ItemModifier::Open(kind) => {
                one(Self::Pattern(pattern::open_ends(&self.to_glob()?, kind)))
            }
            ItemModifier::Windash => {
                let spellings = pattern::dash_spellings(&self.to_glob()?);
                let few = spellings.ok_or("windash over more than four flags in one value")?;
                Ok(few.into_iter().map(Self::Pattern).collect())
            }
            ItemModifier::Wide => one(Self::Bytes(encode::encode_utf16le(&self.plain_text()?))),
            ItemModifier::Utf16be => one(Self::Bytes(encode::encode_utf16be(&self.plain_text()?))),
            ItemModifier::Utf16 => one(Self::Bytes(encode::encode_utf16(&self.plain_text()?))),
            ItemModifier::Base64 => one(Self::literal(encode::encode_base64(&self.to_bytes()?))),
            ItemModifier::Base64Offset => {
                let offsets = encode::encode_base64_offsets(&self.to_bytes()?);
                if offsets.iter().any(String::is_empty) {
                    return Err("base64offset leaves nothing of so short a value".to_owned());
                }
                Ok(offsets.map(Self::literal).into_iter().collect())
            }
            _ => Err("it does not change values".to_owned()),
        }
    }

    fn literal(text: String) -> Self {
        Self::Pattern(GlobPattern::from_literal(&text))
    }

    fn plain_text(&self) -> Result<String, String> {
        let Self::Pattern(glob) = self else {
            return Err("a value is encoded twice".to_owned());
        };
        let text = glob.as_literal().map(str::to_owned);
        text.ok_or_else(|| "a value with wildcards cannot be encoded".to_owned())
    }

    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Pattern(_) => self.plain_text().map(String::into_bytes),
        }
    }

    /// Bytes are compared as the text they are, if they are one.
    fn to_glob(&self) -> Result<GlobPattern, String> {
        match self {
            Self::Pattern(glob) => Ok(glob.clone()),
            Self::Bytes(bytes) => {
                let decoded = String::from_utf8(bytes.clone());
                let text =
                    decoded.map_err(|_| "UTF-16 without base64 is no text here".to_owned())?;
                Ok(GlobPattern::from_literal(&text))
            }
        }
    }
}
