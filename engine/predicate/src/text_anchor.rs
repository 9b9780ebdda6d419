//! Where a text must stand in a value.

/// Where a text must stand in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextAnchor {
    /// It is the value.
    Whole,
    /// The value starts with it.
    Start,
    /// The value ends with it.
    End,
    /// The value contains it.
    Anywhere,
}

impl TextAnchor {
    /// Whether `wanted` stands so in `text`.
    pub(crate) fn holds(self, text: &str, wanted: &str) -> bool {
        match self {
            Self::Whole => text == wanted,
            Self::Start => text.starts_with(wanted),
            Self::End => text.ends_with(wanted),
            Self::Anywhere => text.contains(wanted),
        }
    }
}
