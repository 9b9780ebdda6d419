//! `--output matches`: one line for each record and each rule that it satisfies.
//!
//! Owns a search through recordings by single events; windows, keys and duplicates play no part.
//! Records need not become events at all: then a line of the input is read once, by the matcher,
//! and nothing of it is stored.
//! Invariant: lines come in the order of the input and, for one record, in the order of the rules.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use larum_engine::RuntimeClock;
use larum_event::decode::Decoder;
use larum_event::{Rejection, RejectionReason, SeverityPolicy};
use larum_file::RecordTally;
use larum_pipeline::StandaloneTrees;
use larum_rule::{JsonReadError, RecordMatcher, RuleFault, RuleMatch, RuleMatcher, RuleSet};
use serde_json::json;

use super::summary::{DetectSummary, RuleTotals};
use crate::error::CliError;
use crate::input::{InputFiles, RecordPlace};
use crate::terminal::{count_noun, escape_controls, print_notice};

/// Bytes of lines that are written together.
const BLOCK_BYTES: usize = 64 * 1024;
/// Faults of rules that are reported one by one; the others are counted.
const FAULTS_SHOWN: u64 = 20;

/// Rules and what they are asked of.
pub struct MatchRun {
    /// The rules.
    pub set: Arc<RuleSet>,
    /// The records.
    pub inputs: InputFiles,
}

impl MatchRun {
    /// Asks the rules of records as they are.
    pub fn match_records(self) -> Result<RecordTally, CliError> {
        let rules = self.set.rules().len();
        let mut matcher = RecordMatcher::new(&self.set, &larum_sigma::default_layout());
        let asked = (0..)
            .take(rules)
            .filter(|number| matcher.includes_rule(*number));
        report_skipped_rules(rules - asked.count(), rules)?;
        self.write_matches(|inputs, lines, _| {
            inputs.read_records(|place, json| {
                let found = match matcher.match_rules(json) {
                    Ok(found) => found,
                    Err(error) => return Ok(Err(to_rejection(error))),
                };
                if !json.starts_with('{') {
                    let detail = "the record is no JSON object";
                    return Ok(Err(Rejection::new(RejectionReason::WrongType, detail)));
                }
                lines.write_match(place, found.iter().copied()).map(Ok)
            })
        })
    }

    /// Asks the rules of events that are made of the records.
    pub fn match_events(
        self,
        decoder: Option<&Decoder>,
        severities: &SeverityPolicy,
    ) -> Result<RecordTally, CliError> {
        let mut matcher = RuleMatcher::new(Arc::clone(&self.set));
        let mut trees = StandaloneTrees::for_rules(&self.set);
        let set = Arc::clone(&self.set);
        let mut found: Vec<RuleMatch> = Vec::new();
        let mut faults: Vec<RuleFault> = Vec::new();
        let mut fault_count = 0;
        let tally = self.write_matches(|inputs, lines, summary| {
            let tally = inputs.read_events(decoder, severities, |record| {
                let Ok(event) = &record.outcome else {
                    return Ok(());
                };
                found.clear();
                // Trees take the event before rules match it: a rule may ask about the ancestors of
                // this very event.
                trees.insert_event(&mut matcher, event);
                for layer in 0..set.layers() {
                    matcher.match_event(layer, event, &mut found, &mut faults);
                }
                // Layers find rules in their own order; lines are in the order of the rules.
                found.sort_by_key(|one| one.rule);
                for fault in faults.drain(..) {
                    fault_count += 1;
                    if fault_count <= FAULTS_SHOWN {
                        let id = set.rule(fault.rule).map(|rule| rule.id.as_str());
                        let rule = id.unwrap_or_default();
                        let (file, line) = (escape_controls(&record.file), record.line);
                        let message = escape_controls(&fault.message);
                        print_notice(&format!("{file}:{line}: rule {rule} failed: {message}"));
                    }
                }
                let place = RecordPlace {
                    file: &record.file,
                    line: record.line,
                };
                lines.write_match(&place, found.iter().map(|one| one.rule))
            })?;
            summary.count_excepted(&matcher.take_exception_counts());
            Ok(tally)
        })?;
        if fault_count > FAULTS_SHOWN {
            let more = count_noun(fault_count - FAULTS_SHOWN, "fault");
            print_notice(&format!("and {more} of rules more"));
        }
        Ok(tally)
    }

