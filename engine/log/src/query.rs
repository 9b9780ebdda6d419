//! What may be asked of stored events and alerts (3-10), and what an answer is.
//!
//! Owns the question and the answer as plain data. Pages are cut in `page_reader`, one partition is
//! searched in `search`; nothing here reads a file.
//! Invariant: of two filters that are given, both hold for every event of an answer, so a door that
//! serves one tenant is safe when it always gives `tenant`.

use larum_event::search::EventSearch;
use larum_event::{Event, Position, Severity, TenantId, Timestamp, TopicPattern, limits};

/// What is asked for. Every filter that is given must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct EventQuery {
    /// Events, alerts, or what the engine says of itself.
    pub kinds: EventKinds,
    /// Whose events; `None` means everybody's, so a door that serves one tenant always gives it.
    pub tenant: Option<TenantId>,
    /// The member `type`, as it is spelt.
    pub event_type: Option<String>,
    /// A pattern of topics.
    pub topic: Option<TopicPattern>,
    /// The member `metadata.user`.
    pub user: Option<String>,
    /// How bad.
    pub severity: Option<SeverityFilter>,
    /// The member `source`.
    pub source: Option<String>,
    /// Least event time, itself included.
    pub from: Option<Timestamp>,
    /// Greatest event time, itself included.
    pub to: Option<Timestamp>,
    /// A step of a workflow or its root.
    pub correlation: Option<String>,
    /// The event's id.
    pub id: Option<String>,
    /// Alerts of this rule.
    pub rule: Option<String>,
    /// What else must hold; see [`EventSearch`].
    pub search: Option<EventSearch>,
    /// Which end of the log comes first.
    pub order: PageOrder,
    /// Where the page before ended: its [`EventPage::next`].
    pub cursor: Option<String>,
    /// Most events on the page, 1 to [`limits::PAGE_MOST`].
    pub limit: usize,
    /// How many matches to leave out first; a cursor is cheaper. Counts only without one.
    pub offset: usize,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            kinds: EventKinds::default(),
            tenant: None,
            event_type: None,
            topic: None,
            user: None,
            severity: None,
            source: None,
            from: None,
            to: None,
            correlation: None,
            id: None,
            rule: None,
            search: None,
            order: PageOrder::default(),
            cursor: None,
            limit: limits::PAGE_DEFAULT,
            offset: 0,
        }
    }
}

/// Which records are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventKinds {
    /// Events from outside.
    Events,
    /// Alerts, every revision.
    Alerts,
    /// Events from outside and alerts.
    #[default]
    EventsAndAlerts,
    /// What the engine says of itself, on `$sys`.
    System,
    /// All of these.
    All,
}

/// Severities asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeverityFilter {
    /// This one or worse.
    AtLeast(Severity),
    /// This one.
    Exactly(Severity),
}

/// The order of an answer, by position in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PageOrder {
    /// What was stored last comes first.
    #[default]
    NewestFirst,
    /// What was stored first comes first.
    OldestFirst,
}

/// An event as the log holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Where it stands.
    pub position: Position,
    /// When it arrived; `None` for what the engine made.
    pub arrived: Option<Timestamp>,
    /// The event.
    pub event: Event,
}

/// One page of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events, in the order asked for.
    pub events: Vec<StoredEvent>,
    /// The cursor of the next page; `None` when there is nothing more.
    pub next: Option<String>,
    /// False when the page is short only because finding more would have cost too much at once. Go
    /// on with `next` then.
    pub complete: bool,
}

impl EventQuery {
    /// What times count from, where the answer depends on it.
    pub(crate) fn reference_time(&self) -> Option<Timestamp> {
        let search = self.search.as_ref();
        search
            .filter(|search| search.is_relative())
            .map(EventSearch::now)
    }

    /// The same as of another time.
    pub(crate) fn with_now(&self, now: Timestamp) -> Option<Self> {
        let search = self.search.as_ref()?.with_now(now);
        Some(Self {
            search: Some(search),
            ..self.clone()
        })
    }
}

/// The events of a page so far.
pub(crate) struct PageBuilder {
    pub(crate) skip: usize,
    pub(crate) most: usize,
    /// Rows that may still be looked at.
    pub(crate) rows_left: usize,
    pub(crate) events: Vec<StoredEvent>,
}
