//! Searching one partition.
//!
//! Owns the way to the candidates: by the memory of an unsealed partition, by an index of a sealed
//! one, or by going through its records. The other filters are compared row by row. Partitions and
//! pages are the job of `page_reader`.
//! Invariant: every statement is one of a few fixed texts, and no word of a query is ever part of
//! one (X15). Every row that is looked at is counted.

use larum_event::{Event, Position};
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::{Connection, OptionalExtension, Row, Rows};

use crate::error::PathlessError;
use crate::identity::{EventIdentity, link_key};
use crate::partition::{self, PartitionState};
use crate::query::{EventQuery, PageBuilder, PageOrder, StoredEvent};
use crate::record;
use crate::row_filter::{RowFilter, ScanPlan, select_rows};
use crate::schema::select_record;
use crate::search_filter::{EventLookup, LookupKind};

/// What opening a partition counts for, in rows.
pub(crate) const ROWS_PER_FILE: usize = 100;

/// What reading an event's text counts for, in rows. A text is some microseconds' work, a row less
/// than one.
const ROWS_PER_TEXT: usize = 4;

/// The positions between two others, both left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PositionRange {
    pub(crate) after: Position,
    pub(crate) before: Position,
}

impl PositionRange {
    pub(crate) fn between(after: Position, before: Position) -> Self {
        Self { after, before }
    }
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchEnd {
    /// There is nothing more to search.
    Exhausted,
    /// The page is full and something more would match.
    Full,
    /// Enough rows were looked at; this was the last one.
    OutOfRows { reached: Position },
}

/// Adds the partition's matches to a page.
pub(crate) fn search_partition(
    connection: &Connection,
    state: &PartitionState,
    query: &EventQuery,
    part: PositionRange,
    page: &mut PageBuilder,
) -> Result<SearchEnd, PathlessError> {
    if is_outside_times(state, query) {
        return Ok(SearchEnd::Exhausted);
    }
    let Some(filter) = RowFilter::for_partition(connection, state, query)? else {
        return Ok(SearchEnd::Exhausted);
    };
    let mut search = PartitionSearch {
        connection,
        query,
        filter: &filter,
        page,
    };
    // An index of few candidates beats every scan, so it is asked before a scan is planned.
    if let Some(mut positions) = find_candidates(connection, state, query, part)? {
        if query.order == PageOrder::NewestFirst {
            positions.reverse();
        }
        let mut statement =
            connection.prepare_cached(&select_rows("", "position = ?1", query.order))?;
        for position in positions {
            let mut rows = statement.query([position.0.cast_signed()])?;
            if let Some(row) = rows.next()?
                && let Some(ended) = search.visit_row(row)?
            {
                return Ok(ended);
            }
        }
        return Ok(SearchEnd::Exhausted);
    }
    let plan = filter.plan_scan(state, query);
    // One value's rows come in the order of the log by themselves; several must be merged.
    if plan.values.len() > 1 {
        return search.merge_values(&plan, part);
    }
    let mut statement = connection.prepare_cached(&plan.sql)?;
    let (after, before) = (part.after.0.cast_signed(), part.before.0.cast_signed());
    let mut rows = match plan.values.first() {
        Some(value) => statement.query((after, before, value))?,
        None => statement.query((after, before))?,
    };
    while let Some(row) = rows.next()? {
        if let Some(ended) = search.visit_row(row)? {
            return Ok(ended);
        }
    }
    Ok(SearchEnd::Exhausted)
}

/// A sealed partition knows which event times it holds.
fn is_outside_times(state: &PartitionState, query: &EventQuery) -> bool {
    let PartitionState::Sealed(seal) = state else {
        return false;
    };
    seal.times.is_none_or(|(earliest, latest)| {
        query.from.is_some_and(|from| latest < from) || query.to.is_some_and(|to| earliest > to)
    })
}

/// The candidates, oldest first, where an id or a workflow is asked for.
fn find_candidates(
    connection: &Connection,
    state: &PartitionState,
    query: &EventQuery,
    part: PositionRange,
) -> Result<Option<Vec<Position>>, rusqlite::Error> {
    let Some(named) = EventLookup::from_query(query) else {
        return Ok(None);
    };
    let mut positions = Vec::new();
    for text in named.texts {
        positions.extend(match named.kind {
            LookupKind::Id => positions_by_id(connection, state, text, part)?,
            LookupKind::Link => positions_by_link(connection, state, text, part)?,
        });
    }
    positions.sort_unstable();
    positions.dedup();
    Ok(Some(positions))
}

/// Positions of events that may have this id, oldest first.
pub(crate) fn positions_by_id(
    connection: &Connection,
    state: &PartitionState,
    id: &str,
    part: PositionRange,
) -> Result<Vec<Position>, rusqlite::Error> {
    let mut positions = match state {
        PartitionState::Unsealed(tail) => partition::lock_read(tail).positions_by_id(id),
        PartitionState::Sealed(_) => {
            let range = EventIdentity::index_range(id);
            connection
                .prepare_cached(
                    "SELECT position FROM records INDEXED BY records_identity
                        WHERE identity BETWEEN ?1 AND ?2 ORDER BY position",
                )?
                .query_map([range.start(), range.end()], row_position)?
                .collect::<Result<_, _>>()?
        }
    };
    positions.retain(|position| part.after < *position && *position < part.before);
    Ok(positions)
}

/// Positions of events that may belong to a workflow or a step of it, oldest first.
pub(crate) fn positions_by_link(
    connection: &Connection,
    state: &PartitionState,
    correlation: &str,
    part: PositionRange,
) -> Result<Vec<Position>, rusqlite::Error> {
    let key = link_key(correlation);
    match state {
        PartitionState::Unsealed(tail) => Ok(partition::lock_read(tail)
            .positions_by_link(key, part.after, part.before)
            .collect()),
        PartitionState::Sealed(_) => connection
            .prepare_cached(
                "SELECT position FROM links
                    WHERE key = ?1 AND position > ?2 AND position < ?3 ORDER BY position",
            )?
            .query_map(
                [key, part.after.0.cast_signed(), part.before.0.cast_signed()],
                row_position,
            )?
            .collect(),
    }
}

fn row_position(row: &Row<'_>) -> Result<Position, rusqlite::Error> {
    Ok(Position(row.get::<_, i64>(0)?.cast_unsigned()))
}

/// The event at a position, if there is one.
pub(crate) fn fetch_event(
    connection: &Connection,
    position: Position,
) -> Result<Option<StoredEvent>, PathlessError> {
    let record = connection
        .prepare_cached(select_record!("FROM records WHERE position = ?1"))?
        .query_row([position.0.cast_signed()], record::read_record)
        .optional()?
        .transpose()?;
    Ok(record.and_then(|(record, _)| StoredEvent::from_record(record)))
}

/// The workflow an event belongs to.
pub(crate) fn workflow_root(event: &Event) -> Option<&str> {
    let envelope = event.envelope();
    let root = envelope
        .correlation
        .as_ref()
        .and_then(|correlation| correlation.root.as_ref());
    root.or(envelope.correlation_id.as_ref())
        .map(|id| id.as_str())
}

/// A search under way.
struct PartitionSearch<'a> {
    connection: &'a Connection,
    query: &'a EventQuery,
    filter: &'a RowFilter,
    page: &'a mut PageBuilder,
}

