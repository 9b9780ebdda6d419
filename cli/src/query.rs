//! Where `events`, `alerts`, `tree`, `incidents` and their like look: a running engine over HTTP, or a store no engine has open.

mod client;
mod entities;
mod filters;
mod grown;
mod looks;
mod reply;
mod store;
mod tenant;
mod when;

use std::path::PathBuf;

use clap::Args;
use larum_event::limits;
use serde_json::Value;

use crate::error::CliError;

pub use client::{Client, in_path};
pub use entities::Entities;
pub use filters::{Filters, Wanted};
pub use grown::{Grown, page};
pub use looks::{Looks, Parameter, style_parameters, text};
pub use reply::{Answer, Missing, Reply, What};
pub use store::Store;
pub use tenant::Whose;
pub use when::When;

/// Where to look
#[derive(Debug, Args)]
pub struct Place {
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
pub struct Extent {
    /// Most to show
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_DEFAULT as u64)]
    limit: u64,
    /// Show everything, page after page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Extent {
    /// Most to show.
    pub fn most(&self) -> u64 {
        if self.all { u64::MAX } else { self.limit }
    }
}

/// One stored event or alert: its canonical text, and the same for reading.
pub struct Found {
    /// The line of canonical JSON.
    pub json: String,
    /// The same, parsed.
    pub event: Value,
}

/// One page.
pub struct Page {
    /// What was found.
    pub found: Vec<Found>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// What answers questions.
enum Source {
    Server(Client),
    Store(Box<Store>),
}

/// Asks page after page.
pub struct Search {
    source: Source,
    wanted: Wanted,
    cursor: Option<String>,
    ended: bool,
}

impl Search {
    /// Begins a search.
    pub fn begin(place: &Place, wanted: Wanted) -> Result<Self, CliError> {
        let source = match &place.store {
            Some(folder) => Source::Store(Box::new(Store::open(folder)?)),
            None => Source::Server(Client::new(&place.server)?),
        };
        Ok(Self {
            source,
            wanted,
            cursor: None,
            ended: false,
        })
    }

    /// At most `most` of what comes next; nothing at the end. May be short, or empty, before it.
    pub fn next_page(&mut self, most: u64) -> Result<Option<Vec<Found>>, CliError> {
        if self.ended || most == 0 {
            return Ok(None);
        }
        let limit = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(limits::PAGE_MOST);
        let cursor = self.cursor.as_deref();
        let page = match &mut self.source {
            Source::Server(client) => client.page(&self.wanted, limit, cursor)?,
            Source::Store(store) => store.page(&self.wanted, limit, cursor)?,
        };
        self.ended = page.next.is_none();
        self.cursor = page.next;
        Ok(Some(page.found))
    }
}
