//! TOML files that people write, read so that every value knows its place.
//!
//! Owns reading tables, strings and lists, and what is wrong with them: an unknown key, a value of
//! the wrong type, a missing key, each with its place and what to do. What the keys mean is the job
//! of those who read a file; opening it is left to the doors. Files are read by hand and not by
//! serde, which would stop at the first mistake.
//! Limits: none of its own; the size of a file is for those who open it to limit.
//! Invariant: reading never stops at a mistake within a document, so all mistakes of a file are
//! reported at once, in the order of the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::did_you_mean;

/// A value of a file, with the bytes that it spans.
pub type TomlValue<'t> = Spanned<DeValue<'t>>;

/// A place in a file, as people count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TomlPlace {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One thing wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlProblem {
    /// A stable name of its kind: `syntax`, `unknown-key`, or what the reader of the file gives.
    pub code: &'static str,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// The line's text.
    pub excerpt: String,
}

/// The words of messages. Each kind of file keeps to those of its documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TomlWording {
    /// TOML's own: strings, integers, booleans.
    Strings,
    /// Those of rules: texts, numbers, truths.
    Texts,
}

/// The text of a file that is being read, and what was found wrong in it.
#[derive(Debug)]
pub struct TomlFile<'t> {
    text: &'t str,
    code: &'static str,
    wording: TomlWording,
    /// Problems, each with the byte at which it was found.
    problems: Vec<(usize, TomlProblem)>,
}

/// A string of a file.
#[derive(Debug, Clone, Copy)]
pub struct TomlText<'t> {
    /// What it says.
    pub value: &'t str,
    /// The byte at which it begins.
    pub at: usize,
}

/// One table of a file.
#[derive(Debug, Clone)]
pub struct TomlTable<'t> {
    /// How messages call it: `[fields]`, or `the file` at the top.
    pub name: String,
    /// The byte at which what it lacks is reported.
    pub at: usize,
    table: &'t DeTable<'t>,
}

impl TomlPlace {
    /// The place of byte `offset` of `text`; the end of the text if it is longer.
    pub fn at_offset(text: &str, offset: usize) -> Self {
        let (before, _) = split_text(text, offset);
        Self {
            line: before.matches('\n').count() + 1,
            column: last_line(before).chars().count() + 1,
        }
    }
}

impl<'t> TomlFile<'t> {
    /// A file of this text; its problems have `code`, unless they are of syntax or of keys.
    pub fn new(text: &'t str, code: &'static str, wording: TomlWording) -> Self {
        Self {
            text,
            code,
            wording,
            problems: Vec::new(),
        }
    }

