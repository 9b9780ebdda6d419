//! Splitting an input into records.
//!
//! Owns lines and the choice between lines and a JSON array, whose elements are `array`'s job.
//! Invariant: one record is in memory at a time, and never more of it than [`limits::EVENT_BYTES`]
//! and one buffer; a larger one is passed over and rejected.

use std::io::{self, BufRead, Read};

use larum_event::{Rejection, RejectionReason, limits};

use crate::array::{self, ArrayEnd};

/// How an input is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputForm {
    /// JSON: an array's elements, when the first character is `[`, and lines otherwise.
    Json,
    /// Every line is a record.
    Lines,
}

/// One record, not yet decoded.
#[derive(Debug, PartialEq, Eq)]
pub struct UndecodedRecord<'b> {
    /// Its place in the input, from 0, rejected records counted.
    pub number: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its bytes, without what is between records.
    pub bytes: Result<&'b [u8], Rejection>,
}

/// Reads records one after the other.
#[derive(Debug)]
pub struct FileRecordReader<R> {
    input: R,
    state: ReaderState,
    buffer: Vec<u8>,
    /// Line feeds read so far.
    newlines: u64,
    /// Records read so far.
    records: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    /// JSON, and the next character shows which form.
    Undecided,
    /// JSON objects, one on each line.
    JsonLines,
    /// A line of text.
    Lines,
    /// Inside of an array.
    Array(array::ArrayNext),
    /// Nothing comes any more.
    End,
}

/// What was found where a record may be.
enum ScanOutcome {
    /// A record of the buffer, begun on a line.
    Record(u64),
    /// Something that is not a record.
    Bad(u64, Rejection),
    /// Nothing; look again.
    Nothing,
}

impl<R: BufRead> FileRecordReader<R> {
    /// Reads the records of `input`, which begins with no byte order mark; see
    /// [`crate::FileInput`].
    pub fn new(input: R, form: InputForm) -> Self {
        let state = match form {
            InputForm::Json => ReaderState::Undecided,
            InputForm::Lines => ReaderState::Lines,
        };
        Self {
            input,
            state,
            buffer: Vec::new(),
            newlines: 0,
            records: 0,
        }
    }

