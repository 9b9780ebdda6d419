//! The filters of events and alerts, as flags.

use clap::Args;
use larum_engine::{EventKinds, EventQuery, PageOrder, RuntimeClock, SeverityFilter};
use larum_event::search::{EventSearch, InvalidSearch};
use larum_event::{Severity, TenantId, Timestamp, TopicPattern, parse_tag};

use crate::error::CliError;

/// The filters that events and alerts share.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// What to look for, such as 'type:auth.* user:eve last:24h'; see docs/search.md
    #[arg(value_name = "SEARCH")]
    search: Vec<String>,
    /// This severity or worse
    #[arg(long, value_name = "LEVEL", help = format!("This severity or worse: {}", Severity::list_words("or")))]
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
    /// At or after this time, such as 2026-11-20T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// At or before this time
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
    /// A tag of the correlation; may be given several times
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = parse_tag)]
    tags: Vec<(String, String)>,
    /// The id
    #[arg(long)]
    id: Option<String>,
    /// Show what was stored first before the rest
    #[arg(long)]
    oldest_first: bool,
}

impl FilterArgs {
    /// Whether what was stored first comes first.
    pub fn is_oldest_first(&self) -> bool {
        self.oldest_first
    }

    /// As a query of events or alerts, from its first page, as of now.
    ///
    /// # Errors
    /// The words are not a search.
    pub fn into_query(self, kinds: EventKinds) -> Result<EventQuery, CliError> {
        let search = self.parse_search(RuntimeClock::system().now());
        Ok(EventQuery {
            kinds,
            search: search.map_err(|error| CliError::Usage(error.to_string()))?,
            tenant: self.tenant,
            topic: self.topic,
            user: self.user,
            severity: self.severity.map(SeverityFilter::AtLeast),
            source: self.source,
            from: self.from,
            to: self.to,
            correlation: self.correlation,
            id: self.id,
            order: match self.oldest_first {
                true => PageOrder::OldestFirst,
                false => PageOrder::NewestFirst,
            },
            ..EventQuery::default()
        })
    }

    /// The words, and the flags that a search can express.
    fn parse_search(&self, now: Timestamp) -> Result<Option<EventSearch>, InvalidSearch> {
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
