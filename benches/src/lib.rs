//! What the benchmarks share: a load, its rules, and what the disk can do at best.
//!
//! Nothing here is part of the product. The load is made of a seed, so that every run sees the same
//! events but for their times.

mod traffic;

mod rules;

mod floor;

mod latency;

mod client;

mod load;

mod error;

mod recordings;

mod used;

pub use client::{Answer, Client};
pub use error::BenchError;
pub use floor::{Floor, fdatasync_floor};
pub use latency::Latency;
pub use load::{Plan, Sent, emit_all, listen, now, post_all, prepared};
pub use recordings::{lane, recorded_lanes, recordings, sigma_rules};
pub use rules::rule_files;
pub use traffic::{Traffic, parse_all};
pub use used::{processor_nanos, resident};
