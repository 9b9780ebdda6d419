//! Reports events that trees could not place as the events ask.
//!
//! Owns the counts, and the event of `$sys` that a tenant named a root of another tenant: a client
//! that does that guesses, or has seen what it may not. Refusing the event itself is the job of the
//! trees.
//! Invariant: the id of such an event follows from that of the refused one, so trees that are
//! rebuilt do not report it twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix::Addr;
use larum_actor::{CreditBatch, Credits, MonotonicTime, RuntimeClock, send_batch};
use larum_event::{
    Channel, Event, EventDefaults, EventId, Severity, Span, TenantId, Timestamp, limits,
};
use larum_tree::TreeReport;
use serde_json::json;
use tracing::{debug, warn};

use crate::actors::LogActor;
use crate::gauges::EngineGauges;
use crate::messages::AppendHead;

/// Most events of `$sys` about one tenant within [`PERIOD`]; all are counted.
const REPORTS_MOST: u32 = 10;
/// See [`REPORTS_MOST`].
const PERIOD: Span = Span::from_seconds(60);

/// Reports events that trees could not take as they are. Clones are the same one.
#[derive(Clone)]
pub(crate) struct RefusalReporter {
    log: Addr<LogActor>,
    gauges: Arc<EngineGauges>,
    clock: RuntimeClock,
    credits: Credits,
    reported: Arc<Mutex<BTreeMap<TenantId, (MonotonicTime, u32)>>>,
}

impl RefusalReporter {
    /// Tells `log` and `gauges`.
    pub(crate) fn new(log: Addr<LogActor>, gauges: Arc<EngineGauges>, clock: RuntimeClock) -> Self {
        Self {
            log,
            gauges,
            clock,
            credits: Credits::new(1_000),
            reported: Arc::default(),
        }
    }

    /// Counts reports, and puts those that concern security into the log.
    pub(crate) fn report_refusals(&self, reports: &[(TreeReport, Timestamp)]) {
        for (report, time) in reports {
            let kind = match report {
                TreeReport::SelfParent { .. } => "self_parent",
                TreeReport::CycleRefused { .. } => "cycle",
                TreeReport::ForeignTenantRoot { .. } => "foreign_root",
                TreeReport::RootFull { .. } => "tree_full",
                TreeReport::RootEvicted { .. } => "evicted",
            };
            self.gauges.count_tree_report(kind);
            debug!(%report, "a tree could not take an event as it says");
            if let TreeReport::ForeignTenantRoot {
                tenant,
                root,
                event,
            } = report
                && self.is_within_limit(tenant)
            {
                self.append_event(foreign_root_event(tenant, root, event, *time));
            }
        }
    }

    fn is_within_limit(&self, tenant: &TenantId) -> bool {
        let now = self.clock.monotonic();
        let mut counts = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since: MonotonicTime| now.since(since) >= PERIOD;
        if counts.len() >= limits::TENANTS && !counts.contains_key(tenant) {
            counts.retain(|_, (since, _)| !is_over(*since));
            if counts.len() >= limits::TENANTS {
                return false;
            }
        }
        let (since, count) = counts.entry(tenant.clone()).or_insert((now, 0));
        if is_over(*since) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= REPORTS_MOST
    }

    fn append_event(&self, event: Option<Event>) {
        let sent = event
            .zip(self.credits.try_acquire(1))
            .map(|(event, permit)| {
                let batch = CreditBatch {
                    head: AppendHead {
                        deadline: None,
                        reply: None,
                    },
                    items: [(event, self.clock.now())].into(),
                    permit,
                };
                send_batch(&self.log.clone().recipient(), batch).is_ok()
            });
        if sent != Some(true) {
            warn!("the event that a tenant named a root of another is not in the log");
        }
    }
}

fn foreign_root_event(
    tenant: &TenantId,
    root: &str,
    event: &EventId,
    time: Timestamp,
) -> Option<Event> {
    let mut hasher = blake3::Hasher::new();
    for part in [tenant.as_str(), root, event.as_str()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let id: String = hasher.finalize().to_hex().chars().take(32).collect();
    let body = json!({
        "id": format!("{id}.tree_refused"),
        "type": "larum.tree_refused",
        "source": "larum",
        "time": time.to_string(),
        "channel": "$sys",
        "severity": "high",
        "causationId": event.as_str(),
        "metadata": { "tenantId": tenant.as_str() },
        "data": {
            "reason": "foreign_root",
            "root": root,
            "event": event.as_str(),
            "message": format!(
                "event {event} names root {root}, which only another tenant has; its tree has a root of that name of its own"
            ),
        },
    });
    let fill = EventDefaults {
        arrived: Timestamp::MIN,
        new_id: &|| EventId::new("larum").expect("a word is a valid name"),
        source: None,
        channel: &Channel::system(),
        tenant,
        severity: &|_| Severity::High,
    };
    Event::parse(body.to_string().as_bytes(), &fill).ok()
}