impl PartitionSearch<'_> {
    /// Looks at the rows of each of several values, in the order of the log.
    fn merge_values(
        &mut self,
        plan: &ScanPlan,
        part: PositionRange,
    ) -> Result<SearchEnd, PathlessError> {
        let (after, before) = (part.after.0.cast_signed(), part.before.0.cast_signed());
        // A statement for each value: rows borrow theirs, and all are read side by side.
        let mut statements = Vec::with_capacity(plan.values.len());
        for _ in &plan.values {
            statements.push(self.connection.prepare_cached(&plan.sql)?);
        }
        let mut each = Vec::with_capacity(plan.values.len());
        for (statement, value) in statements.iter_mut().zip(&plan.values) {
            let mut rows = statement.query((after, before, value))?;
            rows.advance()?;
            each.push(rows);
        }
        loop {
            let mut next: Option<(Position, &mut Rows<'_>)> = None;
            for rows in &mut each {
                let Some(row) = rows.get() else { continue };
                let at = row_position(row)?;
                let is_next = next
                    .as_ref()
                    .is_none_or(|(first, _)| match self.query.order {
                        PageOrder::OldestFirst => at < *first,
                        PageOrder::NewestFirst => at > *first,
                    });
                if is_next {
                    next = Some((at, rows));
                }
            }
            let Some((_, rows)) = next else {
                return Ok(SearchEnd::Exhausted);
            };
            // Advanced only once it was visited: a row lives until then.
            if let Some(row) = rows.get()
                && let Some(ended) = self.visit_row(row)?
            {
                return Ok(ended);
            }
            rows.advance()?;
        }
    }

    /// Looks at one row; tells whether and why the search ends with it.
    fn visit_row(&mut self, row: &Row<'_>) -> Result<Option<SearchEnd>, PathlessError> {
        let position = row_position(row)?;
        let holds = match self.filter.matches_row(row, self.query)? {
            Some(holds) => holds,
            None => {
                let spent = ROWS_PER_TEXT - 1;
                self.page.rows_left = self.page.rows_left.saturating_sub(spent).max(1);
                self.matches_text(position)?
            }
        };
        if holds && self.add_match(position)? {
            return Ok(Some(SearchEnd::Full));
        }
        self.page.rows_left = self.page.rows_left.saturating_sub(1);
        Ok((self.page.rows_left == 0).then_some(SearchEnd::OutOfRows { reached: position }))
    }

    /// Whether the event's text is what is sought.
    fn matches_text(&self, position: Position) -> Result<bool, rusqlite::Error> {
        let Some(search) = &self.query.search else {
            return Ok(true);
        };
        let mut statement = self
            .connection
            .prepare_cached("SELECT body FROM records WHERE position = ?1")?;
        let mut rows = statement.query([position.0.cast_signed()])?;
        let Some(row) = rows.next()? else {
            return Ok(false);
        };
        // A text that is no UTF-8 is left to the reader of the event, which then says that it is
        // damaged.
        let text = str::from_utf8(row.get_ref(0)?.as_bytes()?);
        Ok(text.map_or(true, |text| search.matches_json(text)))
    }

    /// Takes a match in; true when there was no room for it.
    fn add_match(&mut self, position: Position) -> Result<bool, PathlessError> {
        // An id or a workflow was found by its hash, so the event itself has the last word.
        let by_hash = self.query.id.is_some() || self.query.correlation.is_some();
        let is_full = self.page.events.len() >= self.page.most;
        if !by_hash && (is_full || self.page.skip > 0) {
            self.page.skip = self.page.skip.saturating_sub(1);
            return Ok(is_full);
        }
        let Some(stored) = fetch_event(self.connection, position)? else {
            return Ok(false);
        };
        if !self.query.is_about(&stored.event) {
            return Ok(false);
        }
        if is_full {
            return Ok(true);
        }
        if self.page.skip > 0 {
            self.page.skip -= 1;
        } else {
            self.page.events.push(stored);
        }
        Ok(false)
    }
}

