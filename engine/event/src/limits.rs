//! Limits that several crates share, with the unit last in each name; others are where they apply.
//!
//! Owns the defaults that more than one crate uses or that stored data depends on. A limit that
//! belongs to one algorithm is a constant beside it and not here. What a deployment may change is
//! read from its configuration; the rest is used from here directly.
//! Invariant: whatever grows with the input has a limit, here or there, so no input makes memory
//! grow without bound.

use crate::time::Span;

/// Largest event accepted, canonical or foreign, in bytes (2-26).
pub const EVENT_BYTES: usize = 1024 * 1024;
/// Deepest nesting of arrays and objects in an event; the event itself is the first level.
pub const EVENT_DEPTH: usize = 64;
/// Longest event id in bytes.
pub const ID_BYTES: usize = 256;
/// Longest source in bytes.
pub const SOURCE_BYTES: usize = 1024;
/// Longest tenant id in bytes.
pub const TENANT_BYTES: usize = 128;
/// Longest correlation id, root or parent, in bytes (2-11).
pub const CORRELATION_ID_BYTES: usize = 256;
/// Longest workflow stage in bytes (2-11).
pub const STAGE_BYTES: usize = 256;
/// Most tags of one event (2-11).
pub const TAGS: usize = 64;
/// Longest tag name in bytes (2-11).
pub const TAG_NAME_BYTES: usize = 128;
/// Longest tag value in bytes (2-11).
pub const TAG_VALUE_BYTES: usize = 1024;
/// Most segments of a topic (X2).
pub const TOPIC_SEGMENTS: usize = 8;
/// Longest topic segment in bytes.
pub const TOPIC_SEGMENT_BYTES: usize = 64;
/// Longest `dataVersion` in bytes.
pub const DATA_VERSION_BYTES: usize = 64;
/// Longest `traceparent` in bytes; W3C's first version has 55.
pub const TRACEPARENT_BYTES: usize = 256;

/// Most alerts that may stand in one chain of causes, loops through outside handlers included
/// (4-12).
pub const DERIVED_DEPTH: u8 = 8;
/// First and last events kept as the evidence of an alert; the true total is kept beside them.
pub const EVIDENCE_EACH_END: usize = 50;

/// Most operations one rule may spend on one event.
pub const RULE_OPERATIONS: u64 = 100_000;
/// Longest string a rule may build, in bytes.
pub const RULE_STRING_BYTES: usize = 64 * 1024;
/// Largest array or map a rule may build, in members.
pub const RULE_COLLECTION_MEMBERS: usize = 10_000;
/// Deepest call a rule may make.
pub const RULE_CALL_DEPTH: usize = 16;
/// Deepest expression a rule may hold.
pub const RULE_EXPRESSION_DEPTH: usize = 64;
/// Largest rule file in bytes.
pub const RULE_FILE_BYTES: usize = 1024 * 1024;
/// Most rules of one set.
pub const RULES: usize = 20_000;

/// Most live keys of one rule and tenant; beyond it the key that would end first is evicted,
/// counted.
pub const KEYS_PER_RULE: usize = 1_000_000;
/// Most events one key of a counting window holds; beyond it the oldest is evicted, counted.
pub const EVENTS_PER_KEY: usize = 100_000;
/// Most steps of a sequence.
pub const STEPS: usize = 16;
/// Most open partial matches of one key of a sequence; beyond it the oldest is dropped, counted.
pub const PARTIALS_PER_KEY: usize = 1_000;
/// Different values that one key counts exactly; beyond it a sketch estimates.
pub const DISTINCT_EXACT: usize = 4_096;
/// Largest state that a script keeps for one key, in bytes.
pub const SCRIPT_STATE_BYTES: usize = 4_096;
/// Most timers of a script that fire between two events of a key.
pub const SCRIPT_TIMERS: u32 = 1_000;
/// Most matches of one key that are kept for those that arrive out of order; beyond it the older
/// half is dropped, counted.
pub const ROWS_PER_KEY: usize = 200_000;
/// How far behind the front a match may arrive and still count, for settings that say nothing.
pub const AMEND_HORIZON: Span = Span::from_seconds(60 * 60);
/// The same for alerts of events that were sorted before they are evaluated: seven days.
pub const FILE_HORIZON: Span = Span::from_seconds(7 * 24 * 60 * 60);
/// Most matches that amending the keys of one tenant and rule reads before other work comes first;
/// shared equally among the buckets of keys, each of which reads one key at least.
pub const AMENDED_ROWS: usize = 50_000;
/// Most tenants with a clock; beyond it the clocks of those idle longest start again.
pub const TENANTS: usize = 10_000;
/// A source that sends nothing for this long no longer holds back time, in seconds.
pub const SILENT_SECONDS: u32 = 5;
/// Most sources with a clock per tenant; beyond it the clocks of those furthest behind start again.
pub const SOURCES_PER_TENANT: usize = 100_000;

