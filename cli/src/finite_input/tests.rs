//! The order in which events come, repetitions and sources change no byte of what is reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{RuleFile, Timestamp};
use larum_pipeline::PipelineSettings;
use larum_rule::RuleSet;

use super::*;
use crate::demo::random::SeededRandom;
use crate::detect::{AlertList, RevisionFilter};

/// Every kind of window, half of them with a lateness, and rules over their alerts.
const KINDS: &str = r##"
rule("count").on("events.#").group_by("data.u").within("1m").count(4);
rule("every").on("events.#").group_by("data.u").within("1m").count(3).policy("every").lateness("10m");
rule("reset").on("events.#").group_by("data.u").within("1m").count(3).policy("reset");
rule("quiet").on("events.#").group_by("data.u").within("1m").count(2).policy("suppress 90s").lateness("30s");
rule("distinct").on("events.#").group_by("data.u").within("1m").distinct("data.ip", 3);
rule("sum").on("events.#").group_by("data.u").within("1m").sum("data.n", "> 18").lateness("10m");
rule("average").on("events.#").group_by("data.u").within("1m").average("data.n", "> 6");
rule("min").on("events.#").group_by("data.u").within("1m").min("data.n", "< 1").lateness("10m");
rule("max").on("events.#").group_by("data.u").within("1m").max("data.n", "> 8");
rule("percentile").on("events.#").group_by("data.u").within("1m").percentile("data.n", 75, "> 7").lateness("10m");
rule("first_seen").on("events.#").group_by("data.u").within("5m").first_seen("data.ip");
rule("change").on("events.#").group_by("data.u").last(2).change("data.n", ">= 6").lateness("10m");
rule("rate").on("events.#").group_by("data.u").within("30s").rate("2m", ">= 2");
rule("session").on("events.#").group_by("data.u").session("25s").lateness("10m");
rule("burst").on("events.#").group_by("data.u").session("25s", "3m").count(4);
rule("tumbling").on("events.#").group_by("data.u").tumbling("1m").count(3).lateness("10m");
rule("hopping").on("events.#").group_by("data.u").hopping("2m", "30s").count(5);
rule("few").on("events.#").group_by("data.u").tumbling("1m").count("< 3").lateness("10m");
rule("steps").on("events.#").group_by("data.u").within("2m").sequence([
    step("a").when(|event| event.type == "a").count(2), step("b").when(|event| event.type == "b")]);
rule("absent_start").on("events.#").group_by("data.u").within("2m").lateness("10m").sequence([
    absent("a").when(|event| event.type == "a").within("20s"), step("b").when(|event| event.type == "b")]);
rule("absent_middle").on("events.#").group_by("data.u").within("2m").sequence([
    step("a").when(|event| event.type == "a"), absent("c").when(|event| event.type == "c"),
    step("b").when(|event| event.type == "b")]);
rule("absent_end").on("events.#").group_by("data.u").within("40s").lateness("10m").sequence([
    step("a").when(|event| event.type == "a"), absent("b").when(|event| event.type == "b")]);
rule("script").on("events.#").group_by("data.u").keep("1h").on_event(|event, state| {
    let rises = event.data.n > (state.last ?? 0); state.last = event.data.n; state.timer = "45s"; rises })
    .on_timer(|state, time| `silent until ${time}`);
rule("over").on(["alerts.count", "alerts.absent_end"]).group_by("data.key.u").within("5m").count(2).lateness("10m");
rule("unanswered").on("alerts.#").group_by("data.key.u").within("2m").sequence([
    step("many").on("alerts.distinct"), absent("few").on("alerts.few")]);
rule("all").on("alerts.#").group_by("type").within("10m").count(4).policy("every");
"##;

/// An event that is still to be given a source.
struct Draft {
    id: usize,
    nanos: u64,
    kind: &'static str,
    data: String,
}

const KINDS_OF_EVENT: [&str; 3] = ["a", "b", "c"];

/// Whether events may happen at one time.
#[derive(Clone, Copy)]
enum Times {
    Distinct,
    /// Then the source's own numbering decides.
    Equal,
}

