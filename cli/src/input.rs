//! Files of the command line as events: opened, decoded and merged by time, with a progress bar.
//!
//! Owns the counting and reporting of bad records; splitting and decoding them is the file door's
//! job.
//! Invariant: a bad record is reported and counted and never ends a run; only a file that cannot
//! be read does.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use larum_event::decode::Decoder;
use larum_event::{
    Channel, EventDefaults, EventId, Rejection, RejectionReason, SeverityPolicy, TenantId,
    Timestamp,
};
use larum_file::{
    BadRecord, EventMerge, EventReader, FileError, FileInput, FileRecord, InputForm, RecordTally,
};

use crate::error::{CliError, format_causes};
use crate::terminal::{count_noun, print_notice};

/// Bad records that are reported one by one; the others are counted.
const BAD_SHOWN: u64 = 20;
/// Shorter inputs are read before anybody looks for a bar.
const BAR_BYTES: u64 = 8 * 1024 * 1024;
/// The name for standard input.
const STDIN: &str = "-";

/// Opened inputs, and how far they are read.
pub struct InputFiles {
    opened: Vec<FileInput>,
    /// Shows itself on terminals only.
    pub bar: ProgressBar,
}

impl InputFiles {
    /// Opens every input before any is read, so that a misspelt name is reported at once.
    pub fn open(names: &[String]) -> Result<Self, CliError> {
        if names.iter().filter(|name| *name == STDIN).count() > 1 {
            let message = "standard input (-) can be named only once";
            return Err(CliError::Usage(message.to_owned()));
        }
        let mut files = Vec::new();
        let mut bytes = 0;
        for name in names {
            let file = if name == STDIN {
                None
            } else {
                let (file, length) = open_file(Path::new(name))?;
                bytes += length;
                Some(file)
            };
            files.push((name, file));
        }
        let bar = progress_bar(bytes);
        let opened = files
            .into_iter()
            .map(|(name, file)| match file {
                Some(file) => FileInput::from_reader(name, bar.wrap_read(file)),
                None => FileInput::open(STDIN),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(read_error)?;
        Ok(Self { opened, bar })
    }

    /// Reads every record and hands it to `take`, in the order of time. Bad records are reported
    /// and counted here.
    pub fn read_events(
        self,
        decoder: Option<&Decoder>,
        severities: &SeverityPolicy,
        mut take: impl FnMut(FileRecord) -> Result<(), CliError>,
    ) -> Result<RecordTally, CliError> {
        let mut counter = RecordCounter::new(self.bar);
        let opened = self.opened;
        with_file_fill(severities, |fill| {
            let inputs = opened.into_iter();
            let readers = inputs.map(|input| EventReader::new(input, decoder, fill));
            for record in EventMerge::new(readers) {
                let mut record = record.map_err(read_error)?;
                require_time(&mut record);
                counter.count_record(&record.outcome, &record.file, record.line);
                take(record)?;
            }
            Ok::<(), CliError>(())
        })?;
        Ok(counter.finish())
    }

    /// Reads every record as it is and hands its JSON to `take`, one input after the other.
    pub fn read_records(
        self,
        mut take: impl FnMut(&RecordPlace<'_>, &str) -> Result<Result<(), Rejection>, CliError>,
    ) -> Result<RecordTally, CliError> {
        let mut counter = RecordCounter::new(self.bar);
        for input in self.opened {
            let file: Arc<str> = input.name().into();
            let mut records = input.into_records(InputForm::Json);
            loop {
                let record = match records.read_record() {
                    Ok(Some(record)) => record,
                    Ok(None) => break,
                    Err(source) => {
                        let (file, line) = (file.to_string(), records.lines_read());
                        return Err(read_error(FileError::Read { file, line, source }));
                    }
                };
                let place = RecordPlace {
                    file: &file,
                    line: record.line,
                };
                let outcome = match record.bytes.and_then(utf8_text) {
                    Ok(text) => take(&place, text)?,
                    Err(rejection) => Err(rejection),
                };
                counter.count_record(&outcome, &file, place.line);
            }
        }
        Ok(counter.finish())
    }
}

/// Where a record is.
#[derive(Debug, Clone, Copy)]
pub struct RecordPlace<'f> {
    /// The input's name.
    pub file: &'f Arc<str>,
    /// The line on which it begins, from 1.
    pub line: u64,
}

/// Counts records and reports bad ones.
struct RecordCounter {
    tally: RecordTally,
    bar: ProgressBar,
}

impl RecordCounter {
    fn new(bar: ProgressBar) -> Self {
        let tally = RecordTally::default();
        Self { tally, bar }
    }

    fn count_record<T>(&mut self, outcome: &Result<T, Rejection>, file: &Arc<str>, line: u64) {
        self.tally.count_outcome(outcome);
        if let Err(rejection) = outcome
            && self.tally.rejected_count() <= BAD_SHOWN
        {
            let bad = BadRecord {
                file: Arc::clone(file),
                line,
                rejection: rejection.clone(),
            };
            let text = bad.to_string();
            self.bar
                .suspend(|| print_notice(&crate::terminal::escape_controls(&text)));
        }
    }

    fn finish(self) -> RecordTally {
        self.bar.finish_and_clear();
        if self.tally.rejected_count() > BAD_SHOWN {
            let more = self.tally.rejected_count() - BAD_SHOWN;
            print_notice(&format!("and {} more", count_noun(more, "bad record")));
        }
        self.tally
    }
}

fn utf8_text(bytes: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("byte {} is not part of a character", error.valid_up_to());
        Rejection::new(RejectionReason::InvalidUtf8, detail)
    })
}

