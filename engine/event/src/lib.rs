//! What flows through Larum.
//!
//! This crate is the vocabulary of every other one: the [`Event`] and its envelope, [`Topic`]s and
//! [`TopicPattern`]s, [`Severity`], the [`Match`] a rule makes of an event, the [`Detection`] a window
//! makes of matches, the [`Alert`] an engine makes of a detection, and the [`Record`] the log holds.
//! It knows no actor, no clock and no I/O, and imports nothing else of ours.

pub mod limits;

mod names;
mod time;

mod topic;

mod pattern;

mod severity;

mod correlation;

mod event;

mod json;

mod cloudevents;

pub mod decode;

mod fields;

pub mod search;

mod policy;

mod rejection;

mod value;

mod key;

mod window;

mod detection;

mod link;

mod kinship;

mod alert;

mod record;

pub use alert::{Alert, AlertStatus, Trigger};
pub use correlation::Correlation;
pub use detection::{Cause, Detection, Match, Place, Values, Watermark};
pub use event::{ContentHash, Envelope, Event, Filled, Priority};
pub use fields::FieldSet;
pub use json::Fill;
pub use json::split::split_array;
pub use key::{GroupKey, KeyValue};
pub use kinship::{Climbed, Enough, Kin, Kinship};
pub use link::{EntitySpec, Joins, Link, LinkPart, LinkSet, PartForm};
pub use names::{
    Channel, CorrelationId, EventId, EventType, InvalidName, RuleId, Source, TenantId,
};
pub use pattern::{InvalidPattern, TopicPattern};
pub use policy::{PolicyError, SeverityPolicy};
pub use record::{
    CursorMoved, EpochCommit, Position, Record, RecordBody, RuleFile, RuleSetActivated, UnitChange,
};
pub use rejection::{Reason, Rejection};
pub use severity::{InvalidSeverity, Severity};
pub use time::{InvalidSpan, InvalidTimestamp, Span, Timestamp};
pub use topic::{InvalidTopic, Topic};
pub use value::Value;
pub use window::{
    Aggregate, Amount, Bound, Bounds, Comparison, Decided, Extent, FiringPolicy, InvalidAmount,
    InvalidBounds, InvalidPolicy, Join, Measure, Occurs, Scripted, Sequence, Step, WindowSpec,
};
