//! A reference to an event in 48 bytes.
//!
//! An [`EventRef`] takes 64 bytes and a string on the heap, and windows keep millions of them. Most
//! ids are short or are 16 bytes in hexadecimal; those fit in here.
//!
//! Owns the packing only: which events are kept, and for how long, is decided elsewhere.
//! Invariant: unpacking gives back exactly the id and order that were packed; what does not fit is
//! boxed.

use larum_event::{EvaluationPlace, EventId, Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event_ref::EventRef;
use larum_event::EventOrder;

/// A packed [`EventRef`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PackedEventRef {
    Inline(InlineEventRef),
    /// An event whose id or numbers do not fit.
    Boxed(Box<EventRef>),
}

/// An event whose id and numbers fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedEventRef")]
pub(crate) struct InlineEventRef {
    time: Timestamp,
    source: u64,
    position: Position,
    /// In layer 0, which has no ordinals, the rank of the sequence; in other layers, which have no
    /// sequence, the ordinal.
    number: u32,
    layer: u8,
    form: IdForm,
    /// Length of an id that is kept as it is.
    length: u8,
    bytes: [u8; 16],
}

/// How an id is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum IdForm {
    /// 32 lower-case hexadecimal digits with hyphens after 8, 12, 16 and 20.
    Uuid,
    /// 32 lower-case hexadecimal digits.
    Hex,
    /// As it is, at most 16 bytes.
    Text,
}

/// An event as read, which may be damaged.
#[derive(Deserialize)]
struct UncheckedEventRef {
    time: Timestamp,
    source: u64,
    position: Position,
    number: u32,
    layer: u8,
    form: IdForm,
    length: u8,
    bytes: [u8; 16],
}

impl TryFrom<UncheckedEventRef> for InlineEventRef {
    type Error = &'static str;

    fn try_from(read: UncheckedEventRef) -> Result<Self, Self::Error> {
        let inline = Self {
            time: read.time,
            source: read.source,
            position: read.position,
            number: read.number,
            layer: read.layer,
            form: read.form,
            length: read.length,
            bytes: read.bytes,
        };
        match inline.decode_id() {
            Some(_) => Ok(inline),
            None => Err("an event without an id"),
        }
    }
}

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl PackedEventRef {
    pub(crate) fn pack(event: &EventRef) -> Self {
        match InlineEventRef::pack(event) {
            Some(inline) => Self::Inline(inline),
            None => Self::Boxed(Box::new(event.clone())),
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        match self {
            Self::Inline(inline) => inline.time,
            Self::Boxed(event) => event.time(),
        }
    }

    pub(crate) fn order(&self) -> EventOrder {
        match self {
            Self::Inline(inline) => inline.order(),
            Self::Boxed(event) => event.order,
        }
    }

    pub(crate) fn id(&self) -> EventId {
        match self {
            Self::Inline(inline) => inline.id(),
            Self::Boxed(event) => event.id.clone(),
        }
    }

    pub(crate) fn unpack(&self) -> EventRef {
        match self {
            Self::Inline(inline) => EventRef {
                order: inline.order(),
                id: inline.id(),
            },
            Self::Boxed(event) => EventRef::clone(event),
        }
    }
}

impl InlineEventRef {
    fn pack(event: &EventRef) -> Option<Self> {
        let EventOrder {
            time,
            sequence,
            place,
            source,
        } = event.order;
        // One number has to do for both: raw events have a sequence and no ordinal, derived ones
        // the reverse.
        let number = match (place.layer, place.ordinal, sequence) {
            (0, 0, rank) => u32::try_from(rank).ok()?,
            (0, _, _) => return None,
            (_, ordinal, 0) => ordinal,
            (_, _, _) => return None,
        };
        let text = event.id.as_str().as_bytes();
        let (form, length, bytes) = match pack_id(text) {
            Some((form, bytes)) => (form, 0, bytes),
            None => {
                let mut bytes = [0; 16];
                bytes.get_mut(..text.len())?.copy_from_slice(text);
                (IdForm::Text, u8::try_from(text.len()).ok()?, bytes)
            }
        };
        Some(Self {
            time,
            source,
            position: place.position,
            number,
            layer: place.layer,
            form,
            length,
            bytes,
        })
    }

    fn order(&self) -> EventOrder {
        let (sequence, ordinal) = match self.layer {
            0 => (self.number.into(), 0),
            _ => (0, self.number),
        };
        EventOrder {
            time: self.time,
            source: self.source,
            sequence,
            place: EvaluationPlace {
                position: self.position,
                layer: self.layer,
                ordinal,
            },
        }
    }

    fn id(&self) -> EventId {
        self.decode_id()
            .expect("packed from a valid id, or checked when read")
    }

    fn decode_id(&self) -> Option<EventId> {
        let mut text = [b'-'; 36];
        let mut length = 0;
        match self.form {
            IdForm::Text => {
                let text = self.bytes.get(..self.length.into())?;
                return EventId::new(std::str::from_utf8(text).ok()?).ok();
            }
            IdForm::Uuid | IdForm::Hex => {}
        }
        for digit in self.bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
            if matches!(self.form, IdForm::Uuid) && HYPHENS.contains(&length) {
                length += 1;
            }
            *text.get_mut(length)? = match digit {
                0..=9 => b'0' + digit,
                _ => b'a' + digit - 10,
            };
            length += 1;
        }
        EventId::new(std::str::from_utf8(text.get(..length)?).ok()?).ok()
    }
}

