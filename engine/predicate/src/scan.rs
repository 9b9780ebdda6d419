//! Strings of JSON, 32 bytes at a time, and the buffer that keeps their texts.
//!
//! A text is found, checked, unescaped and copied in one pass: most end within the first 32 bytes,
//! so the branches are predicted well.
//!
//! Owns the bytes of strings; the rest of the grammar is left to `json_parser`.
//! Invariant: what is copied is UTF-8 if the input is. Input is cut only at quotes and backslashes,
//! which are never inside of a character, and half a surrogate pair becomes U+FFFD.

use wide::u8x32;

/// How many bytes are looked at together.
pub(crate) const STEP: usize = 32;

/// The text is not one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is not JSON: {expected} expected at byte {at}")]
pub struct JsonReadError {
    /// Where, in bytes.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// Texts one behind the other, in memory that is kept from event to event.
#[derive(Debug, Default)]
pub(crate) struct TextBuffer {
    /// Longer than what is in use, so that whole steps can be copied.
    bytes: Vec<u8>,
    used: usize,
}

impl TextBuffer {
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// How many bytes are in use.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Makes room for `more` bytes and a step.
    pub(crate) fn reserve(&mut self, more: usize) {
        let wanted = self.used + more + STEP;
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted.next_power_of_two(), 0);
        }
    }

    pub(crate) fn get(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub(crate) fn push(&mut self, byte: u8) {
        if self.used >= self.bytes.len() {
            self.reserve(1);
        }
        if let Some(place) = self.bytes.get_mut(self.used) {
            *place = byte;
            self.used += 1;
        }
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        let end = self.used + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.used..end) {
            room.copy_from_slice(bytes);
            self.used = end;
        }
    }

    /// Copies a step, of which the first `count` bytes count.
    fn extend_by_step(&mut self, step: &[u8; STEP], count: usize) {
        match self.bytes.get_mut(self.used..self.used + STEP) {
            Some(room) => {
                room.copy_from_slice(step);
                self.used += count;
            }
            None => self.extend(step.get(..count).unwrap_or_default()),
        }
    }
}

/// The bytes from `at`, if there are enough for a step.
pub(crate) fn step_at(json: &[u8], at: usize) -> Option<&[u8; STEP]> {
    json.get(at..at + STEP)?.try_into().ok()
}

/// Quotes, backslashes and control characters, a bit each.
fn stop_bits(step: &[u8; STEP]) -> u32 {
    let bytes = u8x32::new(*step);
    let quotes = bytes.simd_eq(u8x32::splat(b'"'));
    let backslashes = bytes.simd_eq(u8x32::splat(b'\\'));
    let controls = bytes.min(u8x32::splat(0x1f)).simd_eq(bytes);
    (quotes | backslashes | controls).to_bitmask()
}

/// How many bytes come before a quote, a backslash or a control character.
pub(crate) fn plain_length(step: &[u8; STEP]) -> usize {
    stop_bits(step).trailing_zeros() as usize
}

/// Whether the first `count` bytes of both are the same.
pub(crate) fn has_same_prefix(step: &[u8; STEP], other: &[u8; STEP], count: usize) -> bool {
    let differ = !u8x32::new(*step).simd_eq(u8x32::new(*other)).to_bitmask();
    differ.trailing_zeros() as usize >= count
}

/// Reads a string whose opening quote is behind `at`, and adds it to `texts`.
pub(crate) fn read_string(
    json: &[u8],
    at: &mut usize,
    texts: &mut TextBuffer,
) -> Result<(), JsonReadError> {
    loop {
        if let Some(step) = step_at(json, *at) {
            match copy_step(json, *at, step, texts) {
                StepOutcome::Quote(end) => {
                    *at = end;
                    return Ok(());
                }
                StepOutcome::Place(next) if next > *at => {
                    *at = next;
                    continue;
                }
                StepOutcome::Place(_) => {}
            }
        }
        let expected = |expected| JsonReadError { at: *at, expected };
        match json.get(*at) {
            None => return Err(expected("a quote")),
            Some(b'"') => {
                *at += 1;
                return Ok(());
            }
            Some(b'\\') => {
                let rest = json.get(*at + 1..).unwrap_or_default();
                *at += 1 + read_escape(rest, texts).ok_or_else(|| expected("an escape"))?;
            }
            Some(0..0x20) => return Err(expected("no control character")),
            // The last bytes of the event, less than a step.
            Some(byte) => {
                texts.push(*byte);
                *at += 1;
            }
        }
    }
}

/// How far a step led.
enum StepOutcome {
    /// Behind the closing quote.
    Quote(usize),
    /// What was not read yet; where the step begins, if it begins with what takes a closer look.
    Place(usize),
}

/// Reads a step: its stops are found once, and what lies between simple escapes is copied from
/// one to the next.
#[inline]
fn copy_step(json: &[u8], at: usize, step: &[u8; STEP], texts: &mut TextBuffer) -> StepOutcome {
    let mut stops = stop_bits(step);
    // What of the step was not copied yet begins here.
    let mut from = 0;
    loop {
        let stop = stops.trailing_zeros() as usize;
        match self::step_at(json, at + from) {
            Some(rest) => texts.extend_by_step(rest, stop - from),
            None => texts.extend(step.get(from..stop).unwrap_or_default()),
        }
        match step.get(stop) {
            Some(b'"') => return StepOutcome::Quote(at + stop + 1),
            Some(b'\\') => {}
            _ => return StepOutcome::Place(at + stop),
        }
        let next = step.get(stop + 1).copied().unwrap_or_default();
        let plain = ESCAPES.get(usize::from(next)).copied().unwrap_or_default();
        if plain == 0 {
            return StepOutcome::Place(at + stop);
        }
        texts.push(plain);
        from = stop + 2;
        if from == STEP {
            return StepOutcome::Place(at + from);
        }
        stops &= u32::MAX << from;
    }
}

/// Reads what follows a backslash; how many bytes that was.
fn read_escape(rest: &[u8], texts: &mut TextBuffer) -> Option<usize> {
    let plain = *ESCAPES.get(usize::from(*rest.first()?))?;
    if plain == 0 {
        return read_unicode(rest, texts);
    }
    texts.push(plain);
    Some(1)
}

/// The meaning of a letter behind a backslash; 0 if it is no escape, or one of more letters.
const ESCAPES: [u8; 256] = {
    let mut escaped = [0; 256];
    escaped[b'"' as usize] = b'"';
    escaped[b'\\' as usize] = b'\\';
    escaped[b'/' as usize] = b'/';
    escaped[b'b' as usize] = 8;
    escaped[b'f' as usize] = 12;
    escaped[b'n' as usize] = b'\n';
    escaped[b'r' as usize] = b'\r';
    escaped[b't' as usize] = b'\t';
    escaped
};

/// Reads `uXXXX`, or two of them that are a pair; how many bytes that was. Half a pair becomes
/// U+FFFD.
#[cold]
fn read_unicode(rest: &[u8], texts: &mut TextBuffer) -> Option<usize> {
    let first = parse_hex(rest.strip_prefix(b"u")?.get(..4)?)?;
    let next = rest
        .get(5..11)
        .and_then(|next| parse_hex(next.strip_prefix(b"\\u")?));
    let (code, read) = match next {
        Some(second) if (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second) => {
            (0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), 11)
        }
        _ => (first, 5),
    };
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    texts.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(read)
}

fn parse_hex(hex: &[u8]) -> Option<u32> {
    hex.iter().try_fold(0, |unit, digit| {
        Some(unit << 4 | char::from(*digit).to_digit(16)?)
    })
}
