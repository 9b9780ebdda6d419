//! Latencies, and how they are printed.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies of a kind, from a microsecond to ten minutes, to three digits.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// None yet.
    pub fn new() -> Self {
        let most = Duration::from_secs(600).as_micros() as u64;
        Self(Histogram::new_with_max(most, 3).expect("three digits up to ten minutes are valid"))
    }

    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        self.0
            .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds those of `other`.
    pub fn add(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("both histograms have the same bounds");
    }

    /// The latency that so large a share of them does not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |share: f64| self.quantile(share).as_secs_f64() * 1e3;
        write!(
            f,
            "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, most {:.2} ms, of {}",
            at(0.5),
            at(0.95),
            at(0.99),
            at(0.999),
            at(1.0),
            self.count()
        )
    }
}