    /// The next record, or `None` at the end. Blank lines are no records.
    ///
    /// # Errors
    /// The input cannot be read; a later call continues where the input does.
    pub fn read_record(&mut self) -> io::Result<Option<UndecodedRecord<'_>>> {
        loop {
            let found = match self.state {
                ReaderState::Undecided => self.detect_form()?,
                ReaderState::JsonLines | ReaderState::Lines => self.read_line()?,
                ReaderState::Array(next) => self.read_element(next)?,
                ReaderState::End => return Ok(None),
            };
            let (line, rejection) = match found {
                ScanOutcome::Nothing => continue,
                ScanOutcome::Record(line) => (line, None),
                ScanOutcome::Bad(line, rejection) => (line, Some(rejection)),
            };
            let number = self.records;
            self.records += 1;
            let bytes = match rejection {
                Some(rejection) => Err(rejection),
                None if self.state == ReaderState::Lines => Ok(self.buffer.as_slice()),
                // Indentation must not decide the id of a record.
                None => Ok(self.buffer.trim_ascii()),
            };
            return Ok(Some(UndecodedRecord {
                number,
                line,
                bytes,
            }));
        }
    }

    /// Line feeds read so far.
    pub fn lines_read(&self) -> u64 {
        self.newlines
    }

    fn detect_form(&mut self) -> io::Result<ScanOutcome> {
        self.state = match self.skip_blank()? {
            None => ReaderState::End,
            Some(b'[') => {
                self.input.consume(1);
                ReaderState::Array(array::ArrayNext::ElementOrEnd)
            }
            Some(_) => ReaderState::JsonLines,
        };
        Ok(ScanOutcome::Nothing)
    }

    fn read_line(&mut self) -> io::Result<ScanOutcome> {
        // Room for the longest record and its line end, so that one byte more is seen to be more.
        let most = limits::EVENT_BYTES + 2;
        self.buffer.clear();
        let mut limited = (&mut self.input).take(most as u64);
        if limited.read_until(b'\n', &mut self.buffer)? == 0 {
            self.state = ReaderState::End;
            return Ok(ScanOutcome::Nothing);
        }
        let line = self.newlines + 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            self.newlines += 1;
        } else if self.buffer.len() == most {
            let rest = self.skip_line()?;
            return Ok(ScanOutcome::Bad(line, reject_too_large(most as u64 + rest)));
        }
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        if self.buffer.len() > limits::EVENT_BYTES {
            return Ok(ScanOutcome::Bad(
                line,
                reject_too_large(self.buffer.len() as u64),
            ));
        }
        if self.buffer.trim_ascii().is_empty() {
            return Ok(ScanOutcome::Nothing);
        }
        Ok(ScanOutcome::Record(line))
    }

    /// Passes over the rest of a line; how many bytes it was.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let chunk = fill_buffer(&mut self.input)?;
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let used = newline.map_or(chunk.len(), |at| at + 1);
            self.input.consume(used);
            if newline.is_some() {
                self.newlines += 1;
                return Ok(skipped + used as u64 - 1);
            }
            if used == 0 {
                return Ok(skipped);
            }
            skipped += used as u64;
        }
    }

    fn read_element(&mut self, next: array::ArrayNext) -> io::Result<ScanOutcome> {
        // Blanks before the line is noted: an element begins on the line of its first byte.
        let first = self.skip_blank()?;
        let line = self.newlines + 1;
        let bad =
            |detail: &str| ScanOutcome::Bad(line, Rejection::new(RejectionReason::Syntax, detail));
        match (first, next) {
            (None, _) => {
                self.state = ReaderState::End;
                Ok(bad("the JSON array is not closed"))
            }
            (Some(b']'), array::ArrayNext::Element) => {
                self.close_array();
                Ok(bad("there is a comma before the end of the JSON array"))
            }
            (Some(b']'), _) => {
                self.close_array();
                Ok(ScanOutcome::Nothing)
            }
            (Some(b','), array::ArrayNext::CommaOrEnd) => {
                self.input.consume(1);
                self.state = ReaderState::Array(array::ArrayNext::Element);
                Ok(ScanOutcome::Nothing)
            }
            (Some(b','), _) => {
                self.input.consume(1);
                self.state = ReaderState::Array(array::ArrayNext::Element);
                Ok(bad("the JSON array lacks an element before a comma"))
            }
            (Some(_), _) => {
                let element = array::read_element(&mut self.input, &mut self.buffer)?;
                self.newlines += element.newlines;
                // Before the element is judged: one that is too large is rejected, and the array
                // goes on behind it.
                self.state = ReaderState::Array(array::ArrayNext::CommaOrEnd);
                if element.bytes > limits::EVENT_BYTES as u64 {
                    return Ok(ScanOutcome::Bad(line, reject_too_large(element.bytes)));
                }
                if element.end == ArrayEnd::Cut {
                    self.state = ReaderState::End;
                    return Ok(bad("the input ends inside of this element of a JSON array"));
                }
                Ok(ScanOutcome::Record(line))
            }
        }
    }

    fn close_array(&mut self) {
        self.input.consume(1);
        // Another array may follow, as when files were put one behind the other.
        self.state = ReaderState::Undecided;
    }

    /// Passes over white space; the first byte behind it, which stays.
    fn skip_blank(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = fill_buffer(&mut self.input)?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let used = chunk.iter().take_while(|byte| blank(byte)).count();
            let newlines = chunk
                .iter()
                .take(used)
                .filter(|byte| **byte == b'\n')
                .count();
            let found = chunk.get(used).copied();
            self.input.consume(used);
            self.newlines += newlines as u64;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
}

/// What the reader holds, at least one byte of it unless it is at its end.
pub(crate) fn fill_buffer<R: BufRead>(input: &mut R) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

fn reject_too_large(bytes: u64) -> Rejection {
    let most = limits::EVENT_BYTES;
    Rejection::new(
        RejectionReason::TooLarge,
        format!("the record is {bytes} bytes long, at most {most} are allowed"),
    )
}
