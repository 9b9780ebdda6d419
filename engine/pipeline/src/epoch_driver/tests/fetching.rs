//! A window that asks for stored matches goes on with them within its own layer.

use super::*;

/// A window that keeps nothing between epochs, so that it needs the stored matches of each key.
#[derive(Default)]
struct ForgetfulWindow {
    waiting: Vec<Match>,
}

impl ForgetfulWindow {
    fn ask(&mut self, unit: WindowShard, matches: Vec<Match>) -> Vec<StoredMatchRequest> {
        let requests = matches.iter().map(|found| StoredMatchRequest {
            unit,
            tenant: found.tenant.clone(),
            key: found.key.clone(),
            range: found.order.time.saturating_sub(Span::from_seconds(600))..=found.order.time,
        });
        let requests = requests.collect();
        self.waiting = matches;
        requests
    }

    fn resume(
        &mut self,
        driver: &EpochDriver,
        unit: WindowShard,
        stored: Vec<Match>,
    ) -> Vec<Detection> {
        let mut matches = stored;
        matches.append(&mut self.waiting);
        let work = WindowWork {
            layer: 0,
            matches,
            moves: Arc::default(),
        };
        run_window(&mut driver.plan().new_window(unit), work).detections
    }
}

#[test]
fn a_window_goes_on_with_stored_matches_before_its_layer_raises() {
    let (mut driver, mut matcher) = driver(COUNTS);
    let unit = WindowShard { rule: 0, shard: 0 };
    let mut window = ForgetfulWindow::default();
    let mut store: Vec<Match> = Vec::new();
    let mut alerts = Vec::new();
    let mut steps = Vec::new();
    for position in 1..=3 {
        steps.clear();
        driver.begin_inputs(&[input(position, r#""key":"k""#)]);
        loop {
            match driver.next_step(&mut matcher) {
                EpochStep::Match(step) => {
                    steps.push("match");
                    let matched = match_items(&mut matcher, step.layer, &step.items, &step.skipped);
                    driver.record_matches(matched);
                }
                EpochStep::Windows(step) if step.layer > 0 => {
                    steps.push("windows above");
                    let answers = run_new_windows(&driver, step);
                    driver.record_answers(answers);
                }
                EpochStep::Windows(mut step) if step.stored.is_empty() => {
                    steps.push("windows");
                    let matches = step.matches.remove(&unit).unwrap_or_default();
                    driver.record_answers(WindowAnswer {
                        requests: window.ask(unit, matches),
                        ..WindowAnswer::default()
                    });
                }
                EpochStep::Windows(mut step) => {
                    steps.push("windows resumed");
                    assert!(step.includes(unit));
                    assert!(!step.includes(WindowShard { rule: 1, shard: 0 }));
                    let stored = step.stored.remove(&unit).unwrap();
                    let newest = window.waiting.clone();
                    driver.record_answers(WindowAnswer {
                        detections: window.resume(&driver, unit, stored),
                        ..WindowAnswer::default()
                    });
                    store.extend(newest);
                }
                EpochStep::Fetch(request) => {
                    steps.push("fetch");
                    let rows = store.iter().filter(|row| {
                        row.rule == request.unit.rule
                            && row.tenant == request.tenant
                            && row.key == request.key
                            && request.range.contains(&row.order.time)
                    });
                    driver.resume_with(rows.cloned().collect());
                }
                EpochStep::Done(outcome) => {
                    let raised = rules_of_alerts(&outcome).join(" ");
                    alerts.push(raised);
                    break;
                }
            }
        }
    }
    // The third match counts with the two stored ones, and the rule above sees the alert at once.
    assert_eq!(alerts, ["", "", "counts reads"]);
    assert_eq!(
        steps,
        [
            "match",
            "windows",
            "fetch",
            "windows resumed",
            "match",
            "windows above"
        ]
    );
}
