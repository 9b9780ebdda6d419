//! One group key: what it counts and what it does when the condition holds.
//!
//! A match is judged once, when it is added: it counts together with the key's matches in
//! `[t - W, t]` that are not after it in window order. Matches of one source come in order; those of
//! several may not, and then a match that is added late does not change what was said of later ones.

use larum_event::{AlertStatus, Detection, FiringPolicy, GroupKey, Match, Place, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::episode::{Episode, cause};
use crate::evidence::ids_of_ends;
use crate::held::{Held, HeldEvents};

/// The condition, and how many events a key may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting {
    pub(crate) within: Span,
    /// At least 1.
    pub(crate) threshold: usize,
    pub(crate) policy: FiringPolicy,
    /// At least `threshold`.
    pub(crate) events_most: usize,
}

/// What a key did last and what that means for the next match.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// It may fire.
    #[default]
    Free,
    /// It may fire from `until` on.
    Silent { until: Timestamp },
    /// An episode lasts.
    Open(Box<Episode>),
    /// The last episode is over; matches of its time still come when sources disagree, and are no
    /// reason for another.
    Over(Box<Covered>),
}

/// The times of the matches that belong to an episode that is over.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Covered {
    from: Timestamp,
    until: Timestamp,
}

/// The state of one key.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) key: GroupKey,
    pub(crate) clock: u32,
    /// When its timer is set, at or before [`Keyed::due`].
    pub(crate) armed: Timestamp,
    /// Its neighbours in the order in which keys were last added to.
    pub(crate) older: Option<Slot>,
    pub(crate) newer: Option<Slot>,
    pub(crate) events: HeldEvents,
    pub(crate) standing: Standing,
}

/// Where a key is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) std::num::NonZeroU32);

impl Keyed {
    pub(crate) fn new(key: GroupKey, clock: u32) -> Self {
        Self {
            key,
            clock,
            armed: Timestamp::MAX,
            older: None,
            newer: None,
            events: HeldEvents::none(),
            standing: Standing::Free,
        }
    }

    /// Adds a match; true when that cost the oldest event its place.
    pub(crate) fn add(
        &mut self,
        matched: Match,
        rule: &Counting,
        out: &mut Vec<Detection>,
    ) -> bool {
        if self.episode_end(rule).is_some_and(|end| matched.time > end) {
            self.end_episode(rule, matched.place, out);
        }
        let mut index = self.events.insert(Held::of(&matched));
        let evicted = self.events.len() > rule.events_most;
        if evicted {
            self.events.drop_oldest();
            let Some(moved) = index.checked_sub(1) else {
                return true;
            };
            index = moved;
        }
        let earliest = matched.time.saturating_sub(rule.within);
        let counted = Counted {
            start: self.events.first_at_or_after(earliest),
            end: index + 1,
        };
        if let Standing::Open(episode) = &mut self.standing {
            if matched.time >= episode.begin(rule.within) {
                episode.take(Held::of(&matched));
                if episode.has_doubled() {
                    out.push(episode.revise(matched.place));
                }
            }
        } else if counted.total() >= rule.threshold && !self.is_silent_at(matched.time) {
            self.fire(matched, counted, rule, out);
        }
        evicted
    }

    /// Whether what was said before speaks for a match at `time` too.
    fn is_silent_at(&self, time: Timestamp) -> bool {
        match &self.standing {
            Standing::Free | Standing::Open(_) => false,
            Standing::Silent { until } => time < *until,
            Standing::Over(covered) => covered.from <= time && time <= covered.until,
        }
    }

    fn fire(
        &mut self,
        trigger: Match,
        counted: Counted,
        rule: &Counting,
        out: &mut Vec<Detection>,
    ) {
        match rule.policy {
            FiringPolicy::Every => out.push(self.detection(trigger, counted)),
            FiringPolicy::Reset => {
                out.push(self.detection(trigger, counted));
                self.events = HeldEvents::none();
            }
            FiringPolicy::Suppress(span) => {
                let until = trigger.time.saturating_add(span);
                out.push(self.detection(trigger, counted));
                self.standing = Standing::Silent { until };
            }
            FiringPolicy::Edge => self.begin_episode(trigger, counted, rule, out),
        }
    }

