//! The trees that memory holds.
//!
//! Owns how they come up at a start, where they go when memory is full, and what is reported of
//! events that they could not take; how they are asked is `larum-query`'s job.

mod live_graph;

mod store_writer;

mod refusal_reporter;

pub(crate) use live_graph::{LiveGraph, TreeContext};
pub(crate) use refusal_reporter::RefusalReporter;
pub(crate) use store_writer::TreeStoreWriter;
