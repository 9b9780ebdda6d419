//! Trees, incidents, timelines and differences for the terminal.
//!
//! What producers wrote cannot control the terminal: control and direction characters are replaced.
//! Lines are cut between characters and never inside of an escape sequence.

mod terminal_text;

mod line;

mod clock;

mod outline;

mod edge_notes;

mod node;

mod incident;

mod timeline;

mod difference;

pub use self::difference::diff_to_text;
pub(crate) use self::edge_notes::describe_missing;
pub use self::incident::{incident_to_text, incidents_to_text};
pub use self::outline::tree_to_text;
pub(crate) use self::terminal_text::spell_out_harmful;
pub use self::timeline::timeline_to_text;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourMode {
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
    pub colour: ColourMode,
    /// Longest line in characters; longer ones are cut. `None` cuts nothing.
    pub width: Option<usize>,
    /// Whether every node of a tree tells why it is where it is, not only those where that is
    /// a surprise.
    pub why: bool,
    /// Whether every listed event of a tree has a line of its own; else repeats on a node share
    /// one.
    pub every_event: bool,
}