    /// A detection that nothing will be added to.
    fn detection(&self, trigger: Match, counted: Counted) -> Detection {
        let first = self.events.get(counted.start);
        Detection {
            anchor: trigger.event_id.clone(),
            time: trigger.time,
            value: None,
            error: None,
            rule: trigger.rule,
            tenant: trigger.tenant.clone(),
            clock: trigger.clock,
            key: trigger.key.clone(),
            place: trigger.place,
            revision: 1,
            status: AlertStatus::Final,
            count: counted.total() as u64,
            first: first.map_or(trigger.time, Held::time),
            last: trigger.time,
            evidence: ids_of_ends(
                self.events.range(counted.start, counted.end),
                counted.total(),
            ),
            words: None,
            trigger: cause(&trigger),
        }
    }

    fn begin_episode(
        &mut self,
        trigger: Match,
        counted: Counted,
        rule: &Counting,
        out: &mut Vec<Detection>,
    ) {
        let place = trigger.place;
        let mut episode = Box::new(Episode::new(trigger));
        for held in self.events.range(counted.start, counted.end) {
            episode.take(held.clone());
        }
        out.push(episode.revise(place));
        // Matches that are later in window order were here before the trigger: sources disagree.
        for index in counted.end..self.events.len() {
            let Some(held) = self.events.get(index) else {
                break;
            };
            let end = self.end_of_run(index, rule);
            if held.time() > end {
                let covered = Covered {
                    from: episode.begin(rule.within),
                    until: end,
                };
                if episode.has_changed() {
                    out.push(episode.revise(place));
                }
                self.standing = Standing::Over(Box::new(covered));
                return;
            }
            episode.take(held.clone());
            if episode.has_doubled() {
                out.push(episode.revise(place));
            }
        }
        self.standing = Standing::Open(episode);
    }

    /// The last time at which the condition holds because of the events before `end`, of which
    /// there are at least as many as the threshold.
    fn end_of_run(&self, end: usize, rule: &Counting) -> Timestamp {
        end.checked_sub(rule.threshold)
            .and_then(|index| self.events.get(index))
            .map_or(Timestamp::MIN, |held| {
                held.time().saturating_add(rule.within)
            })
    }

    /// The last time at which the condition of the open episode holds, as far as is known.
    pub(crate) fn episode_end(&self, rule: &Counting) -> Option<Timestamp> {
        match self.standing {
            Standing::Open(_) => Some(self.end_of_run(self.events.len(), rule)),
            Standing::Free | Standing::Silent { .. } | Standing::Over(_) => None,
        }
    }

    /// Ends the open episode, if there is one, and writes its last revision if there is news.
    pub(crate) fn end_episode(&mut self, rule: &Counting, place: Place, out: &mut Vec<Detection>) {
        let Some(until) = self.episode_end(rule) else {
            return;
        };
        if let Standing::Open(episode) = &mut self.standing {
            if episode.has_changed() {
                out.push(episode.revise(place));
            }
            let from = episode.begin(rule.within);
            self.standing = Standing::Over(Box::new(Covered { from, until }));
        }
    }

    /// The last time at which the key still matters; `None` when it does not matter any more.
    pub(crate) fn lives_until(&self, rule: &Counting) -> Option<Timestamp> {
        let counts = self.events.newest();
        let counts = counts.map(|held| held.time().saturating_add(rule.within));
        match &self.standing {
            Standing::Silent { until } => {
                counts.max(Some(until.saturating_sub(Span::from_nanos(1))))
            }
            Standing::Free | Standing::Open(_) | Standing::Over(_) => counts,
        }
    }

    /// The last time before something is to be done about the key.
    pub(crate) fn due(&self, rule: &Counting) -> Option<Timestamp> {
        self.episode_end(rule).or_else(|| self.lives_until(rule))
    }
}

/// Which of a key's events are in a match's window; the match itself is the last one.
#[derive(Debug, Clone, Copy)]
struct Counted {
    start: usize,
    end: usize,
}

impl Counted {
    fn total(self) -> usize {
        self.end - self.start
    }
}
