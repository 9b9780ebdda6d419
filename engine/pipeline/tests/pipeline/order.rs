//! What finally stands does not depend on the order in which events arrive: for every kind of
//! window, several sources that are late, early, silent or out of order, restarts and small steps.
//!
//! Owns random streams and the comparison with the same events in sorted order; the rules are in
//! `order_rules`.
//! Invariant: events of one source with the same time have sequences, because only positions would
//! order them otherwise, and these follow arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{AlertStatus, ClockTick, EventOrder, Position, Span, Timestamp};
use larum_pipeline::{AlertRevision, EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;

use crate::order_rules::{KINDS, load};
use crate::stream::{Draw, event, second};

const SECOND: i64 = 1_000;

fn pick<T: Copy>(draw: &mut Draw, choices: &[T]) -> T {
    choices[draw.below(choices.len() as u64) as usize]
}

fn milli(offset: i64) -> Timestamp {
    Timestamp::from_nanos(second(0).as_nanos() + offset * 1_000_000)
}

/// How a source behaves, in milliseconds.
#[derive(Clone, Copy)]
struct Sender {
    /// How far its clock is behind.
    offset: i64,
    /// How long its events take, and how much longer at most.
    delay: i64,
    jitter: i64,
}

fn sender(draw: &mut Draw) -> Sender {
    let offsets = [
        0,
        0,
        0,
        2,
        40,
        SECOND,
        20 * SECOND,
        70 * SECOND,
        900 * SECOND,
        3_000 * SECOND,
        -3 * SECOND,
        -60 * SECOND,
        -240 * SECOND,
    ];
    let seconds = |draw: &mut Draw, choices: &[i64]| pick(draw, choices) * SECOND;
    Sender {
        offset: pick(draw, &offsets),
        delay: seconds(draw, &[0, 0, 1, 5, 90, 900]),
        jitter: seconds(draw, &[0, 0, 4, 30, 300]),
    }
}

/// A random stream in order of arrival.
fn arrivals(draw: &mut Draw) -> Vec<EventInput> {
    let senders: Vec<Sender> = (0..=draw.below(4)).map(|_| sender(draw)).collect();
    let has_sequences = draw.percent(50);
    let gaps: &[i64] = match draw.percent(50) {
        true => &[0, 0, 1, 3, 20, 500, 3_000, 9_000, 29_999, 30_000, 30_001],
        false => &[
            0, 0, 1_000, 3_000, 9_000, 20_000, 29_000, 30_000, 31_000, 400_000,
        ],
    };
    let mut now = 0;
    let mut used = BTreeSet::new();
    let mut coming = Vec::new();
    for number in 0..5 + draw.below(40) {
        now += pick(draw, gaps);
        let index = draw.below(senders.len() as u64) as usize;
        let sender = senders[index];
        let is_ahead = sender.offset > -SECOND && draw.percent(3);
        let mut time = now - sender.offset + if is_ahead { 200 * SECOND } else { 0 };
        while !has_sequences && !used.insert((index, time)) {
            time += 1;
        }
        let sequence = match has_sequences {
            true => format!(r#""sequence":{number},"#),
            false => String::new(),
        };
        let time = milli(time);
        let does = pick(draw, &["a", "a", "a", "b", "c"]);
        let (user, value) = (draw.below(2), draw.below(5));
        let tenant = pick(draw, &["acme", "acme", "acme", "umbrella"]);
        let json = format!(
            r#"{{"id":"e{number}","type":"t","source":"s{index}","time":"{time}","channel":"security",{sequence}"metadata":{{"user":"u{user}","tenantId":"{tenant}"}},"data":{{"does":"{does}","value":{value}}}}}"#
        );
        let jitter = draw.below(sender.jitter as u64 + 1) as i64;
        coming.push((now + sender.delay + jitter, index, json));
    }
    if draw.percent(30) {
        // One source is cut off, and gives everything at once when it is back.
        let cut = draw.below(senders.len() as u64) as usize;
        let back = now + pick(draw, &[0, 120, 2_400]) * SECOND;
        for (arrives, index, _) in &mut coming {
            *arrives = if *index == cut { back } else { *arrives };
        }
    }
    coming.sort_by_key(|(arrives, ..)| *arrives);
    let numbered = coming.into_iter().zip(1..);
    numbered
        .map(|((arrives, _, json), position)| EventInput {
            position: Position(position * 10),
            event: event(&json, milli(arrives)),
            arrived: Some(milli(arrives)),
            record: None,
        })
        .collect()
}

fn sorted(arrivals: &[EventInput]) -> Vec<EventInput> {
    let mut inputs = arrivals.to_vec();
    inputs.sort_by_key(|input| {
        let envelope = input.event.envelope();
        let rank = envelope.source.rank();
        EventOrder::of_event(envelope.time, rank, envelope.sequence, input.position)
    });
    for (input, position) in inputs.iter_mut().zip(1..) {
        input.position = Position(position);
        input.arrived = None;
    }
    inputs
}

/// How far the last of `inputs` are behind event time.
fn greatest_lag(inputs: &[EventInput]) -> Span {
    let mut front = Timestamp::MIN;
    let lags = inputs.iter().map(|input| {
        let time = input.event.envelope().time;
        front = front.max(time.min(input.arrived.unwrap_or(time)));
        front.duration_since(time)
    });
    lags.max().unwrap_or(Span::ZERO)
}

/// How a stream is run.
struct Steps {
    shards: usize,
    lateness: Span,
    horizon: Span,
    stretch: usize,
    amend_percent: u64,
    most_rows: usize,
    restart_percent: u64,
}

impl Steps {
    /// All at once and in order.
    fn sorted() -> Self {
        Self {
            shards: 1,
            lateness: Span::ZERO,
            horizon: Span::from_seconds(7 * 86_400),
            stretch: usize::MAX,
            amend_percent: 0,
            most_rows: usize::MAX,
            restart_percent: 0,
        }
    }

    /// However events may arrive.
    fn draw(inputs: &[EventInput], draw: &mut Draw) -> Self {
        let mut steps = Self {
            shards: pick(draw, &[1, 3]),
            lateness: Span::from_seconds(pick(draw, &[0, 0, 5, 60])),
            stretch: pick(draw, &[1, 1, 7, 1_000]),
            amend_percent: pick(draw, &[0, 10, 50, 100]),
            most_rows: pick(draw, &[1, 5, usize::MAX]),
            restart_percent: pick(draw, &[0, 0, 10]),
            ..Self::sorted()
        };
        // As the engine runs. Alerts are rows too: what is amended an hour later is late above.
        if draw.percent(50) && greatest_lag(inputs) < Span::from_seconds(3_300) {
            steps.horizon = PipelineSettings::default().amend_horizon;
            steps.stretch = steps.stretch.min(7);
            steps.amend_percent = 100;
            steps.most_rows = usize::MAX;
        }
        steps
    }

    fn pipeline(&self, set: &Arc<RuleSet>) -> Pipeline {
        let settings = PipelineSettings {
            amend_horizon: self.horizon,
            lateness: self.lateness,
            shards: self.shards,
            ..PipelineSettings::default()
        };
        Pipeline::new(Arc::clone(set), settings)
    }

    fn run(&self, set: &Arc<RuleSet>, inputs: &[EventInput], draw: &mut Draw) -> EpochOutcome {
        let mut pipeline = self.pipeline(set);
        let mut outcome = EpochOutcome::default();
        for stretch in inputs.chunks(self.stretch) {
            outcome.extend(pipeline.run_inputs(stretch));
            let last = stretch.last().unwrap();
            if draw.percent(self.amend_percent) {
                let position = Position(last.position.0 + 1);
                outcome.extend(pipeline.amend(position, self.most_rows));
            }
            if let Some(arrived) = last.arrived
                && draw.percent(20)
            {
                let at = arrived.saturating_add(Span::from_seconds(draw.below(40) as u32));
                outcome.extend(pipeline.tick(Position(last.position.0 + 2), ClockTick::new(at)));
            }
            if draw.percent(self.restart_percent) {
                let parts = pipeline.checkpoint();
                pipeline = self.pipeline(set);
                pipeline.restore(&parts).unwrap();
            }
        }
        outcome.extend(pipeline.close_input());
        outcome
    }
}

/// What must be equal in the end, by alert.
type StandingAlerts = BTreeMap<(String, String), String>;

fn standing_alerts(outcome: &EpochOutcome) -> Result<StandingAlerts, String> {
    let mut last: BTreeMap<(String, String), &AlertRevision> = BTreeMap::new();
    for raised in &outcome.alerts {
        let alert = &raised.alert;
        let id = (alert.rule.to_string(), alert.alert_id.to_string());
        let before = last.insert(id, raised);
        let revision = before.map_or(0, |before| before.alert.revision);
        if alert.revision != revision + 1 {
            return Err(format!("follows on revision {revision}: {alert:?}"));
        }
    }
    last.retain(|_, raised| raised.alert.status != AlertStatus::Retracted);
    let described = last.into_iter().map(|(id, raised)| {
        let alert = &raised.alert;
        if alert.status != AlertStatus::Final {
            return Err(format!("is not final in the end: {alert:?}"));
        }
        let text = format!(
            "{} {:?} {} {:?} {:?} {} {} {} {:?} {} {:?}",
            raised.event.envelope().time,
            alert.key,
            alert.count,
            alert.value,
            alert.error,
            alert.first,
            alert.last,
            alert.trigger.id,
            alert.evidence,
            alert.message,
            alert.fields,
        );
        Ok((id, text))
    });
    described.collect()
}

/// A stream and what was said of it, to find out why it differs.
fn describe_run(inputs: &[EventInput], outcome: &EpochOutcome) -> String {
    let events = inputs
        .iter()
        .map(|input| format!("\n{} {}", input.position, input.event.json()));
    let revisions = outcome.alerts.iter().map(|raised| {
        let (alert, time) = (&raised.alert, raised.event.envelope().time);
        format!(
            "\n{} {} {} {:?} {} at {time} n={} {:?} by {:?}",
            raised.place.position,
            alert.rule,
            alert.revision,
            alert.status,
            alert.alert_id,
            alert.count,
            alert.key,
            alert.evidence,
        )
    });
    events.chain(revisions).collect()
}

#[derive(Debug, Default)]
struct Tally {
    streams: usize,
    raised: usize,
    amended: usize,
    retracted: usize,
    /// Not compared: an alert came too late for a rule over alerts.
    late: usize,
}

fn kind_number(seed: u64) -> usize {
    (seed % KINDS.len() as u64) as usize
}

fn check_stream(set: &Arc<RuleSet>, seed: u64, tally: &mut Tally) -> Result<(), String> {
    let mut draw = Draw::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let what = format!("seed {seed}, {}", KINDS[kind_number(seed)].0);
    let inputs = arrivals(&mut draw);
    let expected = Steps::sorted().run(set, &sorted(&inputs), &mut draw);
    let expected =
        standing_alerts(&expected).map_err(|wrong| format!("{what}, sorted, {wrong}"))?;
    let outcome = Steps::draw(&inputs, &mut draw).run(set, &inputs, &mut draw);
    let traced = std::env::var_os("LARUM_TRACE").map(|_| describe_run(&inputs, &outcome));
    let traced = traced.unwrap_or_default();
    let found = standing_alerts(&outcome).map_err(|wrong| format!("{what}, {wrong}{traced}"))?;
    let faults = outcome.faults.iter();
    let reported: BTreeSet<_> = faults.map(|fault| (&fault.rule, &fault.event)).collect();
    if reported.len() < outcome.faults.len() {
        return Err(format!("{what}, faults are reported twice{traced}"));
    }
    let mut alerts = outcome.alerts.iter().map(|raised| &raised.alert);
    tally.streams += 1;
    tally.raised += usize::from(!found.is_empty());
    tally.amended += usize::from(alerts.clone().any(|alert| alert.revision > 1));
    tally.retracted += usize::from(alerts.any(|alert| alert.status == AlertStatus::Retracted));
    if !outcome.late.is_empty() {
        tally.late += 1;
        return Ok(());
    }
    if found == expected {
        return Ok(());
    }
    let ids: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let mut differing = ids.into_iter();
    let differing = differing.find(|id| found.get(id) != expected.get(id));
    Err(format!(
        "{what}, {} events: {differing:?}\n  found    {:?}\n  expected {:?}{traced}",
        inputs.len(),
        differing.and_then(|id| found.get(id)),
        differing.and_then(|id| expected.get(id)),
    ))
}

/// `LARUM_STREAMS` says how many streams, `LARUM_SEED` which is the first, and `LARUM_TRACE` lists
/// those that differ.
#[test]
fn what_finally_stands_is_what_sorted_events_give_whatever_order_they_arrive_in() {
    let number = |name: &str, default: u64| {
        let given = std::env::var(name).ok().map(|text| text.parse().unwrap());
        given.unwrap_or(default)
    };
    let (streams, first) = (number("LARUM_STREAMS", 376), number("LARUM_SEED", 0));
    let mut sets: BTreeMap<(usize, usize), Arc<RuleSet>> = BTreeMap::new();
    let mut tally = Tally::default();
    let mut failures: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for seed in first..first + streams {
        let (kind, above) = (kind_number(seed), (seed as usize / KINDS.len()) % 2);
        let (name, text) = KINDS[kind];
        let set = sets
            .entry((kind, above))
            .or_insert_with(|| load(text, above));
        if let Err(failure) = check_stream(set, seed, &mut tally) {
            failures.entry(name).or_default().push(failure);
        }
    }
    let summary = failures.iter().map(|(name, failures)| {
        format!(
            "{name}: {} streams differ; {}\n",
            failures.len(),
            failures[0]
        )
    });
    let summary: String = summary.collect();
    assert!(failures.is_empty(), "{tally:?}\n{summary}");
    if streams >= 100 {
        assert!(tally.raised * 2 >= tally.streams, "{tally:?}");
        assert!(tally.amended * 5 >= tally.streams, "{tally:?}");
        assert!(tally.retracted * 10 >= tally.streams, "{tally:?}");
        assert!(tally.late * 50 <= tally.streams, "{tally:?}");
    }
}