impl EventQuery {
    /// Whether an event has the id and the workflow asked for.
    fn is_about(&self, event: &Event) -> bool {
        let envelope = event.envelope();
        let step = envelope.correlation_id.as_ref().map(|id| id.as_str());
        let has_id = |id: &String| envelope.id.as_str() == id;
        let is_linked = |wanted: &String| {
            step == Some(wanted.as_str()) || workflow_root(event) == Some(wanted.as_str())
        };
        self.id.as_ref().is_none_or(has_id) && self.correlation.as_ref().is_none_or(is_linked)
    }
}

impl StoredEvent {
    pub(crate) fn from_record(record: larum_event::Record) -> Option<Self> {
        let (event, arrived) = match record.body {
            larum_event::RecordBody::Event { event, arrived } => (event, Some(arrived)),
            larum_event::RecordBody::Derived { event } => (event, None),
            larum_event::RecordBody::RuleSetActivated(_)
            | larum_event::RecordBody::EpochCommit(_)
            | larum_event::RecordBody::UnitDetached(_)
            | larum_event::RecordBody::UnitAttached(_)
            | larum_event::RecordBody::GapFilled(_)
            | larum_event::RecordBody::CursorMoved(_)
            | larum_event::RecordBody::Tick(_)
            | larum_event::RecordBody::Amend { .. } => return None,
        };
        Some(Self {
            position: record.position,
            arrived,
            event,
        })
    }
}
