//! One line of a detection, `Field|modifiers: values`, as an expression.

use larum_rule::predicate::{
    Case, Comparison, Expression, Glob, Number, PredicateSetBuilder, Slot, Test, TextKind, TimePart,
};

use crate::encode;
use crate::error::{Checked, Problem};
use crate::log_source::FieldMap;
use crate::modifier::Modifier;
use crate::pattern;
use crate::yaml::{Node, Yaml};

/// What an item asks with its values, once its modifiers are read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    Text,
    Regex(String),
    Cidr,
    Compare(Comparison),
    Time(TimePart, Comparison),
    Exists,
    Field(TextKind),
}

/// An item's modifiers, read.
struct Item<'i> {
    line: usize,
    modifiers: Vec<Modifier>,
    question: Question,
    case: Case,
    all: bool,
    negated: bool,
    /// `None`: any value of the event.
    field: Option<&'i str>,
}

/// A value on its way through the modifiers.
enum Value {
    Pattern(Glob),
    Bytes(Vec<u8>),
}

/// Where expressions are built: the predicates, and the names that fields have in a log source.
pub(crate) struct Scope<'s> {
    pub(crate) predicates: &'s mut PredicateSetBuilder,
    pub(crate) fields: &'s FieldMap,
    /// Questions that the rule may still ask; see [`QUESTIONS`].
    pub(crate) left: usize,
}

/// Most questions of one rule, each counted where it stands and wherever the condition uses it. The largest public rules ask some
/// thousands; a few lines with aliases, modifiers and selectors could ask for more than any memory holds.
pub(crate) const QUESTIONS: usize = 200_000;
/// What a regular expression counts as: compiled, it takes up to a megabyte.
const REGEX_QUESTIONS: usize = 200;
/// Most modifiers of an item; what they make of one value grows with each.
const MODIFIERS: usize = 8;
/// Most patterns that modifiers make of one value.
const PATTERNS: usize = 2_000;

impl Scope<'_> {
    /// Takes note of questions that the rule asks.
    pub(crate) fn spend(&mut self, questions: usize, line: usize) -> Checked<()> {
        self.left = self.left.checked_sub(questions).ok_or_else(|| {
            let reason = format!("it asks more than {QUESTIONS} questions, repetitions counted");
            Problem::new(line, reason)
        })?;
        Ok(())
    }

    fn slot(&mut self, field: &str) -> Slot {
        let name = self.fields.get(field).map_or(field, String::as_str);
        self.predicates.slot(name)
    }

    fn is(&mut self, slot: Option<Slot>, test: Test, line: usize) -> Checked<Expression> {
        let is_regex = matches!(test, Test::Regex(_));
        self.spend(if is_regex { REGEX_QUESTIONS } else { 1 }, line)?;
        let id = self.predicates.predicate(slot, test);
        id.map(Expression::Is)
            .map_err(|error| Problem::new(line, error.to_string()))
    }

    /// The expression of an item of a map.
    pub(crate) fn item(&mut self, key: &str, values: &Node) -> Checked<Expression> {
        let item = Item::read(key, values.line)?;
        let list = match &values.value {
            Yaml::List(list) => {
                if item.all && list.len() < 2 {
                    let reason = format!("{key:?} asks for all of a list of one value");
                    return Err(Problem::new(values.line, reason));
                }
                list.as_slice()
            }
            Yaml::Map(_) => {
                return Err(Problem::new(
                    values.line,
                    format!("the value of {key:?} is a map"),
                ));
            }
            Yaml::Null | Yaml::Text(_) => {
                if item.all {
                    let reason = format!("{key:?} asks for all of one value");
                    return Err(Problem::new(values.line, reason));
                }
                std::slice::from_ref(values)
            }
        };
        if list.is_empty() {
            return Err(Problem::new(values.line, format!("{key:?} has no value")));
        }
        self.values(&item, list)
    }

    /// The expression of a list of keywords.
    pub(crate) fn keywords(&mut self, values: &[Node], line: usize) -> Checked<Expression> {
        self.values(&Item::read("", line)?, values)
    }

    fn values(&mut self, item: &Item<'_>, values: &[Node]) -> Checked<Expression> {
        let mut parts = Vec::with_capacity(values.len());
        for value in values {
            parts.push(self.value(item, value)?);
        }
        let whole = if item.all {
            Expression::All(parts)
        } else {
            Expression::Any(parts)
        };
        Ok(if item.negated { whole.negated() } else { whole })
    }

    fn value(&mut self, item: &Item<'_>, node: &Node) -> Checked<Expression> {
        let slot = item.field.map(|field| self.slot(field));
        let problem = |reason: String| Problem::new(node.line, reason);
        let text = match &node.value {
            Yaml::Null if slot.is_some() && item.asks_plainly() => {
                return self.is(slot, Test::Null, node.line);
            }
            Yaml::Null => return Err(problem("null cannot be asked for so".to_owned())),
            Yaml::Text(text) => text,
            Yaml::List(_) | Yaml::Map(_) => {
                return Err(problem(
                    "a value must be a text, a number or null".to_owned(),
                ));
            }
        };
        let number = || {
            let number = Number::parse(text);
            number.ok_or_else(|| problem(format!("{text:?} is not a number")))
        };
        let test = match &item.question {
            Question::Text => return self.patterns(item, slot, text, node.line),
            Question::Regex(flags) if flags.is_empty() => Test::Regex(text.clone()),
            Question::Regex(flags) => Test::Regex(format!("(?{flags}){text}")),
            Question::Cidr => Test::Network(text.clone()),
            Question::Compare(comparison) => Test::Number(*comparison, number()?),
            Question::Time(part, comparison) => Test::Time(*part, *comparison, number()?),
            Question::Field(kind) => {
                let other = self.slot(text);
                Test::Field {
                    other,
                    kind: *kind,
                    case: item.case,
                }
            }
            Question::Exists => {
                let present = self.is(slot, Test::Present, node.line)?;
                return match text.to_ascii_lowercase().as_str() {
                    "true" => Ok(present),
                    "false" => Ok(present.negated()),
                    _ => Err(problem(format!("exists is true or false, not {text:?}"))),
                };
            }
        };
        self.is(slot, test, node.line)
    }

    fn patterns(
        &mut self,
        item: &Item<'_>,
        slot: Option<Slot>,
        text: &str,
        line: usize,
    ) -> Checked<Expression> {
        let patterns = item.patterns(text, line)?;
        let mut parts = Vec::with_capacity(patterns.len());
        for glob in patterns {
            // Keywords stand anywhere in a value.
            let glob = match slot {
                Some(_) => glob,
                None => pattern::opened(&glob, TextKind::Anywhere),
            };
            parts.push(self.is(slot, pattern::test(glob, item.case), line)?);
        }
        Ok(Expression::Any(parts))
    }
}

