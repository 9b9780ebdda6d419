//! What flows through Larum.
//!
//! This crate is the vocabulary of every other one: the [`Event`] and its envelope, [`Topic`]s and
//! [`TopicPattern`]s, [`Severity`], the [`Match`] a rule makes of an event, the [`Detection`] a
//! window makes of matches, the [`Alert`] an engine makes of a detection, and the [`Record`] the
//! log holds. It knows no actor, no clock and no I/O, and imports nothing else of ours.

pub mod limits;

mod names;
mod time;

mod monotonic;

mod topic;

mod pattern;

mod severity;

mod correlation;

mod event;

mod json;

mod cloudevents;

mod nearest;

pub mod toml_file;

pub mod decode;

mod fields;

pub mod search;

mod query_params;

mod query_form;

mod policy;

mod rejection;

pub mod value;

mod key;

mod window;

mod detection;

mod order;

mod link;

mod tree_lookup;

mod alert;

mod record;

pub use alert::{Alert, AlertStatus, AlertTrigger};
pub use correlation::Correlation;
pub use detection::{
    Detection, DetectionEffect, DetectionTrigger, EvaluationPlace, Match, MatchValues,
};
pub use event::{ContentHash, Envelope, Event, FilledMembers, Priority};
pub use fields::FieldSet;
pub use json::EventDefaults;
pub use json::split::split_array;
pub use key::{GroupKey, KEY_BUCKETS, KeyHash, ScalarValue};
pub use link::{EntitySpec, IncidentJoin, LinkPart, LinkSet, LinkSpec, PartForm};
pub use monotonic::MonotonicTime;
pub use names::{
    Channel, CorrelationId, EventId, EventType, InvalidName, RuleId, Source, TenantId,
};
pub use nearest::{did_you_mean, find_nearest};
pub use order::EventOrder;
pub use pattern::{InvalidPattern, TopicPattern};
pub use policy::{InvalidSeverityPolicy, SeverityPolicy};
pub use query_form::{FormQuery, QueryForm};
pub use query_params::{ParameterError, QueryPair, QueryParams, parse_entity, parse_tag};
pub use record::{
    ClockTick, CursorMove, EpochCommit, Position, Record, RecordBody, RuleFile, RuleSetActivation,
    UnitChange,
};
pub use rejection::{Rejection, RejectionReason};
pub use severity::{InvalidSeverity, Severity};
pub use time::{InvalidSpan, InvalidTimestamp, Span, Timestamp};
pub use topic::{InvalidTopic, Topic};
pub use tree_lookup::{TreeLookup, TreeNodeView, VisitControl, VisitOutcome};
pub use value::{Comparison, FieldValue};
pub use window::{
    Aggregate, Amount, Bound, Bounds, DecisionTime, FiringPolicy, InvalidAmount, InvalidBounds,
    InvalidFiringPolicy, Join, MeasureInput, Scripted, Sequence, Step, StepOccurrence,
    WindowExtent, WindowMeasure, WindowSpec,
};
