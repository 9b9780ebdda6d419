//! Types of fields, and which comparisons with them can hold.

use std::fmt;

use crate::script::RuleLiteral;

/// What values a field has. A field that is missing or null is so whatever its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// A text.
    String,
    /// Whole numbers.
    Integer,
    /// A number, whole or not.
    Number,
    /// `true` and `false`.
    Boolean,
    /// A list of values.
    List,
    /// Objects, with whatever members.
    Object,
    /// Values of any type.
    Any,
}

impl FieldType {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::String,
        Self::Integer,
        Self::Number,
        Self::Boolean,
        Self::List,
        Self::Object,
        Self::Any,
    ];

    /// Its word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Object => "object",
            Self::Any => "any",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// A sentence's word for values of it.
    pub(super) const fn describe_value(self) -> &'static str {
        match self {
            Self::String => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Any => "any value",
        }
    }

    /// Whether a value of it may equal `literal`, or be ordered beside it: nothing is ever turned
    /// into something else to be compared.
    pub(super) fn compares_with(self, literal: &RuleLiteral) -> bool {
        match literal {
            // A field of any type may be missing.
            RuleLiteral::Unit => true,
            RuleLiteral::Bool(_) => matches!(self, Self::Boolean | Self::Any),
            RuleLiteral::Int(_) => matches!(self, Self::Integer | Self::Number | Self::Any),
            RuleLiteral::Float(value) => match self {
                Self::Number | Self::Any => true,
                Self::Integer => value.is_finite(),
                Self::String | Self::Boolean | Self::List | Self::Object => false,
            },
            RuleLiteral::Char(_) | RuleLiteral::Str(_) => matches!(self, Self::String | Self::Any),
            RuleLiteral::Array(_) => matches!(self, Self::List | Self::Any),
            RuleLiteral::Map(_) => matches!(self, Self::Object | Self::Any),
        }
    }

    /// Whether something can be searched in a value of it.
    pub(super) const fn supports_text_test(self, test: CatalogueTextTest) -> bool {
        match self {
            Self::String | Self::Any => true,
            Self::List | Self::Object => matches!(test, CatalogueTextTest::Contains),
            Self::Integer | Self::Number | Self::Boolean => false,
        }
    }
}

/// What is searched: `contains` also means elements and members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CatalogueTextTest {
    Contains,
    Other,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
