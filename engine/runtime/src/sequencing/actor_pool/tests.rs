//! How items are shared among matchers, and what windows write into checkpoints.

use larum_actor::{ActorRegistry, Faults, Guardian, RuntimeClock};
use larum_event::{
    Channel, Event, EventDefaults, EventId, Position, RuleFile, Severity, TenantId, Timestamp,
};
use larum_log::{CheckpointStore, Log, LogOptions, NewCheckpoint};
use larum_pipeline::{EpochDriver, EpochStep, EventInput, PipelineSettings};
use larum_rule::RuleMatcher;

use super::*;
use crate::sequencing::base_state::piece_name;

#[test]
fn items_are_cut_into_ranges_that_cover_them_once() {
    for number in [0, 1, 127, 128, 129, 256, 257, 1_000, 2_048] {
        for matchers in 1..6 {
            let ranges = split_ranges(number, matchers);
            let covered: Vec<usize> = ranges.iter().cloned().flatten().collect();
            assert_eq!(covered, (0..number).collect::<Vec<_>>());
            assert!(ranges.len() <= matchers);
        }
    }
}

const RULES: &str = r#"
    rule("busy").on("x.#").when(|event| event.data.hit == true).within("10s").count(5);
"#;

/// The one window of [`RULES`].
const UNIT: WindowShard = WindowShard { rule: 0, shard: 0 };

/// A pool, and the driver whose steps it answers.
struct RunningPool {
    pool: ActorPool,
    driver: EpochDriver,
    alert_matcher: RuleMatcher,
    threads: EngineThreads,
    position: u64,
}

impl RunningPool {
    fn start() -> Self {
        let file = RuleFile {
            path: "rules.rhai".to_owned(),
            text: RULES.to_owned(),
        };
        let set = Arc::new(RuleSet::load(&[file]).unwrap());
        let driver = EpochDriver::new(Arc::clone(&set), &PipelineSettings::default());
        // Time stands still, so no window is ever late.
        let (clock, _) = RuntimeClock::manual(Timestamp::from_nanos(0));
        let registry = ActorRegistry::new(clock.clone());
        let supervision = Supervision {
            clock,
            faults: Faults::default(),
            guardian: actix::Actor::start(Guardian::new()),
            registry,
        };
        let gauges = Arc::new(EngineGauges::new(Position::START));
        let threads = EngineThreads::start(1, 1);
        let pool = ActorPool::start_actors(&set, driver.plan(), &threads, &supervision, &gauges);
        Self {
            pool,
            driver,
            alert_matcher: RuleMatcher::new(set),
            threads,
            position: 0,
        }
    }

    /// Evaluates one event at `second`, with these members of `data`.
    async fn run_event(&mut self, second: i64, data: &str) {
        self.position += 1;
        self.driver
            .begin_inputs(&[input(self.position, second, data)]);
        loop {
            match self.driver.next_step(&mut self.alert_matcher) {
                EpochStep::Match(step) => {
                    let matched = self.pool.match_items(&step).await.unwrap();
                    self.driver.record_matches(matched);
                }
                EpochStep::Windows(step) => {
                    let answers = self.pool.run_windows(step).await;
                    assert!(answers.failed.is_empty());
                    self.driver.record_answers(answers.answer);
                }
                EpochStep::Fetch(request) => panic!("nothing stores matches: {request:?}"),
                EpochStep::Done(_) => return,
            }
        }
    }

    /// Saves what the windows write, and returns how many parts that is.
    async fn save(&mut self, store: &mut CheckpointStore, wanted: CheckpointScope) -> usize {
        let windows = self.pool.checkpoint_windows(&BTreeSet::new(), wanted).await;
        let mut parts = Vec::new();
        for window in windows.unwrap() {
            for (number, piece) in window.pieces.into_iter().enumerate() {
                parts.push((piece_name(&window.name, number), piece));
            }
        }
        let number = parts.len();
        let checkpoint = NewCheckpoint {
            upto: Position(self.position),
            semantics: 1,
            parts,
        };
        store.save(&checkpoint).unwrap();
        number
    }
}

impl Drop for RunningPool {
    fn drop(&mut self) {
        self.threads.stop();
    }
}

fn input(position: u64, second: i64, data: &str) -> EventInput {
    let at = Timestamp::from_nanos((1_780_000_000 + second) * 1_000_000_000);
    let json = format!(
        r#"{{"id":"e{position}","type":"t","source":"s","time":"{at}","channel":"x","data":{{{data}}}}}"#
    );
    let fill = EventDefaults {
        arrived: at,
        new_id: &|| EventId::new("unused").unwrap(),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    EventInput {
        position: Position(position),
        event: Event::parse(json.as_bytes(), &fill).unwrap(),
        arrived: Some(at),
        record: None,
    }
}

const HIT: &str = r#""hit":true"#;

#[actix_rt::test]
async fn a_window_that_missed_three_checkpoints_while_empty_refers_to_none_of_its_old_parts() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path(), LogOptions::default()).unwrap();
    let mut store = log.checkpoint_store().unwrap();
    let mut running = RunningPool::start();
    running.run_event(0, HIT).await;
    assert_eq!(running.save(&mut store, CheckpointScope::Whole).await, 1);
    // Time beyond the horizon empties the window, and three checkpoints without it push its part
    // out of the store.
    running.run_event(4_000, "").await;
    assert!(!running.pool.has_state());
    for _ in 0..3 {
        assert_eq!(running.save(&mut store, CheckpointScope::Changes).await, 0);
    }
    running.run_event(4_001, HIT).await;
    assert_eq!(running.save(&mut store, CheckpointScope::Changes).await, 1);
    // From here on the store has its state again, and changes are enough.
    running.run_event(4_002, HIT).await;
    assert_eq!(running.save(&mut store, CheckpointScope::Changes).await, 2);
}

#[actix_rt::test]
async fn a_window_whose_rule_was_detached_during_a_checkpoint_is_written_whole_in_the_next() {
    let mut running = RunningPool::start();
    running.run_event(0, HIT).await;
    let detached = BTreeSet::from([UNIT.rule]);
    let mut pieces = Vec::new();
    for rules in [&BTreeSet::new(), &detached, &BTreeSet::new()] {
        let windows = running
            .pool
            .checkpoint_windows(rules, CheckpointScope::Changes)
            .await;
        pieces.push(windows.unwrap().pop().map(|window| window.pieces));
    }
    let is_whole = |pieces: &Option<Vec<CheckpointPart>>| {
        let pieces = pieces.as_deref();
        pieces.is_some_and(|pieces| matches!(pieces, [CheckpointPart::Bytes(_)]))
    };
    assert!(is_whole(&pieces[0]));
    assert_eq!(pieces[1], None);
    assert!(is_whole(&pieces[2]));
}
