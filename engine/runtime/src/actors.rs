//! The actors, one to a file, in the order an event meets them.

pub mod log;

mod written;

pub mod sequencer;

pub mod matcher;

pub mod window;

pub mod tree;

pub mod front;

pub mod live;

pub mod channel;

pub mod handler;

pub use log::LogActor;
pub use matcher::{MatcherSetup, MatcherUnit};
pub use tree::TreeUnit;
pub use window::{NewWindow, WindowSetup, WindowUnit};
