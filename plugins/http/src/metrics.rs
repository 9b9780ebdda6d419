//! `GET /metrics`: what the engine and this door count, for Prometheus.
//!
//! The names are listed in `docs/http.md` and stay. Every label has a bounded number of values: reasons,
//! rules, routes and status codes are; types are bounded by the engine.

use std::fmt;

use actix_web::{HttpResponse, web};
use larum_engine::{EngineHealth, EngineMetrics, RuleMetrics};
use larum_event::RejectionReason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::door::DoorState;
use crate::listeners::ListenerCounts;
use crate::problem::HttpProblem;

/// Requests answered, by route and status.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestCounts(Family<RequestLabels, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

impl RequestCounts {
    /// Counts an answer. `route` is the pattern of a route, never a path that a client made up.
    pub(crate) fn count_request(&self, route: String, status: u16) {
        self.0.get_or_create(&RequestLabels { route, status }).inc();
    }
}

/// The handler.
pub(crate) async fn get_metrics(door: web::Data<DoorState>) -> Result<HttpResponse, HttpProblem> {
    let mut registry = Registry::with_prefix("larum");
    registry.register(
        "http_requests",
        "Requests answered, by route and status",
        door.requests.0.clone(),
    );
    registry.register_collector(Box::new(MetricsScrape {
        metrics: door.engine.metrics(),
        health: door.engine.health(),
        listeners: door.listeners.counts(),
    }));
    let mut body = String::new();
    text::encode(&mut body, &registry).expect("writing to memory does not fail");
    Ok(HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(body))
}

/// What is read once per scrape.
#[derive(Debug)]
struct MetricsScrape {
    metrics: EngineMetrics,
    health: EngineHealth,
    listeners: ListenerCounts,
}

impl Collector for MetricsScrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_events(&mut encoder)?;
        self.encode_evaluation(&mut encoder)?;
        self.encode_listeners(&mut encoder)
    }
}

impl MetricsScrape {
    fn encode_events(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        encode_counter(
            encoder,
            "events_accepted",
            "Events stored",
            metrics.accepted,
        )?;
        let help = "Repetitions of stored events, recognised";
        encode_counter(encoder, "events_duplicate", help, metrics.duplicates)?;
        let help = "Requests refused because the engine was behind";
        encode_counter(encoder, "requests_overloaded", help, metrics.overloaded)?;
        encode_counters(
            encoder,
            "events_rejected",
            "Inputs refused, by reason",
            |family| {
                // Also those that never happened: a rate begins at the first one then.
                for reason in RejectionReason::ALL.map(RejectionReason::code) {
                    let counted = metrics.rejected.iter().find(|(code, _)| *code == reason);
                    let count = counted.map_or(0, |(_, count)| *count);
                    encode_count(family, &[("reason", reason)], count)?;
                }
                Ok(())
            },
        )?;
        encode_counters(
            encoder,
            "events_stored",
            "Events stored, by type and severity",
            |family| {
                for (event_type, severity, count) in &metrics.stored_by_type {
                    encode_count(
                        family,
                        &[("type", event_type), ("severity", severity)],
                        *count,
                    )?;
                }
                Ok(())
            },
        )
    }