/// The records of `bytes`, in their order; `name` is what reports call them.
pub fn read_all_records(name: &str, bytes: Vec<u8>) -> Result<Vec<FileRecord>, CliError> {
    let input = FileInput::from_reader(name, io::Cursor::new(bytes)).map_err(read_error)?;
    with_file_fill(&SeverityPolicy::default(), |fill| {
        EventReader::new(input, None, fill)
            .map(|record| {
                let mut record = record.map_err(read_error)?;
                require_time(&mut record);
                Ok(record)
            })
            .collect()
    })
}

/// Reads with what events of files may leave out. A file does not say when an event arrived, so
/// nothing is filled in from a clock: the same file gives the same events whenever it is read.
fn with_file_fill<T>(severities: &SeverityPolicy, read: impl FnOnce(&EventDefaults<'_>) -> T) -> T {
    let no_id = || EventId::new("none").expect("a word is an id");
    read(&EventDefaults {
        arrived: Timestamp::MIN,
        new_id: &no_id,
        source: None,
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|event_type| severities.severity(event_type),
    })
}

/// An event whose time would have to be made up is refused.
fn require_time(record: &mut FileRecord) {
    let has_none = matches!(&record.outcome, Ok(event) if event.envelope().filled.time);
    if has_none {
        let detail = "an event of a file needs a time; only a server knows when an event arrived";
        record.outcome = Err(Rejection::for_member(
            RejectionReason::MissingMember,
            "time",
            detail,
        ));
    }
}

fn open_file(path: &Path) -> Result<(File, u64), CliError> {
    let opened = File::open(path).and_then(|file| {
        let kind = file.metadata()?;
        // Opening a folder succeeds, and only reading it says what is wrong.
        if kind.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok((file, kind.len()))
    });
    opened.map_err(|source| CliError::Open {
        path: path.to_owned(),
        source,
    })
}

fn read_error(error: FileError) -> CliError {
    CliError::Read {
        cause: format_causes(&error),
    }
}

fn progress_bar(bytes: u64) -> ProgressBar {
    if bytes < BAR_BYTES {
        return ProgressBar::hidden();
    }
    // Hides itself where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let style = "{wide_bar:.cyan/dim} {bytes} of {total_bytes} {eta}";
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
