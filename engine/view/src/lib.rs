//! Trees and incidents as people and other tools read them.
//!
//! Takes the views that a [`larum_tree::CorrelationGraph`] gives and selects, pages, orders,
//! compares and writes them. It knows nothing of how the graph is kept, reads no clock, and does no
//! input or output: everything here is a function from views to views or to text.

mod error;

mod query;

mod query_form;

mod select;

mod query_tree;

mod timeline;

mod difference;

#[cfg(test)]
mod sketch;

mod caption;

mod text;

mod export;

pub use error::TreeQueryError;
pub use export::{TreeFormat, UnknownFormat, export_tree};
pub use query::{
    NodeFilter, NodeMove, TimelineEntry, TreeDiff, TreeListQuery, TreePart, TreeQuery,
};
pub use query_tree::query_tree;
pub use select::select_page;
pub use text::{
    ColourMode, TextStyle, diff_to_text, incident_to_text, incidents_to_text, timeline_to_text,
    tree_to_text,
};
pub use timeline::{build_timeline, fold_repeats};
