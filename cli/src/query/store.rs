//! Queries of a store that no engine has open.

use std::path::{Path, PathBuf};

use larum_event::{Position, TenantId};
use larum_log::{EventQuery, Log, LogError, LogOptions, LogReader};
use larum_tree::TreeView;

use super::{FoundEvent, FoundPage, MomentArg, OfflineTrees};
use crate::error::{CliError, format_causes};

/// Records read at a time.
const STRETCH_RECORDS: usize = 4_096;
/// Bytes read at a time.
const STRETCH_BYTES: usize = 16 * 1024 * 1024;

/// An opened store. Holding it keeps engines out.
pub struct OfflineStore {
    folder: PathBuf,
    reader: LogReader,
    _log: Log,
}

impl OfflineStore {
    /// Opens the store in `folder`, which must be there.
    pub fn open(folder: &Path) -> Result<Self, CliError> {
        // Opening would create an empty store; a mistyped folder must be an error.
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
        let failed = |error| store_error(folder, &error);
        let log = Log::open(folder, LogOptions::default()).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            reader: log.reader(),
            _log: log,
        })
    }

    /// One page.
    pub fn read_page(&mut self, query: &EventQuery) -> Result<FoundPage, CliError> {
        let page = self
            .reader
            .query(query)
            .map_err(|error| store_error(&self.folder, &error))?;
        let stored_events = page.events.into_iter();
        let found = stored_events.map(|stored| FoundEvent {
            event: serde_json::from_str(stored.event.json()).unwrap_or_default(),
            json: stored.event.json().to_owned(),
        });
        Ok(FoundPage {
            found: found.collect(),
            next: page.next,
        })
    }

    /// The trees of a tenant as they were at a moment, rebuilt from the log.
    pub fn rebuild_trees(
        &mut self,
        tenant: &TenantId,
        when: Option<MomentArg>,
    ) -> Result<OfflineTrees, CliError> {
        let upto = self.resolve_moment(when)?;
        let mut trees = OfflineTrees::new(tenant.clone(), upto);
        let mut after = Position(self.reader.first_position().0.saturating_sub(1));
        let failed = |error| store_error(&self.folder, &error);
        // What held when the oldest records were dropped.
        if let Some((_, activated)) = self.reader.last_rule_set(after).map_err(failed)? {
            trees.activate_rules(&activated);
        }
        loop {
            let read = self
                .reader
                .read_after(after, STRETCH_RECORDS, STRETCH_BYTES);
            let records = read.map_err(failed)?;
            let Some(last) = records.last() else {
                return Ok(trees);
            };
            after = last.position;
            for record in &records {
                if record.position > upto {
                    return Ok(trees);
                }
                trees.apply_record(record.position, &record.body);
            }
        }
    }

    fn resolve_moment(&mut self, when: Option<MomentArg>) -> Result<Position, CliError> {
        let head = self.reader.head();
        match when {
            None => Ok(head),
            Some(MomentArg::Position(position)) if position > head => {
                let message = format!("position {position}: the log ends at position {head}");
                Err(CliError::Usage(message))
            }
            Some(MomentArg::Position(position)) => Ok(position),
            Some(MomentArg::Time(time)) => {
                let found = self.reader.position_at(time);
                found.map_err(|error| store_error(&self.folder, &error))
            }
        }
    }

    /// Looks up the events that raised an alert and belong to no workflow: the graph knows only
    /// their ids.
    pub fn describe_events(
        &mut self,
        tenant: &TenantId,
        view: &mut TreeView,
    ) -> Result<(), CliError> {
        for id in view.unknown_events() {
            let query = EventQuery {
                tenant: Some(tenant.clone()),
                id: Some(id.as_str().to_owned()),
                limit: 1,
                ..EventQuery::default()
            };
            let answer = self.reader.query(&query);
            let page = answer.map_err(|error| store_error(&self.folder, &error))?;
            for stored in page.events {
                view.fill_event(&stored.event, stored.position);
            }
        }
        Ok(())
    }
}

fn store_error(folder: &Path, error: &LogError) -> CliError {
    let mut cause = format_causes(error);
    if matches!(error, LogError::Locked { .. }) {
        cause.push_str("\nhelp: an engine has it open; ask that engine with --server URL");
    }
    CliError::Store {
        path: folder.to_owned(),
        cause,
    }
}