fn draft_events(seed: u64, times: Times) -> Vec<Draft> {
    let mut random = SeededRandom::new(seed);
    let mut nanos = 0;
    let drafts = (0..50).map(|id| {
        let least = match times {
            Times::Distinct => 1,
            Times::Equal => 0,
        };
        let seconds = [least, least, 1, 5, 10, 20, 30, 70];
        nanos += random.pick_one(&seconds) * 1_000_000_000;
        let (user, ip) = (random.number_between(0, 2), random.number_between(0, 4));
        let number = random.number_between(0, 9);
        Draft {
            id,
            nanos,
            kind: KINDS_OF_EVENT[random.number_between(0, 2) as usize],
            data: format!("{{\"u\":\"u{user}\",\"ip\":\"i{ip}\",\"n\":{number}}}"),
        }
    });
    drafts.collect()
}

/// The events, each of one of so many sources.
fn assign_sources(drafts: &[Draft], sources: u64, random: &mut SeededRandom) -> Vec<Event> {
    let start = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
    let lines = drafts.iter().map(|draft| {
        let source = random.number_between(1, sources);
        let time = Timestamp::from_nanos(start.as_nanos() + draft.nanos as i64);
        format!(
            "{{\"id\":\"e{}\",\"sequence\":{},\"type\":\"{}\",\"source\":\"s{source}\",\"time\":\"{time}\",\
             \"data\":{}}}\n",
            draft.id, draft.id, draft.kind, draft.data
        )
    });
    let text: String = lines.collect();
    let records = crate::input::read_all_records("test", text.into_bytes()).unwrap();
    records
        .into_iter()
        .map(|record| record.outcome.unwrap())
        .collect()
}

fn shuffle<T>(items: &mut [T], random: &mut SeededRandom) {
    for index in (1..items.len()).rev() {
        items.swap(index, random.number_between(0, index as u64) as usize);
    }
}

fn load_kinds() -> Arc<RuleSet> {
    let file = RuleFile {
        path: "rule.rhai".to_owned(),
        text: KINDS.to_owned(),
    };
    Arc::new(RuleSet::load(&[file]).unwrap_or_else(|findings| panic!("{findings:?}")))
}

/// Whether the end of the input ends time.
#[derive(Clone, Copy)]
enum InputEnd {
    Open,
    Closed,
}

/// What `detect` writes for events that come in this order, and how many alerts of each rule.
fn detect(
    set: &Arc<RuleSet>,
    events: &[Event],
    memory: usize,
    end: InputEnd,
) -> (String, BTreeMap<String, u64>) {
    let sorter = EventSorter::with_memory(memory, std::env::temp_dir());
    let mut input = FiniteInput::with_sorter(sorter);
    for (event, record) in events.iter().zip(0..) {
        let admitted = AdmittedEvent {
            event: event.clone(),
            record,
            line: record + 1,
        };
        input.take_event(admitted).unwrap();
    }
    let mut pipeline = Pipeline::new(Arc::clone(set), PipelineSettings::for_sorted_input());
    let mut found = AlertList::new(RevisionFilter::LastRevision);
    let mut keep = |outcome: EpochOutcome| {
        assert_eq!(outcome.late, []);
        assert_eq!(outcome.faults, []);
        let raised = outcome.alerts.into_iter();
        raised.for_each(|raised| found.add_raised(raised));
    };
    let sorted = input.sort().unwrap();
    sorted.evaluate(&mut pipeline, &mut keep).unwrap();
    if let InputEnd::Closed = end {
        keep(pipeline.close_input());
    }
    let mut bytes = Vec::new();
    found.write_ndjson(&mut bytes).unwrap();
    let counts = found.count_by_rule().into_iter();
    let counts = counts.map(|(rule, count)| (rule.to_owned(), count));
    (String::from_utf8(bytes).unwrap(), counts.collect())
}

/// The alerts of a stream in order, and checks that no other way of coming changes them.
fn check_stream(set: &Arc<RuleSet>, seed: u64, times: Times) -> BTreeMap<String, u64> {
    let drafts = draft_events(seed, times);
    let mut random = SeededRandom::new(seed ^ 0xffff);
    let events = assign_sources(&drafts, 1, &mut random);
    let (expected, counts) = detect(set, &events, usize::MAX, InputEnd::Closed);
    let (expected_open, _) = detect(set, &events, usize::MAX, InputEnd::Open);
    for sources in [1, 2, 7] {
        let mut events = match times {
            Times::Distinct => assign_sources(&drafts, sources, &mut random),
            // Between two sources the source would decide, and not the numbering.
            Times::Equal => events.clone(),
        };
        let again: Vec<Event> = events
            .iter()
            .filter(|_| random.chance(40))
            .cloned()
            .collect();
        events.extend(again);
        shuffle(&mut events, &mut random);
        let memory = *random.pick_one(&[0, 3_000, 10_000, usize::MAX]);
        let what = format!("seed {seed}, {sources} sources, {memory} bytes");
        let (found, _) = detect(set, &events, memory, InputEnd::Closed);
        assert_eq!(found, expected, "{what}");
        let (found, _) = detect(set, &events, memory, InputEnd::Open);
        assert_eq!(found, expected_open, "{what}, open");
    }
    counts
}

