//! The circuit breaker: who keeps failing is left alone for a while, then tried once.
//!
//! Owns a pure state machine, one per (channel, consumer), per rule, per outside endpoint (1-30 to
//! 1-32). It reads no clock and waits for nothing: time is an argument, on any clock that the
//! caller sticks to (consumers: the runtime's monotonic clock; rules: the log's time, so that a
//! replay opens and closes the same breakers).
//!
//! ```text
//!            too many failures, slow calls, or too old a queue
//!   Closed ────────────────────────────────────────────────────► Open ◄──────┐
//!      ▲                                                           │ cool-down│ the probe failed:
//!      └───────────────── the probe succeeded ───── HalfOpen ◄─────┘ is over  │ cool-down doubles
//!                                                       └─────────────────────┘
//! ```
//!
//! What counts as a failure is the caller's job to say, with one rule: a bad *event* never does, or
//! malformed input would switch detection off.
//! Invariant: while half-open at most one probe is out. While open nothing is lost: the cursor
//! stops and the log holds the backlog.

use std::collections::VecDeque;

use larum_event::Span;
use serde::{Deserialize, Serialize};

use larum_event::MonotonicTime;

/// When a breaker opens and for how long. A trigger set to `None` is not watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Failures in a row that open it. Default 5.
    pub consecutive_failures: Option<u32>,
    /// Failures among the recent calls, in percent, that open it. Default 50.
    pub failure_percent: Option<u8>,
    /// Slow calls among the recent calls, in percent, that open it. Default 80.
    pub slow_percent: Option<u8>,
    /// A call that takes at least this long is slow, whatever its outcome. Default 10 s.
    pub slow_call: Span,
    /// Age of the oldest thing waiting that opens it. Default none: a backlog alone is not a fault.
    pub queue_age: Option<Span>,
    /// How many calls are recent. Default 100.
    pub recent_calls: u32,
    /// The percentages mean nothing before this many recent calls. Default 20.
    pub minimum_calls: u32,
    /// How long it stays open the first time. Default 5 s.
    pub cool_down: Span,
    /// How long it stays open at most, after doubling on every failed probe. Default 5 m.
    pub cool_down_most: Span,
    /// A probe without an answer for this long has failed; else one lost answer would keep the
    /// breaker half-open for ever. Default 60 s.
    pub probe_timeout: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: Some(5),
            failure_percent: Some(50),
            slow_percent: Some(80),
            slow_call: Span::from_seconds(10),
            queue_age: None,
            recent_calls: 100,
            minimum_calls: 20,
            cool_down: Span::from_seconds(5),
            cool_down_most: Span::from_seconds(300),
            probe_timeout: Span::from_seconds(60),
        }
    }
}

/// The state of a breaker, as shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open,
    /// One call, the probe, is out to see whether things are well again.
    HalfOpen,
}

