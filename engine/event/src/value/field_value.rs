//! One value of an event, seen in place.

use std::borrow::Cow;

/// A JSON value that borrows from the event's bytes. Arrays and objects stay unread text: what is
/// needed of them is looked up by a longer path.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue<'a> {
    /// The JSON value `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits 64 bits with a sign.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string; borrowed unless it holds escapes.
    Str(Cow<'a, str>),
    /// The text of an array.
    Array(&'a str),
    /// The text of an object.
    Object(&'a str),
}