    fn encode_evaluation(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (metrics, health) = (&self.metrics, &self.health);
        encode_counter(
            encoder,
            "events_evaluated",
            "Events evaluated",
            metrics.evaluated,
        )?;
        let help = "Events that came too late for the windows of some rule";
        encode_counter(encoder, "events_late", help, metrics.late)?;
        encode_counter(
            encoder,
            "alert_revisions",
            "Revisions of alerts written",
            metrics.alerts,
        )?;
        encode_counter(encoder, "epochs", "Epochs committed", metrics.epochs)?;
        let help = "Keys dropped because a window was full";
        encode_counter(encoder, "window_evicted_keys", help, metrics.evicted_keys)?;
        let help = "Events dropped because a key of a window was full";
        encode_counter(
            encoder,
            "window_evicted_events",
            help,
            metrics.evicted_events,
        )?;
        let help = "Events that trees could not take as they say, and trees that went to the store";
        encode_counters(encoder, "tree_reports", help, |family| {
            for (kind, count) in &metrics.tree_reports {
                encode_count(family, &[("kind", kind)], *count)?;
            }
            Ok(())
        })?;
        encode_by_rule(
            encoder,
            "alerts",
            "Alerts, by rule",
            &metrics.alerts_by_rule,
        )?;
        self.encode_rules(encoder)?;
        let help = "Faults of rules: over budget, thrown or panicked";
        encode_by_rule(encoder, "rule_faults", help, &metrics.rule_faults)?;
        encode_gauge(
            encoder,
            "ready",
            "Whether the engine takes events",
            u64::from(health.ready),
        )?;
        encode_gauge(encoder, "rules", "Rules loaded", health.rules as u64)?;
        let help = "Times that rules were read again, by whether they were taken";
        encode_counters(encoder, "rules_reloads", help, |family| {
            let failed = metrics.reloads_failed;
            encode_count(family, &[("result", "ok")], metrics.reloads)?;
            encode_count(family, &[("result", "failed")], failed)
        })?;
        let help = "Whether the last reload failed, so that the rules before it are in force";
        let failed = u64::from(metrics.reload_failed);
        encode_gauge(encoder, "rules_reload_failed", help, failed)?;
        encode_gauge(
            encoder,
            "log_head_position",
            "Last position of the log",
            health.head.0,
        )?;
        let help = "Last position evaluated, its outcome durable";
        encode_gauge(encoder, "evaluated_position", help, health.evaluated.0)?;
        let help = "Events accepted and not yet evaluated";
        encode_gauge(encoder, "evaluation_lag_events", help, health.lag)?;
        let help = "Duration of log commits in microseconds, by quantile; 1 is the longest";
        let mut family =
            encoder.encode_descriptor("log_commit_microseconds", help, None, MetricType::Gauge)?;
        for (quantile, micros) in ["0.5", "0.95", "0.99", "1"]
            .iter()
            .zip(metrics.commit_micros)
        {
            ConstGauge::new(micros).encode(family.encode_family(&[("quantile", *quantile)])?)?;
        }
        Ok(())
    }

    fn encode_rules(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let rules = &self.metrics.rules;
        let of = |what: fn(&RuleMetrics) -> u64| -> Vec<(String, u64)> {
            let counted = rules.iter().map(|one| (one.rule.clone(), what(one)));
            counted.filter(|(_, number)| *number > 0).collect()
        };
        let help = "Events that satisfied a rule, by rule";
        encode_by_rule(encoder, "rule_matches", help, &of(|one| one.matches))?;
        let help = "Times that exceptions kept something from being a match, by rule";
        encode_by_rule(encoder, "rule_excepted", help, &of(|one| one.excepted))?;
        let help = "Times that the script of a rule ran and answered, by rule";
        encode_by_rule(
            encoder,
            "rule_script_runs",
            help,
            &of(|one| one.script_runs),
        )?;
        let help = "Nanoseconds that the script of a rule ran, estimated from a sample, by rule";
        encode_by_rule(
            encoder,
            "rule_script_nanoseconds",
            help,
            &of(|one| one.script_nanos),
        )?;
        let help = "Rules that are broken out because they keep failing";
        encode_gauge(
            encoder,
            "rules_broken_out",
            help,
            self.metrics.rules_broken_out,
        )
    }

    fn encode_listeners(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (metrics, listeners) = (&self.metrics, self.listeners);
        encode_gauge(
            encoder,
            "subscribers",
            "Live subscribers of the engine",
            metrics.subscribers,
        )?;
        let help = "Events not delivered to subscribers that were too slow";
        encode_counter(encoder, "subscriber_events_missed", help, metrics.missed)?;
        encode_gauge(
            encoder,
            "stream_connections_open",
            "WebSocket connections",
            listeners.active,
        )?;
        let help = "WebSocket connections accepted";
        encode_counter(encoder, "stream_connections", help, listeners.total)?;
        let help = "WebSocket connections refused because there were too many";
        encode_counter(
            encoder,
            "stream_connections_refused",
            help,
            listeners.refused,
        )?;
        let help = "Events sent over WebSocket connections";
        encode_counter(
            encoder,
            "stream_events_delivered",
            help,
            listeners.delivered,
        )?;
        let help = "Events not sent over WebSocket connections whose clients were too slow";
        encode_counter(encoder, "stream_events_missed", help, listeners.missed)
    }
}

fn encode_counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}

fn encode_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

fn encode_counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    write(&mut encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn encode_by_rule(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: &[(String, u64)],
) -> fmt::Result {
    encode_counters(encoder, name, help, |family| {
        for (rule, count) in counts {
            encode_count(family, &[("rule", rule)], *count)?;
        }
        Ok(())
    })
}

fn encode_count<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &[(&str, &str); N],
    count: u64,
) -> fmt::Result {
    ConstCounter::new(count).encode(family.encode_family(labels)?)
}
