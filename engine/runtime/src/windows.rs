//! What is open in windows, as `GET /v1/windows` tells of it.
//!
//! Owns where the windows in force are found, and how their answers are put together. A window looks at no more
//! than [`WINDOW_QUERY_KEYS`](larum_event::limits::WINDOW_QUERY_KEYS) of its keys, so that no question holds an epoch.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use larum_event::{Aggregate, RuleId, TenantId, Timestamp, WindowMeasure, WindowSpec, limits};
use larum_rule::{Rule, RuleSet};
use larum_window::{KeyView, PartialView, RuleWindow};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::actors::WindowActor;
use crate::api::QueryError;
use crate::credit::send_control;
use crate::engine::Engine;
use crate::messages::ViewWindow;
use crate::supervise::ActorSlot;

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
    /// False when a window holds so many groups that some were not looked at, or gives no answer now.
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
    /// The clock it runs on; 0 is the tenant's, others are those of sources that run on their own.
    pub clock: u32,
    /// Its key, by name.
    pub key: Map<String, Value>,
    /// Events that count now.
    pub events: u64,
    /// Of them those that late ones may still precede.
    pub pending: u64,
    /// What is measured, where that is something else than a count.
    pub value: Option<Value>,
    /// What a count has to come to, where that decides.
    pub threshold: Option<u64>,
    /// Time of the oldest event that counts.
    pub oldest: Option<Timestamp>,
    /// The last moment before something is decided or forgotten, in event time.
    pub until: Timestamp,
    /// How far its clock has come, the rule's lateness taken off.
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
pub(crate) struct WindowKeys {
    pub(crate) keys: Vec<KeyView>,
    /// Others that were wanted.
    pub(crate) more: u64,
    /// Whether all keys were looked at.
    pub(crate) complete: bool,
}

/// The windows in force.
#[derive(Debug, Default)]
pub(crate) struct WindowDirectory(Mutex<Arc<WindowAddresses>>);

#[derive(Default)]
struct WindowAddresses {
    set: Option<Arc<RuleSet>>,
    slots: Vec<(u32, ActorSlot<WindowActor>)>,
}

impl fmt::Debug for WindowAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("seats", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl WindowDirectory {
    /// These are in force from now on.
    pub(crate) fn replace_windows(
        &self,
        set: &Arc<RuleSet>,
        seats: Vec<(u32, ActorSlot<WindowActor>)>,
    ) {
        let places = WindowAddresses {
            set: Some(Arc::clone(set)),
            slots: seats,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(places);
    }

    fn current_windows(&self) -> Arc<WindowAddresses> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The keys of `window` that are asked for.
pub(crate) fn select_keys(window: &RuleWindow, query: &WindowsQuery) -> WindowKeys {
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

impl Engine {
    /// What is open in the windows of the rules in force.
    ///
    /// # Errors
    /// There is no such rule.
    pub async fn open_windows(&self, query: WindowsQuery) -> Result<OpenWindows, QueryError> {
        let places = self.0.rulebook.windows.current_windows();
        let mut found = OpenWindows {
            windows: Vec::new(),
            more: 0,
            complete: true,
        };
        let Some(set) = &places.set else {
            return Ok(found);
        };
        let is_wanted = |rule: &Rule| query.rule.as_ref().is_none_or(|wanted| *wanted == rule.id);
        let mut waiting = Vec::new();
        for (number, seat) in &places.slots {
            let Some(rule) = set.rule(*number).filter(|rule| is_wanted(rule)) else {
                continue;
            };
            let (reply, answer) = oneshot::channel();
            let view = ViewWindow {
                query: query.clone(),
                reply,
            };
            let address = seat.address();
            if address.is_some_and(|address| send_control(&address.recipient(), view).is_ok()) {
                waiting.push((rule, answer));
            } else {
                found.complete = false;
            }
        }
        for (rule, answer) in waiting {
            // Its state was lost and is not back yet.
            let Ok(seen) = answer.await else {
                found.complete = false;
                continue;
            };
            found.more += seen.more;
            found.complete &= seen.complete;
            let groups = seen.keys.into_iter().map(|key| to_open_group(rule, key));
            found.windows.extend(groups);
        }
        found.windows.sort_by(|a, b| {
            let order = |group: &OpenGroup| (group.rule.clone(), group.tenant.clone(), group.until);
            order(a).cmp(&order(b)).then_with(|| {
                let key = |group: &OpenGroup| Value::Object(group.key.clone()).to_string();
                key(a).cmp(&key(b))
            })
        });
        found.more += found.windows.len().saturating_sub(query.limit) as u64;
        found.windows.truncate(query.limit);
        Ok(found)
    }

    /// Whether a rule of this id is in force.
    pub fn has_rule(&self, rule: &RuleId) -> bool {
        let places = self.0.rulebook.windows.current_windows();
        let set = places.set.as_ref();
        set.is_some_and(|set| set.rules().iter().any(|one| one.id == *rule))
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
        clock: key.clock,
        key: names.zip(members).collect(),
        events: key.events,
        pending: key.pending,
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
    let counts = matches!(
        measure,
        WindowMeasure::Count | WindowMeasure::Distinct | WindowMeasure::Steps(_)
    );
    (counts && bounds.are_lower_bounds()).then(|| bounds.threshold())
}