    /// Reads the inputs into lines and says what came of them.
    fn write_matches(
        self,
        read: impl FnOnce(
            InputFiles,
            &mut MatchWriter<io::StdoutLock<'static>>,
            &mut DetectSummary,
        ) -> Result<RecordTally, CliError>,
    ) -> Result<RecordTally, CliError> {
        let clock = RuntimeClock::system();
        let begun = clock.monotonic();
        // JSON hides control characters, so nothing in the lines could colour a terminal.
        let mut lines = MatchWriter::new(&self.set, io::stdout().lock());
        let mut summary = DetectSummary::default();
        let tally = read(self.inputs, &mut lines, &mut summary)?;
        lines.flush()?;
        let matches = RuleTotals {
            what: "matches",
            counts: lines.count_by_rule(&self.set),
        };
        let took = clock.monotonic().since(begun);
        summary.print_totals(&tally, &matches, &self.set, took);
        Ok(tally)
    }
}

/// Says how many of the rules are not asked of records; it is an error if none is.
pub fn report_skipped_rules(left_out: usize, rules: usize) -> Result<(), CliError> {
    if left_out == rules {
        let message = "no rule of the set can be asked of records: --raw is for rules in Sigma";
        return Err(CliError::Usage(message.to_owned()));
    }
    if left_out > 0 {
        let rules = count_noun(left_out as u64, "rule");
        print_notice(&format!(
            "{rules} not asked: rules in Rhai, those over alerts and those with exceptions read events"
        ));
    }
    Ok(())
}

/// The reader's words for a record that it cannot read.
pub fn to_rejection(error: JsonReadError) -> Rejection {
    Rejection::new(RejectionReason::Syntax, error.to_string())
}

/// Writes lines in blocks. What a line says of a file and of a rule is written down once.
struct MatchWriter<W> {
    out: W,
    block: Vec<u8>,
    file: Option<Arc<str>>,
    /// The line's beginning, up to the number.
    head: Vec<u8>,
    /// By rule: the line's end, and how often it was written.
    tails: Vec<(Vec<u8>, u64)>,
}

impl<W: Write> MatchWriter<W> {
    fn new(set: &RuleSet, out: W) -> Self {
        let tail = |rule: &larum_rule::Rule| {
            let id = json!(rule.id);
            let title = match &rule.title {
                Some(title) => format!("\"title\":{},", json!(title)),
                None => String::new(),
            };
            let severity = json!(rule.severity);
            let text = format!(",\"rule\":{id},{title}\"severity\":{severity}}}\n");
            (text.into_bytes(), 0)
        };
        Self {
            out,
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            file: None,
            head: Vec::new(),
            tails: set.rules().iter().map(tail).collect(),
        }
    }

    fn write_match(
        &mut self,
        place: &RecordPlace<'_>,
        rules: impl Iterator<Item = u32>,
    ) -> Result<(), CliError> {
        for rule in rules {
            let known = self.file.as_ref();
            if !known.is_some_and(|known| Arc::ptr_eq(known, place.file)) {
                self.file = Some(Arc::clone(place.file));
                self.head = format!("{{\"file\":{},\"line\":", json!(place.file)).into_bytes();
            }
            let at = usize::try_from(rule).unwrap_or(usize::MAX);
            if let Some((tail, count)) = self.tails.get_mut(at) {
                *count += 1;
                self.block.extend_from_slice(&self.head);
                write!(self.block, "{}", place.line)?;
                self.block.extend_from_slice(tail);
            }
        }
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CliError> {
        self.out.write_all(&self.block)?;
        self.out.flush()?;
        self.block.clear();
        Ok(())
    }

    fn count_by_rule<'s>(&self, set: &'s RuleSet) -> BTreeMap<&'s str, u64> {
        let counts = set.rules().iter().zip(&self.tails);
        counts
            .filter(|(_, (_, count))| *count > 0)
            .map(|(rule, (_, count))| (rule.id.as_str(), *count))
            .collect()
    }
}