impl<'i> Item<'i> {
    fn read(key: &'i str, line: usize) -> Checked<Self> {
        let mut names = key.split('|');
        let field = names.next().filter(|field| !field.is_empty());
        let mut item = Self {
            line,
            modifiers: Vec::new(),
            question: Question::Text,
            case: Case::Ignored,
            all: false,
            negated: false,
            field,
        };
        for (number, name) in names.enumerate() {
            if number == MODIFIERS {
                let reason = format!("an item has more than {MODIFIERS} modifiers");
                return Err(Problem::new(line, reason));
            }
            let modifier = Modifier::parse(name);
            let modifier = modifier
                .ok_or_else(|| Problem::new(line, format!("there is no modifier {name:?}")))?;
            item.take(modifier)
                .map_err(|reason| Problem::new(line, format!("{key:?}: {reason}")))?;
        }
        let needs_field = matches!(
            item.question,
            Question::Exists | Question::Field(_) | Question::Compare(_) | Question::Time(..)
        );
        if item.field.is_none() && needs_field {
            return Err(Problem::new(line, format!("{key:?} needs a field")));
        }
        Ok(item)
    }

    /// Neither a modifier of values nor another question.
    fn asks_plainly(&self) -> bool {
        self.modifiers.is_empty() && self.question == Question::Text
    }

