//! What is asked for, as flags, as a query of the log, and as parameters of the HTTP API.

use clap::Args;
use larum_engine::{EventKinds, EventQuery, PageOrder, RuntimeClock, SeverityFilter};
use larum_event::search::{EventSearch, InvalidSearch};
use larum_event::{Severity, TenantId, Timestamp, TopicPattern};

use crate::error::CliError;

/// The filters that events and alerts share.
#[derive(Debug, Args, Clone)]
pub struct FilterArgs {
    /// What to look for, such as 'type:auth.* user:eve last:24h'; see docs/search.md
    #[arg(value_name = "SEARCH")]
    search: Vec<String>,
    /// This severity or worse: info, low, medium, high, critical
    #[arg(long, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// Topics, such as security.auth.# (+ is one segment, # any number at the end)
    #[arg(long, value_name = "PATTERN")]
    topic: Option<TopicPattern>,
    /// The member metadata.user
    #[arg(long)]
    user: Option<String>,
    /// The member source
    #[arg(long)]
    source: Option<String>,
    /// The tenant
    #[arg(long, value_parser = |text: &str| TenantId::new(text))]
    tenant: Option<TenantId>,
    /// Not before this time, such as 2026-11-20T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Not after this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// The correlation id, or the root of one
    #[arg(long, value_name = "ID")]
    correlation: Option<String>,
    /// The W3C trace
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// The stage of a workflow, such as collection
    #[arg(long)]
    stage: Option<String>,
    /// A tag of the correlation; may stand several times
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = parse_tag)]
    tags: Vec<(String, String)>,
    /// The id
    #[arg(long)]
    id: Option<String>,
    /// What was stored first comes first
    #[arg(long)]
    oldest_first: bool,
}

/// Everything that is asked for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Events or alerts.
    pub kinds: EventKinds,
    /// The member type; of events.
    pub event_type: Option<String>,
    /// The rule; of alerts.
    pub rule: Option<String>,
    /// The rest.
    pub filters: FilterArgs,
    /// The search, and what flags say that a search can ask.
    pub search: Option<EventSearch>,
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write a name and a value, such as case=C-7".to_owned()),
    }
}

impl FilterArgs {
    /// Whether the order was turned round.
    pub fn is_oldest_first(&self) -> bool {
        self.oldest_first
    }

    /// What is searched for, as of now.
    ///
    /// # Errors
    /// The words are no search.
    pub fn parse_search(&self) -> Result<Option<EventSearch>, CliError> {
        let search = self.parse_search_at(RuntimeClock::system().now());
        search.map_err(|error| CliError::Usage(error.to_string()))
    }

    fn parse_search_at(&self, now: Timestamp) -> Result<Option<EventSearch>, InvalidSearch> {
        let mut search = EventSearch::parse(&self.search.join(" "), now)?;
        let mut fields = Vec::new();
        fields.extend(self.trace.iter().map(|trace| ("trace".to_owned(), trace)));
        fields.extend(self.stage.iter().map(|stage| ("stage".to_owned(), stage)));
        fields.extend(
            self.tags
                .iter()
                .map(|(name, value)| (format!("tag.{name}"), value)),
        );
        for (name, value) in fields {
            search = search.and_search(EventSearch::for_field(&name, value, now)?);
        }
        Ok(Some(search).filter(|search| !search.is_everything()))
    }
}

impl SearchRequest {
    /// As a query of the log.
    pub fn to_query(&self, limit: usize, cursor: Option<&str>) -> EventQuery {
        let filters = self.filters.clone();
        EventQuery {
            kinds: self.kinds,
            tenant: filters.tenant,
            event_type: self.event_type.clone(),
            topic: filters.topic,
            user: filters.user,
            severity: filters.severity.map(SeverityFilter::AtLeast),
            source: filters.source,
            from: filters.from,
            to: filters.to,
            correlation: filters.correlation,
            id: filters.id,
            rule: self.rule.clone(),
            search: self.search.clone(),
            order: if filters.oldest_first {
                PageOrder::OldestFirst
            } else {
                PageOrder::NewestFirst
            },
            cursor: cursor.map(str::to_owned),
            limit,
            ..EventQuery::default()
        }
    }

    /// As the path and parameters of a request.
    pub fn to_request(
        &self,
        limit: usize,
        cursor: Option<&str>,
    ) -> (&'static str, Vec<(&'static str, String)>) {
        let filters = &self.filters;
        let order = filters.oldest_first.then(|| "oldest".to_owned());
        let (path, kind) = match self.kinds {
            EventKinds::Alerts => ("/v1/alerts", None),
            EventKinds::Events => ("/v1/events", Some("event")),
            EventKinds::EventsAndAlerts => ("/v1/events", None),
            EventKinds::System => ("/v1/events", Some("system")),
            EventKinds::All => ("/v1/events", Some("all")),
        };
        let parameters = [
            ("q", self.search.as_ref().map(ToString::to_string)),
            ("kind", kind.map(str::to_owned)),
            ("type", self.event_type.clone()),
            ("rule", self.rule.clone()),
            ("topic", filters.topic.as_ref().map(ToString::to_string)),
            ("minSeverity", filters.severity.map(|it| it.to_string())),
            ("user", filters.user.clone()),
            ("source", filters.source.clone()),
            ("tenant", filters.tenant.as_ref().map(ToString::to_string)),
            ("from", filters.from.map(|it| it.to_string())),
            ("to", filters.to.map(|it| it.to_string())),
            ("correlationId", filters.correlation.clone()),
            ("id", filters.id.clone()),
            ("order", order),
            ("limit", Some(limit.to_string())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        let given = parameters.into_iter();
        let given = given.filter_map(|(name, value)| value.map(|value| (name, value)));
        (path, given.collect())
    }
}
