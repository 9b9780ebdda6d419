//! `larum decode`: foreign records as events.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use larum_event::decode::Decoder;

use crate::error::{CliError, CommandExit};
use crate::input::InputFiles;
use crate::severities;
use crate::terminal::{print_notice, stdout};

/// Largest decoder file, in bytes; they are a few lines long.
const DECODER_BYTES: u64 = 1024 * 1024;

/// Show what a decoder makes of foreign records, as canonical NDJSON
#[derive(Debug, Args)]
#[command(after_help = "\
Reads NDJSON, JSON arrays and text lines, each plain or gzip. Several files are merged by event time. \
Bad records are reported on standard error with file and line; the others are decoded.

Examples:
  larum decode --decoder auth-log.toml /var/log/auth.log | head -3
  zcat old.gz | larum decode --decoder ssh.toml -")]
pub struct DecodeCommand {
    /// The decoder file, or `windows`; without one records are Larum's own JSON or CloudEvents
    #[arg(long, value_name = "FILE")]
    decoder: Option<PathBuf>,
    /// The severity policy, for events that do not say how bad they are
    #[arg(long, value_name = "FILE")]
    severities: Option<PathBuf>,
    /// Exit with 1 when any record is bad
    #[arg(long)]
    strict: bool,
    /// Files to read; - is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<String>,
}

impl DecodeCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let decoder = self.decoder.as_deref().map(load_decoder).transpose()?;
        let severities = severities::load_policy(self.severities.as_deref())?;
        let inputs = InputFiles::open(&self.inputs)?;
        let mut out = stdout();
        let tally = inputs.read_events(decoder.as_ref(), &severities, |record| {
            if let Ok(event) = &record.outcome {
                writeln!(out, "{}", event.json())?;
            }
            Ok(())
        })?;
        out.flush()?;
        print_notice(&tally.to_string());
        let failed = self.strict && tally.rejected_count() > 0;
        Ok(if failed {
            CommandExit::Problems
        } else {
            CommandExit::Done
        })
    }
}

/// Loads a decoder file; where there is no such file, the decoder of that name that comes with us.
pub fn load_decoder(path: &Path) -> Result<Decoder, CliError> {
    // A name in a configuration file is made a path beside that file.
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some(builtin) = name.and_then(Decoder::builtin)
        && !path.exists()
    {
        return Ok(builtin);
    }
    let open = |source| CliError::Open {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(open)?.len() > DECODER_BYTES {
        return Err(CliError::Usage(format!(
            "{} is longer than {DECODER_BYTES} bytes, so it is not a decoder",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(open)?;
    Decoder::load(&path.to_string_lossy(), &text)
        .map_err(|problems| CliError::Decoder(problems.to_string()))
}
