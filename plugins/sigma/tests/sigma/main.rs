//! What Sigma rules mean, on both sides of each boundary.

mod documents;
mod log_sources;
mod robust;
mod values;

use larum_predicate::{FlatRecord, PredicateMatcher};
use larum_sigma::{LogSourceTable, LogSources, SigmaLoader, SigmaRules, default_layout};

/// A rule around a detection.
fn rule(detection: &str) -> String {
    let indented = detection.replace('\n', "\n  ");
    format!("title: T\nid: t\nlogsource: {{product: test}}\ndetection:\n  {indented}\n")
}

/// A rule whose only detection has this item.
fn item(item: &str) -> String {
    rule(&format!("s: {{{item}}}\ncondition: s"))
}

fn load(text: &str, log_sources: LogSources) -> SigmaRules {
    let mut loader = SigmaLoader::new(log_sources);
    loader.add_file("rules.yml", text);
    loader.finish().expect("a set")
}

fn routed(text: &str) -> SigmaRules {
    load(text, LogSources::Routed(LogSourceTable::builtin()))
}

/// Titles of the rules that match.
fn matching(rules: &SigmaRules, event: &str) -> Vec<String> {
    let mut record = FlatRecord::default();
    let mut reader = rules.record_reader(&default_layout());
    reader.read_json(event, &mut record).expect("JSON");
    let mut out = Vec::new();
    PredicateMatcher::new(rules.set.clone()).match_record(&record, &mut out);
    out.iter()
        .map(|rule| rules.rules[*rule as usize].title.clone())
        .collect()
}

/// Whether the rule matches each event.
fn check(text: &str, events: &[(&str, bool)]) {
    let rules = load(text, LogSources::Ignored);
    assert_eq!(rules.refused, [], "{text}");
    for (event, matches) in events {
        assert_eq!(
            !matching(&rules, event).is_empty(),
            *matches,
            "{event} of {text}"
        );
    }
}

/// That the text is refused for a reason with these words.
fn check_refused(text: &str, words: &str) {
    let rules = load(text, LogSources::Ignored);
    assert_eq!(rules.refused.len(), 1, "{text} {:?}", rules.refused);
    let refusal = &rules.refused[0];
    assert!(refusal.reason.contains(words), "{refusal}");
    assert!(
        rules.rules.is_empty() && rules.correlations.is_empty(),
        "{text}"
    );
}