/// Where the two digits of each byte begin.
const UUID_DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const HEX_DIGITS: [usize; 16] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];

/// Marks a character that is not a digit.
const NO_DIGIT: u8 = 0xff;

/// The value of each character as a digit. Every event's id is parsed: 20 ns by this table, 60 ns
/// by comparing.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};

/// The 16 bytes that `text` encodes, if it has one of the two hexadecimal forms.
fn pack_id(text: &[u8]) -> Option<(IdForm, [u8; 16])> {
    if let Ok(text) = <&[u8; 32]>::try_from(text) {
        return Some((IdForm::Hex, parse_digits(text, &HEX_DIGITS)?));
    }
    let text = <&[u8; 36]>::try_from(text).ok()?;
    let are_hyphens = HYPHENS.iter().all(|at| text.get(*at) == Some(&b'-'));
    let bytes = parse_digits(text, &UUID_DIGITS)?;
    are_hyphens.then_some((IdForm::Uuid, bytes))
}

fn parse_digits<const LENGTH: usize>(
    text: &[u8; LENGTH],
    places: &[usize; 16],
) -> Option<[u8; 16]> {
    let digit = |place: usize| {
        let character = text.get(place).copied().unwrap_or_default();
        DIGITS
            .get(usize::from(character))
            .copied()
            .unwrap_or(NO_DIGIT)
    };
    let mut bytes = [0; 16];
    let mut seen = 0;
    for (byte, place) in bytes.iter_mut().zip(places) {
        let (high, low) = (digit(*place), digit(place + 1));
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen < 16).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event_ref(id: &str, sequence: u64, layer: u8, ordinal: u32) -> EventRef {
        EventRef {
            order: EventOrder {
                time: Timestamp::from_nanos(-7),
                source: u64::MAX - 1,
                sequence,
                place: EvaluationPlace {
                    position: Position(u64::MAX),
                    layer,
                    ordinal,
                },
            },
            id: EventId::new(id).unwrap(),
        }
    }

    fn check_roundtrip(event: &EventRef) -> PackedEventRef {
        let packed = PackedEventRef::pack(event);
        assert_eq!(packed.unpack(), *event);
        assert_eq!(packed.id(), event.id);
        let bytes = postcard::to_stdvec(&packed).unwrap();
        assert_eq!(
            postcard::from_bytes::<PackedEventRef>(&bytes).unwrap(),
            packed
        );
        packed
    }

    fn is_inline(event: &EventRef) -> bool {
        matches!(check_roundtrip(event), PackedEventRef::Inline(_))
    }

    #[test]
    fn an_event_takes_forty_eight_bytes() {
        assert_eq!(size_of::<PackedEventRef>(), 48);
        assert_eq!(size_of::<Option<PackedEventRef>>(), 48);
    }

    #[test]
    fn usual_ids_need_no_heap_and_come_back_as_they_were() {
        for id in [
            "0198f6a2-7c1e-7b3a-9d40-0123456789ab",
            "0123456789abcdef0123456789abcdef",
            "e-1",
            "sixteen bytes ok",
            "Ünï",
        ] {
            assert!(is_inline(&event_ref(id, 0, 0, 0)), "{id}");
        }
        for id in [
            "0198F6A2-7C1E-7B3A-9D40-0123456789AB",
            "0123456789abcdef0123456789abcdeg",
            "0198f6a2x7c1e-7b3a-9d40-0123456789ab",
            "seventeen bytes..",
        ] {
            assert!(!is_inline(&event_ref(id, 0, 0, 0)), "{id}");
        }
    }

    #[test]
    fn places_and_sequences_come_back_on_both_sides_of_what_fits() {
        let most = u64::from(u32::MAX);
        assert!(is_inline(&event_ref("a", most, 0, 0)));
        assert!(!is_inline(&event_ref("a", most + 1, 0, 0)));
        assert!(is_inline(&event_ref("a", 0, 3, u32::MAX)));
        assert!(!is_inline(&event_ref("a", 1, 3, 1)));
        assert!(!is_inline(&event_ref("a", 0, 0, 1)));
    }

    #[test]
    fn a_damaged_id_is_refused_and_not_kept() {
        let mut inline = match PackedEventRef::pack(&event_ref("ab", 0, 0, 0)) {
            PackedEventRef::Inline(inline) => inline,
            PackedEventRef::Boxed(_) => panic!("it fits"),
        };
        for (length, first) in [(0, b'a'), (17, b'a'), (2, 0xff), (2, b'\n')] {
            inline.length = length;
            inline.bytes[0] = first;
            let bytes = postcard::to_stdvec(&PackedEventRef::Inline(inline.clone())).unwrap();
            assert!(
                postcard::from_bytes::<PackedEventRef>(&bytes).is_err(),
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_id_comes_back(id in "[0-9a-f-]{1,40}|\\PC{1,20}", sequence in any::<u64>(), layer in 0..3_u8) {
            if let Ok(id) = EventId::new(&id) {
                check_roundtrip(&event_ref(id.as_str(), sequence >> (sequence % 64), layer, 0));
            }
        }
    }
}
