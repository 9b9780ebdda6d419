//! An engine that ends at any moment: what its store holds then, another engine makes the right
//! alerts of.
//!
//! The store is copied while events flow. The clock stands still, so that nothing but appends
//! touches the partitions: what is copied is what the disk would hold after `kill -9`.

use std::path::Path;
use std::time::Duration;

use larum_engine::EngineConfig;
use larum_event::{Event, RecordBody, Timestamp};
use larum_log::LogReader;

use crate::stream::{self, Draw, RULES};
use crate::support::{
    check_same, config, copy, derived, emit, ended, faults, folder, manual, offline, records,
    settled, started,
};

/// How often derived events were in the log and how many events were not evaluated yet, when it was
/// copied.
#[derive(Default)]
pub struct Moments {
    copies: u64,
    between_append_and_commit: u64,
    without_alerts: u64,
    /// Newest checkpoints that tell what of a window has changed since one before.
    with_changes: u64,
}

impl Moments {
    fn note(&mut self, store: &Path) {
        let records = &records(store);
        self.copies += 1;
        let checkpoint = LogReader::open(store).unwrap().latest_checkpoint().unwrap();
        let parts = checkpoint.map(|checkpoint| checkpoint.parts);
        let names = parts.iter().flatten().map(|(name, _)| name.as_str());
        let is_change = |name: &str| name.starts_with("window/") && name.ends_with("+1");
        self.with_changes += u64::from(names.into_iter().any(is_change));
        let commits = records.iter().filter_map(|record| match &record.body {
            RecordBody::EpochCommit(commit) => Some(commit.upto),
            _ => None,
        });
        let evaluated = commits.max().unwrap_or_default();
        let owed = records
            .iter()
            .any(|record| record.position > evaluated && record.body.outside_event().is_some());
        self.between_append_and_commit += u64::from(owed);
        self.without_alerts += u64::from(derived(records).is_empty());
    }
}

pub struct Run {
    pub rules: &'static str,
    pub stream: Stream,
    pub seed: u64,
    pub events: usize,
    pub copies: usize,
    /// What the engine that is copied is like.
    pub first: fn(&mut EngineConfig),
    /// What those are like that go on with a copy.
    pub next: fn(&mut EngineConfig, u64),
}

/// Events by seed and number.
type Stream = fn(u64, usize) -> Vec<(Event, Timestamp)>;

/// Runs an engine, copies its store again and again, and has another engine go on with each copy.
pub async fn check(run: Run) -> Moments {
    let store = folder();
    let (clock, _time) = manual();
    let mut first = config(&store, run.rules);
    first.clock = clock.clone();
    (run.first)(&mut first);
    let engine = started(first).await;
    let mut draw = Draw::new(run.seed);
    let mut events = (run.stream)(run.seed, run.events).into_iter();
    let mut copies = Vec::new();
    let apart = run.events / run.copies;
    let mut next_copy = draw.below(apart as u64) as usize;
    let mut emitted = 0;
    while events.len() > 0 {
        let batch: Vec<_> = events
            .by_ref()
            .take(1 + draw.below(40) as usize)
            .map(|(event, _)| event)
            .collect();
        emitted += batch.len();
        emit(&engine, batch).await;
        if emitted >= next_copy {
            next_copy += apart;
            // At once, or a little later: then the commit is on its way.
            std::thread::park_timeout(Duration::from_micros(draw.below(8_000)));
            copies.push(copy(store.path()));
        }
    }
    settled(&engine).await;
    let whole = ended(engine, &store).await;
    check_same(&derived(&whole), &offline(&whole), "undisturbed");

    let mut moments = Moments::default();
    for (number, copied) in copies.iter().enumerate() {
        moments.note(copied.path());
        let mut next = config(copied, run.rules);
        next.clock = clock.clone();
        (run.next)(&mut next, number as u64);
        let engine = started(next).await;
        settled(&engine).await;
        assert_eq!(engine.health().problems, Vec::<String>::new());
        let found = ended(engine, copied).await;
        let what = format!("seed {} copy {number}", run.seed);
        check_same(&derived(&found), &offline(&found), &what);
    }
    println!(
        "seed {}: {} copies, {} of them between append and commit, {} before the first alert",
        run.seed, moments.copies, moments.between_append_and_commit, moments.without_alerts
    );
    assert!(moments.between_append_and_commit > 0);
    moments
}

#[actix_rt::test]
async fn what_is_left_of_an_engine_without_checkpoints_is_enough() {
    check(Run {
        rules: RULES,
        stream: stream::events,
        seed: 21,
        events: 1_500,
        copies: 10,
        first: |config| config.epoch_events = 30,
        next: |_, _| {},
    })
    .await;
}

#[actix_rt::test]
async fn what_is_left_of_an_engine_with_many_checkpoints_is_enough() {
    let moments = check(Run {
        rules: RULES,
        stream: stream::events,
        seed: 22,
        events: 1_500,
        copies: 10,
        first: |config| {
            config.epoch_events = 20;
            config.checkpoint_events = 50;
        },
        next: |config, number| config.epoch_events = 1 + 7 * number as usize,
    })
    .await;
    assert!(
        moments.with_changes > 0,
        "all of every window was written each time"
    );
}

#[actix_rt::test]
async fn what_is_left_between_append_and_commit_is_enough() {
    check(Run {
        rules: RULES,
        stream: stream::events,
        seed: 23,
        events: 1_200,
        copies: 10,
        first: |config| {
            config.epoch_events = 20;
            config.checkpoint_events = 50;
            // On a clock that stands still a commit that is held up is never written.
            config.clock = larum_engine::RuntimeClock::system();
            config.faults = faults("delay:commit=seed1:1ms..6ms");
        },
        next: |_, _| {},
    })
    .await;
}

#[actix_rt::test]
async fn another_number_of_window_shards_loses_and_doubles_nothing() {
    check(Run {
        rules: RULES,
        stream: stream::events,
        seed: 24,
        events: 1_500,
        copies: 10,
        first: |config| {
            config.epoch_events = 20;
            config.checkpoint_events = 50;
            config.window_shards = 3;
        },
        next: |config, number| config.window_shards = [1, 2, 3, 5][number as usize % 4],
    })
    .await;
}