#[test]
fn shuffled_repeated_and_split_streams_give_the_bytes_of_the_sorted_one() {
    let set = load_kinds();
    let mut fired: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=8 {
        for times in [Times::Distinct, Times::Equal] {
            for (rule, count) in check_stream(&set, seed, times) {
                *fired.entry(rule).or_default() += count;
            }
        }
    }
    for rule in set.rules() {
        let count = fired.get(rule.id.as_str()).copied().unwrap_or_default();
        assert!(count > 1, "{} fired {count} times: {fired:?}", rule.id);
    }
}

#[test]
fn a_lateness_decides_nothing() {
    let without: String = ["10m", "30s"].iter().fold(KINDS.to_owned(), |text, span| {
        text.replace(&format!(".lateness(\"{span}\")"), "")
    });
    let file = RuleFile {
        path: "rule.rhai".to_owned(),
        text: without,
    };
    let without = Arc::new(RuleSet::load(&[file]).unwrap());
    let with = load_kinds();
    for seed in 1..=10 {
        let drafts = draft_events(seed, Times::Distinct);
        let events = assign_sources(&drafts, 3, &mut SeededRandom::new(seed));
        let strip = |set: &Arc<RuleSet>| {
            let (text, counts) = detect(set, &events, usize::MAX, InputEnd::Closed);
            // An id names the rule's meaning, of which the lateness is a part.
            let lines = text.lines().map(|line| {
                let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
                for member in ["alert_id", "trigger", "evidence"] {
                    line.as_object_mut().unwrap().remove(member);
                }
                line
            });
            (lines.collect::<Vec<_>>(), counts)
        };
        assert_eq!(strip(&with), strip(&without), "seed {seed}");
    }
}

#[test]
fn of_two_events_with_one_id_the_one_that_came_first_counts() {
    let text = |n: u32| {
        format!(
            "{{\"id\":\"1\",\"type\":\"a\",\"source\":\"s\",\"time\":\"2026-11-20T12:00:0{n}Z\",\"data\":{{}}}}\n"
        )
    };
    let text = [text(5), text(5), text(1)].concat();
    let records = crate::input::read_all_records("test", text.into_bytes()).unwrap();
    let mut input = FiniteInput::new();
    let checks: Vec<_> = records
        .into_iter()
        .map(|record| input.take_record(record).unwrap())
        .collect();
    let expected = [
        DuplicateCheck::First,
        DuplicateCheck::Duplicate,
        DuplicateCheck::Conflict,
    ];
    assert_eq!(checks, expected.map(Some));
    let kept: Vec<_> = input.sort().unwrap().map(Result::unwrap).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        kept[0].event.envelope().time.to_string(),
        "2026-11-20T12:00:05Z"
    );
}

#[test]
fn an_event_comes_back_from_a_temporary_file_as_it_was() {
    let drafts = draft_events(3, Times::Distinct);
    let events = assign_sources(&drafts, 2, &mut SeededRandom::new(3));
    for (event, line) in events.into_iter().zip([1, 9]) {
        let admitted = AdmittedEvent {
            event,
            record: u64::MAX,
            line,
        };
        let mut bytes = Vec::new();
        admitted.write(&mut bytes);
        let back = AdmittedEvent::read(&bytes).unwrap();
        assert_eq!(back.event, admitted.event);
        assert_eq!(back.event.content_hash(), admitted.event.content_hash());
        let members = |it: &AdmittedEvent| (it.record, it.line);
        assert_eq!(members(&back), members(&admitted));
        for length in [0, 1, 15, bytes.len() - 1] {
            assert!(AdmittedEvent::read(&bytes[..length]).is_err(), "{length}");
        }
    }
}
