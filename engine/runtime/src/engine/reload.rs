//! Other rules while the engine runs.
//!
//! Owns the way from new rule texts to rules in force: read, load, write `RuleSetActivation` into
//! the log, wait. Events before the record are evaluated by the rules before it, events behind it
//! by the new ones, and windows of rules whose meaning is unchanged keep their state; that is the
//! sequencer's job.
//! Invariant: all or nothing. Rules that cannot be read or do not load change nothing, readiness
//! included; a gauge, a problem and an event on `$sys` say so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_actor::send_control;
use larum_event::{
    Channel, Event, EventDefaults, Position, RecordBody, RuleFile, RuleId, RuleSetActivation,
    Severity, Span, TenantId,
};
use larum_query::hash_rule_files;
use larum_rule::{Diagnostic, DiagnosticLevel, Rule, RuleSet};
use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::api::EmitOptions;
use crate::engine::{Engine, new_event_id};
use crate::messages::AppendControl;

/// What a problem with rules that were not taken is about.
const ABOUT: &str = "rules";
/// Longest that a reload waits for its rules to be in force; behind a backlog they are later.
const WAIT: Span = Span::from_seconds(10);
/// Most findings in one event.
const FINDINGS_MOST: usize = 20;

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReloadOutcome {
    /// Names the set.
    pub hash: String,
    /// Where it was activated; absent when nothing had changed and nothing was written.
    pub position: Option<Position>,
    /// Whether it is in force. If not, evaluation is behind, and it will be when that gets there.
    pub in_force: bool,
    /// Rules that there were not.
    pub added: Vec<RuleId>,
    /// Rules that there are no more; what they had counted is gone.
    pub removed: Vec<RuleId>,
    /// Rules that mean something else now; they start without state.
    pub changed: Vec<RuleId>,
    /// How many mean the same as before; they go on counting.
    pub unchanged: usize,
    /// Those of them whose exceptions are others now.
    pub exceptions_changed: Vec<RuleId>,
    /// What loads and is probably not meant.
    pub warnings: Vec<RuleFinding>,
}

/// One finding about a rule file, as programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleFinding {
    /// A stable name of the kind of finding.
    pub code: &'static str,
    /// `error`, `refused` or `warning`.
    pub level: &'static str,
    /// The file; empty for findings about the set as a whole.
    pub file: String,
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// The column, counted from 1; 0 for the line as a whole.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl From<&Diagnostic> for RuleFinding {
    fn from(found: &Diagnostic) -> Self {
        Self {
            code: found.code,
            level: found.level.as_str(),
            file: found.file.clone(),
            line: found.line,
            column: found.column,
            message: found.message.clone(),
            help: found.help.clone(),
        }
    }
}

/// Why the rules stay as they were.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReloadError {
    /// The engine does not know where its rules come from.
    #[error("the engine was started without a place to read rules from")]
    NoSource,
    /// They cannot be read.
    #[error("the rules cannot be read: {cause}")]
    Unreadable {
        /// What is wrong.
        cause: String,
    },
    /// They do not load.
    #[error("the rules do not load ({} problems)", .0.len())]
    Rules(Vec<Diagnostic>),
    /// The log does not take the record, or is being reopened.
    #[error("the log cannot take the rules: {cause}")]
    Log {
        /// What is wrong.
        cause: String,
    },
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopping,
}

impl Engine {
    /// Reads the rules again from the configured place, and puts them in force.
    ///
    /// # Errors
    /// The rules stay as they were: see [`ReloadError`].
    pub async fn reload_rules(&self) -> Result<ReloadOutcome, ReloadError> {
        let turn = self.0.rulebook.change_lock.lock().await;
        let from = self.0.config.reload_source.clone();
        let Some(source) = from else {
            return Err(ReloadError::NoSource);
        };
        let reading = tokio::task::spawn_blocking(move || source.read_rules());
        let read = match reading.await {
            Ok(read) => read,
            Err(died) => Err(died.to_string()),
        };
        let changed = match read {
            Ok(files) => self.change_rules(files).await,
            Err(cause) => Err(ReloadError::Unreadable { cause }),
        };
        self.report_reload(&changed).await;
        drop(turn);
        changed
    }

