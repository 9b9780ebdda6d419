//! The elements of a JSON array, one at a time.
//!
//! Finds where an element ends and leaves to its reader whether it is JSON.

use std::io::{self, BufRead};

use larum_event::limits;

use crate::record::fill_buffer;

/// What may come next in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrayNext {
    /// Just behind `[`.
    ElementOrEnd,
    /// Behind a comma.
    Element,
    /// Behind an element.
    CommaOrEnd,
}

/// Why an element is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrayEnd {
    /// A comma or the array's end, the input's where an element could end, or the end of a line
    /// inside of a string.
    Whole,
    /// The input is at its end with a string, an array or an object still open.
    Cut,
}

/// An element that was read.
#[derive(Debug)]
pub(crate) struct ArrayElement {
    pub(crate) end: ArrayEnd,
    /// Line feeds inside of it.
    pub(crate) newlines: u64,
    /// Its length; the buffer holds no more of it than an event may have, and one byte.
    pub(crate) bytes: u64,
}

/// Reads the element that begins here into `buffer`, up to the comma or bracket behind it.
pub(crate) fn read_element(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
) -> io::Result<ArrayElement> {
    let mut nesting = Nesting::default();
    let mut element = ArrayElement {
        end: ArrayEnd::Whole,
        newlines: 0,
        bytes: 0,
    };
    buffer.clear();
    loop {
        let chunk = fill_buffer(input)?;
        if chunk.is_empty() {
            if nesting.depth > 0 || nesting.in_string {
                element.end = ArrayEnd::Cut;
            }
            return Ok(element);
        }
        // Looked for in each chunk before anything is consumed, so that the comma or bracket behind
        // the element stays in the input.
        let end = chunk.iter().position(|byte| nesting.ends_before(*byte));
        let used = end.unwrap_or(chunk.len());
        let part = chunk.get(..used).unwrap_or(chunk);
        element.newlines += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        element.bytes += part.len() as u64;
        // Counted whole and stored only up to the limit: the length of a record that is too large
        // is reported, and its bytes are not held.
        let room = (limits::EVENT_BYTES + 1).saturating_sub(buffer.len());
        buffer.extend_from_slice(part.get(..room).unwrap_or(part));
        input.consume(used);
        if end.is_some() {
            return Ok(element);
        }
    }
}

/// How deep inside an element a byte is.
#[derive(Debug, Default)]
struct Nesting {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Whether the element is over before this byte; if not, the byte is part of it.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                // No JSON string holds a line feed: the string was never closed, and the elements
                // on the lines behind it must not become part of it.
                b'\n' => return true,
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b',' | b']' if self.depth == 0 => return true,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}