    /// The document, if the text is TOML; else that is reported.
    pub fn parse_document(&mut self) -> Option<Spanned<DeTable<'t>>> {
        let error = match DeTable::parse(self.text) {
            Ok(table) => return Some(table),
            Err(error) => error,
        };
        let at = error.span().map_or(0, |span| span.start);
        // The parser's text may run over several lines; a problem is one.
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        self.push_problem(at, "syntax", message, None);
        None
    }

    /// The place of byte `at`.
    pub fn place(&self, at: usize) -> TomlPlace {
        TomlPlace::at_offset(self.text, at)
    }

    /// Whether nothing was found wrong so far.
    pub fn is_faultless(&self) -> bool {
        self.problems.is_empty()
    }

    /// What is wrong, in the order of the file.
    pub fn into_problems(mut self) -> Vec<TomlProblem> {
        self.problems.sort_by_key(|(at, _)| *at);
        self.problems.into_iter().map(|(_, it)| it).collect()
    }

    /// Reports a problem at byte `at`.
    pub fn report(&mut self, at: usize, message: impl Into<String>) {
        self.push_problem(at, self.code, message.into(), None);
    }

    /// Reports a problem and what to do about it.
    pub fn report_with_help(
        &mut self,
        at: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push_problem(at, self.code, message.into(), Some(help.into()));
    }

    /// Reports that `value`, which messages call `name`, is not what it must be.
    pub fn report_wrong_type(&mut self, name: &str, value: &TomlValue<'_>, expected: &str) {
        let message = self.wrong_type_message(name, value, expected);
        self.report(value.span().start, message);
    }

    /// The message of [`Self::report_wrong_type`].
    pub fn wrong_type_message(&self, name: &str, value: &TomlValue<'_>, expected: &str) -> String {
        let found = self.describe_type(value);
        match self.wording {
            TomlWording::Strings => format!("{name} must be {expected}, not {found}"),
            TomlWording::Texts => format!("{name} is {expected}, not {found}"),
        }
    }

    /// Reports a problem with a code of its own.
    pub fn push_problem(
        &mut self,
        at: usize,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) {
        let TomlPlace { line, column } = self.place(at);
        let (before, after) = split_text(self.text, at);
        let tail = after.lines().next().unwrap_or_default();
        let problem = TomlProblem {
            code,
            line,
            column,
            message,
            help,
            excerpt: format!("{}{tail}", last_line(before)),
        };
        self.problems.push((at, problem));
    }

    /// What a value is, for messages.
    fn describe_type(&self, value: &TomlValue<'_>) -> &'static str {
        let (in_strings, in_texts) = match value.get_ref() {
            DeValue::String(_) => ("a string", "a text"),
            DeValue::Integer(_) => ("an integer", "a number"),
            DeValue::Float(_) => ("a float", "a number"),
            DeValue::Boolean(_) => ("a boolean", "true or false"),
            DeValue::Datetime(_) => ("a date or time", "a date"),
            DeValue::Array(_) => ("a list", "a list"),
            DeValue::Table(_) => ("a table", "a table"),
        };
        match self.wording {
            TomlWording::Strings => in_strings,
            TomlWording::Texts => in_texts,
        }
    }

    /// The value of `key` as a string, if it is one.
    pub fn read_string<'v>(&mut self, key: &str, value: &'v TomlValue<'v>) -> Option<TomlText<'v>> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(TomlText {
                value: text.as_ref(),
                at: value.span().start,
            });
        }
        let expected = match self.wording {
            TomlWording::Strings => "a string",
            TomlWording::Texts => "a text",
        };
        self.report_wrong_type(&format!("`{key}`"), value, expected);
        None
    }

    /// The value of `key`, or the values if it is a list, which must not be empty.
    pub fn read_values<'v>(
        &mut self,
        key: &str,
        value: &'v TomlValue<'v>,
    ) -> Vec<&'v TomlValue<'v>> {
        let DeValue::Array(items) = value.get_ref() else {
            return vec![value];
        };
        if items.is_empty() {
            self.report(value.span().start, format!("the list `{key}` is empty"));
        }
        items.iter().collect()
    }

    /// `value` as a table that messages call `name`.
    pub fn read_table<'v>(
        &mut self,
        name: impl Into<String>,
        value: &'v TomlValue<'v>,
    ) -> Option<TomlTable<'v>> {
        let name = name.into();
        let at = value.span().start;
        if let DeValue::Table(table) = value.get_ref() {
            return Some(TomlTable { name, at, table });
        }
        self.report_wrong_type(&name, value, "a table");
        None
    }
}

