//! The actors, one to a file, in the order an event meets them.

pub mod log;

mod in_flight_write;

pub mod sequencer;

pub mod matcher;

pub mod window;

pub mod tree;

pub mod dispatcher;

pub mod live_subscriber;

pub mod channel;

pub mod handler;

pub use log::LogActor;
pub use matcher::{MatcherActor, MatcherSetup};
pub use tree::TreeActor;
pub use window::{WindowActor, WindowFactory, WindowSetup};
