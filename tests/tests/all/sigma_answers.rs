//! Sigma rules against recordings with known answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use larum_predicate::{FlatRecord, FlatRecordReader, PredicateMatcher};
use larum_sigma::{LogSourceTable, LogSources, SigmaLoader, SigmaRules, default_layout};
use larum_tests::recordings;
use serde_json::Value;

/// A set at work.
struct Detector {
    rules: SigmaRules,
    reader: FlatRecordReader,
    matcher: PredicateMatcher,
    record: FlatRecord,
    out: Vec<u32>,
}

impl Detector {
    fn new(files: &[(String, String)], log_sources: LogSources) -> Self {
        let mut loader = SigmaLoader::new(log_sources);
        for (path, text) in files {
            loader.add_file(path, text);
        }
        let rules = loader.finish().expect("a set");
        Self {
            reader: rules.record_reader(&default_layout()),
            matcher: PredicateMatcher::new(rules.set.clone()),
            rules,
            record: FlatRecord::default(),
            out: Vec::new(),
        }
    }

    fn routed(files: &[(String, String)]) -> Self {
        Self::new(files, LogSources::Routed(LogSourceTable::builtin()))
    }

    /// Ids of the rules that match.
    fn matches(&mut self, json: &str) -> BTreeSet<String> {
        self.reader.read_json(json, &mut self.record).expect("JSON");
        self.matcher.match_record(&self.record, &mut self.out);
        let id = |rule: &u32| self.rules.rules[*rule as usize].id.clone().expect("an id");
        self.out.iter().map(id).collect()
    }
}

fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("a file of the recordings");
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut text = String::new();
        GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .expect("gzip of text");
        return text;
    }
    String::from_utf8(bytes).expect("text")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Files of a gzipped tar that end in `.yml`, by path.
fn rules_of(path: &Path) -> Vec<(String, String)> {
    let packed = std::fs::File::open(path).expect("an archive");
    let mut archive = tar::Archive::new(GzDecoder::new(packed));
    let mut files = Vec::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("a whole tar");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        if name.ends_with(".yml") {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            files.push((name, text));
        }
    }
    files
}

fn regression() -> Option<std::path::PathBuf> {
    recordings().map(|folder| folder.join("sigma-regression"))
}

/// The events of a case; what came from the EVTX file is truer.
fn case_events(case: &Path) -> String {
    let truer = case.join("events.from-evtx.ndjson");
    text(&if truer.exists() {
        truer
    } else {
        case.join("events.ndjson")
    })
}

