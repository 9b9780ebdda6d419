//! What the three collectors of the demo report, as canonical JSON.
//!
//! Owns the shape of each event; when events happen is the scenario's job. Each event carries the
//! workflow step it belongs to: a *contact* of an address with a host is the root, the login
//! *session* is below it, *processes* are below the session or their parent process, and network
//! *flows* below the process that opened them.
//! Invariant: every step names its parent and its root, so that the events of three collectors
//! make one tree.

use larum_event::Timestamp;
use serde_json::{Value, json};

/// An event and when it happens.
#[derive(Debug, Clone)]
pub struct PlannedEvent {
    /// Milliseconds since the start.
    pub at: u64,
    /// What, without id and time, which are given in the order of time.
    pub event: Value,
}

/// A workflow step: its own id, its parent's and its root's.
#[derive(Debug, Clone)]
pub struct WorkflowStep {
    /// Its correlation id.
    pub id: String,
    parent: Option<String>,
    root: String,
    stage: &'static str,
}

impl WorkflowStep {
    /// The contact of an address with a host: a root.
    pub fn contact(number: u64) -> Self {
        let id = format!("contact-{number:04}");
        Self {
            root: id.clone(),
            id,
            parent: None,
            stage: "access",
        }
    }

    /// A job that runs by the clock: a root too.
    pub fn job(id: String) -> Self {
        Self {
            root: id.clone(),
            id,
            parent: None,
            stage: "schedule",
        }
    }

    /// A step below this one.
    pub fn child_step(&self, id: String, stage: &'static str) -> Self {
        Self {
            id,
            parent: Some(self.id.clone()),
            root: self.root.clone(),
            stage,
        }
    }

    fn correlation_json(&self, collector: &str) -> Value {
        let mut correlation = json!({
            "root": self.root,
            "stage": self.stage,
            "tags": { "collector": collector },
        });
        if let Some(parent) = &self.parent {
            correlation["parent"] = json!(parent);
        }
        correlation
    }
}

/// A try to log in.
pub struct LoginAttempt<'a> {
    /// The contact.
    pub step: &'a WorkflowStep,
    /// The host that is tried.
    pub host: &'a str,
    /// Where it comes from.
    pub address: &'a str,
    /// The name that is tried.
    pub user: &'a str,
    /// `password` or `publickey`.
    pub method: &'a str,
    /// `success` or `failure`.
    pub outcome: &'a str,
}

impl LoginAttempt<'_> {
    /// As sshd's collector reports it.
    pub fn to_event(&self) -> Value {
        json!({
            "type": "auth.login", "source": "sshd-collector", "channel": "security",
            "correlationId": self.step.id, "correlation": self.step.correlation_json("sshd"),
            "metadata": { "user": self.user, "ip": self.address },
            "data": { "host": self.host, "method": self.method, "outcome": self.outcome },
        })
    }
}

/// The beginning or the end of a session.
pub fn session_event(step: &WorkflowStep, host: &str, user: &str, opened: bool) -> Value {
    let what = if opened { "opened" } else { "closed" };
    json!({
        "type": format!("auth.session.{what}"), "source": "sshd-collector", "channel": "security",
        "correlationId": step.id, "correlation": step.correlation_json("sshd"),
        "metadata": { "user": user },
        "data": { "host": host },
    })
}

/// A process that starts.
pub struct ProcessStart<'a> {
    /// Its step.
    pub step: &'a WorkflowStep,
    /// Where it runs.
    pub host: &'a str,
    /// Who runs it.
    pub user: &'a str,
    /// Its program.
    pub image: &'a str,
    /// Program and arguments.
    pub command: &'a str,
    /// The program that started it.
    pub parent_image: &'a str,
}

impl ProcessStart<'_> {
    /// As the process monitor reports it.
    pub fn to_event(&self) -> Value {
        json!({
            "type": "process.started", "source": "process-monitor",
            "correlationId": self.step.id, "correlation": self.step.correlation_json("procmond"),
            "metadata": { "user": self.user },
            "data": {
                "host": self.host, "image": self.image, "commandLine": self.command,
                "parentImage": self.parent_image,
            },
        })
    }
}

/// A connection that ended.
pub struct NetworkFlow<'a> {
    /// Its step.
    pub step: &'a WorkflowStep,
    /// Where it began.
    pub host: &'a str,
    /// Where it went.
    pub address: &'a str,
    /// The port there.
    pub port: u16,
    /// What was sent.
    pub bytes_out: u64,
    /// What came back.
    pub bytes_in: u64,
    /// What was carried, where the monitor could tell: a file's name and its SHA-256.
    pub file: Option<(&'a str, &'a str)>,
}

impl NetworkFlow<'_> {
    /// As the network monitor reports it.
    pub fn to_event(&self) -> Value {
        let mut event = json!({
            "type": "network.flow", "source": "network-monitor",
            "correlationId": self.step.id, "correlation": self.step.correlation_json("netmond"),
            "data": {
                "host": self.host, "address": self.address, "port": self.port,
                "bytesOut": self.bytes_out, "bytesIn": self.bytes_in,
            },
        });
        if let Some((name, sha256)) = self.file {
            event["data"]["file"] = json!({ "name": name, "sha256": sha256 });
        }
        event
    }
}

/// Gives the planned events, in the order of time, their ids and times.
pub fn assign_times(start: Timestamp, mut planned: Vec<PlannedEvent>) -> Vec<(Timestamp, Value)> {
    // A stable sort: what is planned first at one time stays first.
    planned.sort_by_key(|planned| planned.at);
    planned
        .into_iter()
        .enumerate()
        .map(|(number, PlannedEvent { at, mut event })| {
            let nanos = i64::try_from(at)
                .unwrap_or(i64::MAX)
                .saturating_mul(1_000_000);
            let time = start.saturating_add(larum_event::Span::from_nanos(nanos));
            event["id"] = json!(format!("demo-{number:05}"));
            event["time"] = json!(time.to_string());
            (time, event)
        })
        .collect()
}