impl BreakerState {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What opened a breaker last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerTrigger {
    /// Too many failures in a row.
    ConsecutiveFailures,
    /// Too large a part of the recent calls failed.
    FailureRatio,
    /// Too large a part of the recent calls was slow.
    SlowCalls,
    /// What waited, waited too long.
    QueueAge,
    /// The probe failed, or never answered.
    Probe,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// It did what it should, or refused the event for the event's own fault.
    Success,
    /// It failed for a reason that other events would meet too.
    Failure,
}

/// Leave for one call. Hand it back with [`CircuitBreaker::record_call`] or
/// [`CircuitBreaker::abandon_call`]; the breaker knows by it the probe's answer from that of a call
/// begun before it opened.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a pass is handed back with the call's outcome"]
pub struct CallPermit {
    turn: u64,
}

/// The answer to the question whether a call may be made.
#[derive(Debug, PartialEq, Eq)]
pub enum CallDecision {
    /// It may.
    Permitted(CallPermit),
    /// It may not, and asking again before `until` is in vain.
    Denied {
        /// When to ask again.
        until: MonotonicTime,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum CircuitState {
    Closed,
    Open {
        until: MonotonicTime,
    },
    /// `until` is when the probe counts as lost; `None` while no probe is out.
    HalfOpen {
        until: Option<MonotonicTime>,
    },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct CallRecord {
    failed: bool,
    slow: bool,
}

/// A circuit breaker. See the module's documentation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CircuitBreaker {
    config: BreakerConfig,
    circuit: CircuitState,
    /// Grows with every change of state and every probe: a pass of an older turn is stale.
    turn: u64,
    cool_down: Span,
    consecutive_failures: u32,
    recent: VecDeque<CallRecord>,
    age: AgeLimit,
    opened_by: Option<BreakerTrigger>,
    times_opened: u64,
}

/// What queue age is too old. The backlog that grew while the breaker was open must not open it
/// again before it had a chance to drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum AgeLimit {
    /// The configured one.
    Configured,
    /// Just closed: the next age seen is the backlog's.
    AfterClosing,
    /// The backlog is draining while it stays below this.
    Draining { most: Span },
}

impl CircuitBreaker {
    /// A closed breaker.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            circuit: CircuitState::Closed,
            turn: 0,
            cool_down: config.cool_down,
            consecutive_failures: 0,
            recent: VecDeque::new(),
            age: AgeLimit::Configured,
            opened_by: None,
            times_opened: 0,
            config,
        }
    }

