//! One alert of a key: what its state reports of it now, and what was emitted.
//!
//! Owns the comparison of the two. When an alert is decided belongs to the key.
//! Invariant: `emitted` describes the last revision, so an alert that was emitted and changed is
//! always known to differ.

use larum_event::{AlertStatus, DetectionEffect, EventId, EventOrder, Timestamp};
use serde::{Deserialize, Serialize};

use super::emitter::KeyContext;
use super::history::OpenContent;
use crate::event_ref::EventRef;
use crate::state::{AlertSummary, FiredAlert};

/// An alert that the rows so far give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyAlert {
    pub(super) anchor: EventId,
    pub(super) trigger: EventRef,
    pub(super) time: Timestamp,
    /// Its content after all events so far.
    pub(super) content: AlertSummary,
    /// Its content as it fired, until that was emitted; `None` if the same as `content`.
    pub(super) fired: Option<Box<AlertSummary>>,
    /// Where the state reported it: with an event, or when a deadline had passed.
    pub(super) reported_at: EventOrder,
    /// It is decided only when time has passed this, because an event could still undo it.
    pub(super) waits_until: Option<Timestamp>,
    /// Whether its state may still report growth or its end.
    pub(super) is_open: bool,
    /// The last revision, which may be its retraction if it comes back.
    pub(super) emitted: Option<Box<EmittedRevision>>,
}

/// An alert that was emitted, and that the rows no longer give. It may come back, and its revisions
/// go on then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetractedAlert {
    pub(super) anchor: EventId,
    pub(super) reported_at: EventOrder,
    /// Time of its first match.
    pub(super) first: Timestamp,
    pub(super) emitted: Box<EmittedRevision>,
}

/// The last revision of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EmittedRevision {
    revision: u32,
    status: AlertStatus,
    count: u64,
    content: ContentDigest,
    /// Time, trigger and content as rules that read alerts know it.
    fired: (Timestamp, EventOrder, ContentDigest),
}

/// Enough of a hash to tell whether contents differ.
type ContentDigest = [u8; 16];

fn digest_content(content: &AlertSummary) -> ContentDigest {
    let bytes = postcard::to_stdvec(content).unwrap_or_default();
    let mut digest = [0; 16];
    let hash = blake3::hash(&bytes);
    for (to, from) in digest.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    digest
}

impl KeyAlert {
    pub(super) fn new(
        fired: FiredAlert,
        reported_at: EventOrder,
        waits_until: Option<Timestamp>,
        emitted: Option<Box<EmittedRevision>>,
    ) -> Self {
        Self {
            anchor: fired.anchor,
            trigger: fired.trigger,
            time: fired.time,
            content: fired.content,
            fired: None,
            reported_at,
            waits_until,
            is_open: fired.open,
            emitted,
        }
    }

    /// Gives it other content, and keeps the content as it fired until that was emitted.
    pub(super) fn set_content(&mut self, content: AlertSummary) {
        let before = std::mem::replace(&mut self.content, content);
        if self.fired.is_none() && !self.is_emitted() {
            self.fired = Some(Box::new(before));
        }
    }

    /// Itself as the alert that is open, with its content now.
    pub(super) fn open_content(&self) -> OpenContent {
        OpenContent {
            anchor: self.anchor.clone(),
            content: self.content.clone(),
        }
    }

    /// Keeps the content as it fired beside what it is now.
    pub(super) fn keep_fired_content(&mut self) {
        if self.fired.is_none() {
            self.fired = Some(Box::new(self.content.clone()));
        }
    }

    pub(super) fn is_emitted(&self) -> bool {
        self.emitted
            .as_ref()
            .is_some_and(|emitted| emitted.status != AlertStatus::Retracted)
    }

    /// Whether it was emitted before the watermark reached it. One that is to be decided again is
    /// not: what it becomes is not known yet.
    pub(super) fn is_early(&self) -> bool {
        self.waits_until.is_none()
            && self
                .emitted
                .as_ref()
                .is_some_and(|emitted| emitted.status == AlertStatus::Early)
    }

    /// Whether it waits to be decided, or what it became is still to be said.
    pub(super) fn is_undecided(&self) -> bool {
        self.waits_until.is_some() || self.is_early()
    }

    /// Whether nothing but an amendment changes it.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_open && !self.is_undecided()
    }

    /// What has to be remembered once it no longer follows; `None` if it was never emitted.
    pub(super) fn into_retracted(self) -> Option<RetractedAlert> {
        Some(RetractedAlert {
            emitted: self.emitted?,
            anchor: self.anchor,
            reported_at: self.reported_at,
            first: self.content.first,
        })
    }

    /// Takes note of a revision with this content, and returns its number.
    pub(super) fn note_emitted(
        &mut self,
        content: &AlertSummary,
        status: AlertStatus,
        effect: DetectionEffect,
    ) -> u32 {
        let revision = self.emitted.as_ref().map_or(0, |emitted| emitted.revision) + 1;
        let digest = digest_content(content);
        let fired = match (&self.emitted, effect) {
            (Some(emitted), DetectionEffect::Revise | DetectionEffect::Retract) => emitted.fired,
            (_, _) => (self.time, self.trigger.order, digest),
        };
        self.emitted = Some(Box::new(EmittedRevision {
            revision,
            status,
            count: content.count,
            content: digest,
            fired,
        }));
        revision
    }

    /// Emits the alert unless all of it was emitted before: as it fired first, and then as it is
    /// now if it has grown enough or is over.
    pub(super) fn emit_changes(&mut self, key: &[u8], context: &mut KeyContext<'_>) {
        let fired = self.fired.take();
        let as_fired = fired.as_deref().unwrap_or(&self.content).clone();
        let effect = match self.emitted.as_ref().filter(|_| self.is_emitted()) {
            None => Some(DetectionEffect::Raise),
            Some(emitted) => {
                let known = (self.time, self.trigger.order, digest_content(&as_fired));
                (fired.is_some() && emitted.fired != known).then_some(DetectionEffect::Replace)
            }
        };
        if let Some(effect) = effect {
            context.emit(key, self, &as_fired, effect);
        }
        if self.is_worth_revising() {
            let content = self.content.clone();
            context.emit(key, self, &content, DetectionEffect::Revise);
        }
    }

    /// Emits growth or the end of an alert that is decided, if that is worth a revision.
    pub(super) fn emit_growth(&mut self, key: &[u8], context: &mut KeyContext<'_>) {
        if self.waits_until.is_none() && self.is_worth_revising() {
            self.emit_changes(key, context);
        }
    }

    /// An open alert is revised when its count has doubled or shrunk, any other as soon as it
    /// differs.
    fn is_worth_revising(&self) -> bool {
        let Some(emitted) = self.emitted.as_ref().filter(|_| self.is_emitted()) else {
            return false;
        };
        let count = self.content.count;
        if self.is_open && count >= emitted.count && count < emitted.count.saturating_mul(2) {
            return false;
        }
        digest_content(&self.content) != emitted.content
    }

    /// Whether what was emitted still says when and why it fired.
    pub(super) fn fired_as_emitted(&self) -> bool {
        let content = self.fired.as_deref().unwrap_or(&self.content);
        let known = (self.time, self.trigger.order, digest_content(content));
        let emitted = self.emitted.as_ref().filter(|_| self.is_emitted());
        emitted.is_some_and(|emitted| emitted.fired == known)
    }
}
