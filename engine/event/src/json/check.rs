//! The one walk that decides whether bytes are JSON that an event may be made of.
//!
//! Owns everything that holds for any JSON from outside: size, encoding, syntax, nesting, members
//! that appear twice, numbers beyond all range, NUL outside of `data`. What the members mean is
//! `read`'s job.
//! Invariant: the walk builds no tree. It keeps the names of the objects that are open and nothing
//! else, so bytes from outside never cost more memory than the limit on their size.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::split::MemberNameSeed;
use crate::limits;
use crate::rejection::{Rejection, RejectionReason};

/// Names of one object that are compared one by one; beyond them they are hashed.
const NAMES_COMPARED: usize = 16;

/// Checks size and encoding, before anything else looks at the bytes.
pub(crate) fn check_bytes(bytes: &[u8]) -> Result<&str, Rejection> {
    if bytes.len() > limits::EVENT_BYTES {
        return Err(Rejection::new(
            RejectionReason::TooLarge,
            format!(
                "it is {} bytes long, at most {} are allowed",
                bytes.len(),
                limits::EVENT_BYTES
            ),
        ));
    }
    check_utf8(bytes)
}

/// Checks the encoding alone.
pub(crate) fn check_utf8(bytes: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(bytes).map_err(|error| {
        Rejection::new(
            RejectionReason::InvalidUtf8,
            format!("byte {} is not UTF-8", error.valid_up_to()),
        )
    })
}

/// Checks that `text` is one JSON object within all limits.
pub(crate) fn check_object(text: &str) -> Result<(), Rejection> {
    let mut walk = JsonCheck::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = JsonValueCheck {
        walk: &mut walk,
        depth: 0,
    }
    .deserialize(&mut json)
    .and_then(|()| json.end());
    outcome.map_err(|error| walk.into_rejection(&error))
}

/// A syntax error as serde_json tells it, with line and column.
pub(super) fn syntax_rejection(error: &serde_json::Error) -> Rejection {
    Rejection::new(RejectionReason::Syntax, error.to_string())
}

/// What the walk knows beyond the call stack.
#[derive(Default)]
struct JsonCheck<'de> {
    /// Names of all open objects, outermost first.
    names: Vec<Cow<'de, str>>,
    /// Whether the walk is inside of the top-level member `data`, where NUL is allowed.
    in_data: bool,
    /// Why it was given up, unless the syntax is to blame.
    fault: Option<(RejectionReason, String)>,
    /// The way to the fault, innermost first.
    trail: Vec<String>,
}

impl<'de> JsonCheck<'de> {
    /// Whether the object whose names start at `first` has no member `name` yet.
    fn is_new_name(
        &self,
        name: Cow<'de, str>,
        first: usize,
        hashed: &mut Option<HashSet<Cow<'de, str>>>,
    ) -> bool {
        let known = self.names.get(first..).unwrap_or_default();
        if known.len() < NAMES_COMPARED {
            return !known.contains(&name);
        }
        hashed
            .get_or_insert_with(|| known.iter().cloned().collect())
            .insert(name)
    }

    fn record_fault<E: serde::de::Error>(&mut self, reason: RejectionReason, detail: String) -> E {
        self.fault = Some((reason, detail));
        E::custom("refused")
    }

    fn into_rejection(self, error: &serde_json::Error) -> Rejection {
        let at = format!("at line {} column {}", error.line(), error.column());
        let (reason, detail) = match self.fault {
            Some((reason, detail)) => (reason, format!("{detail}, {at}")),
            // serde_json tells this kind by its words alone; a test holds it to them.
            None if error.to_string().starts_with("number out of range") => (
                RejectionReason::NumberOutOfRange,
                format!("the number is beyond what 64 bits can hold, {at}"),
            ),
            None => return syntax_rejection(error),
        };
        let mut member = String::new();
        for step in self.trail.iter().rev() {
            if !member.is_empty() && !step.starts_with('[') {
                member.push('.');
            }
            member.push_str(step);
        }
        Rejection {
            reason,
            member: (!member.is_empty()).then_some(member),
            detail,
        }
    }
}

/// A member's name as it stands in a path: short, and safe to print (4-27).
pub(crate) fn printable_name(name: &str) -> String {
    let mut step = String::new();
    for character in name.chars().take(64) {
        if character.is_control() {
            step.extend(character.escape_unicode());
        } else {
            step.push(character);
        }
    }
    step
}

/// One value, `depth` arrays and objects deep.
struct JsonValueCheck<'w, 'de> {
    walk: &'w mut JsonCheck<'de>,
    depth: usize,
}

impl<'de> JsonValueCheck<'_, 'de> {
    fn check_depth<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.depth >= limits::EVENT_DEPTH {
            let most = limits::EVENT_DEPTH;
            let detail = format!("arrays and objects nest deeper than {most}");
            return Err(self.walk.record_fault(RejectionReason::TooDeep, detail));
        }
        Ok(())
    }

    fn check_not_root<E: serde::de::Error>(self, found: &str) -> Result<(), E> {
        if self.depth > 0 {
            return Ok(());
        }
        let detail = format!("an event is a JSON object, not {found}");
        Err(self.walk.record_fault(RejectionReason::WrongType, detail))
    }
}

impl<'de> DeserializeSeed<'de> for JsonValueCheck<'_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonValueCheck<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.check_not_root("null")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.check_not_root("a boolean")
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.check_not_root("a number")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.check_not_root("a number")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.check_not_root("a number")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, _: &'de str) -> Result<(), E> {
        self.check_not_root("a string")
    }

    /// Called for strings with escapes only, and only an escape can make a NUL.
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if !self.walk.in_data && text.contains('\0') {
            let detail = "it holds \\u0000, which is allowed inside of `data` only".to_owned();
            return Err(self
                .walk
                .record_fault(RejectionReason::InvalidMember, detail));
        }
        self.check_not_root("a string")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            return self.check_not_root("an array");
        }
        self.check_depth()?;
        let mut index = 0_usize;
        loop {
            let item = JsonValueCheck {
                walk: &mut *self.walk,
                depth: self.depth + 1,
            };
            match items.next_element_seed(item) {
                Ok(Some(())) => index += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.walk.trail.push(format!("[{index}]"));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.check_depth()?;
        let first = self.walk.names.len();
        let mut hashed: Option<HashSet<Cow<'de, str>>> = None;
        while let Some(name) = members.next_key_seed(MemberNameSeed)? {
            if self.depth == 0 {
                self.walk.in_data = name == "data";
            }
            let fault = if !self.walk.in_data && name.contains('\0') {
                let detail = "its name holds \\u0000".to_owned();
                Some((RejectionReason::InvalidMember, detail))
            } else if !self.walk.is_new_name(name.clone(), first, &mut hashed) {
                let detail = "the member stands twice in its object".to_owned();
                Some((RejectionReason::DuplicateMember, detail))
            } else {
                None
            };
            if let Some((reason, detail)) = fault {
                self.walk.trail.push(printable_name(&name));
                return Err(self.walk.record_fault(reason, detail));
            }
            let place = self.walk.names.len();
            self.walk.names.push(name);
            let value = JsonValueCheck {
                walk: &mut *self.walk,
                depth: self.depth + 1,
            };
            if let Err(error) = members.next_value_seed(value) {
                // Objects further in leave their names behind on an error, so ours need not be
                // last.
                if let Some(name) = self.walk.names.get(place) {
                    let step = printable_name(name);
                    self.walk.trail.push(step);
                }
                return Err(error);
            }
        }
        self.walk.names.truncate(first);
        Ok(())
    }
}
