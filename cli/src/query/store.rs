//! Questions to a store that no engine has open.

use std::path::{Path, PathBuf};

use larum_event::{Position, TenantId};
use larum_log::{EventQuery, Log, LogError, LogOptions, LogReader};
use larum_tree::TreeView;

use super::{Found, Grown, Page, Wanted, When};
use crate::error::{CliError, with_causes};

/// Records read at a time.
const STRETCH_RECORDS: usize = 4_096;
/// Bytes read at a time.
const STRETCH_BYTES: usize = 16 * 1024 * 1024;

/// An opened store. Holding it keeps engines out.
pub struct Store {
    folder: PathBuf,
    reader: LogReader,
    _log: Log,
}

impl Store {
    /// Opens the store in `folder`, which must be there.
    pub fn open(folder: &Path) -> Result<Self, CliError> {
        // Opening would make an empty store, which nobody wants to search.
        let is_store = std::fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.any(|entry| {
                entry.is_ok_and(|entry| entry.path().extension().is_some_and(|it| it == "db"))
            })
        });
        if !is_store {
            return Err(CliError::Store {
                path: folder.to_owned(),
                cause: "there is no store in this folder".to_owned(),
            });
        }
        let failed = |error| failed(folder, &error);
        let log = Log::open(folder, LogOptions::default()).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            reader: log.reader(),
            _log: log,
        })
    }

    /// One page.
    pub fn page(
        &mut self,
        wanted: &Wanted,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page, CliError> {
        let page = self
            .reader
            .query(&wanted.query(limit, cursor))
            .map_err(|error| failed(&self.folder, &error))?;
        let found = page.events.into_iter();
        let found = found.map(|stored| Found {
            event: serde_json::from_str(stored.event.json()).unwrap_or_default(),
            json: stored.event.json().to_owned(),
        });
        Ok(Page {
            found: found.collect(),
            next: page.next,
        })
    }

    /// The trees of a tenant as they were then, grown anew from the log.
    pub fn grow(&mut self, tenant: &TenantId, when: Option<When>) -> Result<Grown, CliError> {
        let upto = self.position(when)?;
        let mut grown = Grown::new(tenant.clone(), upto);
        let mut after = Position(self.reader.first().0.saturating_sub(1));
        let failed = |error| failed(&self.folder, &error);
        // What held when the oldest records were dropped.
        if let Some((_, activated)) = self.reader.last_rule_set(after).map_err(failed)? {
            grown.activate(&activated);
        }
        loop {
            let records = self.reader.read(after, STRETCH_RECORDS, STRETCH_BYTES);
            let records = records.map_err(failed)?;
            let Some(last) = records.last() else {
                return Ok(grown);
            };
            after = last.position;
            for record in &records {
                if record.position > upto {
                    return Ok(grown);
                }
                grown.take(record.position, &record.body);
            }
        }
    }

    fn position(&mut self, when: Option<When>) -> Result<Position, CliError> {
        let head = self.reader.head();
        match when {
            None => Ok(head),
            Some(When::Position(position)) if position > head => {
                let message = format!("position {position}: the log ends at position {head}");
                Err(CliError::Usage(message))
            }
            Some(When::Position(position)) => Ok(position),
            Some(When::Time(time)) => {
                let found = self.reader.position_at(time);
                found.map_err(|error| failed(&self.folder, &error))
            }
        }
    }

    /// Looks up the events that raised an alert and stand in no workflow: a forest knows only their ids.
    pub fn describe(&mut self, tenant: &TenantId, view: &mut TreeView) -> Result<(), CliError> {
        for id in view.unknown_events() {
            let query = EventQuery {
                tenant: Some(tenant.clone()),
                id: Some(id.as_str().to_owned()),
                limit: 1,
                ..EventQuery::default()
            };
            let page = self.reader.query(&query);
            let page = page.map_err(|error| failed(&self.folder, &error))?;
            for stored in page.events {
                view.describe(&stored.event, stored.position);
            }
        }
        Ok(())
    }
}

fn failed(folder: &Path, error: &LogError) -> CliError {
    let mut cause = with_causes(error);
    if matches!(error, LogError::Locked { .. }) {
        cause.push_str("\nhelp: an engine runs on it; ask that one with --server URL");
    }
    CliError::Store {
        path: folder.to_owned(),
        cause,
    }
}