    fn take(&mut self, modifier: Modifier) -> Result<(), String> {
        let fresh = self.asks_plainly() && self.case == Case::Ignored;
        let ask = |question: Question| {
            if fresh {
                Ok(question)
            } else {
                Err("it stands behind another modifier that changes the value".to_owned())
            }
        };
        match modifier {
            Modifier::All => self.all = true,
            Modifier::Neq => self.negated = true,
            Modifier::Re => self.question = ask(Question::Regex(String::new()))?,
            Modifier::Cidr => self.question = ask(Question::Cidr)?,
            Modifier::Exists => self.question = ask(Question::Exists)?,
            Modifier::FieldRef => self.question = ask(Question::Field(TextKind::Whole))?,
            Modifier::Time(part) => self.question = ask(Question::Time(part, Comparison::Equal))?,
            Modifier::Compare(comparison) => match &mut self.question {
                Question::Time(_, of_time) => *of_time = comparison,
                _ => self.question = ask(Question::Compare(comparison))?,
            },
            Modifier::Expand => {
                return Err("placeholders need a source of values, and there is none".to_owned());
            }
            Modifier::Flag(flag) => match &mut self.question {
                Question::Regex(flags) => flags.push(flag),
                _ => return Err(format!("{flag} is a flag of re")),
            },
            Modifier::Cased if matches!(self.question, Question::Text | Question::Field(_)) => {
                self.case = Case::Kept;
            }
            Modifier::Open(kind) => match &mut self.question {
                Question::Field(of_field) if *of_field == TextKind::Whole => *of_field = kind,
                Question::Text if self.field.is_none() && kind != TextKind::Anywhere => {
                    return Err("a keyword stands anywhere".to_owned());
                }
                Question::Text => self.modifiers.push(modifier),
                _ => return Err("it cannot be combined so".to_owned()),
            },
            Modifier::Base64 | Modifier::Base64Offset if self.question == Question::Text => {
                self.case = Case::Kept;
                self.modifiers.push(modifier);
            }
            Modifier::Windash | Modifier::Wide | Modifier::Utf16be | Modifier::Utf16
                if self.question == Question::Text =>
            {
                self.modifiers.push(modifier);
            }
            _ => return Err("it cannot be combined so".to_owned()),
        }
        Ok(())
    }

    /// What the modifiers make of a value, in order; any of the results will do.
    fn patterns(&self, text: &str, line: usize) -> Checked<Vec<Glob>> {
        let mut values = vec![Value::Pattern(pattern::parse(text))];
        for modifier in &self.modifiers {
            let mut next = Vec::with_capacity(values.len());
            for value in &values {
                let changed = value.changed(*modifier);
                next.extend(changed.map_err(|reason| Problem::new(line, reason))?);
                if next.len() > PATTERNS {
                    let reason = format!("its modifiers make more than {PATTERNS} of one value");
                    return Err(Problem::new(line, reason));
                }
            }
            values = next;
        }
        let patterns = values.iter().map(Value::pattern).collect::<Result<_, _>>();
        patterns.map_err(|reason| Problem::new(self.line, reason))
    }
}

impl Value {
    fn changed(&self, modifier: Modifier) -> Result<Vec<Self>, String> {
        let one = |value: Self| Ok(vec![value]);
        match modifier {
            Modifier::Open(kind) => one(Self::Pattern(pattern::opened(&self.pattern()?, kind))),
            Modifier::Windash => {
                let dashed = pattern::dashed(&self.pattern()?);
                let dashed = dashed.ok_or("windash over more than four flags in one value")?;
                Ok(dashed.into_iter().map(Self::Pattern).collect())
            }
            Modifier::Wide => one(Self::Bytes(encode::utf16le(&self.plain()?))),
            Modifier::Utf16be => one(Self::Bytes(encode::utf16be(&self.plain()?))),
            Modifier::Utf16 => one(Self::Bytes(encode::utf16(&self.plain()?))),
            Modifier::Base64 => one(Self::literal(encode::base64(&self.bytes()?))),
            Modifier::Base64Offset => {
                let offsets = encode::base64_offsets(&self.bytes()?);
                if offsets.iter().any(String::is_empty) {
                    return Err("base64offset leaves nothing of so short a value".to_owned());
                }
                Ok(offsets.map(Self::literal).into_iter().collect())
            }
            _ => Err("it does not change values".to_owned()),
        }
    }

    fn literal(text: String) -> Self {
        Self::Pattern(Glob::new([larum_rule::predicate::GlobPart::Literal(text)]))
    }

    fn plain(&self) -> Result<String, String> {
        let Self::Pattern(glob) = self else {
            return Err("a value is encoded twice".to_owned());
        };
        let text = pattern::plain(glob).map(str::to_owned);
        text.ok_or_else(|| "a value with wildcards cannot be encoded".to_owned())
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Pattern(_) => self.plain().map(String::into_bytes),
        }
    }

    /// Bytes are compared as the text they are, if they are one.
    fn pattern(&self) -> Result<Glob, String> {
        match self {
            Self::Pattern(glob) => Ok(glob.clone()),
            Self::Bytes(bytes) => {
                let text = String::from_utf8(bytes.clone());
                let text = text.map_err(|_| "UTF-16 without base64 is no text here".to_owned())?;
                Ok(Glob::new([larum_rule::predicate::GlobPart::Literal(text)]))
            }
        }
    }
}
