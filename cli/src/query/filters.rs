//! What is asked for, as flags, as a query of the log, and as parameters of the HTTP API.

use clap::Args;
use larum_engine::{EventQuery, Kinds, Order, SeverityFilter};
use larum_event::{Severity, TenantId, Timestamp, TopicPattern};

/// The filters that events and alerts share.
#[derive(Debug, Args, Clone)]
pub struct Filters {
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
    /// The id
    #[arg(long)]
    id: Option<String>,
    /// What was stored first comes first
    #[arg(long)]
    oldest_first: bool,
}

/// Everything that is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Events or alerts.
    pub kinds: Kinds,
    /// The member type; of events.
    pub event_type: Option<String>,
    /// The rule; of alerts.
    pub rule: Option<String>,
    /// The rest.
    pub filters: Filters,
}

impl Filters {
    /// Whether the order was turned round.
    pub fn oldest_first(&self) -> bool {
        self.oldest_first
    }
}

impl Wanted {
    /// As a query of the log.
    pub fn query(&self, limit: usize, cursor: Option<&str>) -> EventQuery {
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
            order: if filters.oldest_first {
                Order::OldestFirst
            } else {
                Order::NewestFirst
            },
            cursor: cursor.map(str::to_owned),
            limit,
            ..EventQuery::default()
        }
    }

    /// As the path and parameters of a request.
    pub fn request(
        &self,
        limit: usize,
        cursor: Option<&str>,
    ) -> (&'static str, Vec<(&'static str, String)>) {
        let filters = &self.filters;
        let order = filters.oldest_first.then(|| "oldest".to_owned());
        let (path, kind) = match self.kinds {
            Kinds::Alerts => ("/v1/alerts", None),
            Kinds::Events => ("/v1/events", Some("event")),
            Kinds::EventsAndAlerts => ("/v1/events", None),
            Kinds::System => ("/v1/events", Some("system")),
            Kinds::All => ("/v1/events", Some("all")),
        };
        let parameters = [
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
