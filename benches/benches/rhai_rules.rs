//! Rules in Rhai: read into predicates against run as scripts, few against many, and the same
//! single-event rules in Rhai and in Sigma.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and shows its figures"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use larum_benches::parse_all;
use larum_event::{Event, RuleFile};
use larum_rule::{RuleLoader, RuleMatcher, RuleSet};
use larum_sigma::SigmaFrontEnd;

const EVENTS: usize = 500;
/// Rounds of what is compared in turns.
const TURNS: usize = 15;

/// Process events as Sysmon writes them. About one in 30 satisfies some rule.
fn events() -> Vec<Event> {
    let mut lines = String::new();
    for number in 0..EVENTS {
        let (tool, user, flag) = (number % 90, number % 37, number % 211);
        let port = 1_000 + number * 7 % 3_000;
        lines += &format!(
            r#"{{"id":"{number}","type":"windows.process","source":"bench","time":"2026-11-20T12:00:00Z","channel":"security","severity":"info","metadata":{{"tenantId":"default","user":"user{user}"}},"data":{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\Windows\\System32\\tool{tool}.exe","CommandLine":"C:\\Windows\\System32\\tool{tool}.exe --flag-{flag} --quiet C:\\Users\\user{user}\\file.txt","ParentImage":"C:\\Windows\\explorer.exe","User":"CORP\\user{user}","Port":{port},"Bytes":{},"Host":"srv{}"}}}}"#,
            number * 37,
            number % 20,
        );
        lines.push('\n');
    }
    parse_all(&lines)
}

/// A rule of one of five kinds, the same in both languages.
struct Pair {
    rhai: String,
    sigma: String,
}

fn pair(number: usize) -> Pair {
    let (rhai, sigma) = match number % 5 {
        0 => (
            format!(r#"event.data.Image.ends_with_ci("\\tool{number}.exe")"#),
            format!(
                "  selection: {{Image|endswith: '\\tool{number}.exe'}}\n  condition: selection"
            ),
        ),
        1 => (
            format!(
                r#"event.data.CommandLine.contains_ci("--flag-{number} ") && !event.data.User.eq_ci("CORP\\user1")"#
            ),
            format!(
                "  selection: {{CommandLine|contains: '--flag-{number} '}}\n  filter: {{User: 'CORP\\user1'}}\n  condition: selection and not filter"
            ),
        ),
        2 => (
            format!(
                r#"event.data.Port == {} && event.data.Host.starts_with_ci("srv")"#,
                1_000 + number
            ),
            format!(
                "  selection: {{Port: {}, Host|startswith: srv}}\n  condition: selection",
                1_000 + number
            ),
        ),
        3 => (
            format!(
                r#"(event.data.Image.eq_ci("c:\\windows\\a{number}.exe") || event.data.Image.eq_ci("c:\\windows\\b{number}.exe")) && !event.data.CommandLine.contains_ci("safe-{number}")"#
            ),
            format!(
                "  selection: {{Image: ['c:\\windows\\a{number}.exe', 'c:\\windows\\b{number}.exe']}}\n  filter: {{CommandLine|contains: 'safe-{number}'}}\n  condition: selection and not filter"
            ),
        ),
        _ => (
            format!(
                r#"event.data.User.ends_with_ci("\\user{number}") && event.data.Bytes > {}"#,
                number * 1_000
            ),
            format!(
                "  selection: {{User|endswith: '\\user{number}', Bytes|gt: {}}}\n  condition: selection",
                number * 1_000
            ),
        ),
    };
    Pair {
        rhai: format!("rule(\"r{number:04}\").on(\"security.windows.#\").when(|event| {rhai});\n"),
        sigma: format!(
            "title: r{number:04}\nlogsource: {{product: windows, category: process_creation}}\ndetection:\n{sigma}\n"
        ),
    }
}

fn scripts(rules: usize) -> Vec<RuleFile> {
    let chunks = (0..rules).collect::<Vec<_>>();
    let files = chunks
        .chunks(100)
        .enumerate()
        .map(|(file, numbers)| RuleFile {
            path: format!("{file}.rhai"),
            text: numbers.iter().map(|number| pair(*number).rhai).collect(),
        });
    files.collect()
}

fn documents(rules: usize) -> Vec<RuleFile> {
    let files = (0..rules).map(|number| RuleFile {
        path: format!("{number}.yml"),
        text: pair(number).sigma,
    });
    files.collect()
}

fn matcher(loader: &RuleLoader, files: &[RuleFile]) -> RuleMatcher {
    let set: RuleSet = match loader.load(files) {
        Ok(set) => set,
        Err(problems) => unreachable!("the rules load: {problems:?}"),
    };
    let scripted = set.rules().iter().filter(|rule| !rule.is_native());
    assert_eq!(scripted.count(), 0, "all rules are read as a whole");
    assert!(set.warnings().is_empty(), "{:?}", set.warnings());
    RuleMatcher::new(Arc::new(set))
}

/// Matches all events; how many rules held.
fn run(matcher: &mut RuleMatcher, events: &[Event]) -> usize {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let mut matches = 0;
    for event in events {
        found.clear();
        matcher.match_event(0, event, &mut found, &mut faults);
        matches += found.len();
        black_box(&found);
    }
    assert!(faults.is_empty(), "no rule fails: {faults:?}");
    matches
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How many times longer the first takes than the second, measured in turns.
fn ratio(name: &str, events: &[Event], [first, second]: [&mut RuleMatcher; 2]) {
    let matches = [run(first, events), run(second, events)];
    assert_eq!(matches[0], matches[1], "{name} match the same");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (matcher, times) in [&mut *first, &mut *second].into_iter().zip(&mut times) {
            let start = Instant::now();
            run(matcher, events);
            times.push(start.elapsed());
        }
    }
    let [first, second] = times.map(median);
    let per_event = |time: Duration| time.as_secs_f64() * 1e6 / EVENTS as f64;
    println!(
        "{name}: {:.2} and {:.2} µs per event, {:.2} times; {} matches",
        per_event(first),
        per_event(second),
        first.as_secs_f64() / second.as_secs_f64(),
        matches[0],
    );
}

fn in_turns(_: &mut Criterion) {
    let events = events();
    let plain = RuleLoader::default();
    let many = &mut matcher(&plain, &scripts(1_000));
    let interpreted = &mut matcher(&plain.clone().with_interpretation(), &scripts(1_000));
    ratio(
        "1,000 rules interpreted and read",
        &events,
        [interpreted, many],
    );
    let both = plain.with_front_end(SigmaFrontEnd);
    let sigma = &mut matcher(&both, &documents(200));
    let rhai = &mut matcher(&both, &scripts(200));
    ratio("200 rules in Rhai and in Sigma", &events, [rhai, sigma]);
}

fn rules(criterion: &mut Criterion) {
    let events = events();
    let mut group = criterion.benchmark_group("rhai");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for rules in [10, 100, 1_000] {
        let mut matcher = matcher(&RuleLoader::default(), &scripts(rules));
        group.bench_function(format!("{rules} rules"), |bencher| {
            bencher.iter(|| run(&mut matcher, &events));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = in_turns, rules
}
criterion_main!(benches);
