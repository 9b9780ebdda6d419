//! Answers to queries, cut into pages; events by their ids and by their workflows.
//!
//! Owns the way through the partitions and what a page may cost; how one partition is searched is
//! `search`'s job. The order is that of the log.
//! Invariant: a page costs a bounded number of rows. When few events match and no index helps, it
//! comes back short, with a cursor for the next one, and never takes seconds.

use larum_event::{Position, TenantId, limits};

use crate::error::{LogError, PathlessError};
use crate::paging::PageCursor;
use crate::partition::Partition;
use crate::query::{EventPage, EventQuery, PageBuilder, PageOrder, StoredEvent};
use crate::reader::LogReader;
use crate::search::{self, PositionRange, SearchEnd};

impl LogReader {
    /// Searches the log.
    ///
    /// # Errors
    /// The limit is out of range; the cursor belongs to another query; a damaged record; the disk
    /// fails.
    pub fn query(&mut self, query: &EventQuery) -> Result<EventPage, LogError> {
        if query.limit == 0 || query.limit > limits::PAGE_MOST {
            return Err(LogError::PageLimit {
                asked: query.limit,
                most: limits::PAGE_MOST,
            });
        }
        let cursor = match &query.cursor {
            Some(text) => Some(PageCursor::parse(text, query)?),
            None => None,
        };
        // What the pages before took for the last hour stays the last hour.
        let as_before = cursor.and_then(|cursor| query.with_now(cursor.now?));
        let query = as_before.as_ref().unwrap_or(query);
        let head = self.head();
        let mut part = PositionRange::between(Position::START, head.next());
        match (query.order, cursor) {
            (PageOrder::NewestFirst, Some(cursor)) => part.before = part.before.min(cursor.reached),
            (PageOrder::OldestFirst, Some(cursor)) => part.after = cursor.reached.min(head),
            (_, None) => {}
        }
        let mut page = PageBuilder {
            skip: cursor.map_or(query.offset, |cursor| cursor.skip),
            most: query.limit,
            rows_left: self.shared.query_rows.max(1),
            events: Vec::new(),
        };
        let ended = self.search_partitions(query, part, &mut page)?;
        let next = match ended {
            SearchEnd::Exhausted => None,
            SearchEnd::Full => page.events.last().map(|last| PageCursor {
                reached: last.position,
                skip: 0,
                now: query.reference_time(),
            }),
            SearchEnd::OutOfRows { reached } => Some(PageCursor {
                reached,
                skip: page.skip,
                now: query.reference_time(),
            }),
        };
        Ok(EventPage {
            next: next.map(|cursor| cursor.to_text(query)),
            complete: !matches!(ended, SearchEnd::OutOfRows { .. }),
            events: page.events,
        })
    }

    fn search_partitions(
        &mut self,
        query: &EventQuery,
        whole: PositionRange,
        page: &mut PageBuilder,
    ) -> Result<SearchEnd, LogError> {
        let mut parts = split_by_partition(&self.partitions(), whole);
        if query.order == PageOrder::NewestFirst {
            parts.reverse();
        }
        for (partition, part) in parts {
            let reached = match query.order {
                PageOrder::NewestFirst => part.after.next(),
                PageOrder::OldestFirst => Position(part.before.0 - 1),
            };
            let ended = self.with_partition(&partition, |connection| {
                search::search_partition(connection, &partition.state, query, part, page)
            })?;
            match ended {
                None | Some(SearchEnd::Exhausted) => {}
                Some(ended) => return Ok(ended),
            }
            // Looking into a file costs something even when nothing in it is looked at.
            page.rows_left = page.rows_left.saturating_sub(search::ROWS_PER_FILE);
            let last = match query.order {
                PageOrder::NewestFirst => reached <= whole.after.next(),
                PageOrder::OldestFirst => reached.next() >= whole.before,
            };
            if page.rows_left == 0 && !last {
                return Ok(SearchEnd::OutOfRows { reached });
            }
        }
        Ok(SearchEnd::Exhausted)
    }

    /// The event with an id; the newest one, if tenants or sources share the id.
    ///
    /// # Errors
    /// A damaged record; the disk fails.
    pub fn find_event(
        &mut self,
        tenant: Option<&TenantId>,
        id: &str,
    ) -> Result<Option<StoredEvent>, LogError> {
        let whole = PositionRange::between(Position::START, self.head().next());
        for (partition, part) in split_by_partition(&self.partitions(), whole)
            .into_iter()
            .rev()
        {
            let found = self.with_partition(&partition, |connection| {
                let positions = search::positions_by_id(connection, &partition.state, id, part)?;
                for position in positions.into_iter().rev() {
                    if let Some(stored) = search::fetch_event(connection, position)? {
                        let envelope = stored.event.envelope();
                        let his = tenant.is_none_or(|tenant| envelope.tenant == *tenant);
                        if his && envelope.id.as_str() == id {
                            return Ok(Some(stored));
                        }
                    }
                }
                Ok(None)
            })?;
            if let Some(Some(found)) = found {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Events and alerts of the workflow with a root, oldest first, behind a position: for trees.
    ///
    /// # Errors
    /// A damaged record; the disk fails.
    pub fn find_by_root(
        &mut self,
        tenant: &TenantId,
        root: &str,
        after: Position,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, LogError> {
        let head = self.head();
        let whole = PositionRange::between(after.min(head), head.next());
        let mut events = Vec::new();
        for (partition, part) in split_by_partition(&self.partitions(), whole) {
            if events.len() >= limit {
                break;
            }
            let found = self.with_partition(&partition, |connection| {
                let positions =
                    search::positions_by_link(connection, &partition.state, root, part)?;
                for position in positions {
                    if events.len() >= limit {
                        break;
                    }
                    // The index holds hashes of roots and of steps, without tenants.
                    if let Some(stored) = search::fetch_event(connection, position)?
                        && stored.event.envelope().tenant == *tenant
                        && search::workflow_root(&stored.event) == Some(root)
                    {
                        events.push(stored);
                    }
                }
                Ok(())
            });
            found?;
        }
        Ok(events)
    }

    /// Looks into a partition; `None` when it was dropped meanwhile.
    pub(crate) fn with_partition<T>(
        &mut self,
        partition: &Partition,
        look: impl FnOnce(&rusqlite::Connection) -> Result<T, PathlessError>,
    ) -> Result<Option<T>, LogError> {
        let looked = self.connections.get(partition).and_then(|connection| {
            look(connection).map_err(PathlessError::with_path(&partition.path))
        });
        match looked {
            Ok(found) => Ok(Some(found)),
            Err(_) if partition.first < self.first_position() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The pieces of `whole` that lie in each partition, oldest first.
pub(crate) fn split_by_partition(
    partitions: &[Partition],
    whole: PositionRange,
) -> Vec<(Partition, PositionRange)> {
    let ends = partitions
        .iter()
        .skip(1)
        .map(|next| next.first)
        .chain([whole.before]);
    partitions
        .iter()
        .zip(ends)
        .map(|(partition, end)| {
            let part = PositionRange {
                after: whole.after.max(Position(partition.first.0 - 1)),
                before: whole.before.min(end),
            };
            (partition.clone(), part)
        })
        .filter(|(_, part)| part.after.next() < part.before)
        .collect()
}
