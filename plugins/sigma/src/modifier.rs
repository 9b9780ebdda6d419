//! The modifiers of specification 2.1.

use larum_event::value::Comparison;
use larum_predicate::{TextAnchor, TimePart};

/// A modifier of a detection item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemModifier {
    All,
    /// `contains`, `startswith`, `endswith`.
    Open(TextAnchor),
    Exists,
    Cased,
    Neq,
    Windash,
    Re,
    /// A flag of `re`: `i`, `m` or `s`.
    Flag(char),
    Wide,
    Utf16be,
    Utf16,
    Base64,
    Base64Offset,
    Compare(Comparison),
    Time(TimePart),
    Cidr,
    Expand,
    FieldRef,
}

impl ItemModifier {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "contains" => Self::Open(TextAnchor::Anywhere),
            "startswith" => Self::Open(TextAnchor::Start),
            "endswith" => Self::Open(TextAnchor::End),
            "exists" => Self::Exists,
            "cased" => Self::Cased,
            "neq" => Self::Neq,
            "windash" => Self::Windash,
            "re" => Self::Re,
            "i" | "ignorecase" => Self::Flag('i'),
            "m" | "multiline" => Self::Flag('m'),
            "s" | "dotall" => Self::Flag('s'),
            "wide" | "utf16le" => Self::Wide,
            "utf16be" => Self::Utf16be,
            "utf16" => Self::Utf16,
            "base64" => Self::Base64,
            "base64offset" => Self::Base64Offset,
            "lt" => Self::Compare(Comparison::Less),
            "lte" => Self::Compare(Comparison::AtMost),
            "gt" => Self::Compare(Comparison::Greater),
            "gte" => Self::Compare(Comparison::AtLeast),
            "minute" => Self::Time(TimePart::Minute),
            "hour" => Self::Time(TimePart::Hour),
            "day" => Self::Time(TimePart::Day),
            "week" => Self::Time(TimePart::Week),
            "month" => Self::Time(TimePart::Month),
            "year" => Self::Time(TimePart::Year),
            "cidr" => Self::Cidr,
            "expand" => Self::Expand,
            "fieldref" => Self::FieldRef,
            _ => return None,
        })
    }
}
