//! Any course of events against a list in memory.

use std::collections::HashMap;

use larum_event::Position;
use larum_log::{AppendOutcome, Log, LogOptions};
use proptest::prelude::*;
use serde_json::json;

use crate::sample::{alert, all, append, commit, event};

#[derive(Debug, Clone)]
enum Step {
    /// Events by (id, content).
    Append(Vec<(u8, bool)>),
    Epoch(u8),
    FailCommit,
    Maintain,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec((0_u8..40, prop::bool::weighted(0.9)), 0..8).prop_map(Step::Append),
        2 => (0_u8..3).prop_map(Step::Epoch),
        1 => Just(Step::FailCommit),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

/// What the log should hold.
#[derive(Default)]
struct Model {
    records: Vec<String>,
    first: HashMap<u8, (bool, u64)>,
    alerts: usize,
}

impl Model {
    fn append(&mut self, id: u8, content: bool) -> AppendOutcome {
        match self.first.get(&id) {
            Some((first, position)) if *first == content => {
                AppendOutcome::Duplicate(Position(*position))
            }
            Some((_, position)) => AppendOutcome::Conflict {
                first: Position(*position),
            },
            None => {
                self.records.push(format!("e{id}"));
                let position = self.records.len() as u64;
                self.first.insert(id, (content, position));
                AppendOutcome::Stored(Position(position))
            }
        }
    }
}

fn options() -> LogOptions {
    LogOptions {
        partition_records: 10,
        ..LogOptions::default()
    }
}

fn take(log: &mut Log, model: &mut Model, step: Step) {
    match step {
        Step::Append(events) => {
            let wanted: Vec<_> = events
                .iter()
                .map(|(id, content)| model.append(*id, *content))
                .collect();
            let events: Vec<_> = events
                .iter()
                .map(|(id, content)| {
                    event(json!({ "id": format!("e{id}"), "data": { "content": content } }))
                })
                .collect();
            assert_eq!(append(log, &events), wanted);
        }
        Step::Epoch(derived) => {
            let upto = log.head().0;
            let alerts: Vec<_> = (0..derived)
                .map(|_| {
                    model.alerts += 1;
                    alert(&format!("a{}", model.alerts), "r")
                })
                .collect();
            for alert in &alerts {
                model
                    .records
                    .push(format!("derived {}", alert.envelope().id));
            }
            model.records.push(format!("epoch {upto}"));
            log.commit_epoch(alerts, commit(0, upto, derived.into()), Vec::new())
                .unwrap();
        }
        Step::Maintain => {
            log.maintenance().run_due().unwrap();
        }
        Step::FailCommit | Step::Reopen => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_log_holds_what_a_list_would(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(dir.path(), options()).unwrap();
        let mut model = Model::default();
        for step in steps {
            if matches!(step, Step::FailCommit) {
                log.fail_next_commit();
                let fails = event(json!({ "id": "fails" }));
                log.append_events(&[(fails, crate::sample::second(0))]).unwrap_err();
            }
            if matches!(step, Step::FailCommit | Step::Reopen) {
                drop(log);
                log = Log::open(dir.path(), options()).unwrap();
            }
            take(&mut log, &mut model, step);
            prop_assert_eq!(log.head().0, model.records.len() as u64);
        }
        let held: Vec<_> = all(&log).into_iter().collect();
        let wanted: Vec<_> = (1_u64..).zip(model.records).collect();
        prop_assert_eq!(held, wanted);
    }
}