impl<'t> TomlTable<'t> {
    /// The whole document.
    pub fn from_document(document: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            name: "the file".to_owned(),
            at: 0,
            table: document.get_ref(),
        }
    }

    /// Keys, each with its place, and their values.
    pub fn entries(&self) -> impl Iterator<Item = (TomlText<'t>, &'t TomlValue<'t>)> + use<'t> {
        self.table.iter().map(|(key, value)| {
            let key = TomlText {
                value: key.get_ref().as_ref(),
                at: key.span().start,
            };
            (key, value)
        })
    }

    /// The value of `key`, if it is there.
    pub fn get(&self, key: &str) -> Option<&'t TomlValue<'t>> {
        let mut entries = self.entries();
        let found = entries.find(|(known, _)| known.value == key);
        found.map(|(_, value)| value)
    }

    /// The byte at which the value of `key` begins, or the table if it has none.
    pub fn place_of(&self, key: &str) -> usize {
        self.get(key).map_or(self.at, |value| value.span().start)
    }

    /// Reports every key that is not one of `known`.
    pub fn check_keys(&self, known: &[&str], file: &mut TomlFile<'_>) {
        for (key, _) in self
            .entries()
            .filter(|(key, _)| !known.contains(&key.value))
        {
            let (table, name) = (&self.name, key.value);
            let message = match file.wording {
                TomlWording::Strings => format!("unknown key `{name}` in {table}"),
                TomlWording::Texts => format!("{table} has no key `{name}`"),
            };
            let help = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("the keys are {}", known.join(", ")));
            file.push_problem(key.at, "unknown-key", message, Some(help));
        }
    }

    /// The table `[key]`.
    pub fn get_table(&self, key: &str, file: &mut TomlFile<'_>) -> Option<Self> {
        file.read_table(format!("[{key}]"), self.get(key)?)
    }

    /// The tables of the list `key`, which messages and the file's author call `name`: `[[key]]`.
    pub fn get_tables(&self, key: &str, name: &str, file: &mut TomlFile<'_>) -> Vec<Self> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            let list = format!("`{key}`");
            let message = file.wrong_type_message(&list, value, "a list of tables");
            let help = format!("begin each with a line `{name}`");
            file.report_with_help(value.span().start, message, help);
            return Vec::new();
        };
        let tables = items.iter().map(|item| file.read_table(name, item));
        tables.flatten().collect()
    }

    /// The string of `key`, if it is there.
    pub fn get_string(&self, key: &str, file: &mut TomlFile<'_>) -> Option<TomlText<'t>> {
        file.read_string(key, self.get(key)?)
    }

    /// The string of `key`, which must be there and say something; `help` tells how.
    pub fn require_string(
        &self,
        key: &str,
        help: &str,
        file: &mut TomlFile<'_>,
    ) -> Option<TomlText<'t>> {
        if self.get(key).is_none() {
            let message = format!("{} has no `{key}`", self.name);
            file.report_with_help(self.at, message, help);
        }
        let text = self.get_string(key, file)?;
        if text.value.trim().is_empty() {
            file.report_with_help(text.at, format!("`{key}` is empty"), help);
            return None;
        }
        Some(text)
    }

    /// The strings of the list `key`; none if it is not there.
    pub fn get_strings(&self, key: &str, file: &mut TomlFile<'_>) -> Vec<TomlText<'t>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            file.report_wrong_type(&format!("`{key}`"), value, "a list of strings");
            return Vec::new();
        };
        let strings = items.iter().map(|item| file.read_string(key, item));
        strings.flatten().collect()
    }

    /// The value of `key`, or its values if it is a list; none if it is not there.
    pub fn get_values(&self, key: &str, file: &mut TomlFile<'_>) -> Vec<&'t TomlValue<'t>> {
        let value = self.get(key);
        value.map_or_else(Vec::new, |value| file.read_values(key, value))
    }
}

/// The text before byte `offset` and from it on. The parser may report a byte beyond the end.
fn split_text(text: &str, offset: usize) -> (&str, &str) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    text.split_at(offset)
}

fn last_line(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_never_leave_the_text() {
        let text = "a\n\u{e4}b\n";
        for (offset, line, column) in [(0, 1, 1), (2, 2, 1), (3, 2, 1), (4, 2, 2), (99, 3, 1)] {
            let place = TomlPlace::at_offset(text, offset);
            assert_eq!(place, TomlPlace { line, column }, "{offset}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_worded_as_its_kind_of_file_words_it() {
        for (wording, message) in [
            (TomlWording::Strings, "`a` must be a string, not an integer"),
            (TomlWording::Texts, "`a` is a text, not a number"),
        ] {
            let mut file = TomlFile::new("b = 'x'\na = 1", "bad", wording);
            let document = file.parse_document().unwrap();
            let table = TomlTable::from_document(&document);
            assert_eq!(table.get_string("b", &mut file).unwrap().value, "x");
            assert!(table.get_string("a", &mut file).is_none());
            assert!(table.get_string("c", &mut file).is_none());
            let problems = file.into_problems();
            let [problem] = problems.as_slice() else {
                panic!("expected one problem, found {problems:?}");
            };
            assert_eq!((problem.line, problem.column), (2, 5));
            assert_eq!((problem.code, problem.message.as_str()), ("bad", message));
        }
    }
}
