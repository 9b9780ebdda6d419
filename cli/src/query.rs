//! Where `events`, `alerts`, `tree`, `incidents` and their like look: a running engine over HTTP,
//! or a store no engine has open.

mod client;
mod entities;
mod filters;
mod moment;
mod offline_trees;
mod output_style;
mod reply;
mod store;
mod tenant;

use std::path::PathBuf;

use clap::Args;
use larum_engine::EventQuery;
use larum_event::limits;
use serde_json::Value;

use crate::error::CliError;

pub use client::{EngineClient, encode_segment};
pub use entities::EntityArgs;
pub use filters::FilterArgs;
pub use moment::MomentArg;
pub use offline_trees::{OfflineTrees, select_page};
pub use output_style::{OutputStyle, style_parameters, terminal_style};
pub use reply::{MissingKind, MissingTarget, QueryAnswer, QueryReply};
pub use store::OfflineStore;
pub use tenant::TenantArg;

/// Where to look
#[derive(Debug, Args)]
pub struct BackendArgs {
    /// The running engine
    #[arg(
        long,
        env = "LARUM_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:7423",
        conflicts_with = "store"
    )]
    pub server: String,
    /// Read a store directly; no engine may have it open
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

/// How much to show.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_DEFAULT as u64)]
    limit: u64,
    /// Show everything, page after page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl PageArgs {
    /// Most rows to show.
    pub fn row_limit(&self) -> u64 {
        if self.all { u64::MAX } else { self.limit }
    }
}

/// One stored event or alert: its canonical text, and its parsed form.
pub struct FoundEvent {
    /// The line of canonical JSON.
    pub json: String,
    /// The event in parsed form.
    pub event: Value,
}

/// One page.
pub struct FoundPage {
    /// What was found.
    pub found: Vec<FoundEvent>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// What answers queries.
enum QueryBackend {
    Server(EngineClient),
    Store(Box<OfflineStore>),
}

/// Asks page after page.
pub struct PagedSearch {
    backend: QueryBackend,
    query: EventQuery,
    ended: bool,
}

impl PagedSearch {
    /// Begins a search.
    pub fn begin(backend: &BackendArgs, query: EventQuery) -> Result<Self, CliError> {
        let backend = match &backend.store {
            Some(folder) => QueryBackend::Store(Box::new(OfflineStore::open(folder)?)),
            None => QueryBackend::Server(EngineClient::new(&backend.server)?),
        };
        Ok(Self {
            backend,
            query,
            ended: false,
        })
    }

    /// At most `most` of what comes next; nothing at the end. May be short, or empty, before it.
    pub fn next_page(&mut self, most: u64) -> Result<Option<Vec<FoundEvent>>, CliError> {
        if self.ended || most == 0 {
            return Ok(None);
        }
        self.query.limit = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(limits::PAGE_MOST);
        let page = match &mut self.backend {
            QueryBackend::Server(client) => client.fetch_page(&self.query)?,
            QueryBackend::Store(store) => store.read_page(&self.query)?,
        };
        self.ended = page.next.is_none();
        self.query.cursor = page.next;
        Ok(Some(page.found))
    }
}
