//! Opening an input: a file or standard input, unpacked when it is gzip, without its byte order
//! mark.
//!
//! Owns the bytes of an input; splitting them into records is the job of `record`.
//! Invariant: gzip is recognised by its first bytes and never by a name, so that standard input
//! may be packed too.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use crate::error::FileError;
use crate::record::{FileRecordReader, InputForm};

/// What every gzip member begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
/// Bytes read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The name for standard input on a command line.
const STDIN: &str = "-";

/// An input, unpacked, from its first byte of content.
pub struct FileInput {
    pub(crate) name: Arc<str>,
    pub(crate) content: Box<dyn BufRead + Send>,
}

impl FileInput {
    /// Opens the file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// The file cannot be opened, or its first bytes cannot be read.
    pub fn open(path: &str) -> Result<Self, FileError> {
        if path == STDIN {
            return Self::from_reader("standard input", io::stdin());
        }
        let opened = File::open(path).and_then(|file| {
            // Opening a folder succeeds, and only reading it says what is wrong.
            if file.metadata()?.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            Ok(file)
        });
        match opened {
            Ok(file) => Self::from_reader(path, file),
            Err(source) => Err(FileError::Open {
                file: path.to_owned(),
                source,
            }),
        }
    }

    /// Any other source of bytes; `name` is what reports call it.
    ///
    /// # Errors
    /// Its first bytes cannot be read, or say that it is UTF-16.
    pub fn from_reader(name: &str, bytes: impl Read + Send + 'static) -> Result<Self, FileError> {
        let unreadable = |source| FileError::Read {
            file: name.to_owned(),
            line: 0,
            source,
        };
        let packed = BufReader::with_capacity(BUFFER_BYTES, bytes);
        let (start, packed) = peek_bytes(packed, GZIP.len()).map_err(unreadable)?;
        let content: Box<dyn BufRead + Send> = if start == GZIP {
            let unpacked = MultiGzDecoder::new(Cursor::new(start).chain(packed));
            Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked))
        } else {
            Box::new(Cursor::new(start).chain(packed))
        };
        let (start, content) = peek_bytes(content, UTF8_MARK.len()).map_err(unreadable)?;
        if UTF16_MARKS.iter().any(|mark| start.starts_with(mark)) {
            return Err(FileError::Utf16 {
                file: name.to_owned(),
            });
        }
        let content: Box<dyn BufRead + Send> = if start == UTF8_MARK {
            content
        } else {
            Box::new(Cursor::new(start).chain(content))
        };
        Ok(Self {
            name: name.into(),
            content,
        })
    }

    /// Its records, not decoded.
    pub fn into_records(self, form: InputForm) -> FileRecordReader<Box<dyn BufRead + Send>> {
        FileRecordReader::new(self.content, form)
    }

    /// What reports call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for FileInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.name).finish()
    }
}

/// The first bytes, at most `count`, and the reader behind them.
fn peek_bytes<R: BufRead>(mut reader: R, count: usize) -> io::Result<(Vec<u8>, R)> {
    let mut start = Vec::with_capacity(count);
    reader.by_ref().take(count as u64).read_to_end(&mut start)?;
    Ok((start, reader))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn content(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let mut input = FileInput::from_reader("test", Cursor::new(bytes.to_vec())).unwrap();
        input.content.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn short_inputs_come_through_whole() {
        for bytes in ["", "a", "ab", "abc", "abcd"] {
            assert_eq!(content(bytes.as_bytes()).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn gzip_of_any_number_of_members_is_unpacked_and_the_mark_goes() {
        let mut packed = gzip(b"\xef\xbb\xbfone\n");
        packed.extend(gzip(b""));
        packed.extend(gzip(b"two\n"));
        assert_eq!(content(&packed).unwrap(), b"one\ntwo\n");
        assert_eq!(content(b"\xef\xbb\xbfplain").unwrap(), b"plain");
    }

    #[test]
    fn gzip_cut_short_is_an_error_and_not_a_short_file() {
        let packed = gzip(&b"x".repeat(1000));
        assert!(content(&packed[..packed.len() - 9]).is_err());
    }

    #[test]
    fn utf16_is_named_instead_of_a_thousand_bad_lines() {
        let error = FileInput::from_reader("test", Cursor::new(b"\xff\xfea\0")).unwrap_err();
        assert!(matches!(error, FileError::Utf16 { .. }), "{error}");
    }

    #[test]
    fn a_folder_and_a_missing_file_cannot_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("missing")] {
            let error = FileInput::open(path.to_str().unwrap()).unwrap_err();
            assert!(matches!(error, FileError::Open { .. }), "{error}");
        }
    }
}