    /// Makes the rules of `files` those in force.
    ///
    /// # Errors
    /// The rules stay as they were: see [`ReloadError`].
    pub async fn use_rules(&self, files: Vec<RuleFile>) -> Result<ReloadOutcome, ReloadError> {
        let turn = self.0.rulebook.change_lock.lock().await;
        let changed = self.change_rules(files).await;
        self.report_reload(&changed).await;
        drop(turn);
        changed
    }

    async fn change_rules(&self, files: Vec<RuleFile>) -> Result<ReloadOutcome, ReloadError> {
        if self.0.gauges.is_stopping() {
            return Err(ReloadError::Stopping);
        }
        let set = self.load_rule_set(files).await?;
        let before = self.last_logged_rules().await?;
        let activated = RuleSetActivation {
            files: set.files().to_vec(),
            amend_horizon: self.0.config.amend_horizon,
            keys_per_rule: self.0.config.keys_per_rule,
            lateness: self.0.config.lateness,
        };
        let old = match &before {
            Some((_, last)) => self.load_rule_set(last.files.clone()).await?,
            None => Arc::new(RuleSet::empty()),
        };
        let is_same = before.is_some_and(|(_, last)| last == activated);
        let lost = refused_replacements(&old, &set);
        if !lost.is_empty() {
            return Err(ReloadError::Rules(lost));
        }
        let mut changed = compare_rule_sets(&old, &set);
        if is_same {
            return Ok(changed);
        }
        let at = self.log_activation(activated).await?;
        changed.position = Some(at);
        changed.in_force = self.wait_for_position(at).await;
        Ok(changed)
    }

    /// Loads rules on a thread that may take its time.
    async fn load_rule_set(&self, files: Vec<RuleFile>) -> Result<Arc<RuleSet>, ReloadError> {
        let book = Arc::clone(&self.0.rulebook);
        let loaded = tokio::task::spawn_blocking(move || book.load_rules(&files));
        match loaded.await {
            Ok(loaded) => loaded.map_err(ReloadError::Rules),
            Err(died) => Err(ReloadError::Unreadable {
                cause: died.to_string(),
            }),
        }
    }

    /// The rules at the end of the log: those in force when all of it is evaluated.
    async fn last_logged_rules(
        &self,
    ) -> Result<Option<(Position, RuleSetActivation)>, ReloadError> {
        let mut reader = self.0.readers.open_reader();
        let read = tokio::task::spawn_blocking(move || reader.last_rule_set(reader.head()));
        let failed = |cause: String| ReloadError::Log { cause };
        let last = read.await.map_err(|died| failed(died.to_string()))?;
        last.map_err(|error| failed(error.to_string()))
    }

    /// Writes into the log that these rules hold from here on.
    async fn log_activation(&self, activated: RuleSetActivation) -> Result<Position, ReloadError> {
        let failed = |cause: &str| ReloadError::Log {
            cause: cause.to_owned(),
        };
        let (reply, answer) = oneshot::channel();
        let bodies = vec![RecordBody::RuleSetActivated(activated)];
        let append = AppendControl { bodies, reply };
        send_control(&self.0.log.clone().recipient(), append).map_err(|_| ReloadError::Stopping)?;
        let written = answer
            .await
            .map_err(|_| failed("it is being reopened"))?
            .map_err(|error| failed(&error.to_string()))?;
        written.first().copied().ok_or_else(|| failed("no answer"))
    }

    /// Waits until evaluation has come to `at`; false when that takes too long.
    async fn wait_for_position(&self, at: Position) -> bool {
        let mut evaluated = self.0.gauges.watch_evaluated();
        let mut stopped = self.0.gauges.watch_stopped();
        tokio::select! {
            biased;
            reached = evaluated.wait_for(|reached| *reached >= at) => reached.is_ok(),
            _ = stopped.wait_for(|stopped| *stopped) => false,
            () = self.0.supervision.clock.sleep(WAIT) => false,
        }
    }