/// Most nodes of one correlation tree.
pub const NODES_PER_ROOT: usize = 100_000;
/// Most events remembered on one node; beyond it the node keeps the count.
pub const EVENTS_PER_NODE: usize = 10_000;
/// Most trees held in memory per tenant.
pub const ROOTS_PER_TENANT: usize = 100_000;
/// Most nodes held in memory per tenant; beyond it the trees added to longest ago go to the store.
pub const NODES_PER_TENANT: usize = 2_000_000;
/// Most nodes above an event that a rule may ask about.
pub const ANCESTORS: usize = 256;
/// Most nodes of a page of a tree.
pub const TREE_PAGE_MOST: usize = 10_000;
/// Nodes of a page of a tree when no number is asked for.
pub const TREE_PAGE_DEFAULT: usize = 1_000;
/// Most events from which a tree is rebuilt for one query; beyond it the latest are left out.
pub const REBUILT_TREE_EVENTS: usize = 200_000;
/// Most changes of a watched tree that wait for one watcher.
pub const TREE_UPDATES: usize = 1_000;
/// Most values of entities in the index, per tenant; beyond it those seen longest ago are dropped.
pub const ENTITIES_PER_TENANT: usize = 1_000_000;
/// Most trees remembered for one value of an entity; beyond it the oldest is dropped.
pub const TREES_PER_ENTITY: usize = 1_000;
/// Most incidents held per tenant; beyond it the one changed longest ago is dropped.
pub const INCIDENTS_PER_TENANT: usize = 100_000;
/// Most alerts listed in one incident; beyond it they are counted.
pub const ALERTS_PER_INCIDENT: usize = 10_000;
/// Most alerts, names, entities and trees of all incidents of a tenant; beyond it the incident
/// changed longest ago is dropped.
pub const INCIDENT_ENTRIES_PER_TENANT: usize = 2_000_000;
/// Most shared nodes, trees that touch them and periods in which they do, per tenant; beyond it the
/// node touched longest ago is dropped.
pub const TOUCHES_PER_TENANT: usize = 1_000_000;
/// Most of an alert's message that an incident keeps, in bytes.
pub const MESSAGE_BYTES: usize = 1_024;
/// Most links and entities of one set.
pub const LINKS: usize = 200;

/// Restarts within [`RESTART_WINDOW_SECONDS`] after which a unit is quarantined.
pub const RESTARTS: usize = 5;
/// The window in which restarts are counted, in seconds.
pub const RESTART_WINDOW_SECONDS: u64 = 30;
/// Pause before the second restart within the window, in milliseconds; it doubles from there.
pub const RESTART_PAUSE_MILLISECONDS: u64 = 100;
/// Longest pause before a restart, in milliseconds.
pub const RESTART_PAUSE_MOST_MILLISECONDS: u64 = 5_000;
/// An actor with work and no progress for this long is reported as slow, in seconds.
pub const SLOW_SECONDS: u64 = 5;
/// An actor with work and no progress for this long is reported as frozen, in seconds.
pub const FROZEN_SECONDS: u64 = 30;
/// Evaluation with work and no progress for this long ends the process, unless a setting says
/// otherwise, in seconds.
pub const STALL_SECONDS: u64 = 300;
/// An engine that did nothing for this long was stopped, by a signal or by its machine: 3 seconds.
pub const STOP_LEAST: Span = Span::from_seconds(3);
/// How long it runs after that, or after a start, before it decides what waits for time, unless a
/// setting says otherwise: 2 minutes.
pub const RESUME_HOLD: Span = Span::from_seconds(2 * 60);
/// Most actors of one engine.
pub const ACTORS: usize = 100_000;
/// Longest reason kept and shown for a failure, in bytes.
pub const FAILURE_REASON_BYTES: usize = 1_024;
/// Longest a handler may take for a batch, in seconds (4-26).
pub const HANDLER_TIMEOUT_SECONDS: u64 = 30;
/// Events that may be accepted and not yet evaluated before producers are told to wait.
pub const EVALUATION_LAG_EVENTS: usize = 200_000;
/// Events that may wait for the log's next commit.
pub const APPEND_QUEUE_EVENTS: usize = 20_000;
/// Records kept in memory for a follower of the log; one further behind reads the log.
pub const EVALUATION_TAIL_EVENTS: usize = 65_536;
/// Events of one epoch.
pub const EPOCH_EVENTS: usize = 2_048;
/// Events buffered for one live subscriber (2-22).
pub const SUBSCRIBER_EVENTS: usize = 10_000;
/// Buffer of a channel nobody configured (1-10).
pub const UNKNOWN_CHANNEL_EVENTS: usize = 100;
/// Most channels of one engine.
pub const CHANNELS: usize = 1_000;
/// Most live subscriptions of one engine.
pub const SUBSCRIPTIONS: usize = 1_000;
/// Largest request body at a door, in bytes.
pub const BODY_BYTES: usize = 16 * 1024 * 1024;
/// Most events of one request.
pub const REQUEST_EVENTS: usize = 10_000;
/// Most keys of one window (of a shard) that a question about what is open looks at.
pub const WINDOW_QUERY_KEYS: usize = 100_000;
/// Page size of a query when none is asked for (3-10).
pub const PAGE_DEFAULT: usize = 100;
/// Largest page of a query.
pub const PAGE_MOST: usize = 1_000;
/// Longest search in bytes.
pub const SEARCH_BYTES: usize = 4_096;
/// Most terms of a search, values of lists counted one by one.
pub const SEARCH_TERMS: usize = 256;
/// Deepest nesting of parentheses and negations of a search.
pub const SEARCH_DEPTH: usize = 32;