    /// Its state. It stays open until [`CircuitBreaker::request_call`] is asked after the
    /// cool-down.
    pub fn state(&self) -> BreakerState {
        match self.circuit {
            CircuitState::Closed => BreakerState::Closed,
            CircuitState::Open { .. } => BreakerState::Open,
            CircuitState::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Until when every call is refused, while it is open.
    pub fn open_until(&self) -> Option<MonotonicTime> {
        match self.circuit {
            CircuitState::Open { until } => Some(until),
            CircuitState::Closed | CircuitState::HalfOpen { .. } => None,
        }
    }

    /// Whether it is closed and remembers no failure: it is as good as new.
    pub fn is_healthy(&self) -> bool {
        self.circuit == CircuitState::Closed
            && self.recent.iter().all(|call| !call.failed && !call.slow)
    }

    /// What opened it last, if it ever was.
    pub fn last_trigger(&self) -> Option<BreakerTrigger> {
        self.opened_by
    }

    /// How often it has opened, failed probes included.
    pub fn open_count(&self) -> u64 {
        self.times_opened
    }

    /// Whether a call may be made now. A pass must be handed back.
    pub fn request_call(&mut self, now: MonotonicTime) -> CallDecision {
        match self.circuit {
            CircuitState::Closed => CallDecision::Permitted(CallPermit { turn: self.turn }),
            CircuitState::Open { until } if now < until => CallDecision::Denied { until },
            CircuitState::HalfOpen { until: Some(until) } if now < until => {
                CallDecision::Denied { until }
            }
            CircuitState::HalfOpen { until: Some(_) } => CallDecision::Denied {
                until: self.fail_probe(now),
            },
            CircuitState::Open { .. } | CircuitState::HalfOpen { until: None } => {
                self.turn += 1;
                self.circuit = CircuitState::HalfOpen {
                    until: Some(now.saturating_add(self.config.probe_timeout)),
                };
                CallDecision::Permitted(CallPermit { turn: self.turn })
            }
        }
    }

    /// Takes note of how a call ended and how long it took. The answer of a call that was begun
    /// before the last change of state says nothing about now and is ignored.
    pub fn record_call(
        &mut self,
        pass: CallPermit,
        outcome: CallOutcome,
        took: Span,
        now: MonotonicTime,
    ) {
        if pass.turn != self.turn {
            return;
        }
        let call = CallRecord {
            failed: outcome == CallOutcome::Failure,
            slow: self.config.slow_percent.is_some() && took >= self.config.slow_call,
        };
        match self.circuit {
            CircuitState::Closed => {
                self.remember_call(call);
                if let Some(trigger) = self.exceeded_trigger() {
                    self.open_circuit(trigger, now);
                }
            }
            // A probe that answers well but slowly has shown that nothing is well.
            CircuitState::HalfOpen { .. } if call.failed || call.slow => {
                self.fail_probe(now);
            }
            CircuitState::HalfOpen { .. } => self.close_circuit(),
            CircuitState::Open { .. } => {}
        }
    }

    /// Hands a pass back for a call that was not made, or whose outcome says nothing.
    pub fn abandon_call(&mut self, pass: CallPermit) {
        if pass.turn == self.turn
            && let CircuitState::HalfOpen { until } = &mut self.circuit
        {
            *until = None;
        }
    }

    /// Takes note of how long the oldest thing in the queue has waited.
    pub fn record_queue_age(&mut self, age: Span, now: MonotonicTime) {
        let Some(limit) = self.config.queue_age else {
            return;
        };
        if self.circuit != CircuitState::Closed {
            return;
        }
        if age < limit {
            self.age = AgeLimit::Configured;
            return;
        }
        match self.age {
            AgeLimit::AfterClosing => {
                self.age = AgeLimit::Draining {
                    most: Span::from_nanos(age.as_nanos().saturating_add(limit.as_nanos())),
                };
            }
            AgeLimit::Draining { most } if age < most => {}
            AgeLimit::Draining { .. } | AgeLimit::Configured => {
                self.open_circuit(BreakerTrigger::QueueAge, now);
            }
        }
    }

    fn remember_call(&mut self, call: CallRecord) {
        self.consecutive_failures = if call.failed {
            self.consecutive_failures.saturating_add(1)
        } else {
            0
        };
        let most = self.config.recent_calls.max(1) as usize;
        while self.recent.len() >= most {
            self.recent.pop_front();
        }
        self.recent.push_back(call);
    }

    fn exceeded_trigger(&self) -> Option<BreakerTrigger> {
        let config = &self.config;
        if config
            .consecutive_failures
            .is_some_and(|most| self.consecutive_failures >= most.max(1))
        {
            return Some(BreakerTrigger::ConsecutiveFailures);
        }
        let calls = self.recent.len();
        // A minimum above what is remembered would never be reached.
        if calls < config.minimum_calls.min(config.recent_calls.max(1)) as usize {
            return None;
        }
        let reached = |percent: Option<u8>, count: usize| {
            percent.is_some_and(|percent| count > 0 && count * 100 >= calls * usize::from(percent))
        };
        if reached(
            config.failure_percent,
            self.recent.iter().filter(|call| call.failed).count(),
        ) {
            return Some(BreakerTrigger::FailureRatio);
        }
        reached(
            config.slow_percent,
            self.recent.iter().filter(|call| call.slow).count(),
        )
        .then_some(BreakerTrigger::SlowCalls)
    }

    fn open_circuit(&mut self, trigger: BreakerTrigger, now: MonotonicTime) -> MonotonicTime {
        let until = now.saturating_add(self.cool_down);
        self.turn += 1;
        self.circuit = CircuitState::Open { until };
        self.consecutive_failures = 0;
        self.recent.clear();
        self.opened_by = Some(trigger);
        self.times_opened += 1;
        until
    }

    fn fail_probe(&mut self, now: MonotonicTime) -> MonotonicTime {
        let doubled = Span::from_nanos(self.cool_down.as_nanos().saturating_mul(2));
        let most = self.config.cool_down_most.max(self.config.cool_down);
        self.cool_down = doubled.min(most);
        self.open_circuit(BreakerTrigger::Probe, now)
    }

    fn close_circuit(&mut self) {
        self.turn += 1;
        self.circuit = CircuitState::Closed;
        self.cool_down = self.config.cool_down;
        self.age = AgeLimit::AfterClosing;
    }
}

#[cfg(test)]
mod tests;