#[test]
fn every_regression_case_matches_the_events_it_should() {
    let Some(folder) = regression() else { return };
    let (mut cases, mut wrong) = (0, Vec::new());
    for case in std::fs::read_dir(folder.join("cases")).expect("cases") {
        let case = case.expect("a case").path();
        let mut detector =
            Detector::routed(&[("rule.yml".to_owned(), text(&case.join("rule.yml")))]);
        let expected =
            json(&text(&case.join("case.json")))["expected"]["matching_event_indexes"].clone();
        let events = case_events(&case);
        let found: Vec<usize> = (0..)
            .zip(events.lines())
            .filter(|(_, event)| !detector.matches(event).is_empty())
            .map(|(index, _)| index)
            .collect();
        if serde_json::to_value(&found).expect("JSON") != expected {
            wrong.push(format!(
                "{}: {found:?}, not {expected} {:?}",
                case.display(),
                detector.rules.refused
            ));
        }
        cases += 1;
    }
    println!("{cases} cases");
    assert_eq!(cases, 129);
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn every_rule_matches_the_events_of_the_matrix_it_should_and_no_other() {
    let Some(folder) = regression() else { return };
    let mut detector = Detector::routed(&rules_of(&folder.join("rules.tar.gz")));
    println!(
        "{} rules, {} refused, {} predicates, {} open programs",
        detector.rules.rules.len(),
        detector.rules.refused.len(),
        detector.rules.set.predicate_count(),
        detector.rules.set.open_program_count()
    );
    let (mut matches, mut wrong) = (0, Vec::new());
    for line in text(&folder.join("matrix.ndjson")).lines() {
        let line = json(line);
        let (case, index) = line["event"].as_str().unwrap().split_once('#').unwrap();
        let events = case_events(&folder.join("cases").join(case));
        let event = events
            .lines()
            .nth(index.parse().unwrap())
            .expect("an event");
        let expected: BTreeSet<String> = serde_json::from_value(line["matches"].clone()).unwrap();
        let found = detector.matches(event);
        matches += found.len();
        if found != expected {
            wrong.push(format!(
                "{}: {found:?}, not {expected:?}; disputed {}",
                line["event"], line["disputed"]
            ));
        }
    }
    println!("{matches} matches");
    assert!(
        wrong.is_empty(),
        "{} {:#?}: {wrong:#?}",
        wrong.len(),
        detector.rules.refused
    );
    assert_eq!(matches, 191);
}

#[test]
fn near_misses_are_misses_and_near_matches_are_matches() {
    let Some(folder) = regression() else { return };
    let mut detector = Detector::routed(&rules_of(&folder.join("rules.tar.gz")));
    let (mut mutations, mut wrong) = (0, Vec::new());
    for line in text(&folder.join("mutations.ndjson.gz")).lines() {
        mutations += 1;
        let line = json(line);
        let expected = line["expected"].as_bool().expect("an answer");
        let found = detector.matches(&line["event"].to_string());
        if found.contains(line["rule_id"].as_str().unwrap()) != expected {
            wrong.push(format!("{}: should be {expected}", line["id"]));
        }
    }
    println!("{mutations} mutations");
    assert_eq!(mutations, 3_662);
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn small_rules_mean_what_the_specification_says() {
    let Some(folder) = regression() else { return };
    let rules = text(&folder.join("semantics/rules.yml"));
    let mut detector = Detector::new(&[("rules.yml".to_owned(), rules)], LogSources::Ignored);
    assert_eq!(detector.rules.refused, []);
    let (mut cases, mut wrong) = (0, Vec::new());
    for line in text(&folder.join("semantics/cases.ndjson")).lines() {
        let line = json(line);
        // Where the evaluators disagree, the recorded verdict is asked for, if there is one.
        let answer = line["expected"]
            .as_bool()
            .or_else(|| line["verdict"].as_bool());
        let Some(expected) = answer else { continue };
        cases += 1;
        let found = detector.matches(&line["event"].to_string());
        if found.contains(line["rule_id"].as_str().unwrap()) != expected {
            wrong.push(format!(
                "{} {}: should be {expected}",
                line["name"], line["event"]
            ));
        }
    }
    println!("{cases} cases");
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn recorded_attacks_fire_the_rules_they_should_on_the_lines_they_should() {
    let Some(folder) = recordings() else {
        return;
    };
    let mut detector = Detector::routed(&rules_of(&folder.join("sigma-regression/rules.tar.gz")));
    let mut wrong = Vec::new();
    let (mut recordings, mut lines, mut matches) = (0, 0, 0);
    for recording in std::fs::read_dir(folder.join("otrf")).expect("recordings") {
        let recording = recording.expect("a recording").path();
        let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, line) in text(&recording.join("events.ndjson.gz"))
            .lines()
            .enumerate()
        {
            lines += 1;
            for rule in detector.matches(line) {
                matches += 1;
                found.entry(rule).or_default().push(number);
            }
        }
        let expected = json(&text(&recording.join("sigma_expected.json.gz")));
        // Where evaluators disagreed: with EventType asked for, as the table does, only what both
        // found.
        for disputed in expected["disputed"].as_array().unwrap() {
            let rule = disputed["rule_id"].as_str().unwrap();
            let lines = found.remove(rule).unwrap_or_default();
            assert_eq!(
                disputed["both"].as_u64(),
                Some(lines.len() as u64),
                "{rule}"
            );
            assert_eq!(disputed["A_only"].as_array().map(Vec::len), Some(0));
            let only_b = disputed["B_only"].as_array().unwrap();
            assert!(
                lines
                    .iter()
                    .all(|line| !only_b.contains(&Value::from(*line)))
            );
        }
        let expected: BTreeMap<String, Vec<usize>> = expected["matches"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(rule, of_rule)| {
                (
                    rule.clone(),
                    serde_json::from_value(of_rule["lines"].clone()).unwrap(),
                )
            })
            .collect();
        let rules: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
        for rule in rules {
            let (found, expected) = (found.get(rule), expected.get(rule));
            if found != expected {
                let name = recording
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                wrong.push(format!("{name} {rule}: {found:?}, not {expected:?}"));
            }
        }
        recordings += 1;
    }
    println!("{recordings} recordings, {lines} lines, {matches} matches");
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn every_public_rule_loads_or_is_refused_by_name_with_a_reason() {
    let Some(folder) = recordings() else {
        return;
    };
    let files = rules_of(&folder.join("sigma-rules.tar.gz"));
    assert_eq!(files.len(), 3_141);
    let detector = Detector::routed(&files);
    let rules = &detector.rules;
    println!(
        "{} loaded, {} correlations, {} refused; {} predicates, {} open programs",
        rules.rules.len(),
        rules.correlations.len(),
        rules.refused.len(),
        rules.set.predicate_count(),
        rules.set.open_program_count()
    );
    for refusal in &rules.refused {
        println!("{refusal}");
    }
    assert_eq!(
        rules.rules.len() + rules.correlations.len() + rules.refused.len(),
        3_141
    );
}