    /// Tells operators how it went.
    async fn report_reload(&self, changed: &Result<ReloadOutcome, ReloadError>) {
        let gauges = &self.0.gauges;
        let failure = match changed {
            Ok(changed) => {
                gauges.record_reload();
                gauges.clear_problem(ABOUT);
                let (added, removed) = (changed.added.len(), changed.removed.len());
                info!(
                    position = changed.position.map(|at| at.0),
                    added,
                    removed,
                    changed = changed.changed.len(),
                    unchanged = changed.unchanged,
                    exceptions_changed = changed.exceptions_changed.len(),
                    in_force = changed.in_force,
                    "rules were reloaded"
                );
                return;
            }
            Err(ReloadError::NoSource | ReloadError::Stopping) => return,
            Err(failure) => failure,
        };
        gauges.record_reload_failure();
        gauges.report_problem(ABOUT, format!("{failure}; the rules before stay in force"));
        // Who reads of it finds the event in the log, before whatever they send next.
        if let Err(refused) = self.emit_reload_failure(failure).await {
            warn!(%refused, "the event that rules were not reloaded is not in the log");
        }
        error!(reason = %failure, "rules were not reloaded, those before stay in force");
        if let ReloadError::Rules(findings) = failure {
            for finding in findings.iter().take(FINDINGS_MOST) {
                let (code, line) = (finding.code, finding.line);
                error!(file = %finding.file, line, code, "{}", finding.message);
            }
        }
    }

    /// Puts an event on `$sys`: the files of a moment are no function of the log, so it comes in
    /// like one from outside.
    async fn emit_reload_failure(&self, failure: &ReloadError) -> Result<(), String> {
        let now = self.0.supervision.clock.now();
        let findings: Vec<RuleFinding> = match failure {
            ReloadError::Rules(findings) => findings
                .iter()
                .take(FINDINGS_MOST)
                .map(RuleFinding::from)
                .collect(),
            ReloadError::NoSource
            | ReloadError::Unreadable { .. }
            | ReloadError::Log { .. }
            | ReloadError::Stopping => Vec::new(),
        };
        let body = json!({
            "type": "rules.reload_failed",
            "source": "larum",
            "severity": "high",
            "data": { "message": failure.to_string(), "findings": findings },
        });
        let fill = EventDefaults {
            arrived: now,
            new_id: &|| new_event_id(now),
            source: None,
            channel: &Channel::system(),
            tenant: &TenantId::default_tenant(),
            severity: &|_| Severity::High,
        };
        let parsed = Event::parse(body.to_string().as_bytes(), &fill);
        let event = parsed.map_err(|rejection| format!("{rejection:?}"))?;
        let (reply, answer) = oneshot::channel();
        let queued = self.append_events(vec![event], EmitOptions::default(), Some(reply));
        queued.await.map_err(|error| error.to_string())?;
        let stored = answer.await.map_err(|_| "the log is being reopened")?;
        stored.map(drop).map_err(|error| error.to_string())
    }
}

/// Refused documents where rules in force stood: an edit that would switch detection off is a
/// mistake, also where the same document among new ones would only stay out.
fn refused_replacements(old: &RuleSet, set: &RuleSet) -> Vec<Diagnostic> {
    let remaining: BTreeSet<&RuleId> = set.rules().iter().map(|rule| &rule.id).collect();
    let gone = old
        .rules()
        .iter()
        .filter(|rule| !remaining.contains(&rule.id));
    let files: BTreeSet<&str> = gone.map(|rule| &*rule.file).collect();
    let warnings = set.warnings().iter();
    warnings
        .filter(|one| one.level == DiagnosticLevel::Refused && files.contains(one.file.as_str()))
        .cloned()
        .collect()
}

/// What is different in `new`.
fn compare_rule_sets(old: &RuleSet, new: &RuleSet) -> ReloadOutcome {
    let mut changed = ReloadOutcome {
        hash: hash_rule_files(new.files()),
        position: None,
        in_force: true,
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        unchanged: 0,
        exceptions_changed: Vec::new(),
        warnings: new.warnings().iter().map(RuleFinding::from).collect(),
    };
    let mut old_rules: BTreeMap<&RuleId, &Rule> =
        old.rules().iter().map(|rule| (&rule.id, rule)).collect();
    for rule in new.rules() {
        match old_rules.remove(&rule.id) {
            None => changed.added.push(rule.id.clone()),
            Some(before) if before.semantic_hash == rule.semantic_hash => {
                changed.unchanged += 1;
                if !rule.has_same_exceptions(before) {
                    changed.exceptions_changed.push(rule.id.clone());
                }
            }
            Some(_) => changed.changed.push(rule.id.clone()),
        }
    }
    changed.removed = old_rules.into_keys().cloned().collect();
    changed
}
