//! What a value is like, whatever it says: settled by one visit.

use crate::record::{RecordEntry, ValueKind};

/// Bytes from which a text is large: what is made of it may be larger than a script may build.
pub const LARGE_BYTES: usize = 16 * 1024;

/// What a value is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueShape {
    /// There, and not null.
    NonNull,
    /// An array or an object; of a field of a layout, an object or an empty array.
    Nested,
    /// An object; of a field of a layout, an empty array too.
    Object,
    /// This truth, not written as a text.
    Bool(bool),
    /// There, and neither null nor a truth.
    NotBool,
    /// A whole number that fits 64 bits with a sign.
    Integer,
    /// A text of at least [`LARGE_BYTES`].
    Large,
    /// A text with a character beyond ASCII.
    NotAscii,
    /// Found by a name that has a dot in it, as in `{"a.b": 1}`.
    Dotted,
}

impl ValueShape {
    /// Whether a value with this text is so.
    pub(crate) fn holds(self, entry: &RecordEntry, text: &[u8]) -> bool {
        match self {
            Self::NonNull => entry.kind != ValueKind::Null,
            Self::Nested => matches!(entry.kind, ValueKind::Container | ValueKind::List),
            Self::Object => entry.kind == ValueKind::Container,
            Self::Bool(truth) => {
                let truth: &[u8] = if truth { b"true" } else { b"false" };
                entry.kind == ValueKind::Bool && text == truth
            }
            Self::NotBool => !matches!(entry.kind, ValueKind::Null | ValueKind::Bool),
            Self::Integer => {
                let number = str::from_utf8(text).unwrap_or_default();
                entry.kind == ValueKind::Number && number.parse::<i64>().is_ok()
            }
            Self::Large => entry.kind == ValueKind::Text && text.len() >= LARGE_BYTES,
            Self::NotAscii => entry.kind == ValueKind::Text && !text.is_ascii(),
            Self::Dotted => entry.origin.is_dotted(),
        }
    }

    /// Of 10,000 events, how many are guessed to be so.
    pub(crate) fn likelihood(self) -> u32 {
        match self {
            Self::Nested
            | Self::Object
            | Self::NotBool
            | Self::Large
            | Self::NotAscii
            | Self::Dotted => 10,
            Self::Bool(_) => 2_000,
            Self::NonNull | Self::Integer => 9_000,
        }
    }
}
