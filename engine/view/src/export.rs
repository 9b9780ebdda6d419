//! A tree in the formats of other tools.
//!
//! Every format is written from a [`TreeView`] alone, by loops and not by recursion: a tree may be
//! as deep as it has nodes. Ids and labels are what producers wrote, so each format has one place
//! where text is made harmless for the program that reads it.

mod drawing;

mod dot;

mod mermaid;

mod csv;

mod otlp;

use std::fmt;
use std::str::FromStr;

use larum_tree::TreeView;

use crate::text::{TextStyle, tree_to_text};

/// In which form a tree is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TreeFormat {
    /// [`TreeView`] as it is, the only form that leaves nothing out.
    #[default]
    Json,
    /// An outline for people, uncoloured and uncut; [`tree_to_text`] takes a style.
    Text,
    /// A picture for Graphviz. The attribute `larum_id` of each node holds its id; what controls or
    /// turns text is named, such as `<U+202E>`.
    Dot,
    /// A flowchart for Mermaid, with names as in [`TreeFormat::Dot`]. Mermaid draws at most 500
    /// edges and 50,000 characters unless told otherwise; a comment says so when there are more.
    Mermaid,
    /// A trace in OpenTelemetry's JSON (OTLP, `TracesData`): nodes are spans, their events span
    /// events.
    Otlp,
    /// RFC 4180, one row per node. A cell that a spreadsheet would take for a formula has a `'`
    /// before it.
    Csv,
    /// RFC 4180, one row per event, repeat or alert, by time; cells as in [`TreeFormat::Csv`].
    CsvEvents,
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("format {found:?} is none of json, text, dot, mermaid, otlp, csv, csv-events")]
pub struct UnknownFormat {
    /// What was found.
    pub found: String,
}

impl TreeFormat {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Json,
        Self::Text,
        Self::Dot,
        Self::Mermaid,
        Self::Otlp,
        Self::Csv,
        Self::CsvEvents,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
            Self::Otlp => "otlp",
            Self::Csv => "csv",
            Self::CsvEvents => "csv-events",
        }
    }

    /// What a web server says of it.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::Otlp => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Dot => "text/vnd.graphviz; charset=utf-8",
            Self::Mermaid => "text/vnd.mermaid; charset=utf-8",
            Self::Csv | Self::CsvEvents => "text/csv; charset=utf-8; header=present",
        }
    }

    /// How names of files with it end, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "txt",
            Self::Dot => "dot",
            Self::Mermaid => "mmd",
            Self::Otlp => "otlp.json",
            Self::Csv => "csv",
            Self::CsvEvents => "events.csv",
        }
    }
}

impl fmt::Display for TreeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TreeFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat {
                found: text.chars().take(64).collect(),
            })
    }
}

/// Writes a tree in a format.
///
/// Pages can be put one behind the other in the formats for programs (`json`, `otlp`, `csv`,
/// `csv-events`): the last three leave out nodes that stand on the page again only for their way
/// up.
pub fn export_tree(view: &TreeView, format: TreeFormat) -> String {
    match format {
        TreeFormat::Json => serde_json::to_string(view).expect("keys of its maps are texts"),
        TreeFormat::Text => tree_to_text(view, TextStyle::default()),
        TreeFormat::Dot => dot::to_dot(view),
        TreeFormat::Mermaid => mermaid::to_mermaid(view),
        TreeFormat::Otlp => otlp::to_otlp(view),
        TreeFormat::Csv => csv::nodes_to_csv(view),
        TreeFormat::CsvEvents => csv::events_to_csv(view),
    }
}
