//! `GET /metrics`: what the engine and this door count, for Prometheus.
//!
//! Owns the metrics of this door and the text form; the engine declares its own ([`Metric`]). The
//! names are listed in `docs/http.md`. Invariant: a name never changes, and every label has a
//! bounded number of values: routes and status codes are few, and the engine bounds its own.

use std::fmt;

use actix_web::{HttpResponse, web};
use larum_engine::{EngineMetrics, Metric, MetricKind};
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
    listeners: ListenerCounts,
}

impl Collector for MetricsScrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in Metric::ALL {
            self.encode_metric(*metric, &mut encoder)?;
        }
        self.encode_listeners(&mut encoder)
    }
}

impl MetricsScrape {
    fn encode_metric(&self, metric: Metric, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let declaration = metric.declaration();
        let kind = match declaration.kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
        };
        let mut family =
            encoder.encode_descriptor(declaration.name, declaration.help, None, kind)?;
        if declaration.labels.is_empty() {
            return encode_value(declaration.kind, self.metrics.value(metric), family);
        }
        for ((first, second), value) in self.metrics.samples(metric) {
            let values = [first.as_str(), second];
            let labels: Vec<_> = declaration.labels.iter().copied().zip(values).collect();
            encode_value(declaration.kind, *value, family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_listeners(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let listeners = self.listeners;
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

fn encode_value(kind: MetricKind, value: u64, encoder: MetricEncoder<'_>) -> fmt::Result {
    match kind {
        MetricKind::Counter => ConstCounter::new(value).encode(encoder),
        MetricKind::Gauge => ConstGauge::new(value).encode(encoder),
    }
}
