//! What is open in windows, as `GET /v1/windows` shows it.
//!
//! Owns which keys of a window are shown and how the answers of several windows are put together;
//! finding and asking the windows is left to the engine.
//! Invariant: a query looks at no more than [`WINDOW_QUERY_KEYS`](limits::WINDOW_QUERY_KEYS) keys
//! of a window, so it never holds up an epoch for long.

use larum_event::{Aggregate, RuleId, TenantId, Timestamp, WindowSpec, limits};
use larum_rule::Rule;
use larum_window::{KeyView, PartialView, RuleWindow};
use serde::Serialize;
use serde_json::{Map, Value};

/// Which groups of windows are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsQuery {
    /// Those of this rule.
    pub rule: Option<RuleId>,
    /// Those of this tenant.
    pub tenant: Option<TenantId>,
    /// Those with this text in a member of their key.
    pub key: Option<String>,
    /// So many at most.
    pub limit: usize,
}

impl Default for WindowsQuery {
    fn default() -> Self {
        Self {
            rule: None,
            tenant: None,
            key: None,
            limit: limits::PAGE_DEFAULT,
        }
    }
}

/// Groups that are open.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenWindows {
    /// By rule, tenant and what is left of their time.
    pub windows: Vec<OpenGroup>,
    /// How many there are besides.
    pub more: u64,
    /// False when a window holds so many groups that some were not looked at, or gives no answer
    /// now.
    pub complete: bool,
}

/// One group of one rule's window.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenGroup {
    /// The rule.
    pub rule: RuleId,
    /// What it asks, in a few words.
    pub condition: String,
    /// Whose group.
    pub tenant: TenantId,
    /// Its key, by name.
    pub key: Map<String, Value>,
    /// Events that count now.
    pub events: u64,
    /// Whether events came out of order that do not count yet; they will within a second.
    pub out_of_order: bool,
    /// What is measured, where that is something else than a count.
    pub value: Option<Value>,
    /// What a count has to come to, where that decides.
    pub threshold: Option<u64>,
    /// Time of the oldest event that counts.
    pub oldest: Option<Timestamp>,
    /// The last moment before something is decided or forgotten, in event time.
    pub until: Timestamp,
    /// How far event time has come, the rule's lateness taken off.
    pub watermark: Timestamp,
    /// Whether an alert of it is open.
    pub open: bool,
    /// Of a sequence: its open partial matches.
    pub partials: Vec<OpenPartial>,
}

/// An open partial match of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenPartial {
    /// The step it waits for.
    pub waits_for: String,
    /// Events it has.
    pub events: u64,
    /// Those of the step it waits for.
    pub of_step: u64,
    /// When it ends if nothing comes.
    pub until: Timestamp,
}

/// What one window shows.
#[derive(Debug, Default)]
pub struct WindowKeys {
    /// Its keys that are asked for.
    pub keys: Vec<KeyView>,
    /// Others that were wanted.
    pub more: u64,
    /// Whether all keys were looked at.
    pub complete: bool,
}

/// The keys of `window` that are asked for.
pub fn select_keys(window: &RuleWindow, query: &WindowsQuery) -> WindowKeys {
    let mut seen = WindowKeys {
        complete: true,
        ..WindowKeys::default()
    };
    let keys = window.key_views(query.tenant.as_ref());
    for (number, key) in keys.enumerate() {
        if number >= limits::WINDOW_QUERY_KEYS {
            seen.complete = false;
            break;
        }
        let is_wanted = query.key.as_ref().is_none_or(|text| {
            let mut members = key.key.members().iter();
            members.any(|member| member.to_string().contains(text.as_str()))
        });
        if !is_wanted {
            continue;
        }
        if seen.keys.len() < query.limit {
            seen.keys.push(key);
        } else {
            seen.more += 1;
        }
    }
    seen
}

impl OpenWindows {
    /// Without a group so far, and nothing left out.
    pub fn new() -> Self {
        Self {
            windows: Vec::new(),
            more: 0,
            complete: true,
        }
    }

    /// Adds what one window of `rule` shows.
    pub fn add_window(&mut self, rule: &Rule, shown: WindowKeys) {
        self.more += shown.more;
        self.complete &= shown.complete;
        let groups = shown.keys.into_iter().map(|key| to_open_group(rule, key));
        self.windows.extend(groups);
    }

    /// Puts the groups in order and leaves out those beyond `limit`.
    pub fn sort_and_truncate(&mut self, limit: usize) {
        self.windows.sort_by(|a, b| {
            let order = |group: &OpenGroup| (group.rule.clone(), group.tenant.clone(), group.until);
            order(a).cmp(&order(b)).then_with(|| {
                let key = |group: &OpenGroup| Value::Object(group.key.clone()).to_string();
                key(a).cmp(&key(b))
            })
        });
        self.more += self.windows.len().saturating_sub(limit) as u64;
        self.windows.truncate(limit);
    }
}

impl Default for OpenWindows {
    fn default() -> Self {
        Self::new()
    }
}

fn to_open_group(rule: &Rule, key: KeyView) -> OpenGroup {
    let names = rule.group_by.iter().map(|part| part.name.to_string());
    let members = key
        .key
        .members()
        .iter()
        .map(larum_event::ScalarValue::to_json);
    OpenGroup {
        rule: rule.id.clone(),
        condition: rule.window.to_string(),
        tenant: key.tenant,
        key: names.zip(members).collect(),
        events: key.events,
        out_of_order: key.is_dirty,
        value: key.value.map(larum_event::Amount::to_json),
        threshold: count_threshold(&rule.window),
        oldest: key.oldest,
        until: key.until,
        watermark: key.watermark,
        open: key.is_open,
        partials: key.partials.into_iter().map(to_open_partial).collect(),
    }
}

fn to_open_partial(partial: PartialView) -> OpenPartial {
    OpenPartial {
        waits_for: partial
            .waits_for
            .map_or_else(String::new, |step| step.to_string()),
        events: partial.events,
        of_step: partial.step_events,
        until: partial.until,
    }
}

fn count_threshold(window: &WindowSpec) -> Option<u64> {
    let WindowSpec::Aggregate(Aggregate {
        measure, bounds, ..
    }) = window
    else {
        return None;
    };
    (measure.is_count() && bounds.are_lower_bounds()).then(|| bounds.threshold())
}
