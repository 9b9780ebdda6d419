//! Trees, incidents, timelines and differences for the terminal.
//!
//! What producers wrote cannot control the terminal: control and direction characters are replaced. Lines are
//! cut between characters and never inside of an escape sequence.

mod harmless;

mod line;

mod clock;

mod outline;

mod reason;

mod node;

mod incident;

mod timeline;

mod difference;

pub use self::difference::diff_to_text;
pub(crate) use self::harmless::visible;
pub use self::incident::{incident_to_text, incidents_to_text};
pub use self::outline::to_text;
pub(crate) use self::reason::sentence;
pub use self::timeline::timeline_to_text;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// No escape sequences.
    #[default]
    Plain,
    /// ANSI colours.
    Ansi,
}

/// How something is written for the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    /// Whether colours are used.
    pub colour: Colour,
    /// Longest line in characters; longer ones are cut. `None` cuts nothing.
    pub width: Option<usize>,
    /// Whether every node of a tree tells why it hangs where it does, not only those where that is a surprise.
    pub why: bool,
    /// Whether every listed event of a tree has a line of its own; else repeats on a node share one.
    pub every_event: bool,
}
